//! Two at once: of each pair one happens, and the money agrees with what was said.

use serde_json::json;

use super::{AMOUNT, FEE, World, code, order};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_charges_with_one_name_one_is_taken() {
    let world = World::new().await;
    for number in 0..20 {
        let body = order(&format!("order-{number}"), "qris", &json!({}));
        let (one, other) = tokio::join!(world.charge(&body), world.charge(&body));
        let mut codes = [code(&one), code(&other)];
        codes.sort_unstable();
        assert_eq!(codes, ["201", "406"], "{one} {other}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_paying_and_calling_off_one_happens() {
    let world = World::new().await;
    let mut paid = 0;
    for (number, act) in (0..20).zip(["cancel", "expire"].into_iter().cycle()) {
        let name = format!("order-{number}");
        let told = world.qris(&name).await;
        let (answer, ended) = tokio::join!(world.pay(&told), world.act(&name, act));
        let was_paid = answer.status == 201;
        assert_eq!(code(&ended) == "412", was_paid, "{} {ended}", answer.text);
        let word = world.status(&name).await["transaction_status"].clone();
        assert_eq!(word == "settlement", was_paid, "{word}");
        paid += u64::from(was_paid);
    }
    let gone = paid * AMOUNT;
    assert_eq!(world.balances().await, (1_000_000 - gone, gone - paid * FEE));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_refunds_at_once_give_back_no_more_than_was_paid() {
    let world = World::new().await;
    world.gateway.fund(&world.people, "warung", 1_000_000).await;
    for number in 0..10 {
        let name = format!("order-{number}");
        world.pay(&world.qris(&name).await).await.expect(201);
        let (whole, with_key) = (json!({}), json!({"refund_key": "satu"}));
        let (one, other) =
            tokio::join!(world.refund(&name, &whole), world.refund(&name, &with_key));
        let mut codes = [code(&one), code(&other)];
        codes.sort_unstable();
        assert_eq!(codes, ["200", "414"], "{one} {other}");
    }
    for number in 10..20 {
        let name = format!("order-{number}");
        world.pay(&world.qris(&name).await).await.expect(201);
        let half = json!({"amount": AMOUNT / 2});
        let (one, other) = tokio::join!(world.refund(&name, &half), world.refund(&name, &half));
        assert_eq!([code(&one), code(&other)], ["200", "200"], "each is a refund of its own");
        assert_eq!(world.status(&name).await["transaction_status"], "refund");
    }
    assert_eq!(world.balances().await, (1_000_000, 1_000_000 - 20 * FEE));
    for number in 20..30 {
        let name = format!("order-{number}");
        world.pay(&world.qris(&name).await).await.expect(201);
        let part = json!({"refund_key": "dua", "amount": 1_000});
        let (one, other) = tokio::join!(world.refund(&name, &part), world.refund(&name, &part));
        let mut codes = [code(&one), code(&other)];
        codes.sort_unstable();
        assert_eq!(codes, ["200", "406"], "{one} {other}");
    }
    let kept = 10 * (AMOUNT - 1_000);
    assert_eq!(world.balances().await, (1_000_000 - kept, 1_000_000 - 30 * FEE + kept));
}
