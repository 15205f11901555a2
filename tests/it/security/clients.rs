//! Client applications: whose token counts, from where, how often, and what each may see.

use std::net::IpAddr;

use gerbang::http::api::{Api, Options};
use gerbang::ledger::event::Role;
use gerbang::ledger::registry::{Client, Keys, RegistryChange};
use gerbang::ledger::text::ClientId;
use serde_json::json;

use crate::edr::{self, KEY, edr, line, request, transfer};
use crate::support::{Answer, Ask, TestGateway, get, post};

const OTHER_KEY: &str = "gkt_kunci-lain-yang-cukup-panjang-012345678";

/// A refusal with this status and code, in the envelope.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> String {
    let body = answer.expect(status);
    assert_eq!(body["statusCode"], code, "{}", answer.text);
    assert_eq!(answer.header("retry-after").is_some(), matches!(status, 429 | 503));
    body["message"].as_str().unwrap().to_owned()
}

fn ask(token: &str) -> Ask {
    get("/api/transfer/T1").by(token)
}

async fn change(gateway: &TestGateway, client: Client) {
    edr::set(gateway, RegistryChange::ClientSet(client)).await;
}

/// Another client, with a user, an account number and a key of its own.
async fn other(gateway: &TestGateway) -> Client {
    gateway.user("ppob", Role::Client).await;
    let id = ClientId::parse("iki-ppob").unwrap();
    Client {
        user: gateway.gateway.look_up("ppob").unwrap().id,
        account_number: line("1"),
        keys: Keys { current: edr::sealed(gateway, &id, OTHER_KEY), previous: None },
        id,
        ..edr::client(gateway)
    }
}

#[tokio::test]
async fn only_its_own_key_signs_for_a_client_and_only_for_a_while() {
    let (gateway, people) = edr().await;
    change(&gateway, other(&gateway).await).await;
    let of = |id: &str, key: &str| edr::token_of(&gateway, id, key);
    let send = |token: String| gateway.send(ask(&token));
    refused(&send(of("iki-modal", KEY)).await, 404, "103");
    for (id, key) in [
        ("iki-modal", OTHER_KEY),
        ("iki-ppob", KEY),
        ("nobody", KEY),
        ("iki-modal", "gkt_kunci-uji-yang-cukup-panjang-0123456780"),
    ] {
        assert_eq!(refused(&send(of(id, key)).await, 401, "301"), "invalid signature", "{id}");
    }
    for wrong in ["x", "a.b.c", &people.kasir, &people.admin] {
        refused(&send((*wrong).to_owned()).await, 401, "301");
    }
    refused(&gateway.send(get("/api/transfer/T1")).await, 401, "301");
    let twice = ask(&of("iki-modal", KEY)).by(&of("iki-modal", KEY));
    refused(&gateway.send(twice).await, 401, "301");
    let token = of("iki-modal", KEY);
    gateway.at(5 * 60 + 6);
    assert_eq!(refused(&send(token.clone()).await, 401, "301"), "jwt expired");
    gateway.at(-3600);
    refused(&send(token).await, 401, "301");
}

#[tokio::test]
async fn another_clients_transfers_are_invisible() {
    let (gateway, _) = edr().await;
    change(&gateway, other(&gateway).await).await;
    gateway.send(transfer(&gateway, &request("T1"))).await.expect(200);
    let token = edr::token_of(&gateway, "iki-ppob", OTHER_KEY);
    let foreign = gateway.send(ask(&token)).await;
    let none = gateway.send(get("/api/transfer/T9").by(&token)).await;
    refused(&foreign, 404, "103");
    assert_eq!(foreign.text, none.text);
    // The same number is its own, and its money is its own: it has none.
    let mut body = request("T1");
    body["accountNumber"] = json!("1");
    let own = gateway.send(post("/api/transfer", &body).by(&token)).await;
    refused(&own, 422, "203");
    assert_eq!(own.header("idempotency-replayed"), None);
    let before = gateway.position();
    body["accountNumber"] = json!("0847652590");
    refused(&gateway.send(post("/api/transfer", &body).by(&token)).await, 400, "101");
    assert_eq!(gateway.position(), before);
}

#[tokio::test]
async fn a_client_that_is_switched_off_or_gone_is_turned_away_at_once() {
    let (gateway, _) = edr().await;
    let token = edr::token(&gateway);
    change(&gateway, Client { disabled: true, ..edr::client(&gateway) }).await;
    refused(&gateway.send(ask(&token)).await, 403, "304");
    change(&gateway, edr::client(&gateway)).await;
    refused(&gateway.send(ask(&token)).await, 404, "103");
    let id = ClientId::parse("iki-modal").unwrap();
    edr::set(&gateway, RegistryChange::ClientRemoved(id)).await;
    refused(&gateway.send(ask(&token)).await, 401, "301");
}

#[tokio::test]
async fn a_key_that_does_not_open_lets_nobody_in() {
    let (gateway, _) = edr().await;
    let elsewhere = ClientId::parse("iki-ppob").unwrap();
    let keys = Keys { current: edr::sealed(&gateway, &elsewhere, KEY), previous: None };
    change(&gateway, Client { keys, ..edr::client(&gateway) }).await;
    refused(&gateway.send(ask(&edr::token(&gateway))).await, 401, "301");
}

/// A listener behind proxies of these ranges.
fn behind(gateway: &TestGateway, proxies: &[&str]) -> Api {
    gateway.api.beside(Options {
        offset_seconds: 7 * 3600,
        public_url: String::new(),
        metrics: false,
        api: true,
        proxies: proxies.iter().map(|range| range.parse().unwrap()).collect(),
        origins: Vec::new(),
    })
}

#[tokio::test]
async fn a_client_comes_from_where_it_may_and_says_so_itself_in_vain() {
    let (gateway, _) = edr().await;
    let allow = ["103.74.212.111", "10.8.0.0/16", "2001:db8::/32"].map(line).to_vec();
    change(&gateway, Client { allow, ..edr::client(&gateway) }).await;
    let (direct, proxied) = (behind(&gateway, &[]), behind(&gateway, &["192.168.7.0/24"]));
    let forwarded: [(&str, &str); 5] = [
        ("x-forwarded-for", "103.74.212.111"),
        ("forwarded", "for=103.74.212.111"),
        ("x-real-ip", "103.74.212.111"),
        ("x-client-ip", "103.74.212.111"),
        ("true-client-ip", "103.74.212.111"),
    ];
    let send = |peer: &str, api, headers: &[(&str, &str)]| {
        let token = edr::token(&gateway);
        let asked =
            headers.iter().fold(ask(&token), |asked, (name, value)| asked.header(name, value));
        let peer: IpAddr = peer.parse().unwrap();
        let gateway = &gateway;
        async move { gateway.send_from(asked, peer, api).await.status }
    };
    for (peer, status) in [
        ("103.74.212.111", 404),
        ("::ffff:103.74.212.111", 404),
        ("::ffff:10.8.3.4", 404),
        ("2001:db8::7", 404),
        ("103.74.212.112", 403),
        ("::ffff:103.74.212.112", 403),
        ("2001:db9::7", 403),
        ("::103.74.212.111", 403),
        ("127.0.0.1", 403),
    ] {
        assert_eq!(send(peer, &direct, &[]).await, status, "{peer}");
    }
    for header in forwarded {
        assert_eq!(send("203.0.113.9", &direct, &[header]).await, 403, "{header:?}");
        assert_eq!(send("203.0.113.9", &proxied, &[header]).await, 403, "{header:?}");
        let by_proxy = send("192.168.7.2", &proxied, &[header]).await;
        let believed = header.0 == "x-forwarded-for";
        assert_eq!(by_proxy, if believed { 404 } else { 403 }, "{header:?}");
    }
    const NAME: &str = "x-forwarded-for";
    let cases: [(&[(&str, &str)], u16); 9] = [
        (&[(NAME, "103.74.212.111, 192.168.7.3")], 404),
        (&[(NAME, "103.74.212.111"), (NAME, "192.168.7.3")], 404),
        (&[(NAME, "::ffff:103.74.212.111")], 404),
        // What the client wrote itself stands to the left of what the proxy was told.
        (&[(NAME, "103.74.212.111, 203.0.113.9")], 403),
        (&[(NAME, "103.74.212.111"), (NAME, "203.0.113.9")], 403),
        (&[(NAME, "fe80::1%eth0")], 403),
        (&[(NAME, "103.74.212.111:443")], 403),
        (&[(NAME, "103.74.212.111,")], 403),
        (&[(NAME, "unknown")], 403),
    ];
    for (headers, status) in cases {
        assert_eq!(send("192.168.7.2", &proxied, headers).await, status, "{headers:?}");
    }
    // A proxy on the list of its own accord does not open it for what it cannot read.
    let allow = vec![line("192.168.7.2")];
    change(&gateway, Client { allow, ..edr::client(&gateway) }).await;
    assert_eq!(send("192.168.7.2", &proxied, &[(NAME, "unknown")]).await, 403);
    change(&gateway, Client { allow: Vec::new(), ..edr::client(&gateway) }).await;
    assert_eq!(send("127.0.0.1", &direct, &[]).await, 403, "an empty list lets nobody in");
}

#[tokio::test]
async fn a_burst_passes_unless_a_rate_is_set() {
    let (gateway, _) = edr().await;
    change(&gateway, other(&gateway).await).await;
    let token = edr::token(&gateway);
    for _ in 0..2_000 {
        assert_eq!(gateway.send(ask(&token)).await.status, 404);
    }
    let requests_per_second = Some(5);
    change(&gateway, Client { requests_per_second, ..edr::client(&gateway) }).await;
    for _ in 0..5 {
        assert_eq!(gateway.send(ask(&token)).await.status, 404);
    }
    let before = gateway.position();
    for _ in 0..50 {
        let answer = gateway.send(transfer(&gateway, &request("T1"))).await;
        refused(&answer, 429, "303");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(gateway.position(), before);
    let token = edr::token_of(&gateway, "iki-ppob", OTHER_KEY);
    assert_eq!(gateway.send(ask(&token)).await.status, 404, "another client's second is its own");
    gateway.at(1);
    gateway.send(transfer(&gateway, &request("T1"))).await.expect(200);
}

#[tokio::test]
async fn twins_of_one_transfer_send_it_once() {
    let (gateway, people) = edr().await;
    let send = || gateway.send(transfer(&gateway, &request("T1")));
    let (a, b, c, d) = tokio::join!(send(), send(), send(), send());
    for answer in [a, b, c, d] {
        assert_eq!((answer.status, answer.json()["statusCode"].as_str()), (200, Some("000")));
    }
    assert_eq!(gateway.banks.entries().len(), 1);
    assert_eq!(gateway.balance(&people.kasir).await, edr::ESCROW - 2_475_000);
}
