//! What leaves without a code on one day, in many small amounts.

use serde_json::json;

use super::codes::{OUT, PAY, code, for_payment, pay, payment, town};
use crate::support::post;

#[tokio::test]
async fn many_small_amounts_of_a_day_need_a_code_like_a_large_one() {
    let (gateway, people) = town().await;
    let ani = &people.ani;
    let small = |amount: u64| gateway.send(post(PAY, &payment("budi", amount)).by(ani));
    let out = |amount: u64| {
        let body = json!({"amount": amount, "bank_code": "009", "account_number": "0115471119"});
        gateway.send(post(OUT, &body).by(ani))
    };
    let first = || post(PAY, &payment("budi", 600)).by(ani).key("sekali");
    let paid = gateway.send(first()).await;
    paid.expect(201);
    // The same again, and what is refused, is nothing more.
    gateway.send(first()).await.replays(&paid);
    small(300).await.expect(201);
    pay(&gateway, ani, "", "ani", 99).await.refused(422, "self_transfer");
    pay(&gateway, ani, "", "siapa", 99).await.refused(404, "recipient_not_found");
    out(99).await.expect(202);
    for amount in [1, 999] {
        small(amount).await.refused(401, "otp_required");
        out(amount).await.refused(401, "otp_required");
    }
    // What a code was given for does not count, and a replay needs none.
    let right = code(&gateway, ani, &for_payment("budi", 5_000)).await;
    pay(&gateway, ani, &right, "budi", 5_000).await.expect(201);
    gateway.send(first()).await.replays(&paid);
    // Nor does anybody else's.
    pay(&gateway, &people.budi, "", "warung", 999).await.expect(201);

    let gateway = gateway.reopened();
    let ani = &gateway.log_in("ani").await;
    let small = |token: &str, amount: u64| post(PAY, &payment("budi", amount)).by(token);
    gateway.send(small(ani, 1)).await.refused(401, "otp_required");
    // Midnight is at 17:00 UTC.
    gateway.at(6 * 3_600);
    let ani = &gateway.log_in("ani").await;
    gateway.send(small(ani, 999)).await.expect(201);
    gateway.send(small(ani, 1)).await.refused(401, "otp_required");
}

#[tokio::test]
async fn of_many_small_payments_at_once_no_more_than_allowed_goes_without_a_code() {
    let (gateway, people) = town().await;
    let uses = (0..16).map(|_| pay(&gateway, &people.ani, "", "budi", 300));
    let answers = futures_util::future::join_all(uses).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(401)), (3, 13));
    assert_eq!(gateway.balance(&people.ani).await, 1_000_000 - 900);
}
