//! A thousand receivers that never answer: those that live wait for none of them.
//!
//! Time stands still but where a test lets it go on: somebody is always busy, so that it does not run
//! by itself.

use std::net::SocketAddr;
use std::time::Duration;

use gerbang::ledger::event::Role;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::{Instant, advance, pause};

use super::hook;
use super::receiver::Receiver;
use crate::support::{TestGateway, funded, post};

/// As many as one user may have.
const EACH: usize = 8;
const USERS: usize = 125;
const DEAD: usize = USERS * EACH;
/// For far longer than the writer takes.
const LOOKS_MAX: u32 = 50_000_000;

/// Takes messages and never answers; lets go of whoever gives up.
async fn grave() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
            });
        }
    });
    address
}

/// How many messages were tried in vain.
fn tried(gateway: &TestGateway) -> usize {
    let pending = gateway.gateway.view().deliveries().all();
    pending.iter().filter(|(_, pending)| pending.tried > 0).count()
}

async fn until(mut there: impl FnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if there() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came");
}

#[tokio::test]
async fn a_thousand_dead_receivers_keep_no_living_one_from_hearing() {
    let (dead, living) = (grave().await, Receiver::start(&[]).await);
    let (gateway, people) = funded().await;
    let pay = |to: String| {
        let ask = post("/api/v1/payments", &json!({"to": to, "amount": 1})).by(&people.ani);
        async { gateway.send(ask).await.expect(201) }
    };
    let received = ["payment.received"];
    hook(&gateway, &people.warung, &living.url(), &received).await;
    pay("warung".to_owned()).await;
    living.messages(1).await;
    for user in 0..USERS {
        let name = format!("mati{user}");
        let token = gateway.user(&name, Role::Buyer).await;
        for _ in 0..EACH {
            hook(&gateway, &token, &format!("http://{dead}/"), &received).await;
        }
    }
    pause();
    let busy = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    for user in 0..USERS {
        pay(format!("mati{user}")).await;
    }
    assert_eq!(gateway.gateway.view().deliveries().all().len(), DEAD);

    // None of them was asked before, then all of them have failed.
    let mut heard = living.count();
    let mut rounds = 0;
    while tried(&gateway) < DEAD {
        let begun = Instant::now();
        for _ in 0..3 {
            pay("warung".to_owned()).await;
        }
        heard += 3;
        until(|| living.count() == heard).await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "round {rounds}");
        let before = gateway.position();
        // Past the timeout of 15 seconds, which timers round up.
        advance(Duration::from_secs(16)).await;
        until(|| gateway.position() > before).await;
        rounds += 1;
        assert!(rounds < 2 * DEAD, "they are not tried together");
    }
    let begun = Instant::now();
    gateway.at(8);
    pay("warung".to_owned()).await;
    until(|| living.count() == heard + 1).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    busy.abort();
}
