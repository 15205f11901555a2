//! Bills: issued, seen by whom they concern, paid once and called off.

use gerbang::connector::midtrans::status::Status;
use gerbang::ledger::bill::{BillIssued, BillSource};
use gerbang::ledger::command::Command;
use gerbang::ledger::id::{AccountId, Principal, UserId};
use gerbang::ledger::money::Currency;
use gerbang::ledger::text::Line;
use gerbang::limits;
use serde_json::{Value, json};

use super::{keys, strict};
use crate::support::{Answer, People, START_TEXT, TestGateway, ask, funded, get, id, post, put};

const BILLS: &str = "/api/v1/bills";

fn lunch() -> Value {
    json!({"name": "Makan siang", "recipient": "ani", "amount": 25_000,
        "description": "nasi goreng", "due": "2026-11-30T23:59:00+07:00"})
}

async fn issued(gateway: &TestGateway, people: &People) -> String {
    let bill = gateway.send(post(BILLS, &lunch()).by(&people.warung)).await;
    bill.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn pay(gateway: &TestGateway, token: &str, bill: &str, key: &str) -> Answer {
    let path = format!("{BILLS}/{bill}/pay");
    gateway.send(post(&path, &json!({"payment": "wallet"})).by(token).key(key)).await
}

#[tokio::test]
async fn a_bill_is_issued_seen_and_paid_by_its_code_alone() {
    let (gateway, people) = funded().await;
    let answer = gateway.send(post(BILLS, &lunch()).by(&people.warung).key("b-1")).await;
    let position = answer.position();
    let mut bill = json!({
        "id": id("bil", position), "name": "Makan siang", "description": "nasi goreng",
        "from": "warung", "to": "ani", "amount": 25_000, "currency": "IDR",
        "formatted_amount": "Rp25.000", "status": "unpaid",
        "due": "2026-11-30T23:59:00.000000+07:00",
        "formatted_due": "30 November 2026 23.59 WIB",
        "reference": "b-1", "position": position, "created_at": START_TEXT,
    });
    answer.is(201, &bill);
    let total = gateway.send(get("/api/v1/bills/total").by(&people.ani)).await;
    total.is(
        200,
        &json!({"total": 25_000, "count": 1, "currency": "IDR",
        "formatted_total": "Rp25.000"}),
    );

    let code = id("bil", position);
    let paid = pay(&gateway, &people.ani, &code, "p-1").await;
    let paid_at = position + 1;
    paid.is(
        201,
        &json!({
            "id": code, "invoice": id("pay", paid_at), "status": "paid", "payment": "wallet",
            "from": "ani", "to": "warung", "amount": 25_000, "fee": 0, "currency": "IDR",
            "formatted_amount": "Rp25.000", "deadline": "2026-11-30T23:59:00.000000+07:00",
            "formatted_deadline": "30 November 2026 23.59 WIB",
            "reference": "p-1", "balance_after": 975_000,
            "position": paid_at, "created_at": START_TEXT,
        }),
    );
    pay(&gateway, &people.ani, &code, "p-1").await.replays(&paid);
    let again = pay(&gateway, &people.ani, &code, "p-2").await;
    again.refused(409, "already_paid");
    pay(&gateway, &people.ani, &code, "p-2").await.refused(409, "already_paid");
    assert_eq!(gateway.balance(&people.ani).await, 975_000);
    assert_eq!(gateway.balance(&people.warung).await, 25_000);

    bill["status"] = json!("paid");
    bill["payment"] = json!(id("pay", paid_at));
    bill["paid_at"] = json!(START_TEXT);
    for token in [&people.ani, &people.warung, &people.admin] {
        gateway.send(get(&format!("{BILLS}/{code}")).by(token)).await.is(200, &bill);
    }
    // The first answer again, whatever became of the bill since.
    gateway.send(post(BILLS, &lunch()).by(&people.warung).key("b-1")).await.replays(&answer);
    for (token, direction) in [(&people.ani, "out"), (&people.warung, "in")] {
        let list = gateway.send(get("/api/v1/transactions").by(token)).await.expect(200);
        let line = &list["data"][0];
        assert_eq!((&line["category"], &line["direction"]), (&json!("bill"), &json!(direction)));
    }
}

#[tokio::test]
async fn lists_hold_what_is_owed_or_what_was_issued() {
    let (gateway, people) = funded().await;
    let first = issued(&gateway, &people).await;
    let second = issued(&gateway, &people).await;
    pay(&gateway, &people.ani, &first, "p").await.expect(201);
    let third = issued(&gateway, &people).await;
    let list = |token: &str, query: &str| {
        let ask = get(&format!("{BILLS}{query}")).by(token);
        async {
            let body = gateway.send(ask).await.expect(200);
            let ids = body["data"].as_array().unwrap().iter();
            let ids: Vec<String> = ids.map(|bill| bill["id"].as_str().unwrap().into()).collect();
            (ids, body["next_cursor"].clone())
        }
    };
    let all = vec![third.clone(), second.clone(), first.clone()];
    assert_eq!(list(&people.ani, "").await, (all.clone(), Value::Null));
    assert_eq!(list(&people.warung, "?issued=true").await.0, all);
    assert!(list(&people.warung, "").await.0.is_empty());
    assert!(list(&people.budi, "?issued=true").await.0.is_empty());
    assert_eq!(list(&people.ani, "?status=paid").await.0, [first]);
    assert_eq!(list(&people.ani, "?status=unpaid").await.0, [third.clone(), second.clone()]);
    let (page, cursor) = list(&people.ani, "?status=unpaid&limit=1").await;
    assert_eq!(page, [third]);
    let next = format!("?status=unpaid&limit=1&cursor={}", cursor.as_str().unwrap());
    assert_eq!(list(&people.ani, &next).await.0, [second]);
    for (query, field) in [("?status=x", "status"), ("?issued=1", "issued"), ("?x=1", "x")] {
        gateway.send(get(&format!("{BILLS}{query}")).by(&people.ani)).await.names(field);
    }
    let english = get("/api/v1/bills/total").by(&people.ani).header("accept-language", "en");
    assert_eq!(gateway.send(english).await.expect(200)["formatted_total"], "IDR 50,000");
}

#[tokio::test]
async fn a_bill_is_called_off_by_its_issuer_while_it_is_open() {
    let (gateway, people) = funded().await;
    let bill = issued(&gateway, &people).await;
    let cancel =
        |token: &str, bill: &str| gateway.send(ask("DELETE", &format!("{BILLS}/{bill}")).by(token));
    cancel(&people.ani, &bill).await.refused(403, "forbidden");
    cancel(&people.budi, &bill).await.refused(404, "not_found");
    assert_eq!(cancel(&people.warung, &bill).await.status, 204);
    cancel(&people.warung, &bill).await.refused(409, "conflict");
    pay(&gateway, &people.ani, &bill, "p").await.refused(409, "conflict");
    let shown = gateway.send(get(&format!("{BILLS}/{bill}")).by(&people.ani)).await.expect(200);
    assert_eq!(shown["status"], "cancelled");
    let paid = issued(&gateway, &people).await;
    pay(&gateway, &people.ani, &paid, "q").await.expect(201);
    cancel(&people.warung, &paid).await.refused(409, "already_paid");
    assert_eq!(gateway.balance(&people.ani).await, 975_000);
}

/// How many orders the committed state holds.
fn remembered(gateway: &TestGateway) -> usize {
    gateway.gateway.view().orders(|_| true).len()
}

#[tokio::test]
async fn a_bill_that_is_closed_is_in_the_journal_and_not_in_memory() {
    let (gateway, people) = funded().await;
    let before = remembered(&gateway);
    let mut bills = Vec::new();
    for number in 0..6 {
        let bill = issued(&gateway, &people).await;
        match number % 3 {
            0 => drop(pay(&gateway, &people.ani, &bill, &format!("p-{number}")).await.expect(201)),
            1 => {
                let cancel = ask("DELETE", &format!("{BILLS}/{bill}")).by(&people.warung);
                assert_eq!(gateway.send(cancel).await.status, 204);
            }
            _ => {}
        }
        bills.push(bill);
    }
    assert_eq!(remembered(&gateway), before + 2, "those that are open");
    let gateway = gateway.reopened();
    assert_eq!(remembered(&gateway), before + 2, "after a restart too");
    for (number, bill) in bills.iter().enumerate() {
        let shown = gateway.send(get(&format!("{BILLS}/{bill}")).by(&people.ani)).await.expect(200);
        assert_eq!(shown["status"], ["paid", "cancelled", "unpaid"][number % 3]);
        assert_eq!(shown["paid_at"].is_string(), number % 3 == 0);
    }
    // Answers are as they were, in new requests and in those that come again.
    pay(&gateway, &people.ani, &bills[0], "p-0").await.expect(201);
    pay(&gateway, &people.ani, &bills[0], "again").await.refused(409, "already_paid");
    pay(&gateway, &people.ani, &bills[1], "p-1").await.refused(409, "conflict");
    let cancel = |bill: &str| ask("DELETE", &format!("{BILLS}/{bill}")).by(&people.warung);
    gateway.send(cancel(&bills[0])).await.refused(409, "already_paid");
    assert_eq!(gateway.balance(&people.ani).await, 950_000);
    for (status, wanted) in [("paid", [3, 0]), ("cancelled", [4, 1]), ("unpaid", [5, 2])] {
        let path = format!("{BILLS}?status={status}&issued=true");
        let list = gateway.send(get(&path).by(&people.warung)).await.expect(200);
        let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
        assert_eq!(ids, wanted.map(|number: usize| &bills[number]), "{status}");
    }
    assert!(gateway.gateway.bill_at(gateway.gateway.view().position()).is_err(), "no bill");
}

#[tokio::test]
async fn others_find_nothing_and_what_is_wrong_is_named() {
    let (gateway, people) = funded().await;
    let bill = issued(&gateway, &people).await;
    pay(&gateway, &people.budi, &bill, "p").await.refused(404, "not_found");
    pay(&gateway, &people.warung, &bill, "p").await.refused(403, "forbidden");
    pay(&gateway, &people.ani, &id("bil", 9), "p").await.refused(404, "not_found");
    pay(&gateway, &people.ani, "bil_", "p").await.refused(404, "not_found");
    let required = ["name", "recipient", "amount"];
    strict(&gateway, &people.warung, BILLS, &lunch(), &required).await;
    let mut other = lunch();
    other["amount"] = json!(25_001);
    keys(&gateway, &people.warung, BILLS, &lunch(), &other).await;
    let send = |body: Value| gateway.send(post(BILLS, &body).by(&people.warung));
    let with = |field: &str, value: Value| {
        let mut body = lunch();
        body[field] = value;
        body
    };
    send(with("recipient", json!("warung"))).await.names("recipient");
    send(with("recipient", json!("tidakada"))).await.refused(404, "recipient_not_found");
    send(with("due", json!("besok"))).await.names("due");
    send(with("name", json!(""))).await.names("name");
    send(with("description", json!("a\nb"))).await.names("description");
    let path = format!("{BILLS}/{bill}/pay");
    let pay_by =
        |method: &str| gateway.send(post(&path, &json!({"payment": method})).by(&people.ani));
    pay_by("emas").await.names("payment");
    let method = |id: &str, active: bool| {
        let path = format!("/api/v1/admin/payment-methods/{id}");
        let body = json!({"name": "X", "title": "Y", "active": active});
        gateway.send(put(&path, &body).by(&people.admin))
    };
    method("bca_va", true).await.expect(200);
    pay_by("bca_va").await.expect(201);
    // Nobody gives a number for that.
    method("bank_va", true).await.expect(200);
    pay_by("bank_va").await.refused(503, "unavailable");
    method("bca_va", false).await.expect(200);
    pay_by("bca_va").await.names("payment");
    method("wallet", false).await.expect(200);
    pay_by("wallet").await.names("payment");
    method("wallet", true).await.expect(200);
    pay_by("wallet").await.expect(201);
}

#[tokio::test]
async fn whoever_it_concerns_is_told() {
    let (gateway, people) = funded().await;
    let bill = issued(&gateway, &people).await;
    let told = |token: &str| {
        let ask = get("/api/v1/notifications").by(token);
        async { gateway.send(ask).await.expect(200)["data"][0].clone() }
    };
    let issued = told(&people.ani).await;
    assert_eq!((&issued["type"], &issued["bill"]), (&json!("bill_issued"), &json!(bill)));
    assert_eq!((&issued["from"], &issued["amount"]), (&json!("warung"), &json!(25_000)));
    assert_eq!(told(&people.warung).await, Value::Null, "they issued it themselves");
    pay(&gateway, &people.ani, &bill, "p").await.expect(201);
    let paid = told(&people.warung).await;
    assert_eq!((&paid["type"], &paid["from"]), (&json!("bill_paid"), &json!("ani")));
}

/// Sixteen tasks each: paid by different keys, and called off, all at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_payments_and_cancellations_at_once_one_wins() {
    let (gateway, people) = funded().await;
    for round in 0..8 {
        let bill = issued(&gateway, &people).await;
        let before = gateway.balance(&people.ani).await;
        let tasks = (0..32).map(|task| {
            let (bill, gateway, people) = (&bill, &gateway, &people);
            async move {
                if round % 2 == 0 && task % 2 == 0 {
                    let path = format!("{BILLS}/{bill}");
                    return gateway.send(ask("DELETE", &path).by(&people.warung)).await;
                }
                pay(gateway, &people.ani, bill, &format!("p-{round}-{task}")).await
            }
        });
        let answers = futures_util::future::join_all(tasks).await;
        let won: Vec<u16> = answers.iter().map(|a| a.status).filter(|s| *s < 300).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        let lost = answers.iter().filter(|answer| answer.status == 409).count();
        assert_eq!(lost, answers.len() - 1);
        let after = gateway.balance(&people.ani).await;
        assert_eq!(before - after, if won[0] == 201 { 25_000 } else { 0 });
    }
}

#[tokio::test]
async fn what_could_not_be_called_off_is_called_off_after_a_restart() {
    use crate::charges::provider::Faults;
    let (gateway, people) = funded().await;
    let offered = json!({"name": "BCA", "title": "Virtual account", "active": true});
    let path = "/api/v1/admin/payment-methods/bca_va";
    gateway.send(put(path, &offered).by(&people.admin)).await.expect(200);
    let mut orders = Vec::new();
    for number in 0..8 {
        let bill = issued(&gateway, &people).await;
        let body = json!({"payment": "bca_va"});
        let charge = post(&format!("{BILLS}/{bill}/pay"), &body).by(&people.ani);
        let charge = gateway.send(charge.key(&format!("c-{number}"))).await.expect(201);
        orders.push(charge["invoice"].as_str().unwrap().to_owned());
        // Nothing that is asked of the provider goes well while the bill is paid.
        gateway.provider.set_faults(Faults { percent: 100, ..Faults::NONE });
        pay(&gateway, &people.ani, &bill, &format!("w-{number}")).await.expect(201);
        crate::routes::charges::rest(&gateway).await;
        gateway.provider.set_faults(Faults::NONE);
    }
    let left = |gateway: &TestGateway| {
        let entries = gateway.provider.entries();
        let is_left = |order: &&String| entries[*order].transaction.status == Status::Pending;
        orders.iter().filter(is_left).count()
    };
    assert!(left(&gateway) > 0, "all were called off");
    let gateway = gateway.reopened();
    for _ in 0..10_000 {
        if left(&gateway) == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("{} can still be paid", left(&gateway));
}

/// A bill of warung's to ani, without a request.
fn issued_by_machine(number: usize) -> Command {
    let name = format!("bill-{number}");
    Command::IssueBill(Box::new(BillIssued {
        origin: crate::world::origin(Principal::User(UserId(2)), &name, &name),
        account: AccountId(2),
        payer: AccountId(0),
        amount: crate::world::amount(1),
        currency: Currency::IDR,
        name: Line::empty(),
        description: Line::empty(),
        due: None,
        source: BillSource::Issuer,
    }))
}

#[tokio::test]
async fn one_user_has_so_many_open_bills_and_no_more() {
    let (gateway, people) = funded().await;
    let first = gateway.send(post(BILLS, &lunch()).by(&people.warung).key("first")).await;
    let bill = first.expect(201)["id"].as_str().unwrap().to_owned();
    for from in (1..limits::BILLS_OPEN_MAX).step_by(500) {
        let some = (from..limits::BILLS_OPEN_MAX).take(500);
        let some = some.map(|number| gateway.gateway.engine().submit(issued_by_machine(number)));
        for made in futures_util::future::join_all(some).await {
            made.unwrap();
        }
    }
    let issue = |key: &str| gateway.send(post(BILLS, &lunch()).by(&people.warung).key(key));
    issue("more").await.refused(409, "conflict");
    issue("first").await.replays(&first);
    let total = gateway.send(get("/api/v1/bills/total").by(&people.ani)).await.expect(200);
    assert_eq!(total["count"], limits::BILLS_OPEN_MAX);
    assert_eq!(total["total"], 25_000 + limits::BILLS_OPEN_MAX - 1);
    pay(&gateway, &people.ani, &bill, "p").await.expect(201);
    issue("more").await.expect(201);
    issue("most").await.refused(409, "conflict");
}
