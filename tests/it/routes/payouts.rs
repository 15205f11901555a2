//! Withdrawals, and what administrators do about payouts: release, deny, settle, reconcile.

use serde_json::{Value, json};

use super::{keys, strict};
use crate::edr::{FEE, edr, hasty, request, route, set, transfer};
use crate::payouts::bank::Next;
use crate::support::{Answer, People, START_TEXT, TestGateway, get, post, raw};
use gerbang::gateway::screening::{RawRule, RawScreening, Rules};
use gerbang::ledger::registry::{RegistryChange, Usage};

const PATH: &str = "/api/v1/withdrawals";
const OPEN: &str = "/api/v1/admin/payouts";
const COLUMNS: &str = "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type\n";

fn withdrawal() -> Value {
    json!({"amount": 50_000, "bank_code": "009", "account_number": "0115471119"})
}

async fn withdraw(gateway: &TestGateway, people: &People, body: &Value) -> Answer {
    gateway.send(post(PATH, body).by(&people.ani)).await
}

/// Looks until a payout stands like this.
async fn until(gateway: &TestGateway, people: &People, id: &str, status: &str) -> Value {
    loop {
        let answer = gateway.send(get(&format!("{PATH}/{id}")).by(&people.admin)).await;
        let body = answer.expect(200);
        if body["status"] == status {
            return body;
        }
        tokio::task::yield_now().await;
    }
}

fn challenge(gateway: &TestGateway) {
    let rule = RawRule {
        name: "large".to_owned(),
        outcome: "challenge".to_owned(),
        amount_above: Some(10_000),
        ..RawRule::default()
    };
    let raw = RawScreening { rules: vec![rule], ..RawScreening::default() };
    gateway.gateway.follow_rules(Rules::from_raw(raw).unwrap());
}

async fn decide(gateway: &TestGateway, people: &People, id: &str, what: &str) -> Answer {
    let path = format!("{OPEN}/{id}/{what}");
    let body = match what {
        "settle" => json!({"outcome": "succeeded", "reason": "paid by the statement"}),
        _ => json!({"reason": "asked by phone"}),
    };
    gateway.send(post(&path, &body).by(&people.admin)).await
}

#[tokio::test]
async fn a_withdrawal_is_paid_and_stands_in_every_list() {
    let (gateway, people) = edr().await;
    let mut body = withdrawal();
    body["bank_code"] = json!("022");
    body["account_name"] = json!("erry julio");
    body["reference"] = json!("w-1");
    let answer = withdraw(&gateway, &people, &body).await;
    let shown = answer.expect(202);
    let id = shown["id"].as_str().unwrap();
    answer.is(
        202,
        &json!({
            "id": id, "status": "succeeded", "purpose": "withdrawal", "from": "ani",
            "amount": 50_000, "fee": 6_500, "currency": "IDR", "bank_code": "022",
            "account_number": "0115471119", "account_name": "ERRY JULIO",
            "route": {"bank": "009", "usage": "TRANSFER INTERBANK",
                "reason": "no partner of ours, so by priority", "fee": 6_500},
            "reference": "w-1", "position": gateway.position(), "created_at": START_TEXT,
        }),
    );
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000 - 56_500);
    let show = |path: &str| gateway.send(get(path).by(&people.ani));
    assert_eq!(show(&format!("{PATH}/{id}")).await.expect(200), shown);
    assert_eq!(show(PATH).await.expect(200)["data"], json!([shown]));
    let transactions = show("/api/v1/transactions").await.expect(200);
    let line = &transactions["data"][0];
    for (field, value) in [
        ("id", json!(id)),
        ("category", json!("withdrawal")),
        ("direction", json!("out")),
        ("amount", json!(56_500)),
        ("fee", json!(6_500)),
        ("balance_after", json!(943_500)),
        ("reference", json!("w-1")),
    ] {
        assert_eq!(line[field], value, "{field}: {line}");
    }
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let (gateway, people) = edr().await;
    let required = ["amount", "bank_code", "account_number"];
    strict(&gateway, &people.ani, PATH, &withdrawal(), &required).await;
    for (field, value) in [
        ("bank_code", "9"),
        ("bank_code", "BNI"),
        ("account_number", ""),
        ("account_number", "1' OR '1'='1"),
        ("account_name", " "),
        ("account_name", "a\nb"),
    ] {
        let mut body = withdrawal();
        body[field] = json!(value);
        withdraw(&gateway, &people, &body).await.names(field);
    }
    let mut other = withdrawal();
    other["amount"] = json!(50_001);
    keys(&gateway, &people.ani, PATH, &withdrawal(), &other).await;
}

#[tokio::test]
async fn what_cannot_be_withdrawn() {
    let (gateway, people) = edr().await;
    let with = |field: &str, value: Value| {
        let mut body = withdrawal();
        body[field] = value;
        body
    };
    let body = with("account_name", json!("SOMEBODY ELSE"));
    withdraw(&gateway, &people, &body).await.refused(422, "beneficiary_not_found");
    let body = with("account_number", json!("0115471199"));
    withdraw(&gateway, &people, &body).await.refused(422, "beneficiary_not_found");
    let body = with("amount", json!(1_000_001));
    withdraw(&gateway, &people, &body).await.refused(422, "insufficient_funds");
    gateway.banks.close(&["009", "014", "008"]);
    withdraw(&gateway, &people, &withdrawal()).await.refused(503, "unavailable");
    gateway.banks.close(&[]);
    gateway.banks.next(Next::Refused);
    let failed = withdraw(&gateway, &people, &withdrawal()).await.expect(202);
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["reason"], json!({"code": "4041711", "message": "no such account"}));
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000);
}

#[tokio::test]
async fn a_withdrawal_costs_no_more_than_was_agreed_to() {
    let (gateway, people) = edr().await;
    let fee_of = async |bank: &str| {
        let path = format!("/api/v1/withdrawal-fee?bank_code={bank}&amount=50000");
        gateway.send(get(&path).by(&people.ani)).await.expect(200)
    };
    let told = |bank: &str, fee: u64| {
        json!({"bank_code": bank, "amount": 50_000, "fee": fee, "total": 50_000 + fee,
            "fee_at_most": FEE})
    };
    assert_eq!(fee_of("014").await, told("014", 0));
    assert_eq!(fee_of("002").await, told("002", FEE));
    for query in ["", "?bank_code=014", "?amount=1", "?bank_code=014&amount=0", "?bank_code=14"] {
        let path = format!("/api/v1/withdrawal-fee{query}");
        gateway.send(get(&path).by(&people.ani)).await.refused(400, "invalid_request");
    }

    let asked = |bank: &str, max_fee: Value| {
        let mut body = withdrawal();
        body["bank_code"] = json!(bank);
        body["max_fee"] = max_fee;
        body
    };
    let too_little = asked("002", json!(FEE - 1));
    withdraw(&gateway, &people, &too_little).await.names("max_fee");
    gateway.banks.close(&["014"]);
    for max_fee in [Value::Null, json!(0), json!(FEE - 1)] {
        let body = asked("014", max_fee);
        withdraw(&gateway, &people, &body).await.refused(503, "unavailable");
    }
    let paid = withdraw(&gateway, &people, &asked("014", json!(FEE))).await.expect(202);
    assert_eq!((&paid["status"], &paid["fee"]), (&json!("succeeded"), &json!(FEE)));
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000 - 50_000 - FEE);

    // What was begun for that fee is answered, though it would cost more today.
    let mut body = asked("002", json!(FEE));
    body["reference"] = json!("TARIK-1");
    let first = withdraw(&gateway, &people, &body).await.expect(202);
    let dearer = RegistryChange::RouteSet(route("009", Usage::Interbank, FEE + 1));
    set(&gateway, dearer).await;
    assert_eq!(withdraw(&gateway, &people, &body).await.expect(202)["id"], first["id"]);
    body["reference"] = json!("TARIK-2");
    withdraw(&gateway, &people, &body).await.names("max_fee");
}

#[tokio::test]
async fn what_a_rule_holds_is_released_or_denied_by_a_person() {
    let (gateway, people) = hasty().await;
    challenge(&gateway);
    for (what, status, left) in [("release", "succeeded", 950_000), ("deny", "failed", 950_000)] {
        let held = withdraw(&gateway, &people, &withdrawal()).await.expect(202);
        assert_eq!(held["status"], "held");
        let id = held["id"].as_str().unwrap();
        let open = gateway.send(get(&format!("{OPEN}?state=held")).by(&people.admin)).await;
        assert_eq!(open.expect(200)["data"], json!([held]));
        let no_reason = post(&format!("{OPEN}/{id}/{what}"), &json!({"reason": " "}));
        gateway.send(no_reason.by(&people.admin)).await.names("reason");
        decide(&gateway, &people, id, "settle").await.refused(409, "conflict");
        decide(&gateway, &people, id, what).await.expect(200);
        until(&gateway, &people, id, status).await;
        decide(&gateway, &people, id, what).await.refused(409, "conflict");
        assert_eq!(gateway.balance(&people.ani).await, left);
    }
    let open = gateway.send(get(OPEN).by(&people.admin)).await.expect(200);
    assert_eq!(open["data"], json!([]));
    gateway.send(get(&format!("{OPEN}?state=x")).by(&people.admin)).await.names("state");
}

#[tokio::test]
async fn an_unknown_payout_is_settled_by_a_person() {
    let (gateway, people) = hasty().await;
    for outcome in ["succeeded", "failed"] {
        gateway.banks.next(Next::Silent);
        let id = withdraw(&gateway, &people, &withdrawal()).await.expect(202)["id"].clone();
        let id = id.as_str().unwrap();
        let unknown = until(&gateway, &people, id, "unknown").await;
        let open = gateway.send(get(&format!("{OPEN}?state=unknown")).by(&people.admin)).await;
        assert_eq!(open.expect(200)["data"], json!([unknown]));
        decide(&gateway, &people, id, "release").await.refused(409, "conflict");
        let path = format!("{OPEN}/{id}/settle");
        let wrong = json!({"outcome": "paid", "reason": "x"});
        gateway.send(post(&path, &wrong).by(&people.admin)).await.names("outcome");
        let body = json!({"outcome": outcome, "reason": "by the statement of the 18th"});
        let settled = gateway.send(post(&path, &body).by(&people.admin)).await.expect(200);
        assert_eq!(settled["status"], outcome);
    }
    assert_eq!(gateway.balance(&people.ani).await, 950_000);
}

/// A withdrawal of ani above what one administrator may decide alone.
async fn much(gateway: &TestGateway, people: &People) -> String {
    for _ in 0..2 {
        gateway.fund(people, "ani", 4_000_000).await;
    }
    let mut body = withdrawal();
    body["amount"] = json!(6_000_000);
    withdraw(gateway, people, &body).await.expect(202)["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn much_money_goes_when_two_administrators_want_it() {
    let (gateway, people) = hasty().await;
    challenge(&gateway);
    let id = much(&gateway, &people).await;
    let release = |token: &str| {
        let ask = post(&format!("{OPEN}/{id}/release"), &json!({"reason": "ditelepon"}));
        gateway.send(ask.by(token))
    };
    for _ in 0..2 {
        let alone = release(&people.admin).await;
        let position = gateway.position();
        let waits = json!({"id": id, "status": "awaiting_second", "position": position});
        alone.is(202, &waits);
    }
    let open = gateway.send(get(OPEN).by(&people.second)).await.expect(200);
    let word = &open["data"][0]["proposal"];
    assert_eq!((&word["by"], &word["wish"]), (&json!("admin"), &json!("release")));
    let own = gateway.send(get(&format!("{PATH}/{id}")).by(&people.ani)).await.expect(200);
    assert_eq!((&own["status"], own.get("proposal")), (&json!("held"), None));
    release(&people.second).await.expect(200);
    until(&gateway, &people, &id, "succeeded").await;
    assert_eq!(gateway.balance(&people.ani).await, 3_000_000);
    // What stays where it was, one may decide.
    gateway.fund(&people, "ani", 4_000_000).await;
    let mut body = withdrawal();
    body["amount"] = json!(6_000_000);
    let held = withdraw(&gateway, &people, &body).await.expect(202);
    decide(&gateway, &people, held["id"].as_str().unwrap(), "deny").await.expect(200);
    assert_eq!(gateway.balance(&people.ani).await, 7_000_000);
}

#[tokio::test]
async fn how_much_money_ended_two_administrators_say() {
    let (gateway, people) = hasty().await;
    gateway.banks.next(Next::Silent);
    let id = much(&gateway, &people).await;
    until(&gateway, &people, &id, "unknown").await;
    let settle = |token: &str, outcome: &str| {
        let body = json!({"outcome": outcome, "reason": "surat bank"});
        gateway.send(post(&format!("{OPEN}/{id}/settle"), &body).by(token))
    };
    settle(&people.admin, "failed").await.expect(202);
    settle(&people.second, "succeeded").await.expect(202);
    settle(&people.second, "succeeded").await.expect(202);
    let settled = settle(&people.admin, "succeeded").await.expect(200);
    assert_eq!(settled["status"], "succeeded");
    settle(&people.second, "succeeded").await.refused(409, "conflict");
    assert_eq!(gateway.balance(&people.ani).await, 3_000_000);
}

#[tokio::test]
async fn nobody_decides_about_their_own_payout() {
    let (gateway, people) = hasty().await;
    let fund = post("/api/v1/payments", &json!({"to": "admin", "amount": 100_000}));
    gateway.send(fund.by(&people.ani)).await.expect(201);
    let own = || gateway.send(post(PATH, &withdrawal()).by(&people.admin));
    challenge(&gateway);
    let id = own().await.expect(202)["id"].as_str().unwrap().to_owned();
    for what in ["release", "deny"] {
        decide(&gateway, &people, &id, what).await.refused(403, "forbidden");
    }
    let release = post(&format!("{OPEN}/{id}/release"), &json!({"reason": "x"}));
    gateway.send(release.by(&people.second)).await.expect(200);
    until(&gateway, &people, &id, "succeeded").await;
    gateway.gateway.follow_rules(Rules::from_raw(RawScreening::default()).unwrap());
    gateway.banks.next(Next::Silent);
    let id = own().await.expect(202)["id"].as_str().unwrap().to_owned();
    until(&gateway, &people, &id, "unknown").await;
    decide(&gateway, &people, &id, "settle").await.refused(403, "forbidden");
    let settle = json!({"outcome": "failed", "reason": "x"});
    let settle = post(&format!("{OPEN}/{id}/settle"), &settle);
    gateway.send(settle.by(&people.second)).await.expect(200);
}

#[tokio::test]
async fn a_statement_is_held_against_the_journal() {
    let (gateway, people) = edr().await;
    gateway.send(transfer(&gateway, &request("T1"))).await.expect(200);
    withdraw(&gateway, &people, &withdrawal()).await.expect(202);
    let send = |text: String, bank: &str| {
        let path = format!("/api/v1/admin/reconcile?bank={bank}");
        gateway.send(raw(&path, "text/csv", text).by(&people.admin))
    };
    let mut lines = Vec::new();
    for (reference, (_, amount, _)) in gateway.banks.entries() {
        lines.push(format!("2026-11-18,{reference},009,0115471119,{amount},IDR,DEBIT\n"));
    }
    let all = format!("{COLUMNS}{}", lines.concat());
    let report = send(all.clone(), "009").await.expect(200);
    assert_eq!((&report["agrees"], &report["matched"]), (&json!(true), &json!(2)), "{report}");
    assert_eq!(report["rows"], json!([]));
    let less = send(format!("{COLUMNS}{}", lines[0]), "009").await.expect(200);
    assert_eq!((&less["agrees"], &less["only_ours"]), (&json!(false), &json!(1)));
    assert_eq!(less["rows"][0]["note"], "the bank has not paid it");
    let twice = send(format!("{all}{}", lines[0]), "009").await.expect(200);
    assert_eq!(twice["rows"][0]["note"], "the bank paid it more than once");
    let other = send(all.clone(), "014").await.expect(200);
    assert_eq!((&other["agrees"], &other["only_theirs"]), (&json!(false), &json!(2)));
    for wrong in [COLUMNS, "", "x", &all.replace("DEBIT", "debit")] {
        send(wrong.to_owned(), "009").await.names("statement");
    }
    send(all.clone(), "9").await.names("bank");
    let json = raw("/api/v1/admin/reconcile?bank=009", "application/json", all);
    gateway.send(json.by(&people.admin)).await.refused(415, "unsupported_media_type");
}

#[tokio::test]
async fn what_was_held_and_never_sent_is_no_banks_business() {
    let (gateway, people) = hasty().await;
    challenge(&gateway);
    let held = withdraw(&gateway, &people, &withdrawal()).await.expect(202);
    withdraw(&gateway, &people, &withdrawal()).await.expect(202);
    decide(&gateway, &people, held["id"].as_str().unwrap(), "deny").await.expect(200);
    let text = format!("{COLUMNS}2026-11-18,,009,1,1,IDR,DEBIT\n");
    let ask = raw("/api/v1/admin/reconcile?bank=009", "text/csv", text);
    let report = gateway.send(ask.by(&people.admin)).await.expect(200);
    assert_eq!((&report["only_ours"], &report["only_theirs"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn the_end_of_a_withdrawal_is_a_notification() {
    let (gateway, people) = edr().await;
    let paid = withdraw(&gateway, &people, &withdrawal()).await.expect(202);
    assert_eq!(paid["status"], "succeeded");
    challenge(&gateway);
    let held = withdraw(&gateway, &people, &withdrawal()).await.expect(202);
    decide(&gateway, &people, held["id"].as_str().unwrap(), "deny").await.expect(200);
    let told = gateway.send(get("/api/v1/notifications").by(&people.ani)).await.expect(200);
    for (line, (kind, payout)) in
        [("withdrawal_failed", &held), ("withdrawal_succeeded", &paid)].into_iter().enumerate()
    {
        let line = &told["data"][line];
        assert_eq!((&line["type"], &line["amount"]), (&json!(kind), &json!(50_000)));
        assert_eq!(line["payout"], payout["id"]);
    }
}
