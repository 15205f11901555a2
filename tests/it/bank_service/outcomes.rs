//! What the bank says, and what it means; tokens; connections that break.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gerbang::bank_service::server::BankService;
use gerbang::clock::Clock;
use gerbang::connector::bank::Bank as _;
use gerbang::connector::bank_client::{self, BankClient};
use gerbang::connector::outcome::{Outcome, Standing};
use gerbang::connector::{breaker, bulkhead, http};
use gerbang::http::server;
use gerbang::identity::secret::Secret;
use gerbang::outbound::{System, Url};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::bank::{Bank, CLIENT_SECRET, Saying, code};
use super::{KEY, Office, inquiry, settings, status, transfer};
use crate::connector::wire::{self, Cut};
use crate::security::secrets::{capture, found};
use crate::support::START;

#[tokio::test]
async fn a_transfer_is_done_in_the_banks_own_words() {
    let office = Office::open().await;
    let answer = office.ask("transfer", &transfer()).await.expect(200);
    let expected = json!({
        "outcome": "succeeded", "code": "", "message": "", "bankReference": "BNI0001",
    });
    assert_eq!(answer, expected);
    let mut elsewhere = transfer();
    elsewhere["beneficiaryBankCode"] = json!("014");
    assert_eq!(office.ask("transferInterbank", &elsewhere).await.expect(200), expected);

    let asked = office.bank.asked();
    let paths = asked.iter().map(|asked| asked.path.as_str()).collect::<Vec<_>>();
    let directory = "/snap-service/v1";
    let both = ["transfer-intrabank", "transfer-interbank"].map(|p| format!("{directory}/{p}"));
    assert_eq!(paths, both);
    let body = &asked[0].body;
    assert_eq!(body["partnerReferenceNo"], "GB00000000000000000000000001");
    assert_eq!(body["amount"], json!({"value": "25000.00", "currency": "IDR"}));
    assert_eq!(body["sourceAccountNo"], "115471000");
    assert_eq!(asked[1].body["beneficiaryBankCode"], "014");
    assert_eq!(office.bank.granted(), 1, "one token for both");
}

#[tokio::test]
async fn whose_account_it_is_and_what_became_of_it() {
    let office = Office::open().await;
    let answer = office.ask("inquiry", &inquiry()).await.expect(200);
    assert_eq!(answer["outcome"], "succeeded");
    assert_eq!(answer["accountName"], "Ani Lestari");
    let found = office.ask("status", &status()).await.expect(200);
    assert_eq!(
        (&found["outcome"], &found["bankReference"]),
        (&json!("succeeded"), &json!("BNI0001"))
    );

    let about = |latest: &str| {
        Saying::As(
            200,
            json!({
                "responseCode": "2003600", "responseMessage": "Successful",
                "originalPartnerReferenceNo": "GB00000000000000000000000001",
                "amount": {"value": "25000.00", "currency": "IDR"},
                "latestTransactionStatus": latest,
            }),
        )
    };
    let table = [
        (about("06"), "refused"),
        (about("03"), "unknown"),
        (Saying::As(404, code("4043601", "Transaction Not Found")), "not_found"),
        (Saying::As(500, code("5003600", "General Error")), "unknown"),
        (Saying::As(401, code("4013600", "Unauthorized")), "unknown"),
        (Saying::As(429, code("4293600", "Too Many Requests")), "unknown"),
        (Saying::Raw(404, "not here"), "unknown"),
    ];
    for (saying, expected) in table {
        office.bank.says([saying.clone()]);
        let answer = office.ask("status", &status()).await.expect(200);
        assert_eq!(answer["outcome"], expected, "{saying:?}");
    }
    office.bank.refuses_tokens(true);
    office.clock.set(START.plus_seconds(900));
    let answer = office.ask("status", &status()).await.expect(200);
    assert_eq!(answer["outcome"], "unknown", "a question that was not sent says nothing");
}

#[tokio::test]
async fn what_the_bank_says_is_what_is_concluded() {
    let office = Office::open().await;
    let table = [
        (
            Saying::As(403, code("4031702", "Exceeds Transaction Amount Limit")),
            "refused",
            "4031702",
        ),
        (Saying::As(404, code("4041711", "Invalid Account")), "refused", "4041711"),
        (Saying::As(403, code("4031714", "Insufficient Funds")), "not_sent", "4031714"),
        (Saying::As(400, code("4001701", "Invalid Field Format")), "not_sent", "4001701"),
        (Saying::As(202, code("2021700", "Request In Progress")), "unknown", "2021700"),
        (Saying::As(409, code("4091701", "Duplicate partnerReferenceNo")), "unknown", "4091701"),
        (Saying::As(500, code("5001700", "General Error")), "unknown", "5001700"),
        (Saying::As(504, code("5041700", "Timeout")), "unknown", "5041700"),
        // Done, and then said badly.
        (Saying::Raw(200, "<html>ok</html>"), "unknown", "unreadable_answer"),
        (Saying::Raw(502, "bad gateway"), "unknown", "unreadable_answer"),
        (Saying::As(200, code("2001700", "Successful")), "unknown", "unreadable_answer"),
        (Saying::As(500, code("2001700", "Successful")), "unknown", "2001700"),
    ];
    for (saying, outcome, reason) in table {
        let before = office.bank.asked().len();
        office.bank.says([saying.clone()]);
        let concluded = office.transfer().await;
        assert_eq!(concluded, (outcome.to_owned(), reason.to_owned()), "{saying:?}");
        assert_eq!(office.bank.asked().len(), before + 1, "{saying:?}: asked once");
    }
}

#[tokio::test]
async fn an_old_token_is_replaced_and_the_same_reference_sent_once_more() {
    let office = Office::open().await;
    assert_eq!(office.transfer().await.0, "succeeded");
    office.bank.says([Saying::ForgetsToken]);
    assert_eq!(office.transfer().await.0, "succeeded");
    let asked = office.bank.asked();
    assert_eq!(asked.len(), 2, "what was turned away at the door is not among them");
    assert_eq!(asked[0].body["partnerReferenceNo"], asked[1].body["partnerReferenceNo"]);
    let ids: HashSet<_> = asked.iter().map(|asked| &asked.external_id).collect();
    assert_eq!(ids.len(), 2);

    // Once more, and not for ever.
    office.bank.says([Saying::ForgetsToken, Saying::ForgetsToken]);
    let turned_away = office.transfer().await;
    assert_eq!(turned_away, ("not_sent".to_owned(), "4011701".to_owned()));
    assert_eq!(office.bank.asked().len(), 2);
    // Another refusal at the door is no reason to.
    office.bank.says([Saying::As(401, code("4011700", "Unauthorized. [Signature]"))]);
    assert_eq!(office.transfer().await, ("not_sent".to_owned(), "4011700".to_owned()));
    assert_eq!(office.bank.asked().len(), 3);
    // So is a question about a transfer asked under a new token.
    office.bank.says([Saying::ForgetsToken]);
    let answer = office.ask("status", &status()).await.expect(200);
    assert_eq!(answer["outcome"], "succeeded");
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end() {
    let office = Office::open().await;
    for (seconds, granted) in [(0, 1), (800, 1), (841, 2), (1_600, 2), (1_700, 3)] {
        office.clock.set(START.plus_seconds(seconds));
        assert_eq!(office.transfer().await.0, "succeeded");
        assert_eq!(office.bank.granted(), granted, "after {seconds} s");
    }
}

#[tokio::test]
async fn without_a_token_nothing_was_sent() {
    let office = Office::open().await;
    office.bank.refuses_tokens(true);
    assert_eq!(office.transfer().await, ("not_sent".to_owned(), "4017300".to_owned()));
    let nowhere = wire::nowhere().await;
    let clock = Clock::manual(START);
    let settings = settings(nowhere, http::Options::standard());
    let service = Arc::new(BankService::new(settings, Arc::new(System), clock));
    let down = Office { service, ..office };
    assert_eq!(down.transfer().await, ("not_sent".to_owned(), "no_connection".to_owned()));
    assert_eq!(down.bank.asked().len(), 0);
}

#[tokio::test]
async fn a_bank_that_does_not_answer_may_have_done_it() {
    let head = Duration::from_millis(200);
    let office = Office::with(http::Options { head, ..http::Options::standard() }).await;
    office.bank.says([Saying::Hangs]);
    assert_eq!(office.transfer().await, ("unknown".to_owned(), "timeout".to_owned()));
    assert_eq!(office.bank.asked().len(), 1);
    assert_eq!(office.transfer().await.0, "succeeded", "on another connection");
}

#[tokio::test]
async fn a_gateway_that_goes_away_stops_no_transfer() {
    let office = Office::open().await;
    office.bank.says([Saying::Hangs]);
    let asking = transfer();
    let mut gone = Box::pin(office.ask("transfer", &asking));
    // Polled until the bank has it, and then dropped with its connection.
    while office.bank.asked().is_empty() {
        tokio::select! {
            biased;
            _ = &mut gone => panic!("the bank hangs"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(gone);
    assert_eq!(office.transfer().await.0, "succeeded");
    assert_eq!(office.bank.asked().len(), 2);
}

#[tokio::test]
async fn no_secret_and_nobodys_account_is_logged() {
    let (log, _guard) = capture();
    let office = Office::open().await;
    for saying in [Saying::ForgetsToken, Saying::As(404, code("4041711", "Invalid Account"))] {
        office.bank.says([saying]);
        office.transfer().await;
    }
    office.ask("inquiry", &inquiry()).await;
    office.ask("status", &status()).await;
    let mut bad = transfer();
    bad["amount"] = json!("x");
    office.ask("transfer", &bad).await;
    office.bank.refuses_tokens(true);
    office.clock.set(START.plus_seconds(900));
    office.transfer().await;
    let text = log.text();
    let key = str::from_utf8(KEY).unwrap();
    let secrets = [CLIENT_SECRET, "TOKEN", "PRIVATE", "eyJ", key, "8888010001", "Ani Lestari"];
    assert_eq!(found(&text, &secrets), [""; 0]);
    for said in ["GB00000000000000000000000001", "succeeded", "4041711", "4017300"] {
        assert!(text.contains(said), "the log is looked at: {said}: {text}");
    }
}

/// A transfer over a connection to the bank that is cut at every byte.
#[tokio::test]
async fn a_connection_to_the_bank_cut_at_every_byte_concludes_nothing_false() {
    let (bank, address, _open) = Bank::open().await;
    let (proxy, proxy_address) = wire::listener().await;
    let uncut = Cut { request: usize::MAX, answer: usize::MAX, reset: false };
    let plan = Arc::new(Mutex::new(uncut));
    wire::cutting_proxies(proxy, address, Arc::clone(&plan));
    // A connection for each request, so that the one that is cut bears the transfer alone.
    let options = http::Options { idle_max: 0, ..http::Options::standard() };
    let clock = Clock::manual(START);
    let service =
        BankService::new(settings(proxy_address, options), Arc::new(System), clock.clone());
    let (other, open) = (Arc::clone(&bank), watch::channel(false).0);
    let office = Office { service: Arc::new(service), bank: other, clock, _open: open };
    assert_eq!(office.transfer().await.0, "succeeded");

    for reset in [false, true] {
        let mut bytes = 0;
        loop {
            let before = bank.asked().len();
            *plan.lock().unwrap() = Cut { request: bytes, reset, ..uncut };
            let (outcome, _) = office.transfer().await;
            if bank.asked().len() > before {
                // The bank has all of it, though the connection is cut behind its last byte.
                assert!(["unknown", "succeeded"].contains(&outcome.as_str()), "{bytes}: {outcome}");
                break;
            }
            assert!(["not_sent", "unknown"].contains(&outcome.as_str()), "{bytes}: {outcome}");
            bytes += 1;
        }
        assert!(bytes > 500, "the request has more than {bytes} bytes");
        for bytes in 0.. {
            let before = bank.asked().len();
            *plan.lock().unwrap() = Cut { answer: bytes, reset, ..uncut };
            let (outcome, _) = office.transfer().await;
            assert_eq!(bank.asked().len(), before + 1, "{bytes}");
            if outcome == "succeeded" {
                assert!(bytes > 200, "an answer of {bytes} bytes is whole");
                break;
            }
            assert_eq!(outcome, "unknown", "{bytes}");
        }
    }
}

/// The gateway's side, the bank service and the bank, each on a socket of its own.
#[tokio::test]
async fn the_gateway_reaches_the_bank_through_its_service() {
    let (bank, address, _open) = Bank::open().await;
    let clock = Clock::manual(START);
    let settings = settings(address, http::Options::standard());
    let service = BankService::new(settings, Arc::new(System), clock.clone());
    let (listener, service_address) = wire::listener().await;
    let (_stop, stopped) = watch::channel(false);
    let options = server::Options::standard();
    tokio::spawn(server::serve(listener, None, Arc::new(service), stopped, options));
    let client = |key: &[u8]| {
        let settings = bank_client::Settings {
            base: Url::parse(&format!("http://{service_address}")).unwrap(),
            bank_code: "009".to_owned(),
            key: Secret::new(key.to_vec()),
            tls: None,
            http: http::Options::standard(),
            bulkhead: bulkhead::Options::standard(),
            breaker: breaker::Options::standard(),
        };
        let resolve = Arc::new(System);
        BankClient::new(settings, "/api/bni/transfer", resolve, clock.clone()).unwrap()
    };
    let of = |value: Value| serde_json::from_value(value).unwrap();
    let gateway = client(KEY);
    let Outcome::Succeeded(transferred) = gateway.transfer(&of(transfer())).await else {
        panic!("not done")
    };
    assert_eq!(transferred.bank_reference, "BNI0001");
    let inquiry = serde_json::from_value(inquiry()).unwrap();
    let Outcome::Succeeded(beneficiary) = gateway.inquire(&inquiry).await else {
        panic!("not told")
    };
    assert_eq!(beneficiary.account_name, "Ani Lestari");
    let status = serde_json::from_value(status()).unwrap();
    assert!(matches!(gateway.status(&status).await, Standing::Found(Outcome::Succeeded(_))));
    bank.says([Saying::As(404, code("4043601", "Transaction Not Found"))]);
    assert!(matches!(gateway.status(&status).await, Standing::NotFound(_)));

    let before = bank.asked().len();
    let mut malformed: gerbang::connector::standard::TransferRequest = of(transfer());
    malformed.amount = "25000.00".to_owned();
    let outcome = gateway.transfer(&malformed).await;
    assert!(
        matches!(&outcome, Outcome::NotSent(why) if why.code == "invalid_request"),
        "{outcome:?}"
    );
    let stranger = client(b"kunci-lain-yang-sama-panjangnya-0123");
    let outcome = stranger.transfer(&of(transfer())).await;
    assert!(
        matches!(&outcome, Outcome::NotSent(why) if why.code == "invalid_token"),
        "{outcome:?}"
    );
    let lost = gateway.at("/api/bca/transfer").unwrap();
    let outcome = lost.transfer(&of(transfer())).await;
    assert!(matches!(&outcome, Outcome::NotSent(why) if why.code == "not_found"), "{outcome:?}");
    assert_eq!(bank.asked().len(), before);
}
