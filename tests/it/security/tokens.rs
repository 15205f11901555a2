//! Tokens over the API: when one counts, and when it counts no more.

use serde_json::json;

use crate::support::{Answer, START, TestGateway, funded, get, post};
use gerbang::gateway::caller::user_public_id;
use gerbang::identity::keys::SigningKeys;
use gerbang::identity::token::{self, Subject, TokenId};

async fn me(gateway: &TestGateway, token: &str) -> Answer {
    gateway.send(get("/api/v1/me").by(token)).await
}

fn detail(answer: &Answer) -> String {
    answer.refused(401, "invalid_token")["detail"].as_str().unwrap().to_owned()
}

/// A token for ani signed with the keys of this seed.
fn signed(gateway: &TestGateway, seed: u64) -> String {
    let user = gateway.gateway.look_up("ani").unwrap();
    let subject = Subject::new(&user_public_id(&user)).unwrap();
    token::issue(&SigningKeys::in_memory(seed), &subject, TokenId([7; 16]), START).token
}

#[tokio::test]
async fn a_token_lives_for_a_day() {
    let (gateway, people) = funded().await;
    me(&gateway, &people.ani).await.expect(200);
    gateway.at(24 * 3600 - 1);
    me(&gateway, &people.ani).await.expect(200);
    // Cached a second ago, and the leeway for clocks that differ is over.
    gateway.at(24 * 3600 + 6);
    assert_eq!(detail(&me(&gateway, &people.ani).await), "jwt expired");
    gateway.at(-3600);
    assert_eq!(detail(&me(&gateway, &people.budi).await), "jwt malformed");
}

#[tokio::test]
async fn only_our_own_keys_sign() {
    let (gateway, _) = funded().await;
    me(&gateway, &signed(&gateway, 7)).await.expect(200);
    assert_eq!(detail(&me(&gateway, &signed(&gateway, 8)).await), "invalid signature");
}

#[tokio::test]
async fn a_token_that_was_touched_is_none() {
    let (gateway, people) = funded().await;
    let parts: Vec<&str> = people.ani.split('.').collect();
    let budi: Vec<&str> = people.budi.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    // {"alg":"none"} and the claims of another.
    let none = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let table = [
        format!("{header}.{}.{signature}", budi[1]),
        format!("{header}.{claims}.{}", budi[2]),
        format!("{header}.{claims}."),
        format!("{header}.{claims}"),
        format!("{}x", people.ani),
        format!("{}.x", people.ani),
        none,
        "a.b.c".to_owned(),
        "x".repeat(9_000),
    ];
    for token in table {
        let told = detail(&me(&gateway, &token).await);
        assert!(["invalid signature", "jwt malformed"].contains(&told.as_str()), "{told}");
    }
    for header in ["", "Bearer", "Basic YTpi", "bearer  x", "Bearer a b"] {
        let answer = gateway.send(get("/api/v1/me").header("authorization", header)).await;
        assert_eq!(detail(&answer), "jwt malformed", "{header}");
    }
    let twice = get("/api/v1/me").by(&people.ani).by(&people.ani);
    assert_eq!(detail(&gateway.send(twice).await), "jwt malformed");
}

#[tokio::test]
async fn a_logout_outlives_a_restart() {
    let (gateway, people) = funded().await;
    gateway.send(post("/api/v1/auth/logout", &json!({})).by(&people.ani)).await;
    assert_eq!(detail(&me(&gateway, &people.ani).await), "token revoked");
    let gateway = gateway.reopened();
    assert_eq!(detail(&me(&gateway, &people.ani).await), "token revoked");
    me(&gateway, &people.budi).await.expect(200);
    // A second logout with a dead token is refused like everything else.
    let again = gateway.send(post("/api/v1/auth/logout", &json!({})).by(&people.ani)).await;
    again.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_with_the_next_request() {
    let (gateway, people) = funded().await;
    let top_up = json!({"to": "ani", "amount": 1});
    let by_second = || post("/api/v1/admin/topups", &top_up).by(&people.second);
    gateway.send(by_second()).await.expect(201);
    let demoted = post("/api/v1/admin/users/wakil/role", &json!({"role": "buyer"}));
    gateway.send(demoted.by(&people.admin)).await.expect(200);
    gateway.send(by_second()).await.refused(403, "forbidden");
    let gateway = gateway.reopened();
    gateway.send(by_second()).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_token_of_a_user_who_does_not_exist_is_none() {
    let (gateway, _) = funded().await;
    for subject in ["usr_01ARZ3NDEKTSV4RRFFQ69G5FAV", "ani", "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        let subject = Subject::new(subject).unwrap();
        let keys = SigningKeys::in_memory(7);
        let token = token::issue(&keys, &subject, TokenId([1; 16]), START).token;
        me(&gateway, &token).await.refused(401, "invalid_token");
    }
}
