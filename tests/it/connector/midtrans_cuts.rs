//! The way to the provider, cut at every byte of request and of answer: what was to be done is
//! `not_sent` or `unknown`, and a question is not answered (row 27).

use std::sync::Arc;

use gerbang::clock::Clock;
use gerbang::connector::midtrans::charge::Charge;
use gerbang::connector::midtrans::key::ServerKey;
use gerbang::connector::midtrans::method::{Bank, Method};
use gerbang::connector::midtrans::refund::RefundRequest;
use gerbang::connector::midtrans_client::{MidtransClient, Settings};
use gerbang::connector::provider::{Known, Provider};
use gerbang::connector::{breaker, bulkhead, http};
use gerbang::ledger::money::Amount;
use gerbang::outbound::{System, Url};
use tokio::time::timeout;

use super::wire::{Cut, PATIENCE, answer, cutting_proxy, listener, nowhere, serve};
use crate::support::START;

const PENDING: &str = r#"{"status_code":"201","status_message":"Success, Bank Transfer transaction is created","transaction_id":"be03df7d","order_id":"topup-7","gross_amount":"44000.00","currency":"IDR","payment_type":"bank_transfer","transaction_status":"pending","va_numbers":[{"bank":"bca","va_number":"8127"}]}"#;
const REFUNDED: &str = r#"{"status_code":"200","status_message":"Success, refund request is approved","transaction_id":"be03df7d","order_id":"topup-7","gross_amount":"44000.00","currency":"IDR","payment_type":"qris","transaction_status":"partial_refund","refund_amount":"5000.00","refund_key":"r-1"}"#;
const CANCELLED: &str = r#"{"status_code":"200","status_message":"Success, transaction is canceled","transaction_id":"be03df7d","order_id":"topup-7","gross_amount":"44000.00","currency":"IDR","payment_type":"bank_transfer","transaction_status":"cancel"}"#;
const EXPIRED: &str = r#"{"status_code":"407","status_message":"Success, transaction has expired","transaction_id":"be03df7d","order_id":"topup-7","gross_amount":"44000.00","currency":"IDR","payment_type":"bank_transfer","transaction_status":"expire"}"#;
const UNCUT: Cut = Cut { request: usize::MAX, answer: usize::MAX, reset: false };

fn client(address: std::net::SocketAddr) -> MidtransClient {
    let settings = Settings {
        base: Url::parse(&format!("http://{address}")).unwrap(),
        key: ServerKey::new("SB-Mid-server-abc123cde456".to_owned()).unwrap(),
        tls: None,
        http: http::Options::standard(),
        bulkhead: bulkhead::Options::standard(),
        breaker: breaker::Options::standard(),
    };
    MidtransClient::new(settings, Arc::new(System), Clock::manual(START)).unwrap()
}

fn charge() -> Charge {
    let amount = Amount::new(44_000).unwrap();
    Charge::new("topup-7".to_owned(), amount, Method::BankTransfer(Bank::Bca))
}

fn refund() -> RefundRequest {
    let (key, amount) = (Some("r-1".to_owned()), Amount::new(5_000));
    RefundRequest { key, amount, reason: None }
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Charge,
    Status,
    Refund,
    Cancel,
    Expire,
}

impl Ask {
    async fn of(self, provider: &dyn Provider) -> &'static str {
        match self {
            Self::Charge => provider.charge(&charge()).await.name(),
            Self::Refund => provider.refund("topup-7", &refund()).await.name(),
            Self::Cancel => provider.cancel("topup-7").await.name(),
            Self::Expire => provider.expire("topup-7").await.name(),
            Self::Status => match provider.status("topup-7").await {
                Known::Found(_) => "found",
                Known::NotFound(_) => "not_found",
                Known::Unanswered(_) => "unanswered",
            },
        }
    }

    /// What the provider answers where all goes well.
    const fn answer(self) -> &'static str {
        match self {
            Self::Charge | Self::Status => PENDING,
            Self::Refund => REFUNDED,
            Self::Cancel => CANCELLED,
            Self::Expire => EXPIRED,
        }
    }
}

/// One question through a proxy that cuts: what was concluded, and the whole requests that arrived.
async fn ask(ask: Ask, cut: Cut) -> (&'static str, Vec<Vec<u8>>) {
    let (server, server_address) = listener().await;
    let (proxy, proxy_address) = listener().await;
    let server = serve(server, answer("200 OK", "application/json", ask.answer()), 1);
    let proxy = cutting_proxy(proxy, server_address, cut);
    let client = client(proxy_address);
    let concluded = timeout(PATIENCE, ask.of(&client)).await.expect("it hangs");
    // The connection that is kept goes with its client.
    drop(client);
    proxy.await.unwrap();
    let received = timeout(PATIENCE, server).await.expect("the server hangs").unwrap();
    (concluded, received)
}

/// What may be concluded of one question, wherever its connection is cut.
async fn cut_everywhere(kind: Ask, whole_is: &str, may_be: &[&str]) {
    let answered = answer("200 OK", "application/json", kind.answer()).len();
    let (concluded, received) = ask(kind, UNCUT).await;
    assert_eq!((concluded, received.len()), (whole_is, 1), "{kind:?}");
    let whole = received[0].len();
    for reset in [false, true] {
        for bytes in 0..whole {
            let cut = Cut { request: bytes, reset, ..UNCUT };
            let (concluded, received) = ask(kind, cut).await;
            assert_eq!(received.len(), 0, "{kind:?} {cut:?}");
            assert!(may_be.contains(&concluded), "{kind:?} {cut:?}: {concluded}");
        }
        // From here on the server has all of it.
        for bytes in 0..answered {
            let cut = Cut { answer: bytes, reset, ..UNCUT };
            let (concluded, received) = ask(kind, cut).await;
            assert_eq!(received.len(), 1, "{kind:?} {cut:?}");
            assert_eq!(Some(&concluded), may_be.last(), "{kind:?} {cut:?}");
        }
    }
}

#[tokio::test]
async fn a_connection_cut_at_every_byte_concludes_nothing_false() {
    cut_everywhere(Ask::Charge, "succeeded", &["not_sent", "unknown"]).await;
    cut_everywhere(Ask::Status, "found", &["unanswered"]).await;
}

/// A refund whose answer is lost may have been made: `not_sent` or `refused` would let it be made
/// again under another key.
#[tokio::test]
async fn a_refund_cut_at_every_byte_is_never_taken_for_one_that_was_not_made() {
    cut_everywhere(Ask::Refund, "succeeded", &["not_sent", "unknown"]).await;
}

/// An order that is given up or expires may be paid at the same moment.
#[tokio::test]
async fn an_end_cut_at_every_byte_is_not_taken_for_one() {
    cut_everywhere(Ask::Cancel, "succeeded", &["not_sent", "unknown"]).await;
    cut_everywhere(Ask::Expire, "succeeded", &["not_sent", "unknown"]).await;
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_sent() {
    let client = client(nowhere().await);
    assert_eq!(Ask::Charge.of(&client).await, "not_sent");
    assert_eq!(Ask::Status.of(&client).await, "unanswered");
    for _ in 0..5 {
        assert_eq!(Ask::Charge.of(&client).await, "not_sent");
    }
    assert!(!client.is_available(START), "the breaker has opened");
}

#[tokio::test]
async fn what_is_sent_is_what_midtrans_expects() {
    let (_, received) = ask(Ask::Charge, UNCUT).await;
    let request = String::from_utf8(received[0].clone()).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /v2/charge http/1.1\r\n"), "{head}");
    for line in [
        "content-type: application/json",
        "accept: application/json",
        "authorization: basic u0ittwlklxnlcnzlci1hymmxmjnjzgu0nty6",
    ] {
        assert!(head.lines().any(|sent| sent == line), "{line}");
    }
    let sent: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(sent, charge().to_json());
    let (_, received) = ask(Ask::Status, UNCUT).await;
    let request = String::from_utf8(received[0].clone()).unwrap();
    assert!(request.starts_with("GET /v2/topup-7/status HTTP/1.1\r\n"), "{request}");
}
