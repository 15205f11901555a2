//! Paths, keys, bodies and codes: the traps of the real API, one row each.

use serde_json::json;

use super::{World, bca, charge, code};

/// Every path that takes a merchant's call, with what an unknown order is answered.
const PATHS: [(&str, &str, &str); 9] = [
    ("GET", "/v2/nobody/status", "404"),
    ("GET", "/v2/nobody/status/b2b", "404"),
    ("POST", "/v2/nobody/approve", "404"),
    ("POST", "/v2/nobody/deny", "404"),
    ("POST", "/v2/nobody/cancel", "404"),
    ("POST", "/v2/nobody/expire", "404"),
    ("POST", "/v2/nobody/refund", "404"),
    ("POST", "/v2/nobody/refund/online/direct", "404"),
    ("POST", "/v2/charge", "400"),
];

#[tokio::test]
async fn business_errors_are_http_200_and_a_string_in_the_body() {
    let world = World::new();
    for (method, path, expected) in PATHS {
        let (status, body) = world.send((method, path), &[], "{}").await;
        assert_eq!((status, code(&body)), (200, expected), "{method} {path} {body}");
        let id = body["id"].as_str().unwrap();
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'), "{id}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_http_401_everywhere() {
    let world = World::new();
    let stranger = "Basic U0ItTWlkLXNlcnZlci1zdHJhbmdlcjo=";
    for header in [stranger, "Basic", "Bearer x", "Basic !!"] {
        for (method, path, _) in PATHS {
            let headers = [("authorization", header)];
            let (status, body) = world.send((method, path), &headers, "{}").await;
            assert_eq!((status, code(&body)), (401, "401"), "{path}");
            assert_eq!(body["status_message"], "Unknown Merchant server_key/id");
        }
        let headers = [("authorization", header)];
        let snap = world.send(("POST", "/snap/v1/transactions"), &headers, "{}").await;
        assert_eq!((snap.0, snap.1["error_messages"].as_array().unwrap().len()), (401, 2));
    }
}

#[tokio::test]
async fn bodies_of_every_sdk_are_taken() {
    let world = World::new();
    for (place, body) in ["", "{}", "null", "{\"a\": 1}"].into_iter().enumerate() {
        let order = format!("order-{place}");
        world.charged(&order, "bank_transfer", &bca()).await;
        let (_, told) = world.send(("GET", &format!("/v2/{order}/status")), &[], body).await;
        assert_eq!(code(&told), "201", "{body}");
        let query = format!("/v2/{order}/status?a=b&custom=%20x&&a=c");
        assert_eq!(code(&world.get(&query).await.1), "201", "{query}");
        let (_, told) = world.post(&format!("/v2/{order}/cancel"), body).await;
        assert_eq!(code(&told), "200", "{body}");
        let (_, told) = world.post(&format!("/v2/{order}/refund"), body).await;
        assert_eq!(code(&told), "412", "{body}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_charge_are_told_apart() {
    let world = World::new();
    let sum = r#"{"payment_type":"gopay","transaction_details":{"order_id":"a","gross_amount":1},
        "item_details":[{"price":2,"quantity":1,"name":"a"}]}"#;
    let twice = r#"{"payment_type":"gopay","payment_type":"qris"}"#;
    for (body, expected) in [
        ("", "413"),
        ("null", "413"),
        ("[]", "413"),
        ("{", "413"),
        (twice, "413"),
        ("{}", "400"),
        (sum, "400"),
        (r#"{"payment_type":"bitcoin"}"#, "400"),
    ] {
        let (status, told) = world.post("/v2/charge", body).await;
        assert_eq!((status, code(&told)), (200, expected), "{body}");
        assert_eq!(told["validation_messages"].is_array(), expected == "400", "{body}");
    }
    let (status, told) = world.post("/snap/v1/transactions", "{}").await;
    assert_eq!((status, told["error_messages"].is_array()), (400, true));
}

#[tokio::test]
async fn a_transaction_has_two_names_and_paths_are_decoded() {
    let world = World::new();
    let told = world.charged("a.b~c_d-1", "gopay", &json!({})).await;
    let id = told["transaction_id"].as_str().unwrap();
    for name in ["a.b~c_d-1", "a%2Eb%7Ec_d%2D1", id] {
        let (_, status) = world.get(&format!("/v2/{name}/status")).await;
        assert_eq!(status["order_id"], "a.b~c_d-1", "{name}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_in_json() {
    let world = World::new();
    for (method, path, expected) in [
        ("GET", "/v2/charge", 405),
        ("DELETE", "/v2/a/cancel", 405),
        ("GET", "/v2/nothing", 404),
        ("GET", "/v9/a/b", 404),
    ] {
        let (status, body) = world.send((method, path), &[], "").await;
        assert_eq!((status, code(&body).parse()), (expected, Ok(expected)), "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_not_offered_is_said_as_such() {
    let world = World::new();
    for (method, path, status, message) in [
        ("POST", "/v2/pay/account", 200, "payment type"),
        ("GET", "/v1/bins/48111111", 200, "payment type"),
        ("POST", "/v1/subscriptions", 404, "not found"),
        ("PATCH", "/v1/subscriptions/a", 404, "not found"),
        ("POST", "/v1/payment-links", 404, "not found"),
        ("POST", "/v1/invoices", 404, "not found"),
    ] {
        let (answered, body) = world.send((method, path), &[], "{}").await;
        assert_eq!(answered, status, "{path}");
        assert!(body.to_string().contains(message), "{path} {body}");
    }
}

#[tokio::test]
async fn notifications_go_where_the_headers_say() {
    let world = World::new();
    let urls = || -> Vec<String> {
        let sent = std::mem::take(&mut *world.sent.lock().unwrap());
        sent.into_iter().map(|notice| notice.url).collect()
    };
    let (usual, other) = ("http://merchant.example/hook", "https://other.example/");
    for (order, headers, expected) in [
        ("a", vec![], vec![usual]),
        ("b", vec![("x-append-notification", other)], vec![usual, other]),
        ("c", vec![("x-override-notification", other)], vec![other]),
    ] {
        let body = charge(order, "bank_transfer", &bca());
        let (_, told) = world.send(("POST", "/v2/charge"), &headers, &body).await;
        assert_eq!(code(&told), "201");
        assert_eq!(urls(), expected);
        // And later ones too.
        world.post(&format!("/v2/{order}/cancel"), "").await;
        assert_eq!(urls(), expected);
    }
    let headers = [("x-append-notification", "file:///etc/passwd")];
    let body = charge("d", "bank_transfer", &bca());
    let (_, told) = world.send(("POST", "/v2/charge"), &headers, &body).await;
    assert_eq!(code(&told), "400");
    assert_eq!(code(&world.get("/v2/d/status").await.1), "404");
}
