//! Much money in suspense: words that wait, and whose they may not be.

use serde_json::{Value, json};

use super::charges::{LATE, suspended};
use crate::support::{get, post};

#[tokio::test]
async fn a_word_about_much_money_ends_and_nobody_gives_it_to_themself() {
    let (gateway, people, _) = suspended(5_000_001).await;
    let list = gateway.send(get(LATE).by(&people.admin)).await.expect(200);
    let path = format!("{LATE}/{}/resolve", list["data"][0]["id"].as_str().unwrap());
    let resolve = |token: &str, body: Value| gateway.send(post(&path, &body).by(token));
    let own = json!({"to": "account", "username": "admin", "reason": "x"});
    resolve(&people.admin, own.clone()).await.refused(403, "forbidden");
    let back = json!({"to": "provider", "reason": "x"});
    resolve(&people.second, own.clone()).await.expect(202);
    resolve(&people.admin, own).await.refused(403, "forbidden");
    resolve(&people.second, back.clone()).await.expect(202);
    gateway.at(gerbang::limits::PROPOSAL_SECONDS + 1);
    let list = gateway.send(get(LATE).by(&gateway.log_in("admin").await)).await.expect(200);
    assert_eq!(
        (&list["data"][0]["proposed"], &list["data"][0]["proposal"]),
        (&json!(false), &Value::Null)
    );
    resolve(&gateway.log_in("admin").await, back.clone()).await.expect(202);
    let second = gateway.log_in("wakil").await;
    assert_eq!(resolve(&second, back).await.expect(200)["status"], "resolved");
}
