//! Orders, from the charge to the refund.

use gerbang::connector::midtrans::status::Status;
use gerbang::limits::ORDER_REFUNDS_MAX;
use serde_json::{Value, json};

use super::{AMOUNT, FEE, World, another, bca, code, order, with};
use crate::support::{ask, get, post, raw};

const HOUSE: u64 = 1_000_000;

#[tokio::test]
async fn a_wallet_pays_an_order_and_the_merchant_gets_it_less_the_fee() {
    let world = World::new().await;
    let told = world.qris("order-1").await;
    assert_eq!(told["transaction_status"], "pending");
    assert!(told["qr_string"].as_str().unwrap().starts_with("000201"), "{told}");
    let url = told["actions"][0]["url"].as_str().unwrap();
    let picture = url.strip_prefix("http://gerbang.test").unwrap();
    let answer = world.gateway.send_raw(get(picture)).await;
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "image/png");
    world.pay(&told).await.expect(201);
    assert_eq!(world.balances().await, (HOUSE - AMOUNT, AMOUNT - FEE));
    for id in [&told["order_id"], &told["transaction_id"]] {
        let status = world.status(id.as_str().unwrap()).await;
        assert_eq!((code(&status), &status["transaction_status"]), ("200", &json!("settlement")));
        assert_eq!(status["custom_field1"], "meja 7");
        assert_eq!(status["gross_amount"], "44000.00");
        assert_eq!(status["signature_key"].as_str().unwrap().len(), 128);
    }
    assert!(world.pay(&told).await.status >= 400);
    for act in ["cancel", "expire", "approve", "deny"] {
        assert_eq!(code(&world.act("order-1", act).await), "412", "{act}");
    }
    let again = world.charge(&order("order-1", "qris", &json!({}))).await;
    assert_eq!(code(&again), "406", "{again}");
}

#[tokio::test]
async fn money_goes_back_to_the_wallet_that_paid_and_never_more_than_was_paid() {
    let world = World::new().await;
    let told = world.qris("order-1").await;
    assert_eq!(code(&world.refund("order-1", &json!({})).await), "412", "nothing was paid");
    world.pay(&told).await.expect(201);
    let part = json!({"refund_key": "kembali-1", "amount": 4_000, "reason": "dingin"});
    let first = world.refund("order-1", &part).await;
    assert_eq!((code(&first), &first["refund_amount"]), ("200", &json!("4000.00")), "{first}");
    assert_eq!(first["refund_key"], "kembali-1");
    assert_eq!(code(&world.refund("order-1", &part).await), "406");
    let more = json!({"amount": AMOUNT});
    assert_eq!(code(&world.refund("order-1", &more).await), "414");
    let status = world.status("order-1").await;
    assert_eq!(status["transaction_status"], "partial_refund");
    assert_eq!(status["refunds"][0]["reason"], "dingin");
    // The fee stays with the house, so that the rest is more than the merchant has.
    assert_eq!(code(&world.refund("order-1", &json!({})).await), "414");
    world.gateway.fund(&world.people, "warung", FEE).await;
    assert_eq!(code(&world.refund("order-1", &json!({})).await), "200");
    assert_eq!(world.status("order-1").await["transaction_status"], "refund");
    assert_eq!(world.balances().await, (HOUSE, 0));
    assert_eq!(code(&world.refund("order-1", &json!({})).await), "414");
}

#[tokio::test]
async fn a_refund_that_was_refused_takes_nobodys_place() {
    let world = World::new().await;
    world.pay(&world.qris("order-1").await).await.expect(201);
    // The fee stays with the house, so that the merchant has not all of it.
    let whole = json!({"refund_key": "satu"});
    for _ in 0..ORDER_REFUNDS_MAX + 3 {
        let refused = world.refund("order-1", &whole).await;
        assert_eq!(code(&refused), "414", "{refused}");
    }
    assert_eq!(world.status("order-1").await["transaction_status"], "settlement");
    world.gateway.fund(&world.people, "warung", FEE).await;
    let part = json!({"refund_key": "dua", "amount": 1_000});
    assert_eq!(code(&world.refund("order-1", &part).await), "200");
    // What was refused under a key may be tried under it again; what was made is made once.
    let first = world.refund("order-1", &whole).await;
    assert_eq!((code(&first), &first["refund_amount"]), ("200", &json!("43000.00")), "{first}");
    assert_eq!(code(&world.refund("order-1", &whole).await), "406");
    let status = world.status("order-1").await;
    let keys: Vec<_> = (0..2).map(|place| &status["refunds"][place]["refund_key"]).collect();
    assert_eq!(keys, [&json!("dua"), &json!("satu")]);
    assert_eq!(world.balances().await, (HOUSE, 0));
}

#[tokio::test]
async fn an_order_that_ends_unpaid_frees_its_name() {
    let world = World::new().await;
    for (act, answer, status) in [("cancel", "200", "cancel"), ("expire", "407", "expire")] {
        let told = world.qris("order-1").await;
        let ended = world.act("order-1", act).await;
        assert_eq!((code(&ended), &ended["transaction_status"]), (answer, &json!(status)));
        assert!(world.pay(&told).await.status >= 400, "{act}");
        assert_eq!(code(&world.act("order-1", act).await), "412");
    }
    assert_eq!(world.balances().await, (HOUSE, 0));
}

#[tokio::test]
async fn a_wallet_that_is_too_late_does_not_pay_though_nobody_has_said_so() {
    let world = World::new().await;
    let (told, other) = (world.qris("order-1").await, world.qris("order-2").await);
    // The provider is gone, and nothing looks at any charge.
    world.gateway.provider.set_down(true);
    let start = world.gateway.gateway.engine().clock().now();
    world.gateway.clock.set(start.plus_seconds(15 * 60 - 1));
    world.pay(&told).await.expect(201);
    world.gateway.clock.set(start.plus_seconds(15 * 60));
    world.pay(&other).await.refused(409, "conflict");
    assert_eq!(world.balances().await, (HOUSE - AMOUNT, AMOUNT - FEE));
}

#[tokio::test]
async fn an_order_goes_onward_through_the_provider() {
    let world = World::new().await;
    let told = world.charge(&order("order-1", "bank_transfer", &bca())).await;
    assert_eq!(code(&told), "201", "{told}");
    assert!(told["va_numbers"][0]["va_number"].is_string(), "{told}");
    let provider = &world.gateway.provider;
    let name = provider.entries().into_keys().next().unwrap();
    assert!(provider.turn(&name, Status::Settlement));
    let body = provider.notification(&name);
    let tell = raw("/api/v1/notifications/midtrans", "application/json", body);
    world.gateway.send(tell).await.expect(200);
    let mut status = Value::Null;
    for _ in 0..10_000 {
        status = world.status("order-1").await;
        if status["transaction_status"] == "settlement" {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(status["transaction_status"], "settlement", "{status}");
    assert_eq!(world.balances().await, (HOUSE, AMOUNT - FEE));
    assert_eq!(code(&world.refund("order-1", &json!({})).await), "412", "it is not ours to give");
    assert!(world.pay(&told).await.status >= 400);
}

#[tokio::test]
async fn what_a_merchant_wishes_of_a_number_is_passed_on() {
    let world = World::new().await;
    let texts = json!({"inquiry": [{"id": "kopi", "en": "coffee"}]});
    let va = json!({"bank_transfer": {"bank": "bca", "va_number": "12345678911",
        "free_text": texts, "strange": "x"}});
    assert_eq!(code(&world.charge(&order("order-1", "bank_transfer", &va)).await), "201");
    let bill = json!({"echannel": {"bill_info1": "Untuk:", "bill_info2": "kopi",
        "bill_key": "081211111111"}});
    assert_eq!(code(&world.charge(&order("order-2", "echannel", &bill)).await), "201");
    let entries = world.gateway.provider.entries();
    let mut asked: Vec<Value> = entries.values().map(|entry| json!(entry.options)).collect();
    asked.sort_by_key(|options| options.get("bank").is_none());
    let bank = json!({"bank": "bca", "va_number": "12345678911", "free_text": texts});
    assert_eq!(asked, [bank, bill["echannel"].clone()]);
}

#[tokio::test]
async fn a_merchant_sees_its_own_and_is_refused_what_it_does_not_have() {
    let world = World::new().await;
    let told = world.qris("order-1").await;
    let other = another(&world).await;
    for id in ["order-1", told["transaction_id"].as_str().unwrap()] {
        let path = format!("/v2/{id}/status");
        let seen = world.gateway.send(with(get(&path), &other)).await.json();
        assert_eq!(code(&seen), "404", "{seen}");
    }
    // A name is a merchant's own.
    let same = with(post("/v2/charge", &order("order-1", "qris", &json!({}))), &other);
    assert_eq!(code(&world.gateway.send(same).await.json()), "201");
    for (payment_type, more) in [
        ("gopay", json!({})),
        ("credit_card", json!({"credit_card": {"token_id": "x"}})),
        ("bank_transfer", json!({"bank_transfer": {"bank": "bni"}})),
    ] {
        let refused = world.charge(&order("order-2", payment_type, &more)).await;
        assert_eq!(code(&refused), "402", "{refused}");
    }
    let small = json!({"payment_type": "qris",
        "transaction_details": {"order_id": "order-2", "gross_amount": 100}});
    assert_eq!(code(&world.charge(&small).await), "400");
    for key in ["GB-server-00ff12ab34cd56ef-x", "SB-Mid-server-abc123cde456", &world.key[..40]] {
        let unknown = world.gateway.send(with(get("/v2/order-1/status"), key)).await;
        assert_eq!((unknown.status, code(&unknown.json())), (401, "401"));
    }
    assert_eq!(code(&world.status("order-2").await), "404");
    let put = world.call(ask("PUT", "/v2/charge")).await;
    assert_eq!(put.status, 405);
}
