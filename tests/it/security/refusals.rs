//! What an administrator tried and was refused, and what anybody was not allowed to, is in the log.

use serde_json::{Value, json};

use super::secrets::capture;
use crate::support::{TestGateway, ask, get, post};

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "refused").collect()
}

#[tokio::test]
async fn a_refusal_leaves_one_line_with_who_what_and_from_where() {
    let (log, guard) = capture();
    let gateway = TestGateway::new();
    let people = gateway.people().await;
    let own = post(
        "/api/v1/admin/users/admin/adjust",
        &json!({"direction": "in", "amount": 1,
        "reason": "x"}),
    );
    gateway.send(own.by(&people.admin)).await.refused(403, "forbidden");
    let nobody = post("/api/v1/admin/topups", &json!({"to": "siapa", "amount": 1}));
    gateway.send(nobody.by(&people.admin)).await.refused(404, "recipient_not_found");
    gateway.send(get("/api/v1/admin/api-keys").by(&people.ani)).await.refused(403, "forbidden");
    // What people do every day, and what works, is no such line.
    let poor = post("/api/v1/payments", &json!({"to": "budi", "amount": 1})).by(&people.ani);
    gateway.send(poor).await.refused(422, "insufficient_funds");
    gateway.send(get("/api/v1/me")).await.refused(401, "invalid_token");
    gateway.send(get("/api/v1/admin/api-keys").by(&people.admin)).await.expect(200);
    gateway.send(ask("GET", "/api/v1/nothing").by(&people.admin)).await.refused(404, "not_found");
    drop(guard);
    let said: Vec<_> = lines(&log.text())
        .into_iter()
        .map(|line| {
            assert!(line["level"] == "INFO" && line["from"].is_string(), "{line}");
            assert!(line["request"].is_string(), "{line}");
            let word = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
            (word("who"), word("role"), word("route"), word("code"), line["status"].clone())
        })
        .collect();
    let line = |who: &str, role: &str, route: &str, code: &str, status: u16| {
        (who.to_owned(), role.to_owned(), route.to_owned(), code.to_owned(), json!(status))
    };
    assert_eq!(
        said,
        [
            line("admin", "admin", "adjust", "forbidden", 403),
            line("admin", "admin", "top_up", "recipient_not_found", 404),
            line("ani", "buyer", "keys", "forbidden", 403),
            line("admin", "admin", "none", "not_found", 404),
        ]
    );
}
