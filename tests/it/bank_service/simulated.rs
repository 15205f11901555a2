//! Gateway's client, bank service and simulated bank, with nearly every third request going wrong:
//! whatever is concluded, the bank's own book agrees with it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gerbang::bank_service::server::BankService;
use gerbang::bank_service::statement;
use gerbang::clock::Clock;
use gerbang::connector::bank::Bank as _;
use gerbang::connector::bank_client::{self, BankClient};
use gerbang::connector::outcome::{Outcome, Standing};
use gerbang::connector::snap::dialect;
use gerbang::connector::snap::sign::VerifyingKey;
use gerbang::connector::standard::{StatusRequest, TransferRequest};
use gerbang::connector::{breaker, bulkhead, http};
use gerbang::gateway::reconcile;
use gerbang::http::server;
use gerbang::identity::secret::Secret;
use gerbang::ledger::id::PublicId;
use gerbang::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};
use gerbang::outbound::{System, Url};
use gerbang::simulator::bank::{Bank, Options};
use gerbang::simulator::faults::{Chance, Faults};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bank::{CLIENT_SECRET, partner};
use super::{KEY, settings, status, transfer};
use crate::connector::wire;

/// Transfers of a run.
const TRANSFERS: usize = 200;
/// How many are under way at once.
const AT_ONCE: usize = 8;

fn bank(seed: u64) -> Bank {
    let partner = partner();
    let options = Options {
        dialect: dialect::of("009").unwrap(),
        client_id: partner.client_id,
        client_secret: Secret::new(CLIENT_SECRET.to_owned()),
        client_key: VerifyingKey::from_pem(partner.key.public_pem().as_bytes()).unwrap(),
        partner_id: partner.partner_id,
        source_account: partner.source_account,
        opening_balance: 10_000_000_000,
        seed,
        book: None,
    };
    Bank::open(options, Clock::system(), Faults::none()).unwrap()
}

/// The gateway's way to a bank at `address`, through a bank service on a socket of its own.
async fn way_to(address: SocketAddr) -> (BankClient, watch::Sender<bool>) {
    let patience = Duration::from_millis(400);
    let short = http::Options { head: patience, answer: patience, ..http::Options::standard() };
    let clock = Clock::system();
    let service = BankService::new(settings(address, short), Arc::new(System), clock.clone());
    let (listener, service_address) = wire::listener().await;
    let (stop, stopped) = watch::channel(false);
    let options = server::Options::standard();
    tokio::spawn(server::serve(listener, None, Arc::new(service), stopped, options));
    let settings = bank_client::Settings {
        base: Url::parse(&format!("http://{service_address}")).unwrap(),
        bank_code: "009".to_owned(),
        key: Secret::new(KEY.to_vec()),
        tls: None,
        http: http::Options::standard(),
        bulkhead: bulkhead::Options::standard(),
        // What is looked at here is single transfers: none is to be held back.
        breaker: breaker::Options { failures: u32::MAX, ..breaker::Options::standard() },
    };
    let system = Arc::new(System);
    (BankClient::new(settings, "/api/bni/transfer", system, clock).unwrap(), stop)
}

fn order(number: usize) -> TransferRequest {
    let mut order: TransferRequest = serde_json::from_value(transfer()).unwrap();
    order.reference = format!("GB{number:026}");
    order.beneficiary_account_number = "0115471119".to_owned();
    order
}

fn question(number: usize) -> StatusRequest {
    let mut question: StatusRequest = serde_json::from_value(status()).unwrap();
    question.reference = format!("GB{number:026}");
    question
}

#[tokio::test]
async fn the_banks_book_agrees_with_whatever_was_concluded() {
    let bank = bank(7);
    let (listener, address) = wire::listener().await;
    let (stop, stopped) = watch::channel(false);
    let open = bank.clone();
    let serving = tokio::spawn(async move { open.serve(listener, stopped).await });
    let mut faults = Faults::mixed(Chance::percent(30));
    faults.slow = Duration::from_millis(5);
    faults.hold = Duration::from_millis(800);
    bank.set_faults(faults);

    let (gateway, _service) = way_to(address).await;
    let gateway = Arc::new(gateway);
    let (mut running, mut concluded) = (JoinSet::new(), Vec::new());
    for number in 0..TRANSFERS {
        if running.len() == AT_ONCE {
            concluded.push(running.join_next().await.unwrap().unwrap());
        }
        let gateway = Arc::clone(&gateway);
        running.spawn(async move { (number, gateway.transfer(&order(number)).await) });
    }
    concluded.extend(running.join_all().await);
    // What the bank has begun it ends.
    stop.send_replace(true);
    serving.await.unwrap().unwrap();
    let moved = |number: usize| bank.executions(&order(number).reference);
    let (mut succeeded, mut unknown) = (0, Vec::new());
    for (number, outcome) in concluded {
        match outcome {
            Outcome::Succeeded(_) => {
                assert_eq!(moved(number), 1, "{number}");
                succeeded += 1;
            }
            Outcome::Refused(why) => assert_eq!(moved(number), 0, "{number}: {why:?}"),
            Outcome::NotSent(why) => assert_eq!(moved(number), 0, "{number}: {why:?}"),
            Outcome::Unknown(_) => {
                assert!(moved(number) <= 1, "{number}");
                unknown.push(number);
            }
        }
    }
    assert!(succeeded > TRANSFERS / 2, "{succeeded} of {TRANSFERS}");
    assert!(unknown.len() > TRANSFERS / 20, "little went wrong: {unknown:?}");
    let done = unknown.iter().filter(|number| moved(**number) == 1).count();
    assert!(done > 0 && done < unknown.len(), "{done} of {unknown:?}");

    bank.set_faults(Faults::none());
    let (listener, address) = wire::listener().await;
    let (_stop, stopped) = watch::channel(false);
    let open = bank.clone();
    tokio::spawn(async move { open.serve(listener, stopped).await });
    let (gateway, _service) = way_to(address).await;
    for number in unknown {
        let before = moved(number);
        let standing = gateway.status(&question(number)).await;
        assert_eq!(moved(number), before, "it was still under way");
        match standing {
            Standing::Found(Outcome::Succeeded(_)) => assert_eq!(before, 1, "{number}"),
            Standing::NotFound(_) | Standing::Found(Outcome::Refused(_)) => {
                assert_eq!(before, 0, "{number}");
            }
            other @ Standing::Found(_) => panic!("{number}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_banks_statement_is_what_a_reconciliation_takes() {
    let bank = bank(7);
    let (listener, address) = wire::listener().await;
    let (_stop, stopped) = watch::channel(false);
    let open = bank.clone();
    tokio::spawn(async move { open.serve(listener, stopped).await });
    let (gateway, _service) = way_to(address).await;
    let clock = Clock::system();
    let first = clock.now();
    let mut named = BTreeSet::new();
    for number in 0..5 {
        let reference = PublicId::new(clock.now(), number).text("try");
        let mut order = order(0);
        order.reference = reference.trim_start_matches("try_").to_owned();
        let outcome = gateway.transfer(&order).await;
        assert!(matches!(outcome, Outcome::Succeeded(_)), "{outcome:?}");
        named.insert(order.reference);
    }
    let day = |time: Timestamp| time.date(BOOK_OFFSET_SECONDS);
    let days = day(first)..=day(clock.now());
    let settings = settings(address, http::Options::standard());
    let told = statement::fetch(settings, Arc::new(System), clock.clone(), days).await.unwrap();
    let lines = reconcile::parse(told.as_bytes()).unwrap();
    let found: BTreeSet<String> = lines.iter().map(|line| line.reference.clone()).collect();
    assert_eq!((lines.len(), found), (5, named), "{told}");
    assert!(lines.iter().all(|line| line.amount.get() == 25_000), "{told}");
    // Long ago nothing happened; and a bank that does not answer has told nothing.
    let long_ago = jiff::civil::date(2020, 1, 1);
    let settings = || super::settings(address, http::Options::standard());
    let empty = statement::fetch(settings(), Arc::new(System), clock.clone(), long_ago..=long_ago);
    assert_eq!(empty.await.unwrap().lines().count(), 1);
    bank.set_faults(Faults::mixed(Chance::ALWAYS));
    let untold = statement::fetch(settings(), Arc::new(System), clock, long_ago..=long_ago).await;
    assert!(untold.unwrap_err().to_string().starts_with("the bank did not tell of 2020-01-01: "));
}
