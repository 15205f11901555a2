//! `Idempotency-Key`, over a backend that can be held.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gerbang::clock::Clock;
use gerbang::connector::midtrans::answer::Done;
use gerbang::connector::midtrans::charge::Charge;
use gerbang::connector::midtrans::refund::RefundRequest;
use gerbang::http::midtrans::session::Session;
use gerbang::http::midtrans::{Act, Backend, Kept, Merchant, Opened, Places, Refusal, Server};
use gerbang::identity::secret::Secret;
use gerbang::ledger::time::Timestamp;
use gerbang::limits::{MIDTRANS_CALLS_MAX, MIDTRANS_CALLS_OF_ONE_MAX};
use gerbang::simulator::midtrans::House;
use gerbang::simulator::midtrans::faults::Faults;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{START, charge, code, options, request};

/// How the keys of other merchants begin.
const OTHER: &str = "SB-Mid-server-other-";

/// A provider that lets a charge through when it is told to, and panics at a certain order.
#[derive(Clone)]
struct Held {
    house: House,
    begun: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Backend for Held {
    fn now(&self) -> Timestamp {
        self.house.now()
    }

    fn fresh_id(&self) -> String {
        self.house.fresh_id()
    }

    fn merchant(&self, key: &Secret<String>) -> Option<Merchant> {
        let other = || key.expose().strip_prefix(OTHER).map(Arc::from);
        self.house.merchant(key).or_else(|| {
            Some(Merchant { id: other()?, key: Arc::new(super::key()), request_key: None })
        })
    }

    fn knows_client_key(&self, _: &str) -> bool {
        false
    }

    async fn qr(&self, transaction_id: &str) -> Option<String> {
        self.house.qr(transaction_id).await
    }

    async fn charge(&self, of: &Merchant, charge: Charge, to: Places) -> Result<Kept, Refusal> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        assert_ne!(charge.order_id, "panic");
        self.gate.acquire().await.unwrap().forget();
        self.house.charge(of, charge, to).await
    }

    async fn find(&self, of: &Merchant, id: &str) -> Result<Kept, Refusal> {
        self.house.find(of, id).await
    }

    async fn act(&self, of: &Merchant, act: Act, id: &str) -> Result<Kept, Refusal> {
        self.house.act(of, act, id).await
    }

    async fn refund(
        &self,
        of: &Merchant,
        id: &str,
        request: RefundRequest,
        direct: bool,
    ) -> Result<(Kept, Done), Refusal> {
        self.house.refund(of, id, request, direct).await
    }

    async fn open(&self, of: &Merchant, session: Session, to: Places) -> Result<Opened, Refusal> {
        self.house.open(of, session, to).await
    }

    async fn close(&self, of: &Merchant, token: &str) -> Result<Timestamp, Refusal> {
        self.house.close(of, token).await
    }
}

struct World {
    server: Server<Held>,
    clock: Clock,
    held: Held,
}

impl World {
    fn new() -> Self {
        let clock = Clock::manual(START);
        let house = House::open(options(), clock.clone(), Faults::none(), drop).unwrap();
        let held = Held { house, begun: Arc::default(), gate: Arc::new(Semaphore::new(0)) };
        Self { server: Server::new(held.clone()), clock, held }
    }

    async fn post(&self, target: &str, key: &str, body: &str) -> (u16, Value) {
        let headers = [("idempotency-key", key)];
        let reply = self.server.answer(&request("POST", target, &headers, body)).await;
        let body = serde_json::from_str(reply.body_text()).unwrap();
        (reply.status().as_u16(), body)
    }

    async fn charge(&self, key: &str, order: &str) -> (u16, Value) {
        self.post("/v2/charge", key, &charge(order, "gopay", &json!({}))).await
    }

    fn charges(&self) -> usize {
        self.held.house.transactions().len()
    }
}

#[tokio::test]
async fn a_second_try_gets_the_first_answer_whatever_it_asks() {
    let world = World::new();
    world.held.gate.add_permits(10);
    let first = world.charge("k", "a").await;
    assert_eq!(code(&first.1), "201");
    assert_eq!(world.charge("k", "a").await, first);
    assert_eq!(world.charge("k", "another").await, first);
    assert_eq!(world.post("/v2/a/cancel", "k", "").await, first);
    assert_eq!(world.charges(), 1);
    world.clock.set(START.plus_seconds(5 * 60));
    assert_eq!(code(&world.charge("k", "a").await.1), "406");
}

#[tokio::test]
async fn what_failed_is_not_repeated() {
    let world = World::new();
    world.held.gate.add_permits(10);
    let (_, refused) = world.post("/v2/charge", "k", "{}").await;
    assert_eq!(code(&refused), "400");
    assert_eq!(code(&world.charge("k", "a").await.1), "201");
}

#[tokio::test]
async fn a_long_key_is_passed_over() {
    let world = World::new();
    world.held.gate.add_permits(10);
    let (fits, long) = ("k".repeat(46), "k".repeat(47));
    assert_eq!(code(&world.charge(&fits, "a").await.1), "201");
    assert_eq!(code(&world.charge(&fits, "a").await.1), "201");
    assert_eq!(code(&world.charge(&long, "b").await.1), "201");
    assert_eq!(code(&world.charge(&long, "b").await.1), "406");
}

#[tokio::test]
async fn a_try_beside_the_first_hears_that_it_is_under_way() {
    let world = Arc::new(World::new());
    let first = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.charge("k", "a").await }
    });
    while world.held.begun.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let (status, told) = world.charge("k", "a").await;
    assert_eq!((status, code(&told)), (202, "202"));
    world.held.gate.add_permits(1);
    let first = first.await.unwrap();
    assert_eq!(code(&first.1), "201");
    assert_eq!(world.charge("k", "a").await, first);
    assert_eq!(world.held.begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_client_that_leaves_cuts_nothing_off() {
    let world = World::new();
    let mut call = Box::pin(world.charge("k", "a"));
    // It is begun, and the client is gone.
    while world.held.begun.load(Ordering::SeqCst) == 0 {
        assert!(futures_util::FutureExt::now_or_never(call.as_mut()).is_none());
        tokio::task::yield_now().await;
    }
    drop(call);
    world.held.gate.add_permits(1);
    while world.charges() == 0 {
        tokio::task::yield_now().await;
    }
    let mut again = world.charge("k", "a").await;
    while again.0 == 202 {
        tokio::task::yield_now().await;
        again = world.charge("k", "a").await;
    }
    assert_eq!(code(&again.1), "201");
    assert_eq!(world.held.begun.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_panic_gives_the_key_back() {
    let world = World::new();
    world.held.gate.add_permits(1);
    let (status, told) = world.charge("k", "panic").await;
    assert_eq!((status, code(&told)), (500, "500"));
    assert_eq!(code(&world.charge("k", "a").await.1), "201");
}

#[tokio::test]
async fn calls_whose_clients_left_are_bounded_and_of_one_merchant_to_a_share() {
    let world = World::new();
    let by = async |merchant: usize, order: &str| {
        let key = STANDARD.encode(format!("{OTHER}{merchant}:"));
        let headers = [("authorization", format!("Basic {key}"))];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let body = charge(order, "gopay", &json!({}));
        let reply = world.server.answer(&request("POST", "/v2/charge", &headers, &body)).await;
        let body: Value = serde_json::from_str(reply.body_text()).unwrap();
        code(&body).to_owned()
    };
    for number in 0..MIDTRANS_CALLS_MAX {
        let merchant = number / MIDTRANS_CALLS_OF_ONE_MAX;
        let order = format!("order-{number}");
        let call = Box::pin(by(merchant, &order));
        assert!(futures_util::FutureExt::now_or_never(call).is_none(), "others are kept out");
        if (number + 1) % MIDTRANS_CALLS_OF_ONE_MAX == 0 {
            assert_eq!(by(merchant, "more").await, "429", "it has its share");
        }
    }
    assert_eq!(by(MIDTRANS_CALLS_MAX, "more").await, "429", "there are no more");
    world.held.gate.add_permits(MIDTRANS_CALLS_MAX + 1);
    while world.charges() < MIDTRANS_CALLS_MAX {
        tokio::task::yield_now().await;
    }
    assert_eq!(by(0, "more").await, "201");
}
