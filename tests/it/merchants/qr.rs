//! Codes that payers scan: of orders, of merchants, of elsewhere.

use gerbang::connector::qris::{Field, Parts, Payload, Tag, Tip, parse};
use gerbang::ledger::money::Amount;
use serde_json::{Value, json};

use super::{AMOUNT, FEE, World, terms};
use crate::support::{Answer, ask, get, post, put};

const READ: &str = "/api/v1/qr/read";
const PAY: &str = "/api/v1/qr/pay";
/// A sound code of an acquirer that is not here.
const FOREIGN: &str = "00020101021126660017ID.CO.EXAMPLE.WWW01189360099900000000190212GW00000000010303UMI\
    51440014ID.CO.QRIS.WWW0215ID10200000000010303UMI5204581253033605802ID5913WARUNG CONTOH\
    6007JAKARTA61051219062070703A0163046C6E";

impl World {
    async fn read(&self, qr: &str) -> Answer {
        self.gateway.send(post(READ, &json!({"qr": qr})).by(&self.people.ani)).await
    }

    async fn pay_code(&self, body: &Value) -> Answer {
        self.gateway.send(post(PAY, body).by(&self.people.ani)).await
    }

    /// The warung's own code.
    async fn own(&self) -> String {
        let shown = self.gateway.send(get("/api/v1/merchant/qr").by(&self.people.warung)).await;
        shown.expect(200)["qr"].as_str().unwrap().to_owned()
    }
}

fn changed(qr: &str, change: impl FnOnce(&mut Parts)) -> String {
    let mut parts = parse(qr).unwrap().into_parts();
    change(&mut parts);
    Payload::new(parts).unwrap().to_string()
}

fn for_amount(qr: &str, amount: u64) -> String {
    parse(qr).unwrap().once(Amount::new(amount).unwrap(), None).unwrap().to_string()
}

#[tokio::test]
async fn an_order_is_scanned_seen_and_paid_once() {
    let world = World::new().await;
    let told = world.qris("order-1").await;
    let qr = told["qr_string"].as_str().unwrap();
    let seen = world.read(qr).await.expect(200);
    assert_eq!((&seen["kind"], &seen["to"]), (&json!("order"), &json!("warung")), "{seen}");
    assert_eq!((&seen["amount"], &seen["status"]), (&json!(AMOUNT), &json!("pending")));
    assert_eq!((&seen["name"], &seen["otp_required"]), (&json!("Nama warung"), &json!(false)));
    let before = world.balances().await;
    for (field, wrong) in [("amount", json!(AMOUNT + 1)), ("note", json!("x"))] {
        world.pay_code(&json!({"qr": qr, field: wrong})).await.names(field);
    }
    assert_eq!(world.balances().await, before);
    let body = json!({"qr": qr, "amount": AMOUNT, "reference": "kopi-1"});
    let paid = world.pay_code(&body).await;
    let shown = paid.expect(201);
    assert_eq!((&shown["kind"], &shown["charge"]), (&json!("order"), &seen["charge"]));
    assert_eq!((&shown["fee"], &shown["balance_after"]), (&json!(FEE), &json!(1_000_000 - AMOUNT)));
    world.pay_code(&body).await.replays(&paid);
    world.pay_code(&json!({"qr": qr})).await.refused(409, "conflict");
    assert_eq!(world.read(qr).await.expect(200)["status"], "paid");
    assert_eq!(world.status("order-1").await["transaction_status"], "settlement");
    assert_eq!(world.balances().await, (1_000_000 - AMOUNT, AMOUNT - FEE));
}

#[tokio::test]
async fn a_merchants_own_code_is_paid_as_often_as_anybody_likes() {
    let world = World::new().await;
    let own = world.gateway.send(get("/api/v1/merchant/qr").by(&world.people.warung)).await;
    let picture = own.expect(200)["picture_url"].as_str().unwrap().to_owned();
    let path = picture.strip_prefix("http://gerbang.test").unwrap();
    let picture = world.gateway.send_raw(get(path)).await;
    assert_eq!(picture.headers()["content-type"], "image/png");
    let qr = world.own().await;
    let seen = world.read(&qr).await.expect(200);
    assert_eq!((&seen["kind"], &seen["amount"]), (&json!("merchant"), &Value::Null), "{seen}");
    assert_eq!(seen.get("otp_required"), None);
    world.pay_code(&json!({"qr": qr})).await.names("amount");
    for paid in 1..=2 {
        let body = json!({"qr": qr, "amount": 5_000, "note": "es teh"});
        let shown = world.pay_code(&body).await.expect(201);
        assert_eq!((&shown["to"], &shown["note"]), (&json!("warung"), &json!("es teh")));
        assert_eq!(world.balances().await, (1_000_000 - paid * 5_000, paid * 5_000));
    }
    // A cash register has put the amount in.
    let fixed = for_amount(&qr, 7_000);
    assert_eq!(world.read(&fixed).await.expect(200)["amount"], 7_000);
    world.pay_code(&json!({"qr": fixed, "amount": 6_000})).await.names("amount");
    world.pay_code(&json!({"qr": fixed})).await.expect(201);
    assert_eq!(world.balances().await, (983_000, 17_000));
    let pay = post(PAY, &json!({"qr": qr, "amount": 1})).by(&world.people.warung);
    world.gateway.send(pay).await.refused(422, "self_transfer");
}

#[tokio::test]
async fn a_code_of_elsewhere_is_told_from_one_that_is_none() {
    let world = World::new().await;
    let (own, told) = (world.own().await, world.qris("order-1").await);
    let order = told["qr_string"].as_str().unwrap();
    let before = world.balances().await;
    let other = |parts: &mut Parts| {
        parts.merchant.accounts[0].fields[1].value = "0".repeat(36);
    };
    let elsewhere = |parts: &mut Parts| {
        parts.additional = vec![Field { tag: Tag::new(50), value: "1".repeat(36) }];
    };
    for foreign in [FOREIGN.to_owned(), changed(&own, other), changed(order, elsewhere)] {
        world.read(&foreign).await.refused(422, "foreign_qr");
        let body = json!({"qr": foreign, "amount": 1_000});
        world.pay_code(&body).await.refused(422, "foreign_qr");
    }
    let tip = |parts: &mut Parts| parts.tip = Some(Tip::Entered);
    let dollars = |parts: &mut Parts| parts.currency = "840".to_owned();
    let unsealed = own.replace("6304", "6305");
    for wrong in [
        "",
        "order-1",
        &own[..own.len() - 1],
        &unsealed,
        &for_amount(order, AMOUNT - 1),
        &changed(&own, tip),
        &changed(&own, dollars),
        &"0".repeat(5_000),
    ] {
        world.read(wrong).await.names("qr");
        world.pay_code(&json!({"qr": wrong, "amount": 1_000})).await.names("qr");
    }
    assert_eq!(world.balances().await, before);
}

#[tokio::test]
async fn tags_may_come_in_any_order() {
    let world = World::new().await;
    let qr = world.own().await;
    // 59 and 60 stand before 52 and 53 in other people's codes.
    let fields = "5911Nama warung6007JAKARTA";
    let body = qr[..qr.len() - 8].replace(fields, "");
    let turned = format!("{}{fields}{}6304", &body[..12], &body[12..]);
    let crc = turned.bytes().fold(0xFFFF_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    let turned = format!("{turned}{crc:04X}");
    assert_ne!(turned, qr);
    world.pay_code(&json!({"qr": turned, "amount": 1_000})).await.expect(201);
}

#[tokio::test]
async fn a_code_is_good_for_what_was_scanned_and_no_other_payee_or_amount() {
    let world = World::with_codes().await;
    let own = world.own().await;
    let told = world.qris("order-1").await;
    let order = told["qr_string"].as_str().unwrap();
    assert_eq!(world.read(order).await.expect(200)["otp_required"], true);
    world.pay_code(&json!({"qr": order})).await.refused(401, "otp_required");
    let asked = json!({"operation": "qr", "qr": own, "amount": 2_000});
    let digits = world.digits(&asked).await;
    let more = json!({"qr": own, "amount": 2_001, "otp": digits});
    world.pay_code(&more).await.refused(401, "otp_invalid");
    let digits = world.digits(&asked).await;
    world.pay_code(&json!({"qr": order, "otp": digits})).await.refused(401, "otp_invalid");
    let digits = world.digits(&asked).await;
    world.pay_code(&json!({"qr": own, "amount": 2_000, "otp": digits})).await.expect(201);
    let digits = world.digits(&json!({"operation": "qr", "qr": order})).await;
    world.pay_code(&json!({"qr": order, "otp": digits})).await.expect(201);
    let ask =
        |body: Value| world.gateway.send(post("/api/v1/auth/otp", &body).by(&world.people.ani));
    ask(json!({"operation": "qr", "qr": own})).await.names("amount");
    ask(json!({"operation": "qr"})).await.names("qr");
    ask(json!({"operation": "qr", "qr": FOREIGN, "amount": 1})).await.refused(422, "foreign_qr");
    ask(json!({"operation": "payment", "qr": own})).await.names("qr");
}

#[tokio::test]
async fn who_takes_no_wallets_is_paid_by_no_code() {
    let world = World::new().await;
    let own = world.own().await;
    let path = "/api/v1/admin/merchants/warung";
    let admin = &world.people.admin;
    let none = put(path, &terms(&["echannel"])).by(admin);
    world.gateway.send(none).await.expect(200);
    world.read(&own).await.refused(409, "conflict");
    world.pay_code(&json!({"qr": own, "amount": 1_000})).await.refused(409, "conflict");
    assert_eq!(world.balances().await, (1_000_000, 0));
}

#[tokio::test]
async fn what_was_paid_is_answered_again_whatever_became_of_the_merchant() {
    let path = "/api/v1/admin/merchants/warung";
    let mut disabled = terms(&["wallet"]);
    disabled["disabled"] = json!(true);
    for change in [put(path, &terms(&["echannel"])), put(path, &disabled), ask("DELETE", path)] {
        let world = World::new().await;
        let (own, told) = (world.own().await, world.qris("order-1").await);
        let order = told["qr_string"].as_str().unwrap();
        let by_merchant = json!({"qr": own, "amount": 2_000, "reference": "teh-1"});
        let by_order = json!({"qr": order, "reference": "kopi-1"});
        let other = world.qris("order-2").await;
        let by_id = |told: &Value, reference: &str| {
            let body = json!({"reference": reference});
            world.gateway.send(post(&world.pay_path(told), &body).by(&world.people.ani))
        };
        let first = [
            world.pay_code(&by_merchant).await,
            world.pay_code(&by_order).await,
            by_id(&other, "nasi-1").await,
        ];
        let before = world.balances().await;
        world.gateway.send(change.by(&world.people.admin)).await;
        world.pay_code(&by_merchant).await.replays(&first[0]);
        world.pay_code(&by_order).await.replays(&first[1]);
        by_id(&other, "nasi-1").await.replays(&first[2]);
        // Nothing new is taken, and no key is good for something else.
        let again = json!({"qr": order, "reference": "kopi-2"});
        world.pay_code(&again).await.refused(404, "not_found");
        let again = json!({"qr": own, "amount": 2_001, "reference": "teh-1"});
        world.pay_code(&again).await.refused(409, "reference_reused");
        assert_eq!(world.balances().await, before);
    }
}
