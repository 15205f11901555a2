//! A payment provider in memory, with books of its own: what it did is counted apart from what it
//! said.

mod refunds;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gerbang::clock::Clock;
use gerbang::connector::bank::Asked;
use gerbang::connector::midtrans::charge::{Charge, Echo};
use gerbang::connector::midtrans::error::Code;
use gerbang::connector::midtrans::key::ServerKey;
use gerbang::connector::midtrans::method::Method;
use gerbang::connector::midtrans::refund::RefundRequest;
use gerbang::connector::midtrans::status::{Fraud, Status};
use gerbang::connector::midtrans::transaction::{Instructions, Refunded, Transaction, VaNumber};
use gerbang::connector::midtrans::{notification, text};
use gerbang::connector::outcome::{Outcome, Reason};
use gerbang::connector::provider::{Known, Provider};
use gerbang::ledger::money::Amount;
use gerbang::ledger::time::Timestamp;
use serde_json::{Map, Value};
use tokio::time::sleep;

use crate::random::Random;

/// What it signs with.
pub(crate) const KEY: &str = "SB-Mid-server-of-the-tests";

pub(crate) fn key() -> ServerKey {
    ServerKey::new(KEY.to_owned()).unwrap()
}

/// How it behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// Of a hundred calls, so many go wrong in some way.
    pub(crate) percent: u64,
    /// Answers take up to this long.
    pub(crate) latency: Duration,
    /// A charge that nobody heard the answer to is made after at most so much time.
    pub(crate) lateness: Duration,
    /// Planted: of a hundred pending charges asked about, so many are said to be paid.
    pub(crate) lies: u64,
}

impl Faults {
    pub(crate) const NONE: Self =
        Self { percent: 0, latency: Duration::ZERO, lateness: Duration::ZERO, lies: 0 };
}

/// How the next charge goes by arrangement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// It is refused.
    Refused,
    /// It does not reach the provider.
    NotSent,
    /// It is made, and nobody hears of it.
    MadeSilently,
    /// It is lost on the way.
    Lost,
}

/// What its books say of one order.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) transaction: Transaction,
    pub(crate) method: Method,
    /// The fields of its method, as asked for.
    pub(crate) options: Map<String, Value>,
    /// Times it was made: more than one is the worst there is.
    pub(crate) made: u32,
    /// Whether the payer's money came.
    pub(crate) paid: bool,
    /// The statuses it went through.
    pub(crate) story: Vec<Status>,
}

pub(crate) struct SimulatedProvider {
    books: Mutex<Books>,
}

struct Books {
    random: Random,
    faults: Faults,
    clock: Clock,
    entries: BTreeMap<String, Entry>,
    next: Vec<Next>,
    /// Charges on their way, and when they arrive.
    due: Vec<(Timestamp, Charge)>,
    /// Refunds on their way, of which orders, and when they arrive.
    refunds_due: Vec<(Timestamp, String, RefundRequest)>,
    counts: BTreeMap<&'static str, u64>,
    down: bool,
    /// Charges that are being made, and the most there were.
    making: (usize, usize),
}

impl SimulatedProvider {
    pub(crate) fn new(seed: u64, faults: Faults, clock: Clock) -> Arc<Self> {
        let books = Books {
            random: Random::new(seed),
            faults,
            clock,
            entries: BTreeMap::new(),
            next: Vec::new(),
            due: Vec::new(),
            refunds_due: Vec::new(),
            counts: BTreeMap::new(),
            down: false,
            making: (0, 0),
        };
        Arc::new(Self { books: Mutex::new(books) })
    }

    fn with<T>(&self, of: impl FnOnce(&mut Books) -> T) -> T {
        let mut books = self.books.lock().unwrap();
        books.settle();
        of(&mut books)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.with(|books| books.faults = faults);
    }

    /// Whether it is known to be down.
    pub(crate) fn set_down(&self, down: bool) {
        self.with(|books| books.down = down);
    }

    /// The most charges that were being made at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.with(|books| books.making.1)
    }

    pub(crate) fn next(&self, next: Next) {
        self.with(|books| books.next.push(next));
    }

    pub(crate) fn entries(&self) -> BTreeMap<String, Entry> {
        self.with(|books| books.entries.clone())
    }

    pub(crate) fn note(&self, what: &'static str) {
        self.with(|books| books.note(what));
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.with(|books| books.counts.clone())
    }

    /// A payer pays, or a bank or a person changes something. What a status does not lead to does
    /// not happen.
    pub(crate) fn turn(&self, order: &str, status: Status) -> bool {
        self.with(|books| {
            let now = books.clock.now();
            let Some(entry) = books.entries.get_mut(order) else { return false };
            if !status.may_follow(entry.transaction.status) {
                return false;
            }
            entry.become_(status, now);
            true
        })
    }

    /// The same whatever the rules of the provider are: a payer was quicker than its clock.
    pub(crate) fn force(&self, order: &str, status: Status) {
        self.with(|books| {
            let now = books.clock.now();
            books.entries.get_mut(order).unwrap().become_(status, now);
        });
    }

    /// Changes what its books say of an order.
    pub(crate) fn alter(&self, order: &str, of: impl FnOnce(&mut Transaction)) {
        self.with(|books| of(&mut books.entries.get_mut(order).unwrap().transaction));
    }

    /// What it would tell about an order now.
    pub(crate) fn notification(&self, order: &str) -> Vec<u8> {
        let status = self.with(|books| books.entries[order].transaction.status);
        self.told(order, status)
    }

    /// What it would tell if an order stood like this; signed as it signs.
    pub(crate) fn told(&self, order: &str, status: Status) -> Vec<u8> {
        let mut entry = self.with(|books| books.entries[order].clone());
        entry.transaction.status = status;
        notification::write(&entry.transaction, entry.method, &key()).to_string().into_bytes()
    }
}

impl Entry {
    fn become_(&mut self, status: Status, now: Timestamp) {
        self.story.push(status);
        self.transaction.status = status;
        self.transaction.code = status.told_code(self.transaction.fraud);
        if status == Status::Settlement {
            self.paid = true;
            self.transaction.settled = Some(now);
        }
        if status == Status::Deny {
            self.paid = false;
        }
    }
}

impl Books {
    fn note(&mut self, what: &'static str) {
        *self.counts.entry(what).or_insert(0) += 1;
    }

    fn latency(&mut self) -> Duration {
        let most = u64::try_from(self.faults.latency.as_millis()).unwrap();
        Duration::from_millis(if most == 0 { 0 } else { self.random.below(most) })
    }

    fn goes_wrong(&mut self) -> bool {
        let percent = self.faults.percent;
        self.random.percent(percent)
    }

    /// Makes what has arrived, and lets expire what is over.
    fn settle(&mut self) {
        let now = self.clock.now();
        let arrived: Vec<Charge> =
            self.due.extract_if(.., |due| due.0 <= now).map(|(_, charge)| charge).collect();
        for charge in arrived {
            self.make(&charge);
        }
        let arrived: Vec<_> = self.refunds_due.extract_if(.., |due| due.0 <= now).collect();
        for (_, order, request) in arrived {
            let _: Result<_, _> = refunds::give(self, &order, &request);
        }
        for entry in self.entries.values_mut() {
            let is_over = entry.transaction.expires.is_some_and(|expires| expires <= now);
            if entry.transaction.status == Status::Pending && is_over {
                entry.become_(Status::Expire, now);
            }
        }
    }

    /// When what is sent now and heard by nobody arrives.
    fn arrival(&mut self) -> Timestamp {
        let most = u64::try_from(self.faults.lateness.as_millis()).unwrap();
        let late = if most == 0 { 0 } else { self.random.below(most) };
        Timestamp::from_micros(self.clock.now().micros() + i64::try_from(late).unwrap() * 1_000)
    }

    fn make(&mut self, charge: &Charge) -> Transaction {
        let now = self.clock.now();
        if let Some(entry) = self.entries.get_mut(&charge.order_id) {
            entry.made += 1;
            return entry.transaction.clone();
        }
        let transaction = transaction(charge, now, self.entries.len());
        let entry = Entry {
            transaction: transaction.clone(),
            method: charge.method,
            options: charge.options.clone(),
            made: 1,
            paid: false,
            story: vec![Status::Pending],
        };
        self.entries.insert(charge.order_id.clone(), entry);
        transaction
    }
}

fn transaction(charge: &Charge, now: Timestamp, number: usize) -> Transaction {
    let mut instructions = Instructions::default();
    match charge.method {
        Method::Echannel => {
            instructions.biller_code = Some("70012".to_owned());
            instructions.bill_key = Some(format!("{:012}", 990_000_000_000 + number as u64));
        }
        Method::BankTransfer(bank) => instructions
            .va_numbers
            .push(VaNumber { bank: bank.name().to_owned(), number: format!("8127850{number:08}") }),
        _ => instructions.qr_string = Some("00020101".to_owned()),
    }
    Transaction {
        code: Code::PENDING,
        message: "created".to_owned(),
        transaction_id: format!("be03df7d-2f97-4c8c-a53c-{number:012}"),
        order_id: charge.order_id.clone(),
        merchant_id: Some("G812785002".to_owned()),
        amount: charge.amount,
        currency: Some("IDR".to_owned()),
        payment_type: charge.method.payment_type().to_owned(),
        time: text::read_time(&text::time(now)),
        status: Status::Pending,
        fraud: Some(Fraud::Accept),
        expires: charge.expiry.map(|expiry| expiry.end(now)),
        settled: None,
        signature: None,
        instructions,
        refunded: Refunded::default(),
        echo: Echo::default(),
        others: Map::new(),
    }
}

fn silence() -> Reason {
    Reason::new("timeout", "no answer")
}

impl SimulatedProvider {
    fn charged(&self, charge: &Charge) -> (Duration, Outcome<Transaction>) {
        self.with(|books| {
            let wait = books.latency();
            let arranged = books.next.pop();
            let course = match arranged {
                Some(next) => Some(next),
                None if books.goes_wrong() => Some(match books.random.below(5) {
                    0 => Next::Refused,
                    1 => Next::NotSent,
                    2 | 3 => Next::MadeSilently,
                    _ => Next::Lost,
                }),
                None => None,
            };
            let outcome = match course {
                None => {
                    books.note("made");
                    Outcome::Succeeded(books.make(charge))
                }
                Some(Next::Refused) => {
                    books.note("refused");
                    Outcome::Refused(Reason::new("402", "not enabled"))
                }
                Some(Next::NotSent) => {
                    books.note("not sent");
                    Outcome::NotSent(Reason::new("no_connection", "refused"))
                }
                Some(Next::MadeSilently) => {
                    books.note("made, not told");
                    let at = books.arrival();
                    books.due.push((at, charge.clone()));
                    Outcome::Unknown(silence())
                }
                Some(Next::Lost) => {
                    books.note("lost");
                    Outcome::Unknown(silence())
                }
            };
            (wait, outcome)
        })
    }

    fn known(&self, id: &str) -> (Duration, Known) {
        self.with(|books| {
            let wait = books.latency();
            if books.goes_wrong() {
                books.note("question not answered");
                return (wait, Known::Unanswered(silence()));
            }
            let Some(entry) = books.entries.get(id).cloned() else {
                books.note("question: never seen");
                return (wait, Known::NotFound(Reason::new("404", "Transaction doesn't exist.")));
            };
            let mut told = entry.transaction;
            let lies = books.faults.lies;
            if told.status == Status::Pending && books.random.percent(lies) {
                (told.status, told.code) = (Status::Settlement, Code::OK);
            }
            books.note(match told.status {
                Status::Pending => "question: pending",
                Status::Settlement => "question: paid",
                _ => "question: ended",
            });
            (wait, Known::Found(Box::new(told)))
        })
    }

    fn changed(&self, id: &str, to: Status) -> (Duration, Outcome<Transaction>) {
        self.with(|books| {
            let (wait, wrong, now) = (books.latency(), books.goes_wrong(), books.clock.now());
            if wrong && books.random.percent(50) {
                return (wait, Outcome::NotSent(Reason::new("no_connection", "refused")));
            }
            let Some(entry) = books.entries.get_mut(id) else {
                return (wait, Outcome::Refused(Reason::new("404", "doesn't exist")));
            };
            if entry.transaction.status != Status::Pending {
                return (wait, Outcome::Refused(Reason::new("412", "cannot modify")));
            }
            entry.become_(to, now);
            let told = entry.transaction.clone();
            books.note("called off");
            (wait, if wrong { Outcome::Unknown(silence()) } else { Outcome::Succeeded(told) })
        })
    }

    async fn change(&self, id: &str, to: Status) -> Outcome<Transaction> {
        let (wait, outcome) = self.changed(id, to);
        sleep(wait).await;
        outcome
    }
}

impl Provider for SimulatedProvider {
    fn is_available(&self, _: Timestamp) -> bool {
        !self.books.lock().unwrap().down
    }

    fn charge<'a>(&'a self, charge: &'a Charge) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(async move {
            let (wait, outcome) = self.charged(charge);
            self.with(|books| {
                let now = books.making.0 + 1;
                books.making = (now, books.making.1.max(now));
            });
            sleep(wait).await;
            self.with(|books| books.making.0 -= 1);
            outcome
        })
    }

    fn status<'a>(&'a self, id: &'a str) -> Asked<'a, Known> {
        Box::pin(async move {
            let (wait, known) = self.known(id);
            sleep(wait).await;
            known
        })
    }

    fn cancel<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(id, Status::Cancel))
    }

    fn expire<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(id, Status::Expire))
    }

    fn refund<'a>(&'a self, id: &'a str, of: &'a RefundRequest) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(async move {
            let (wait, outcome) = self.refunded(id, of);
            sleep(wait).await;
            outcome
        })
    }

    fn approve<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(id, Status::Capture))
    }

    fn deny<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(id, Status::Deny))
    }
}

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}
