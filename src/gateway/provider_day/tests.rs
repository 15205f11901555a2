//! Tables: how an order compares, and what a list has to be.

use serde_json::json;

use super::*;

fn ours(state: State) -> Ours {
    let (amount, currency) = (Amount::new(10_000).unwrap(), Currency::IDR);
    Ours { amount, currency, state, given: 0, date: jiff::civil::date(2026, 11, 21) }
}

fn listed(status: &str, gross: &str, currency: &str) -> Value {
    json!({
        "status_code": "200", "transaction_id": "t", "order_id": "o", "gross_amount": gross,
        "currency": currency, "payment_type": "echannel", "transaction_status": status,
        "fraud_status": "accept",
    })
}

fn theirs(status: &str) -> Transaction {
    let list = List::new("2026-11-21", &[listed(status, "10000.00", "IDR")]);
    list.unwrap().transactions.remove(0)
}

#[test]
fn every_state_against_every_status() {
    let states = [
        State::Paid,
        State::Suspended,
        State::Ended(ChargeEnd::Expired),
        State::Ended(ChargeEnd::Failed),
        State::Open,
    ];
    let (same, ours_only, differs) = ("matched", "only_ours", "different");
    let table = [
        ("settlement", [same, same, differs, differs, differs]),
        ("capture", [same, same, differs, differs, differs]),
        ("pending", [differs, differs, differs, differs, same]),
        ("expire", [differs, differs, same, same, differs]),
        ("cancel", [differs, differs, same, same, differs]),
        ("deny", [differs, differs, same, same, differs]),
        ("refund", [differs, differs, same, same, differs]),
        ("partial_refund", [differs; 5]),
    ];
    let names = |theirs: &[Transaction]| {
        states.map(|state| {
            let (verdict, note) = judge(Some(&ours(state)), theirs);
            assert_eq!(verdict == Verdict::Matched, note.is_empty());
            verdict.name()
        })
    };
    for (status, row) in table {
        assert_eq!(names(&[theirs(status)]), row, "{status}");
        assert_eq!(names(&[theirs(status), theirs(status)]), [differs; 5], "{status} twice");
        assert_eq!(judge(None, &[theirs(status)]).0, Verdict::OnlyTheirs);
    }
    assert_eq!(names(&[]), [ours_only, ours_only, ours_only, same, ours_only]);
    let mut other = theirs("settlement");
    other.amount = Amount::new(9_999).unwrap();
    assert_eq!(judge(Some(&ours(State::Paid)), &[other]).1, "the amounts differ");
    let mut other = theirs("settlement");
    other.currency = Some("USD".to_owned());
    assert_eq!(judge(Some(&ours(State::Paid)), &[other]).1, "the currencies differ");
}

#[test]
fn what_went_back_here_went_back_there() {
    let (same, here) = ("", "money went back here and not there");
    let there = "the provider has given money back";
    for (status, told, given, word) in [
        ("settlement", None, 0, same),
        ("settlement", None, 4_000, here),
        ("partial_refund", Some(4_000), 4_000, same),
        ("partial_refund", Some(4_000), 3_000, there),
        ("partial_refund", Some(4_000), 0, there),
        ("refund", None, 10_000, same),
        ("refund", None, 9_000, there),
        ("chargeback", None, 10_000, there),
    ] {
        let mut theirs = theirs(status);
        theirs.refunded.amount = told;
        let ours = Ours { given, ..ours(State::Paid) };
        assert_eq!(judge(Some(&ours), &[theirs]).1, word, "{status} of {told:?}, {given} given");
    }
}

#[test]
fn a_list_that_cannot_be_read_compares_nothing() {
    let good = json!({"date": "2026-11-21", "transactions": [listed("pending", "1.00", "IDR")]});
    assert_eq!(List::read(good.to_string().as_bytes()).unwrap().transactions.len(), 1);
    let rows = |row: Value| json!({"date": "2026-11-21", "transactions": [row]}).to_string();
    for (bad, field) in [
        (String::new(), "list"),
        ("[]".to_owned(), "transactions"),
        (json!({"date": "2026-11-21"}).to_string(), "transactions"),
        (json!({"transactions": []}).to_string(), "date"),
        (json!({"date": "21-11-2026", "transactions": []}).to_string(), "date"),
        (rows(json!({})), "transactions"),
        (rows(json!("pending")), "transactions"),
        (rows(listed("pending", "1.50", "IDR")), "transactions"),
        (rows(listed("paid", "1.00", "IDR")), "transactions"),
    ] {
        match List::read(bad.as_bytes()) {
            Err(Error::Invalid { field: named, .. }) => assert_eq!(named, field, "{bad}"),
            other => panic!("{bad}: {other:?}"),
        }
    }
}
