//! Orders that begin on a page.

use gerbang::ledger::event::Fact;
use serde_json::{Value, json};

use super::told::told_at;
use super::{World, code};
use crate::charges::provider::Next;
use crate::support::{Answer, ask, get, post, put};
use crate::webhooks::receiver::Receiver;

fn session(name: &str) -> Value {
    json!({
        "transaction_details": {"order_id": name, "gross_amount": super::AMOUNT},
        "callbacks": {"finish": "https://shop.example/done"},
    })
}

async fn opened(world: &World, name: &str) -> (String, String) {
    let answer = world.call(post("/snap/v1/transactions", &session(name))).await.expect(201);
    let url = answer["redirect_url"].as_str().unwrap();
    let path = url.strip_prefix("http://gerbang.test").unwrap().to_owned();
    (answer["token"].as_str().unwrap().to_owned(), path)
}

async fn page(world: &World, path: &str) -> String {
    let reply = world.gateway.send_raw(get(path)).await;
    assert_eq!(reply.status().as_u16(), 200);
    let policy = reply.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!reply.body_text().contains("<script"));
    reply.body_text().to_owned()
}

async fn cancel(world: &World, token: &str) -> Answer {
    world.call(post(&format!("/snap/v1/transactions/{token}/cancel"), &json!({}))).await
}

#[tokio::test]
async fn a_payer_picks_a_virtual_account() {
    let world = World::new().await;
    let (token, path) = opened(&world, "order-1").await;
    assert_eq!(code(&world.status("order-1").await), "404", "nothing is picked yet");
    let shown = page(&world, &path).await;
    for there in ["Rp 44.000", "bca_va", "echannel", "qr-code", "https://shop.example/done"] {
        assert!(shown.contains(there), "{there}: {shown}");
    }
    assert!(!shown.contains("gopay\"") && !shown.contains("bni_va"), "{shown}");
    let pick = world.gateway.send_raw(ask("POST", &format!("{path}/bca_va"))).await;
    assert_eq!(pick.status().as_u16(), 303);
    let status = world.status("order-1").await;
    assert_eq!((code(&status), &status["payment_type"]), ("201", &json!("bank_transfer")));
    let number = status["va_numbers"][0]["va_number"].as_str().unwrap();
    assert!(page(&world, &path).await.contains(number));
    // Once picked, it is picked.
    let again = world.gateway.send_raw(ask("POST", &format!("{path}/echannel"))).await;
    assert_eq!(again.status().as_u16(), 303);
    assert_eq!(world.status("order-1").await["payment_type"], "bank_transfer");
    assert_eq!(cancel(&world, &token).await.status, 400);
}

#[tokio::test]
async fn a_payer_pays_from_the_page_by_wallet() {
    let world = World::new().await;
    let (token, path) = opened(&world, "order-1").await;
    world.pay(&json!({"transaction_id": token})).await.expect(201);
    assert_eq!(world.status("order-1").await["transaction_status"], "settlement");
    assert!(page(&world, &path).await.contains("Paid"));
    assert_eq!(cancel(&world, &token).await.status, 400);
}

#[tokio::test]
async fn a_page_is_closed_once_and_keeps_its_order() {
    let world = World::new().await;
    let (token, path) = opened(&world, "order-1").await;
    let taken = world.call(post("/snap/v1/transactions", &session("order-1"))).await;
    assert_eq!(taken.status, 400, "{}", taken.text);
    assert_eq!(cancel(&world, &token).await.status, 200);
    assert_eq!(cancel(&world, &token).await.status, 400);
    let shown = page(&world, &path).await;
    assert!(shown.contains("Not paid: cancel") && shown.contains("https://shop.example/done"));
    let urls = json!({"unfinish_url": "https://shop.example/again?a=1&b=2"});
    let set = put("/api/v1/merchant", &urls).by(&world.people.warung);
    world.gateway.send(set).await.expect(200);
    let shown = page(&world, &path).await;
    assert!(shown.contains("https://shop.example/again?a=1&amp;b=2"), "{shown}");
    let late = world.gateway.send_raw(ask("POST", &format!("{path}/bca_va"))).await;
    assert_eq!(late.status().as_u16(), 409);
    for nothing in ["/pay/x", "/pay/00000000-0000-4000-8000-000000000000"] {
        assert_eq!(world.gateway.send_raw(get(nothing)).await.status().as_u16(), 404);
    }
}

async fn pick(world: &World, path: &str, name: &str) -> u16 {
    world.gateway.send_raw(ask("POST", &format!("{path}/{name}"))).await.status().as_u16()
}

/// How many orders stand in the journal, attempts and pages.
fn begun(world: &World) -> usize {
    let started = |fact: &&Fact| matches!(fact, Fact::ChargeStarted(_));
    of_orders(world).iter().filter(started).count()
}

/// All that was stored of orders and their money. What users and merchants are told of goes on
/// meanwhile, and is stored too.
fn of_orders(world: &World) -> Vec<Fact> {
    let batches = world.gateway.journal.batches().unwrap();
    let records = batches.iter().flat_map(|batch| batch.records()).map(Result::unwrap);
    let of_orders = |fact: &Fact| {
        matches!(
            fact,
            Fact::ChargeStarted(_)
                | Fact::ChargeAdvanced(_)
                | Fact::RefundStarted(_)
                | Fact::RefundAdvanced(_)
                | Fact::Refused(_)
                | Fact::Held(_)
                | Fact::HoldReleased(_)
                | Fact::Moved(_)
        )
    };
    records.map(|it| it.event.fact).filter(of_orders).collect()
}

#[tokio::test]
async fn a_page_is_left_alone_while_the_provider_is_away() {
    let world = World::new().await;
    let (token, path) = opened(&world, "order-1").await;
    world.gateway.provider.set_down(true);
    let before = of_orders(&world);
    assert_eq!(pick(&world, &path, "bca_va").await, 503);
    assert_eq!(of_orders(&world), before, "something was stored");
    world.pay(&json!({"transaction_id": token})).await.expect(201);
    assert_eq!(world.status("order-1").await["transaction_status"], "settlement");
}

#[tokio::test]
async fn what_is_not_made_can_be_picked_again() {
    for next in [Next::NotSent, Next::Refused] {
        let world = World::new().await;
        let (token, path) = opened(&world, "order-1").await;
        world.gateway.provider.next(next);
        assert_eq!(pick(&world, &path, "bca_va").await, 503, "{next:?}");
        // The page is there again, under the same address, for wallets too.
        let shown = page(&world, &path).await;
        for there in ["bca_va", "echannel", "From your wallet"] {
            assert!(shown.contains(there), "{there}: {shown}");
        }
        assert_eq!(code(&world.status("order-1").await), "404", "nothing is picked");
        assert_eq!(begun(&world), 3);
        assert_eq!(pick(&world, &path, "bca_va").await, 303);
        let status = world.status("order-1").await;
        assert_eq!((code(&status), &status["payment_type"]), ("201", &json!("bank_transfer")));
        assert_eq!(cancel(&world, &token).await.status, 400);
    }
    let world = World::new().await;
    let (token, path) = opened(&world, "order-1").await;
    world.gateway.provider.next(Next::NotSent);
    pick(&world, &path, "bca_va").await;
    assert_eq!(cancel(&world, &token).await.status, 200, "it is a page again");
    assert_eq!(cancel(&world, &token).await.status, 400);
    assert_eq!(pick(&world, &path, "bca_va").await, 409);
}

#[tokio::test]
async fn a_payer_who_leaves_cuts_nothing_off() {
    let world = World::new().await;
    let (_, path) = opened(&world, "order-1").await;
    let mut request = Box::pin(pick(&world, &path, "bca_va"));
    std::future::poll_fn(|context| {
        assert!(request.as_mut().poll(context).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    drop(request);
    for _ in 0..10_000 {
        if code(&world.status("order-1").await) == "201" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("the order is over: {}", page(&world, &path).await);
}

#[tokio::test]
async fn of_two_picks_one_is_followed() {
    let world = World::new().await;
    for number in 0..10 {
        let name = format!("order-{number}");
        let (_, path) = opened(&world, &name).await;
        let (one, other) =
            tokio::join!(pick(&world, &path, "bca_va"), pick(&world, &path, "echannel"));
        let mut answers = [one, other];
        answers.sort_unstable();
        assert_eq!(answers, [303, 409]);
        assert_eq!(code(&world.status(&name).await), "201");
    }
}

#[tokio::test]
async fn a_merchant_is_told_of_an_order_that_ended_between_page_and_pick() {
    let world = World::new().await;
    let receiver = Receiver::start(&[]).await;
    told_at(&world, &receiver).await;
    // Of one that is picked, only what follows is told.
    let (_, path) = opened(&world, "order-1").await;
    assert_eq!(pick(&world, &path, "bca_va").await, 303);
    receiver.messages(1).await;
    // As if the process had ended right after the page was closed.
    let (token, _) = opened(&world, "order-2").await;
    let page = world.gateway.gateway.order_by_id(&token).unwrap().unwrap();
    world.gateway.gateway.charges().close_page(page.recorded.position).await;
    let told = receiver.messages(2).await;
    let words = |number: usize| {
        let told = told[number].json();
        (told["order_id"].clone(), told["transaction_status"].clone())
    };
    assert_eq!(words(0), (json!("order-1"), json!("pending")));
    assert_eq!(words(1), (json!("order-2"), json!("cancel")));
}

#[tokio::test]
async fn an_old_page_neither_shows_nor_ends_what_the_merchant_began_anew() {
    let world = World::new().await;
    // One is picked at once; one is opened again before.
    for (name, again) in [("order-1", false), ("order-2", true)] {
        let (old, old_path) = opened(&world, name).await;
        if again {
            world.gateway.provider.next(Next::NotSent);
            assert_eq!(pick(&world, &old_path, "bca_va").await, 503);
        }
        assert_eq!(pick(&world, &old_path, "bca_va").await, 303);
        assert_eq!(code(&world.act(name, "expire").await), "407");
        let (new, new_path) = opened(&world, name).await;
        assert_ne!(new, old);
        assert_eq!(cancel(&world, &old).await.status, 400);
        assert!(page(&world, &old_path).await.contains("Not paid: expire"));
        assert_eq!(pick(&world, &old_path, "echannel").await, 303);
        // The new one is untouched: it can be picked on, and closed.
        assert!(page(&world, &new_path).await.contains("echannel"));
        assert_eq!(code(&world.status(name).await), "404", "nothing is picked yet");
        assert_eq!(cancel(&world, &new).await.status, 200);
        assert_eq!(cancel(&world, &new).await.status, 400);
    }
}

#[tokio::test]
async fn a_page_of_somebody_else_picks_nothing_for_a_payer() {
    let world = World::new().await;
    let (_, path) = opened(&world, "order-1").await;
    let pick = async |headers: &[(&str, &str)]| {
        let request = ask("POST", &format!("{path}/bca_va"));
        let request = headers.iter().fold(request, |it, (name, value)| it.header(name, value));
        world.gateway.send_raw(request).await.status().as_u16()
    };
    let foreign: [&[(&str, &str)]; 5] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://gerbang.test")],
        &[("origin", "https://evil.example")],
        &[("origin", "http://gerbang.test.evil.example")],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
    ];
    for headers in foreign {
        assert_eq!(pick(headers).await, 403, "{headers:?}");
    }
    assert_eq!(code(&world.status("order-1").await), "404", "nothing is picked");
    assert_eq!(pick(&[("sec-fetch-site", "same-origin"), ("origin", "null")]).await, 303);
    assert_eq!(pick(&[("origin", "http://gerbang.test")]).await, 303);
}
