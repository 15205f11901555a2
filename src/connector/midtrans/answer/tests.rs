//! Each answer has the fields of Midtrans' own.

use super::super::charge::Charge;
use super::super::method::{Acquirer, Bank, Store};
use super::super::samples::CHARGED;
use super::super::transaction::{Action, Answer, VaNumber};
use super::*;
use crate::ledger::money::Amount;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn key() -> ServerKey {
    ServerKey::new("SB-Mid-server-abc123cde456".to_owned()).unwrap()
}

fn action(name: &str) -> Action {
    let (name, method) = (name.to_owned(), "GET".to_owned());
    Action { name, method, url: "https://a.example/1".to_owned(), fields: None }
}

fn instructions(method: Method) -> Instructions {
    let text = |text: &str| Some(text.to_owned());
    let mut needs = Instructions::default();
    match method {
        Method::BankTransfer(Bank::Permata) => needs.permata_va_number = text("8500"),
        Method::BankTransfer(bank) => {
            needs.va_numbers =
                vec![VaNumber { bank: bank.name().to_owned(), number: "8127".to_owned() }];
        }
        Method::Echannel => (needs.biller_code, needs.bill_key) = (text("70012"), text("7")),
        Method::Gopay | Method::Shopeepay => needs.actions = vec![action("deeplink-redirect")],
        Method::Qris(acquirer) => {
            needs.actions = vec![action("generate-qr-code")];
            (needs.qr_string, needs.acquirer) = (text("0002"), text(acquirer.name()));
        }
        Method::Cstore(store) => {
            (needs.store, needs.payment_code) = (text(store.name()), text("0108"));
        }
        Method::CreditCard => {}
    }
    needs
}

fn begun(method: Method) -> Transaction {
    let mut charge = Charge::new("o-1".to_owned(), Amount::new(44_000).unwrap(), method);
    charge.echo.custom[0] = Some("satu".to_owned());
    let begun = Begun {
        transaction_id: text::uuid([7; 16]),
        merchant_id: "G1".to_owned(),
        time: NOW,
        instructions: instructions(method),
    };
    Transaction::begun(&charge, begun)
}

fn names(body: &Value) -> Vec<String> {
    body.as_object().unwrap().keys().cloned().collect()
}

const METHODS: [(&str, Method); 7] = [
    ("bca", Method::BankTransfer(Bank::Bca)),
    ("permata", Method::BankTransfer(Bank::Permata)),
    ("echannel", Method::Echannel),
    ("gopay", Method::Gopay),
    ("qris", Method::Qris(Acquirer::Gopay)),
    ("shopeepay", Method::Shopeepay),
    ("cstore", Method::Cstore(Store::Alfamart)),
];

#[test]
fn a_charge_is_answered_with_the_fields_of_the_sample() {
    for ((name, method), (same, sample)) in METHODS.into_iter().zip(CHARGED) {
        assert_eq!(name, same);
        let answer = begun(method).to_charge(method).to_json();
        let sample: Value =
            serde_json::from_str(&sample.replace("expire_time", "expiry_time")).unwrap();
        let mut expected = names(&sample);
        if !expected.contains(&"expiry_time".to_owned()) {
            expected.push("expiry_time".to_owned());
            expected.sort();
        }
        assert_eq!(names(&answer), expected, "{name}");
        for field in ["status_code", "status_message", "payment_type", "transaction_status"] {
            assert_eq!(answer[field], sample[field], "{name}");
        }
    }
}

#[test]
fn a_question_is_answered_with_what_there_is() {
    let mut kept = begun(Method::BankTransfer(Bank::Bca));
    let pending = kept.to_status(&key()).to_json();
    assert_eq!(
        (&pending["status_code"], &pending["custom_field1"]),
        (&"201".into(), &"satu".into())
    );
    assert_eq!(pending["status_message"], "Success, transaction is found");
    assert_eq!(pending["va_numbers"][0]["va_number"], "8127");
    kept.status = Status::Settlement;
    kept.settled = Some(NOW);
    let settled = kept.to_status(&key()).to_json();
    assert_eq!(settled["status_code"], "200");
    assert_eq!(settled["settlement_time"], text::time(NOW));
    let signature = settled["signature_key"].as_str().unwrap();
    assert!(key().verifies(signature, "o-1", "200", "44000.00"));
    (kept.status, kept.settled) = (Status::Expire, None);
    assert_eq!(kept.to_status(&key()).to_json()["status_code"], "407");
}

#[test]
fn what_was_done_is_answered_briefly() {
    let mut kept = begun(Method::BankTransfer(Bank::Bca));
    kept.refunded.amount = Some(5_000);
    kept.refunded.chargeback_id = Some(1);
    kept.refunded.key = Some("r-1".to_owned());
    let table = [
        (Done::Cancelled, Status::Cancel, "200", "Success, transaction is canceled"),
        (Done::Expired, Status::Expire, "407", "Success, transaction has expired"),
        (Done::Approved, Status::Capture, "200", "Success, transaction is approved"),
        (Done::Denied, Status::Deny, "200", "Success, transaction is denied"),
        (Done::Refunded, Status::PartialRefund, "200", "Success, refund request is approved"),
        (
            Done::RefundedDirectly,
            Status::Refund,
            "200",
            "Success, refund request is approved by the bank",
        ),
        (Done::RefundDenied, Status::Settlement, "202", "Refund denied by the bank"),
    ];
    let brief = [
        "currency",
        "fraud_status",
        "gross_amount",
        "merchant_id",
        "order_id",
        "payment_type",
        "status_code",
        "status_message",
        "transaction_id",
        "transaction_status",
        "transaction_time",
    ];
    for (done, status, code, message) in table {
        kept.status = status;
        let answer = kept.to_done(done).to_json();
        assert_eq!(
            (&answer["status_code"], &answer["status_message"]),
            (&code.into(), &message.into())
        );
        assert_eq!(answer["transaction_status"], status.name());
        if !done.is_refund() {
            assert_eq!(names(&answer), brief);
        }
        let read = Answer::read(answer.to_string().as_bytes());
        assert!(matches!(read, Some(Answer::Transaction(_))), "{done:?}");
    }
    let refund = kept.to_done(Done::Refunded).to_json();
    assert_eq!(
        (&refund["refund_amount"], &refund["refund_key"]),
        (&"5000.00".into(), &"r-1".into())
    );
    assert_eq!(refund["refund_chargeback_id"], 1);
    assert_eq!(kept.to_done(Done::RefundDenied).to_json()["refund_amount"], "0.00");
}

#[test]
fn the_transactions_of_an_order_are_no_bare_list() {
    let body = b2b(&[begun(Method::Gopay).to_json()]);
    assert_eq!(
        (&body["status_code"], body["transactions"].as_array().unwrap().len()),
        (&"200".into(), 1)
    );
}
