//! Money on its way to banks that lie, through processes that are killed: in the end every book says
//! the same, and nothing was paid twice.
//!
//! With optimisation it is the long run of 10,000 transfers; else a shorter one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use gerbang::clock::Clock;
use gerbang::identity::token::sign_client;
use gerbang::ledger::id::PublicId;
use gerbang::ledger::time::Timestamp;
use serde_json::{Value, json};

use super::demo::Demo;
use super::kills::verify;
use super::town::{BANKS, FUNDS, Town};
use crate::client::Connection;

const TRANSFERS: usize = if cfg!(debug_assertions) { 300 } else { 10_000 };
/// Connections of the driver.
const DRIVERS: usize = if cfg!(debug_assertions) { 24 } else { 96 };
/// Before a transfer that found no way is asked for again, unless another gets through before.
const PAUSE: Duration = Duration::from_millis(100);

/// An answer: its status, and the code in its envelope.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Told(u16, String);

impl Told {
    /// Whether it says how the transfer ended; or that it never began.
    fn is_final(&self) -> bool {
        self.0 == 200 || self.0 == 422
    }
}

/// What is still to be sent, and what was told of everything.
struct Work {
    queue: Mutex<VecDeque<usize>>,
    told: Mutex<Vec<Option<Told>>>,
    progress: Condvar,
    key: String,
    /// Whether a transfer that is under way is asked for again until it has ended.
    to_the_end: bool,
}

impl Work {
    fn new(key: &str) -> Self {
        Self {
            queue: Mutex::new((0..TRANSFERS).collect()),
            told: Mutex::new(vec![None; TRANSFERS]),
            progress: Condvar::new(),
            key: key.to_owned(),
            to_the_end: false,
        }
    }

    /// Sends until nothing is left or the connection breaks.
    fn drive(&self, gateway: &Demo, heard: &Sender<()>) {
        let Ok(mut connection) = Connection::open(gateway.address) else { return };
        loop {
            let Some(number) = self.queue.lock().unwrap().pop_front() else { return };
            let Some(told) = self.send(&mut connection, number) else {
                self.queue.lock().unwrap().push_front(number);
                return;
            };
            if told.is_final() || (told.0 == 202 && !self.to_the_end) {
                self.keep(number, told);
                let _ = heard.send(());
                self.progress.notify_all();
                continue;
            }
            assert!([202, 503].contains(&told.0), "{told:?}");
            let mut queue = self.queue.lock().unwrap();
            queue.push_back(number);
            if told.0 == 503 {
                drop(self.progress.wait_timeout(queue, PAUSE).unwrap());
            }
        }
    }

    fn send(&self, connection: &mut Connection, number: usize) -> Option<Told> {
        let bank = ["009", "014", "008", "002"][number % 4];
        let body = json!({
            "transactionId": transaction(number),
            "accountNumber": "0847652590",
            "beneficiaryBankCode": bank,
            "beneficiaryAccountNumber": (1_000_000_000 + number / 4 % 25 * 2).to_string(),
            "amount": amount(number).to_string(),
            "remark": transaction(number),
        });
        let token = sign_client("2", self.key.as_bytes(), Clock::system().now()).unwrap();
        let headers = [("Content-Type", "application/json")];
        let path = ("POST", "/api/transfer");
        let answer = connection.send(path, &token, &headers, &body.to_string()).ok()?;
        let code = answer.json()["statusCode"].as_str().unwrap_or_default().to_owned();
        Some(Told(answer.status, code))
    }

    /// What was told once as the end is told ever after.
    fn keep(&self, number: usize, told: Told) {
        let mut all = self.told.lock().unwrap();
        if let Some(before) = all[number].as_ref().filter(|before| before.is_final()) {
            assert_eq!(*before, told, "{}", transaction(number));
        }
        all[number] = Some(told);
    }

    /// Everybody sends; `interrupt` is called after so many answers.
    fn run(&self, gateway: &Demo, answers: usize, interrupt: impl FnOnce()) {
        let (sender, heard) = channel();
        std::thread::scope(|scope| {
            for _ in 0..DRIVERS {
                let sender = sender.clone();
                scope.spawn(move || self.drive(gateway, &sender));
            }
            drop(sender);
            if heard.iter().take(answers).count() == answers {
                interrupt();
            }
            heard.iter().for_each(drop);
        });
    }
}

fn transaction(number: usize) -> String {
    format!("RUN-{number}")
}

fn amount(number: usize) -> u64 {
    number as u64 % 9_000 + 1_000
}

/// SIGKILL, while others hold the demo too.
fn kill(gateway: &Demo) {
    let mut command = std::process::Command::new("kill");
    assert!(command.args(["-KILL", &gateway.pid().to_string()]).status().unwrap().success());
}

#[test]
fn every_book_agrees_after_lies_and_kills() {
    let home = tempfile::tempdir().unwrap();
    let mut town = Town::build(home.path(), "0.3");
    let mut work = Work::new(&town.key);

    let gateway = town.serve();
    town.fund(&gateway);
    let begun = Clock::system().now();
    work.run(&gateway, TRANSFERS / 3, || kill(&gateway));
    gateway.kill();
    let left = work.queue.lock().unwrap().len();
    assert!(left > TRANSFERS / 3, "it was killed too late: {left}");

    let gateway = town.serve();
    work.run(&gateway, TRANSFERS / 3, || town.kill_service(0));
    let sent = Clock::system().now().micros_since(begun) / 1_000;

    // Everything once more, until each has ended.
    work.to_the_end = true;
    work.queue = Mutex::new((0..TRANSFERS).collect());
    work.run(&gateway, usize::MAX, || ());
    let ended = Clock::system().now().micros_since(begun) / 1_000;
    assert_eq!(town.open_payouts(&gateway), 0);
    gateway.terminate();
    assert_eq!(gateway.ended().0.code(), Some(0));

    verify(&town.data());
    let told = work.told.into_inner().unwrap();
    let summary = compare(&town, &told);
    reconcile(&town);
    let mut out = std::io::stderr();
    let line =
        format!("{TRANSFERS} transfers sent in {sent} ms, ended after {ended} ms: {summary}");
    std::io::Write::write_all(&mut out, format!("{line}\n").as_bytes()).unwrap();
}

/// A payout as the journal tells it.
#[derive(Default)]
struct Payout {
    transaction: String,
    amount: u64,
    fee: u64,
    tries: Vec<String>,
    paid: bool,
    failed: bool,
}

/// The journal: payouts by position, and what is left in escrow.
fn journal(town: &Town) -> (BTreeMap<u64, Payout>, i64) {
    let export = town.run(&["export"]);
    let (mut payouts, mut escrow) = (BTreeMap::<u64, Payout>::new(), (String::new(), FUNDS));
    let mut left = 0;
    for line in export.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let number = |field: &str| entry[field].as_u64().unwrap();
        let fee = |route: &Value| route["fee"].as_u64().unwrap_or(0);
        match entry["kind"].as_str().unwrap() {
            "payout_started" => {
                escrow.0 = entry["account"].as_str().unwrap().to_owned();
                let payout = Payout {
                    transaction: entry["origin"]["reference"].as_str().unwrap().to_owned(),
                    amount: number("amount"),
                    fee: fee(&entry["route"]),
                    tries: vec![reference(&entry)],
                    ..Payout::default()
                };
                payouts.insert(number("position"), payout);
            }
            "payout_advanced" if entry["step"]["next_try"].is_object() => {
                let payout = payouts.get_mut(&number("payout")).unwrap();
                payout.tries.push(reference(&entry));
                payout.fee = fee(&entry["step"]["next_try"]);
            }
            "payout_failed" => payouts.get_mut(&number("payout")).unwrap().failed = true,
            "moved" if entry["movement"] == "paid_out" => {
                payouts.get_mut(&number("subject")).unwrap().paid = true;
            }
            _ => {}
        }
        for link in entry["links"].as_array().into_iter().flatten() {
            if link["account"] == escrow.0.as_str() {
                left = link["balance_after"].as_i64().unwrap();
            }
        }
    }
    (payouts, left)
}

/// What the bank calls a try: its entry's time and place.
fn reference(entry: &Value) -> String {
    let time = Timestamp::parse_rfc3339(entry["time"].as_str().unwrap()).unwrap();
    let id = PublicId::new(time, entry["position"].as_u64().unwrap()).text("try");
    id.trim_start_matches("try_").to_owned()
}

/// Every transfer that a bank carried out: how often, and how much.
fn books(town: &Town) -> HashMap<String, (usize, u64)> {
    let mut executed: HashMap<String, (usize, u64)> = HashMap::new();
    for (_, name, _) in BANKS {
        for entry in book(town, name) {
            let reference = entry["partnerReference"].as_str().unwrap().to_owned();
            let (times, sum) = executed.entry(reference).or_default();
            *times += 1;
            *sum += entry["amount"].as_u64().unwrap();
        }
    }
    executed
}

/// What a bank carried out.
fn book(town: &Town, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(town.book(name)).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter(|entry| entry["code"].as_str().unwrap().starts_with("200")).collect()
}

/// Holds the journal, the banks' books and what the client was told against each other.
fn compare(town: &Town, told: &[Option<Told>]) -> String {
    let (payouts, left) = journal(town);
    let mut executed = books(town);
    let mut by_transaction: HashMap<&str, &Payout> = HashMap::new();
    let (mut paid, mut failed, mut spent) = (0, 0, 0);
    for payout in payouts.values() {
        let transaction = payout.transaction.as_str();
        let found = payout.tries.iter().filter_map(|tried| executed.remove(tried));
        let (times, sum) = found.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        assert_eq!(times, usize::from(payout.paid), "{transaction} at the banks");
        assert_eq!(sum, if payout.paid { payout.amount } else { 0 }, "{transaction}");
        assert_ne!(payout.paid, payout.failed, "{transaction} has one end");
        assert!(by_transaction.insert(transaction, payout).is_none(), "{transaction} began twice");
        paid += usize::from(payout.paid);
        failed += usize::from(payout.failed);
        spent += if payout.paid { payout.amount + payout.fee } else { 0 };
    }
    assert_eq!(executed, HashMap::new(), "paid by a bank, and unknown to us");
    assert_eq!(u64::try_from(left).unwrap(), FUNDS - spent, "escrow is what its postings say");
    for (number, told) in told.iter().enumerate() {
        let Told(status, code) = told.as_ref().unwrap();
        let payout = by_transaction.get(transaction(number).as_str());
        let is_paid = payout.is_some_and(|payout| payout.paid);
        assert_eq!(*status == 200, is_paid, "{} was told {code}", transaction(number));
    }
    assert!(paid > TRANSFERS / 2 && failed > 0, "too tame or too wild: {paid} paid, {failed} not");
    format!("{paid} paid, {failed} failed, {} refused", TRANSFERS - payouts.len())
}

/// The operator's own way to see it.
fn reconcile(town: &Town) {
    for (code, name, _) in BANKS {
        let mut statement =
            "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type\n".to_owned();
        for entry in book(town, name) {
            let at = Timestamp::from_micros(entry["atMicros"].as_i64().unwrap());
            let text = |field: &str| entry[field].as_str().unwrap().to_owned();
            statement.push_str(&format!(
                "{},{},{},{},{},IDR,DEBIT\n",
                at.to_rfc3339(7 * 3600).get(..10).unwrap(),
                text("partnerReference"),
                text("beneficiaryBank"),
                text("beneficiaryAccount"),
                entry["amount"],
            ));
        }
        let path = town.data().with_extension(name);
        std::fs::write(&path, statement).unwrap();
        town.run(&["reconcile", "--bank", code, "--statement", path.to_str().unwrap()]);
    }
}
