//! A connection cut at every byte of request and of answer: the outcome is `not_sent` or
//! `unknown`, and `not_sent` only if the server did not get the whole request (row 27).

use std::sync::Arc;

use gerbang::clock::Clock;
use gerbang::connector::bank::Bank;
use gerbang::connector::bank_client::{BankClient, Settings};
use gerbang::connector::outcome::Outcome;
use gerbang::connector::standard::TransferRequest;
use gerbang::connector::{breaker, bulkhead, http};
use gerbang::identity::secret::Secret;
use gerbang::outbound::{System, Url};
use tokio::time::timeout;

use super::wire::{Cut, PATIENCE, answer, cutting_proxy, listener, serve};
use crate::support::START;

const ANSWER: &str = r#"{"outcome":"succeeded","code":"2001700","message":"Successful","bankReference":"2026111800000001"}"#;

fn request() -> TransferRequest {
    TransferRequest {
        reference: "GB00000000000000000000000001".to_owned(),
        beneficiary_bank_code: "014".to_owned(),
        beneficiary_account_number: "8888010001".to_owned(),
        beneficiary_account_name: "Ani Lestari".to_owned(),
        amount: "25000".to_owned(),
        currency: "IDR".to_owned(),
        remark: "sewa".to_owned(),
        date: "2026-11-18T18:06:40+07:00".to_owned(),
    }
}

fn client(address: std::net::SocketAddr) -> BankClient {
    let settings = Settings {
        base: Url::parse(&format!("http://{address}")).unwrap(),
        bank_code: "009".to_owned(),
        key: Secret::new(b"kunci-mitra-yang-cukup-panjang-012345".to_vec()),
        tls: None,
        http: http::Options::standard(),
        bulkhead: bulkhead::Options::standard(),
        breaker: breaker::Options::standard(),
    };
    let clock = Clock::manual(START);
    BankClient::new(settings, "/api/bni/transfer", Arc::new(System), clock).unwrap()
}

/// One transfer through a proxy that cuts: its outcome, and the whole requests that arrived.
async fn transfer(cut: Cut, answer: &str) -> (&'static str, Vec<Vec<u8>>) {
    let (server, server_address) = listener().await;
    let (proxy, proxy_address) = listener().await;
    let server = serve(server, answer.to_owned(), 1);
    let proxy = cutting_proxy(proxy, server_address, cut);
    let bank = client(proxy_address);
    let request = request();
    let outcome = timeout(PATIENCE, bank.transfer(&request)).await.expect("it hangs");
    if let Outcome::Succeeded(transferred) = &outcome {
        assert_eq!(transferred.bank_reference, "2026111800000001");
    }
    // The connection that is kept goes with its client.
    drop(bank);
    proxy.await.unwrap();
    let received = timeout(PATIENCE, server).await.expect("the server hangs").unwrap();
    (outcome.name(), received)
}

#[tokio::test]
async fn a_connection_cut_at_every_byte_concludes_nothing_false() {
    let answer = answer("200 OK", "application/json", ANSWER);
    let uncut = Cut { request: usize::MAX, answer: usize::MAX, reset: false };
    let (outcome, received) = transfer(uncut, &answer).await;
    assert_eq!((outcome, received.len()), ("succeeded", 1));
    let whole = received[0].len();

    for reset in [false, true] {
        for bytes in 0..whole {
            let cut = Cut { request: bytes, reset, ..uncut };
            let (outcome, received) = transfer(cut, &answer).await;
            assert_eq!(received.len(), 0, "{cut:?}");
            assert!(["not_sent", "unknown"].contains(&outcome), "{cut:?}: {outcome}");
        }
        // From here on the server has all of it.
        for bytes in 0..answer.len() {
            let cut = Cut { answer: bytes, reset, ..uncut };
            let (outcome, received) = transfer(cut, &answer).await;
            assert_eq!(received.len(), 1, "{cut:?}");
            assert_eq!(outcome, "unknown", "{cut:?}");
        }
    }
}

#[tokio::test]
async fn the_cutting_proxy_cuts_where_it_says() {
    let answer = answer("200 OK", "application/json", ANSWER);
    let all = Cut { request: usize::MAX, answer: answer.len(), reset: false };
    assert_eq!(transfer(all, &answer).await.0, "succeeded");
    let last = Cut { answer: answer.len() - 1, ..all };
    assert_eq!(transfer(last, &answer).await.0, "unknown");
}
