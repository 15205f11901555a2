//! Orders that begin on a page.

use serde_json::{Value, json};

use super::{World, code};
use crate::support::{Answer, ask, get, post, put};

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
