//! Questions as they leave and answers as they come, bank by bank.

use serde_json::{Value, json};

use super::super::call::{Partner, Question};
use super::super::dialect;
use super::account::{self, Direction};
use super::*;
use crate::connector::outcome::{Standing, Transferred};
use crate::connector::standard::{InquiryRequest, StatusRequest, TransferRequest};
use crate::ledger::time::Timestamp;

const DATE: &str = "2026-10-15T00:46:40+07:00";

fn bank(code: &str) -> &'static Dialect {
    dialect::of(code).unwrap()
}

fn partner() -> Partner {
    super::super::call::tests::partner()
}

fn transfer(bank_code: &str) -> TransferRequest {
    TransferRequest {
        reference: "T1".to_owned(),
        beneficiary_bank_code: bank_code.to_owned(),
        beneficiary_account_number: "0115471119".to_owned(),
        beneficiary_account_name: "ERRY JULIO".to_owned(),
        amount: "2475000".to_owned(),
        currency: "IDR".to_owned(),
        remark: "Paylater".to_owned(),
        date: DATE.to_owned(),
    }
}

fn inquiry(bank_code: &str) -> InquiryRequest {
    InquiryRequest {
        reference: "Q1".to_owned(),
        beneficiary_bank_code: bank_code.to_owned(),
        beneficiary_account_number: "0115471119".to_owned(),
    }
}

fn status_request() -> StatusRequest {
    StatusRequest {
        reference: "T1".to_owned(),
        interbank: false,
        amount: "2475000".to_owned(),
        currency: "IDR".to_owned(),
        date: DATE.to_owned(),
    }
}

fn body(question: Result<Question, Reason>) -> (Service, Value) {
    let question = question.unwrap();
    (question.service, serde_json::from_str(&question.body).unwrap())
}

/// `base` with the fields of `changes` in it; those that are null are taken away.
fn with(mut base: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        base[name] = value.clone();
    }
    base.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    base
}

#[test]
fn a_transfer_within_the_bank_is_written_as_the_standard_says() {
    let asked = transfer::request(bank("009"), &partner(), Reach::Intrabank, &transfer("009"));
    let wanted = json!({
        "partnerReferenceNo": "T1",
        "amount": {"value": "2475000.00", "currency": "IDR"},
        "beneficiaryAccountNo": "0115471119",
        "currency": "IDR",
        "customerReference": "T1",
        "feeType": "OUR",
        "remark": "Paylater",
        "sourceAccountNo": "115471000",
        "transactionDate": DATE,
        "originatorInfos": [],
        "additionalInfo": {},
    });
    assert_eq!(body(asked), (Service::TransferIntrabank, wanted));
}

#[test]
fn a_transfer_to_another_bank_names_it_in_the_bank_s_own_way() {
    for (from, to, code) in
        [("009", "014", "014"), ("008", "014", "CENAIDJA"), ("014", "009", "009")]
    {
        let asked = transfer::request(bank(from), &partner(), Reach::Interbank, &transfer(to));
        let (service, body) = body(asked);
        assert_eq!(service, Service::TransferInterbank);
        assert_eq!(body["beneficiaryBankCode"], code);
        assert_eq!(body["beneficiaryAccountName"], "ERRY JULIO");
    }
    let asked = transfer::request(bank("008"), &partner(), Reach::Interbank, &transfer("014"));
    assert_eq!(body(asked).1["additionalInfo"]["switcher"], "BIFAST");
}

#[test]
fn what_no_bank_takes_is_not_sent() {
    let refused = |from: &str, reach, change: &dyn Fn(&mut TransferRequest)| {
        let mut request = transfer("009");
        change(&mut request);
        transfer::request(bank(from), &partner(), reach, &request).unwrap_err().code
    };
    let changes: [&dyn Fn(&mut TransferRequest); 9] = [
        &|request| request.reference = "T-1".to_owned(),
        &|request| request.reference = "T".repeat(33),
        &|request| request.reference = String::new(),
        &|request| request.beneficiary_account_number = "12 34".to_owned(),
        &|request| request.amount = "0".to_owned(),
        &|request| request.amount = "1.5".to_owned(),
        &|request| request.currency = "idr".to_owned(),
        &|request| request.date = "yesterday".to_owned(),
        &|request| request.beneficiary_bank_code = "014".to_owned(),
    ];
    for change in changes {
        assert_eq!(refused("009", Reach::Intrabank, change), "malformed_request");
    }
    // A bank that is not known, or not by a BIC.
    let to = |code: &'static str| {
        move |request: &mut TransferRequest| request.beneficiary_bank_code = code.to_owned()
    };
    assert_eq!(refused("009", Reach::Interbank, &to("999")), "malformed_request");
    assert_eq!(refused("008", Reach::Interbank, &to("111")), "malformed_request");
    assert_eq!(refused("009", Reach::Interbank, &to("009")), "malformed_request");
}

fn transferred() -> Value {
    json!({
        "responseCode": "2001700",
        "responseMessage": "Successful",
        "referenceNo": "2020102977770000000009",
        "partnerReferenceNo": "T1",
        "amount": {"value": "2475000.00", "currency": "IDR"},
    })
}

fn read_transfer(status: u16, answer: &Value) -> Outcome<Transferred> {
    let body = answer.to_string();
    let response = Response { status, body: body.as_bytes() };
    transfer::read(bank("009"), Reach::Intrabank, &transfer("009"), response)
}

#[test]
fn a_success_is_one_only_if_it_is_ours() {
    let done =
        Outcome::Succeeded(Transferred { bank_reference: "2020102977770000000009".to_owned() });
    assert_eq!(read_transfer(200, &transferred()), done);
    for same in [
        json!({"responseCode": 2_001_700}),
        json!({"partnerReferenceNo": null, "amount": null}),
        json!({"amount": {"value": "2475000", "currency": "IDR"}}),
        json!({"amount": {"value": 2_475_000, "currency": "IDR"}}),
    ] {
        assert_eq!(read_transfer(200, &with(transferred(), same)), done);
    }
    for other in [
        json!({"partnerReferenceNo": "T2"}),
        json!({"partnerReferenceNo": 1}),
        json!({"amount": {"value": "2475000.50", "currency": "IDR"}}),
        json!({"amount": {"value": "247500.00", "currency": "IDR"}}),
        json!({"amount": {"value": "2475000.00", "currency": "USD"}}),
        json!({"amount": {"value": "much", "currency": "IDR"}}),
        json!({"amount": "2475000.00"}),
        json!({"referenceNo": null}),
        json!({"referenceNo": ""}),
        json!({"responseCode": "2001800"}),
        json!({"responseCode": null}),
    ] {
        let outcome = read_transfer(200, &with(transferred(), other.clone()));
        assert_eq!(outcome.name(), "unknown", "{other}");
    }
    assert_eq!(read_transfer(202, &transferred()).name(), "unknown");
}

#[test]
fn an_answer_that_is_none_leaves_a_transfer_unknown() {
    let whole = transferred().to_string();
    for status in [200, 401, 404, 429, 500, 503] {
        for body in ["", "<html>", "[]", "null", "{}", "{\"responseCode\":\"\"}"] {
            let response = Response { status, body: body.as_bytes() };
            let outcome = transfer::read(bank("009"), Reach::Intrabank, &transfer("009"), response);
            assert_eq!(outcome.name(), "unknown", "{status} {body}");
        }
    }
    // Cut at every byte.
    for end in 0..whole.len() {
        let response = Response { status: 200, body: &whole.as_bytes()[..end] };
        let outcome = transfer::read(bank("009"), Reach::Intrabank, &transfer("009"), response);
        assert_eq!(outcome.name(), "unknown", "{end}");
    }
}

#[test]
fn the_bank_s_words_are_kept_short_and_on_one_line() {
    let answer = json!({
        "responseCode": "4041711",
        "responseMessage": format!("Invalid\r\nAccount{}", "!".repeat(1_000)),
    });
    let Outcome::Refused(reason) = read_transfer(404, &answer) else { panic!("not refused") };
    assert_eq!(reason.code, "4041711");
    assert!(reason.message.starts_with("Invalid  Account!"));
    assert_eq!(reason.message.len(), limits::BANK_MESSAGE_MAX);
}

#[test]
fn an_inquiry_asks_the_right_service_and_takes_no_other_s_name() {
    let (service, asked) = body(inquiry::request(bank("009"), &inquiry("009")));
    assert_eq!(service, Service::InquiryInternal);
    assert_eq!(asked.get("beneficiaryBankCode"), None);
    let (service, asked) = body(inquiry::request(bank("008"), &inquiry("014")));
    assert_eq!(
        (service, &asked["beneficiaryBankCode"]),
        (Service::InquiryExternal, &json!("CENAIDJA"))
    );

    let read = |status, answer: Value| {
        let body = answer.to_string();
        inquiry::read(bank("009"), &inquiry("009"), Response { status, body: body.as_bytes() })
    };
    let known = json!({
        "responseCode": "2001500",
        "partnerReferenceNo": "Q1",
        "beneficiaryAccountNo": "0115471119",
        "beneficiaryAccountName": " ERRY JULIO ",
    });
    let Outcome::Succeeded(beneficiary) = read(200, known.clone()) else { panic!("not read") };
    assert_eq!(beneficiary.account_name, "ERRY JULIO");
    for other in [
        json!({"beneficiaryAccountNo": "0115471118"}),
        json!({"partnerReferenceNo": "Q2"}),
        json!({"beneficiaryAccountName": " "}),
    ] {
        assert_eq!(read(200, with(known.clone(), other)).name(), "unknown");
    }
    assert_eq!(read(404, json!({"responseCode": "4041511"})).name(), "refused");
    assert_eq!(read(401, json!({"responseCode": "4011500"})).name(), "not_sent");
}

#[test]
fn a_status_says_what_became_of_our_transfer_only() {
    let (service, asked) = body(status::request(bank("009"), &status_request()));
    assert_eq!(service, Service::TransferStatus);
    let asked: Vec<&Value> = ["originalPartnerReferenceNo", "serviceCode", "transactionDate"]
        .iter()
        .map(|name| &asked[*name])
        .collect();
    assert_eq!(asked, [&json!("T1"), &json!("17"), &json!(DATE)]);

    let found = |changes: Value| {
        let answer = json!({
            "responseCode": "2003600",
            "originalPartnerReferenceNo": "T1",
            "OriginalReferenceNo": "77",
            "amount": {"value": "2475000", "currency": "IDR"},
            "latestTransactionStatus": "00",
        });
        let body = with(answer, changes).to_string();
        status::read(
            bank("008"),
            &status_request(),
            Response { status: 200, body: body.as_bytes() },
        )
    };
    let transferred = Transferred { bank_reference: "77".to_owned() };
    assert_eq!(found(json!({})), Standing::Found(Outcome::Succeeded(transferred)));
    for other in [
        json!({"originalPartnerReferenceNo": "T2"}),
        json!({"amount": {"value": "1", "currency": "IDR"}}),
        json!({"latestTransactionStatus": "11"}),
        json!({"latestTransactionStatus": null}),
        json!({"latestTransactionStatus": "03"}),
        json!({"originalReferenceNo": "78"}),
    ] {
        let Standing::Found(Outcome::Unknown(_)) = found(other.clone()) else { panic!("{other}") };
    }
    assert!(matches!(found(json!({"latestTransactionStatus": "07"})), Standing::NotFound(_)));
}

#[test]
fn not_found_must_be_said_of_our_transfer() {
    let read = |status, answer: Value| {
        let body = answer.to_string();
        status::read(bank("009"), &status_request(), Response { status, body: body.as_bytes() })
    };
    let not_found = json!({"responseCode": "4043601", "responseMessage": "Transaction Not Found"});
    assert_eq!(
        read(404, not_found.clone()),
        Standing::NotFound(Reason::new("4043601", "Transaction Not Found"))
    );
    let other = with(not_found.clone(), json!({"originalPartnerReferenceNo": "T2"}));
    assert!(matches!(read(404, other), Standing::Found(Outcome::Unknown(_))));
    assert!(matches!(read(200, not_found), Standing::Found(Outcome::Unknown(_))));
    assert!(matches!(
        read(401, json!({"responseCode": "4013601"})),
        Standing::Found(Outcome::Unknown(_))
    ));
}

#[test]
fn a_token_lives_as_long_as_it_is_said_in_either_form() {
    let read = |status, answer: Value| {
        let body = answer.to_string();
        token::read(bank("009"), Response { status, body: body.as_bytes() })
    };
    let granted = json!({"responseCode": "2007300", "accessToken": "abc", "expiresIn": "900"});
    for seconds in [json!("900"), json!(900)] {
        let Outcome::Succeeded(granted) =
            read(200, with(granted.clone(), json!({"expiresIn": seconds})))
        else {
            panic!("not read")
        };
        assert_eq!((granted.token.expose().as_str(), granted.seconds), ("abc", 900));
    }
    for other in [
        json!({"accessToken": ""}),
        json!({"accessToken": "a b"}),
        json!({"accessToken": "a\r\nX: y"}),
        json!({"expiresIn": "soon"}),
        json!({"expiresIn": 0}),
        json!({"expiresIn": null}),
        json!({"responseCode": "4017300"}),
    ] {
        assert_eq!(read(200, with(granted.clone(), other)).name(), "not_sent");
    }
}

#[test]
fn balances_are_read_from_a_list_and_from_one_object() {
    let info = json!({
        "availableBalance": {"value": "200000.25", "currency": "IDR"},
        "ledgerBalance": {"value": "300000.00", "currency": "IDR"},
    });
    for infos in [info.clone(), json!([{"balanceType": "Cash"}, info])] {
        let answer =
            json!({"responseCode": "2001100", "accountNo": "115471000", "accountInfos": infos});
        let body = answer.to_string();
        let response = Response { status: 200, body: body.as_bytes() };
        let Outcome::Succeeded(balance) = account::read_balance(bank("014"), &partner(), response)
        else {
            panic!("not read")
        };
        assert_eq!(balance.available.value(), "200000.25");
        assert_eq!(balance.ledger.unwrap().value(), "300000.00");
    }
    let body = json!({"responseCode": "2001100", "accountInfos": []}).to_string();
    let response = Response { status: 200, body: body.as_bytes() };
    assert_eq!(account::read_balance(bank("014"), &partner(), response).name(), "unknown");
    let (_, asked) = body_of_balance("008");
    assert_eq!(asked, json!({"accountNo": "115471000"}));
    assert_eq!(body_of_balance("014").1["partnerReferenceNo"], "B1");
}

fn body_of_balance(code: &str) -> (Service, Value) {
    body(account::balance_request(bank(code), &partner(), "B1"))
}

#[test]
fn a_statement_is_read_whole_or_not_at_all() {
    let period = (Timestamp::from_seconds(1_792_000_000), Timestamp::from_seconds(1_792_086_400));
    let (_, asked) = body(account::statement_request(bank("014"), &partner(), "S1", period));
    assert_eq!(asked["fromDateTime"], DATE);
    let row = json!({
        "amount": {"value": "10000.00", "currency": "IDR"},
        "transactionDate": DATE,
        "remark": "T1 gaji",
        "type": "DEBIT",
    });
    let read = |rows: Value| {
        let body = json!({"responseCode": "2001400", "detailData": rows}).to_string();
        account::read_statement(bank("014"), Response { status: 200, body: body.as_bytes() })
    };
    let Outcome::Succeeded(lines) = read(json!([row])) else { panic!("not read") };
    assert_eq!((lines.len(), lines[0].direction), (1, Direction::Debit));
    assert_eq!((lines[0].remark.as_str(), lines[0].amount.units()), ("T1 gaji", Some(10_000)));
    assert_eq!(read(Value::Null), Outcome::Succeeded(Vec::new()));
    for bad in [json!({"type": "BOTH"}), json!({"amount": null}), json!({"transactionDate": null})]
    {
        assert_eq!(read(json!([row, with(row.clone(), bad)])).name(), "unknown");
    }
    assert_eq!(read(json!([row, 7])).name(), "unknown");
    assert_eq!(read(json!("none")).name(), "unknown");
}
