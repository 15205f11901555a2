//! What every route has in common: methods, ids of requests, health, metrics, sizes.

use std::net::SocketAddr;

use serde_json::json;

use crate::client::Connection;
use crate::support::{START_TEXT, TestGateway, ask, funded, get, login_of, post};
use gerbang::http::api::routes::Route;

#[tokio::test]
async fn health_and_metrics_are_answered_without_a_token() {
    let gateway = TestGateway::new();
    gateway.send(get("/health/live")).await.is(200, &json!({"status": "live"}));
    gateway.send(get("/health/ready")).await.is(200, &json!({"status": "ready"}));
    let metrics = gateway.send(get("/metrics")).await;
    assert_eq!(
        (metrics.status, metrics.header("content-type")),
        (200, Some("text/plain; version=0.0.4"))
    );
    for name in [
        "gerbang_http_requests_total{route=\"live\",status=\"200\"} 1",
        "gerbang_journal_position 1",
        "gerbang_http_request_seconds",
        "gerbang_actors 0",
    ] {
        assert!(metrics.text.contains(name), "{name}: {}", metrics.text);
    }
    gateway.api.drain();
    gateway.send(get("/health/ready")).await.refused(503, "unavailable");
    gateway.send(get("/health/live")).await.expect(200);
}

#[tokio::test]
async fn a_path_without_a_route_is_not_found() {
    let (gateway, people) = funded().await;
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/balance/",
        "/API/v1/balance",
        "/api/v2/balance",
        "/api/v1/payments//refund",
        "/api/v1/users/",
        "//api/v1/balance",
    ] {
        gateway.send(get(path).by(&people.ani)).await.refused(404, "not_found");
    }
    for path in ["/api/v1/balance/..%2fme", "/api/v1/%zz", "/api/v1/%00"] {
        gateway.send(get(path).by(&people.ani)).await.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let (gateway, people) = funded().await;
    for route in Route::ALL.iter().copied() {
        let path = format!("/{}", route.pattern().replace("{}", "x"));
        for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"] {
            let is_one =
                |other: &&Route| (other.pattern(), other.method()) == (route.pattern(), method);
            if Route::ALL.iter().any(|other| is_one(&other)) {
                continue;
            }
            let answer = gateway.send(ask(method, &path).by(&people.admin)).await;
            answer.refused(405, "method_not_allowed");
            let allow = answer.header("allow").unwrap();
            assert!(allow.split(", ").any(|allowed| allowed == route.method()), "{path}: {allow}");
            assert_eq!(allow.contains("GET"), allow.contains("HEAD"), "{path}: {allow}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn head_is_answered_wherever_get_is() {
    let (gateway, people) = funded().await;
    let address = gateway.listen().await;
    let mut connection = Connection::open(address).unwrap();
    for path in ["/health/live", "/api/v1/balance", "/api/v1/me"] {
        let get = connection.send(("GET", path), &people.ani, &[], "").unwrap();
        let head = connection.head(path, &people.ani).unwrap();
        assert_eq!(
            (head.status, head.header("content-length")),
            (200, get.header("content-length")),
            "{path}"
        );
        assert_eq!(head.body, "");
    }
    assert_eq!(connection.head("/api/v1/payments", &people.ani).unwrap().status, 405);
    assert_eq!(connection.head("/api/v1/nothing", &people.ani).unwrap().status, 404);
}

fn open(address: SocketAddr) -> Connection {
    Connection::open(address).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_answer_has_a_request_id_and_is_not_stored() {
    let (gateway, people) = funded().await;
    let mut connection = open(gateway.listen().await);
    for (path, token) in
        [("/api/v1/balance", people.ani.as_str()), ("/api/v1/balance", ""), ("/nowhere", "")]
    {
        let kept = connection.send(("GET", path), token, &[("X-Request-Id", "req-1")], "").unwrap();
        assert_eq!(kept.header("x-request-id"), Some("req-1"));
        assert_eq!(kept.header("cache-control"), Some("no-store"));
        assert_eq!(kept.header("x-content-type-options"), Some("nosniff"));
        let made = connection.send(("GET", path), token, &[("X-Request-Id", "a b<script>")], "");
        let made = made.unwrap();
        let id = made.header("x-request-id").unwrap();
        assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
        if made.status == 401 {
            assert_eq!(made.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_body_over_the_limit_is_refused() {
    let (gateway, people) = funded().await;
    let address = gateway.listen().await;
    let json = [("Content-Type", "application/json")];
    let large = format!("{{\"to\":\"budi\",\"amount\":1,\"note\":\"{}\"}}", "x".repeat(65_536));
    let answer = open(address).send(("POST", "/api/v1/payments"), &people.ani, &json, &large);
    assert_eq!(answer.unwrap().status, 413);
    let lines = "{\"from\":\"ani\",\"to\":\"budi\",\"amount\":1}\n".repeat(2_000);
    assert!(lines.len() > 65_536);
    let ndjson = [("Content-Type", "application/x-ndjson")];
    let path = "/api/v1/payments/batch";
    let answer = open(address).send(("POST", path), &people.kasir, &ndjson, &lines).unwrap();
    assert_eq!((answer.status, answer.body.lines().count()), (200, 2_000));
    let huge = " ".repeat(4 * 1024 * 1024 + 1);
    let answer = open(address).send(("POST", path), &people.kasir, &ndjson, &huge);
    assert_eq!(answer.unwrap().status, 413);
    let columns = "date,reference,beneficiary_bank,beneficiary_account,amount,currency,type\n";
    let lines = "2026-11-18,X,009,0115471119,50000,IDR,DEBIT\n".repeat(2_000);
    let (csv, statement) = ([("Content-Type", "text/csv")], format!("{columns}{lines}"));
    for (token, status) in [(&people.admin, 200), (&people.ani, 413), (&people.kasir, 413)] {
        let path = "/api/v1/admin/reconcile?bank=009";
        let answer = open(address).send(("POST", path), token, &csv, &statement);
        assert_eq!(answer.unwrap().status, status);
    }
}

#[tokio::test]
async fn times_carry_the_configured_offset() {
    let (gateway, people) = funded().await;
    let me = gateway.send(get("/api/v1/me").by(&people.ani)).await.expect(200);
    assert_eq!(me["user"]["created_at"], START_TEXT);
    gateway.at(6 * 3600);
    let late = gateway.log_in("ani").await;
    let me = gateway.send(get("/api/v1/balance").by(&late)).await.expect(200);
    assert_eq!(me["as_of"], START_TEXT, "as of the latest batch, not of the question");
}

#[tokio::test]
async fn recorded_times_never_go_back() {
    let (gateway, people) = funded().await;
    let mut last = String::new();
    for second in [0, 3_600, 1_800, 0, 3_601] {
        gateway.at(second);
        let body = json!({"to": "budi", "amount": 1});
        let paid = gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await;
        let time = paid.expect(201)["created_at"].as_str().unwrap().to_owned();
        assert!(time >= last, "{time} after {last}");
        last = time;
    }
}

#[tokio::test]
async fn more_logins_than_can_be_checked_are_told_to_come_back() {
    use gerbang::identity::hasher::{Hasher, Options};
    use gerbang::identity::password::Cost;
    let slow = Options { threads: 1, queue_max: 2, of_one_network_max: 2, cost: Cost::OWASP };
    let gateway = TestGateway::hashing(Hasher::start(slow).unwrap());
    let asked = (0..12).map(|_| gateway.send(login_of("siapa", "kata-sandi-salah")));
    let answers = futures_util::future::join_all(asked).await;
    let busy: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!busy.is_empty());
    busy.iter().for_each(|answer| drop(answer.refused(503, "busy")));
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429 | 503)));
    gateway.send(get("/health/ready")).await.expect(200);
}

#[tokio::test]
async fn encoded_bodies_and_other_expectations_are_refused_before_all_else() {
    let gateway = TestGateway::new();
    let people = gateway.people().await;
    let before = gateway.position();
    let pay = || post("/api/v1/payments", &json!({"to": "budi", "amount": 1})).by(&people.ani);
    for encoding in ["gzip", "br", "identity, gzip"] {
        let encoded = pay().header("content-encoding", encoding);
        gateway.send(encoded).await.refused(415, "unsupported_media_type");
    }
    let expecting = pay().header("expect", "200-ok");
    gateway.send(expecting).await.refused(417, "expectation_failed");
    assert_eq!(gateway.position(), before);
    let plain = pay().header("content-encoding", "Identity").header("expect", "100-Continue");
    gateway.send(plain).await.refused(422, "insufficient_funds");
}
