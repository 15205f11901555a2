//! Answers and notifications that go wrong, from a seed.

use gerbang::clock::Clock;
use gerbang::connector::midtrans::notification::Notification;
use gerbang::connector::midtrans::status::Status;
use gerbang::http::server::Service;
use gerbang::simulator::faults::Chance;
use gerbang::simulator::midtrans::faults::{Faults, Kind, Notice as NoticeFault};
use gerbang::simulator::midtrans::{Event, Midtrans};
use serde_json::json;

use super::{START, World, bca, charge, key, options, request};

fn provider(faults: Faults) -> Midtrans {
    let mut options = options();
    options.notify = None;
    Midtrans::open(options, Clock::manual(START), faults, None).unwrap()
}

async fn charged(provider: &Midtrans, order: &str) -> (u16, String) {
    let body = charge(order, "bank_transfer", &bca());
    let reply = provider.call(request("POST", "/v2/charge", &[], &body)).await;
    (reply.status().as_u16(), reply.body_text().to_owned())
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_an_answer_does_what_it_says() {
    // The fault, the status, whether the answer is whole, whether it was done, how long it took.
    for (kind, status, whole, done, seconds) in [
        (Kind::Slow, 200, true, 1, 2),
        (Kind::ErrorBefore, 500, false, 0, 0),
        (Kind::ErrorAfter, 500, false, 1, 0),
        (Kind::HoldBefore, 504, false, 0, 30),
        (Kind::HoldAfter, 200, true, 1, 30),
        (Kind::Lost, 200, false, 1, 0),
        (Kind::Garbage, 200, false, 1, 0),
        (Kind::Outage, 503, false, 0, 0),
    ] {
        let provider = provider(Faults::none().with(kind, Chance::ALWAYS));
        let begun = tokio::time::Instant::now();
        let (answered, body) = charged(&provider, "a").await;
        assert_eq!((answered, begun.elapsed().as_secs()), (status, seconds), "{kind:?}");
        let told = serde_json::from_str::<serde_json::Value>(&body);
        assert_eq!(told.is_ok(), whole, "{kind:?} {body}");
        assert_eq!(provider.house().transactions().len(), done, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_lasts_for_some_requests_and_ends() {
    let provider = provider(Faults::none().with(Kind::Outage, Chance::percent(5)));
    let mut down = Vec::new();
    for number in 0..300 {
        down.push(charged(&provider, &number.to_string()).await.0 == 503);
    }
    let longest = down.split(|down| !down).map(<[bool]>::len).max().unwrap_or_default();
    assert!(longest > 1 && down.iter().any(|down| !down), "{longest}");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_is_the_same_day() {
    let mut days = Vec::new();
    for _ in 0..2 {
        let provider = provider(Faults::mixed(Chance::percent(60)));
        let mut day = Vec::new();
        for number in 0..100 {
            day.push(charged(&provider, &number.to_string()).await);
        }
        days.push((day, provider.house().transactions()));
    }
    assert_eq!(days[0], days[1]);
}

#[tokio::test]
async fn pages_and_payers_meet_no_faults() {
    let provider = provider(Faults::none().with(Kind::Outage, Chance::ALWAYS));
    let reply = provider.call(request("GET", "/", &[], "")).await;
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn what_is_told_wrongly_is_told_of_what_there_is() {
    let faults = Faults::mixed(Chance::percent(60));
    let world = World::open(options(), faults.clone());
    for number in 0..200 {
        let order = number.to_string();
        world.charged(&order, "gopay", &json!({})).await;
        if number % 3 == 0 {
            world.house.happen(&order, Event::Paid(None)).unwrap();
        }
    }
    let sent = std::mem::take(&mut *world.sent.lock().unwrap());
    let read: Vec<Notification> =
        sent.iter().map(|notice| Notification::read(&notice.body).unwrap()).collect();
    let forged = |told: &&Notification| !told.is_signed_with(&key());
    assert!(read.iter().filter(forged).all(|told| told.transaction.status == Status::Settlement));
    assert!(read.iter().filter(forged).count() > 5);
    let wrong = read.iter().filter(|told| told.transaction.amount.get() != 44_000).count();
    assert!(wrong > 5, "{wrong}");
    assert!(sent.iter().any(|notice| notice.after == faults.late));
    // 267 changes; some never told, some told twice.
    assert_ne!(sent.len(), 267);
    // What the provider itself says is right, whatever was told.
    for (number, kept) in world.house.transactions().iter().enumerate() {
        let expected = if number % 3 == 0 { Status::Settlement } else { Status::Pending };
        assert_eq!((kept.transaction.status, kept.transaction.amount.get()), (expected, 44_000));
    }
}

#[tokio::test]
async fn notifications_can_be_off_entirely() {
    let world = World::open(options(), Faults::none().muted());
    world.charged("a", "gopay", &json!({})).await;
    world.house.happen("a", Event::Paid(None)).unwrap();
    assert_eq!(world.told(), [""; 0]);
    world.house.set_faults(Faults::none().with_notice(NoticeFault::Repeated, Chance::ALWAYS));
    world.charged("b", "gopay", &json!({})).await;
    assert!(world.told().len() > 1);
}
