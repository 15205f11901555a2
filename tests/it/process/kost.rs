//! The boarding house, in a demo: a month's bill that nobody typed is paid through the provider,
//! whoever is killed in between, and once.

use std::path::Path;
use std::process::Command;

use gerbang::clock::Clock;
use serde_json::{Value, json};

use super::demo::{Demo, OPENING, gerbang};
use super::kills::verify;
use super::paying::{Counter, Person, exported, movements, taken, until};
use crate::client::Connection;

const PASSWORD: &str = "gerbang-demo";
/// What Dewi's room costs a month.
const RENT: u64 = 650_000;

fn start(data: &Path) -> Demo {
    Demo::start(data).map_err(|ended| format!("{ended:?}")).unwrap()
}

fn person(demo: &Demo, login: &str) -> Person {
    Person::log_in(demo.address, login, PASSWORD)
}

/// The path of Dewi's only bill.
fn bill(dewi: &mut Person) -> String {
    let bills = dewi.get("/api/v1/bills")["data"].clone();
    assert_eq!(bills.as_array().unwrap().len(), 1, "{bills}");
    assert_eq!((&bills[0]["amount"], &bills[0]["status"]), (&json!(RENT), &json!("unpaid")));
    format!("/api/v1/bills/{}", bills[0]["id"].as_str().unwrap())
}

/// Notifications that were understood.
fn heard(demo: &Demo) -> u64 {
    let mut connection = Connection::open(demo.address).unwrap();
    let metrics = connection.send(("GET", "/metrics"), "", &[], "").unwrap().body;
    let counts = metrics.lines().filter_map(|line| {
        let (name, count) = line.split_once("\"} ")?;
        let result = name.strip_prefix("gerbang_notifications_total{result=\"")?;
        ["heard", "replayed"].contains(&result).then(|| count.parse::<u64>().unwrap())
    });
    counts.sum()
}

/// Stops the demo and holds both books against each other.
fn agree(demo: Demo, data: &Path, paid: &std::collections::BTreeMap<String, u64>) -> Vec<Value> {
    demo.terminate();
    let (status, complaints) = demo.ended();
    assert_eq!(status.code(), Some(0), "{complaints}");
    verify(data);
    let entries = exported(data);
    assert_eq!(taken(&entries), *paid);
    entries
}

#[test]
fn a_bill_is_paid_once_although_all_die_and_the_provider_tells_of_it_again_and_again() {
    let home = tempfile::tempdir().unwrap();
    let (data, begun) = (home.path().join("data"), Clock::system().now());
    let demo = start(&data);
    let mut dewi = person(&demo, "dewi");
    let bill = bill(&mut dewi);
    let (pay, by) = (format!("{bill}/pay"), json!({"payment": "mandiri_bill"}));
    let charge = dewi.charge(&pay, "sewa", &by);
    assert!(charge["biller_code"].is_string() && charge["amount"] == RENT, "{charge}");
    let number = json!({"bill_key": charge["bill_key"]});

    // The provider dies, and is back where it was with all it knew.
    let (counter, process) = Counter::of(&demo.said);
    let killed = Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap();
    assert!(killed.success());
    counter.answers();
    // Everything dies. The same request gets the same bill key.
    demo.kill();
    let demo = start(&data);
    let mut dewi = person(&demo, "dewi");
    let again = dewi.post(&pay, "sewa", &by);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json()["bill_key"], charge["bill_key"]);

    // It is paid, told, and everything dies at some moment of that.
    let (counter, _) = Counter::of(&demo.said);
    for what in ["pay", "notify", "notify"] {
        counter.act(what, &number);
    }
    demo.kill();
    let demo = start(&data);
    let mut dewi = person(&demo, "dewi");
    until("paid", || (dewi.get(&bill)["status"] == "paid").then_some(()));
    dewi.sees(&charge, "paid");
    let (counter, _) = Counter::of(&demo.said);
    for _ in 0..3 {
        counter.act("notify", &number);
    }
    until("three notifications", || (heard(&demo) >= 3).then_some(()));
    assert_eq!(dewi.post(&pay, "lagi", &by).json()["code"], "already_paid");
    assert_eq!((dewi.balance(), person(&demo, "kost").balance()), (OPENING, RENT));
    let paid = counter.paid(begun);
    assert_eq!(paid.values().collect::<Vec<_>>(), [&RENT]);
    let list = counter.list(begun);
    agree(demo, &data, &paid);
    assert_eq!(reconciled(home.path(), &list), Some(0));
    let other = list.replace("650000.00", "650001.00");
    assert_ne!(other, list);
    assert_eq!(reconciled(home.path(), &other), Some(1));
    assert_eq!(reconciled(home.path(), "[]"), Some(2));
}

/// How `gerbang reconcile` ends with the provider's list of a day.
fn reconciled(home: &Path, list: &str) -> Option<i32> {
    let file = home.join("list.json");
    std::fs::write(&file, list).unwrap();
    let mut command = gerbang();
    command.args(["reconcile", "--provider", "midtrans", "--list"]).arg(file);
    command.arg("--data").arg(home.join("data")).output().unwrap().status.code()
}

#[test]
fn money_for_a_bill_that_is_paid_waits_for_an_administrator() {
    let home = tempfile::tempdir().unwrap();
    let (data, begun) = (home.path().join("data"), Clock::system().now());
    let demo = start(&data);
    let mut dewi = person(&demo, "dewi");
    let bill = bill(&mut dewi);
    let pay = format!("{bill}/pay");
    let charge = dewi.charge(&pay, "sewa", &json!({"payment": "bca_va"}));
    let number = |late| json!({"va_number": charge["va_number"], "late": late});
    let (counter, _) = Counter::of(&demo.said);
    counter.act("expire", &number(false));
    dewi.sees(&charge, "expired");
    let wallet = dewi.post(&pay, "dompet", &json!({"payment": "wallet"}));
    assert_eq!(wallet.status, 201, "{}", wallet.body);
    counter.act("pay", &number(true));
    let late = |demo: &Demo| person(demo, "admin").get("/api/v1/admin/late")["data"].clone();
    until("late money", || late(&demo).as_array().filter(|rows| rows.len() == 1).map(|_| ()));
    demo.kill();

    let demo = start(&data);
    let waits = late(&demo)[0].clone();
    assert_eq!((&waits["amount"], &waits["charge"]["id"]), (&json!(RENT), &charge["id"]));
    let path = format!("/api/v1/admin/late/{}/resolve", waits["id"].as_str().unwrap());
    let back = json!({"to": "account", "username": "dewi", "reason": "dibayar dua kali"});
    let resolved = person(&demo, "admin").post(&path, "kembali", &back);
    assert_eq!(resolved.status, 200, "{}", resolved.body);
    assert_eq!(late(&demo), json!([]));
    let balances = (person(&demo, "dewi").balance(), person(&demo, "kost").balance());
    assert_eq!(balances, (OPENING, RENT), "she paid the rent once, at the bank");
    let (counter, _) = Counter::of(&demo.said);
    let paid = counter.paid(begun);
    let entries = agree(demo, &data, &paid);
    let counts = ["suspended", "resolved", "charge_paid"].map(|kind| movements(&entries, kind));
    assert_eq!(counts, [1, 1, 0]);
}
