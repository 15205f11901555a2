//! Sessions and their pages, and the counter where payers stand.

use gerbang::clock::Clock;
use gerbang::http::server::Service;
use gerbang::simulator::midtrans::Midtrans;
use gerbang::simulator::midtrans::faults::Faults;
use serde_json::{Value, json};

use super::{START, World, bca, charge, code, options, request};

fn provider() -> Midtrans {
    let mut options = options();
    options.notify = None;
    let provider = Midtrans::open(options, Clock::manual(START), Faults::none(), None).unwrap();
    provider.house().listens_at("http://pay.example".to_owned());
    provider
}

async fn ask(provider: &Midtrans, method: &str, target: &str, body: &str) -> (u16, String) {
    let headers = [("content-type", "application/json")];
    let reply = provider.call(request(method, target, &headers, body)).await;
    (reply.status().as_u16(), reply.body_text().to_owned())
}

async fn told(provider: &Midtrans, method: &str, target: &str, body: &str) -> (u16, Value) {
    let (status, body) = ask(provider, method, target, body).await;
    (status, serde_json::from_str(&body).unwrap())
}

fn session(order: &str) -> String {
    json!({
        "transaction_details": {"order_id": order, "gross_amount": 44000},
        "enabled_payments": ["bca_va", "echannel"],
        "callbacks": {"finish": "https://shop.example/?a=\"><script>"},
    })
    .to_string()
}

#[tokio::test]
async fn a_payer_picks_a_method_on_the_page_and_pays() {
    let provider = provider();
    let (status, opened) = told(&provider, "POST", "/snap/v1/transactions", &session("a")).await;
    assert_eq!(status, 201);
    let token = opened["token"].as_str().unwrap();
    let url = format!("http://pay.example/snap/v3/redirection/{token}");
    assert_eq!(opened["redirect_url"], url.as_str());
    let path = format!("/snap/v3/redirection/{token}");
    let (_, page) = ask(&provider, "GET", &path, "").await;
    assert!(
        page.contains("44.000") && page.contains("bca_va") && !page.contains("gopay"),
        "{page}"
    );
    assert!(!page.contains("<script"), "{page}");
    // Until a method is picked there is no transaction.
    assert_eq!(code(&told(&provider, "GET", "/v2/a/status", "").await.1), "404");
    assert_eq!(ask(&provider, "POST", &format!("{path}?method=gopay"), "").await.0, 409);
    assert_eq!(ask(&provider, "POST", &format!("{path}?method=bca_va"), "").await.0, 303);
    assert_eq!(ask(&provider, "POST", &format!("{path}?method=bca_va"), "").await.0, 409);
    let (_, pending) = told(&provider, "GET", "/v2/a/status", "").await;
    let number = pending["va_numbers"][0]["va_number"].as_str().unwrap();
    assert!(ask(&provider, "GET", &path, "").await.1.contains(number));
    let body = json!({"va_number": number}).to_string();
    let (status, paid) = told(&provider, "POST", "/simulator/pay", &body).await;
    assert_eq!((status, &paid["transaction_status"]), (200, &json!("settlement")));
    // The order is paid: no other session, and no end of this one.
    let (status, refused) = told(&provider, "POST", "/snap/v1/transactions", &session("a")).await;
    assert_eq!(status, 400, "{refused}");
    let (_, refused) =
        told(&provider, "POST", &format!("/snap/v1/transactions/{token}/cancel"), "").await;
    assert_eq!(refused["error_messages"][0], "Transaction is on progress");
}

#[tokio::test]
async fn a_qr_is_a_picture_for_whoever_knows_the_transaction() {
    let provider = provider();
    let charged = told(&provider, "POST", "/v2/charge", &charge("a", "qris", &json!({}))).await.1;
    let url = charged["actions"][0]["url"].as_str().unwrap();
    let path = url.strip_prefix("http://pay.example").unwrap();
    let stranger = [("authorization", "Basic eDo=")];
    let reply = provider.call(request("GET", path, &stranger, "")).await;
    assert_eq!(
        (reply.status().as_u16(), &reply.headers()["content-type"]),
        (200, &"image/png".parse().unwrap())
    );
    assert!(reply.body().unwrap().starts_with(b"\x89PNG"));
    for nobody in ["a", "nobody"] {
        let path = format!("/v2/qris/{nobody}/qr-code");
        assert_eq!(code(&told(&provider, "GET", &path, "").await.1), "404", "{nobody}");
    }
}

#[tokio::test]
async fn a_session_is_cancelled_once() {
    let world = World::new();
    let (_, opened) = world.post("/snap/v1/transactions", &session("a")).await;
    let path = format!("/snap/v1/transactions/{}/cancel", opened["token"].as_str().unwrap());
    let (status, told) = world.post(&path, "").await;
    assert_eq!((status, told["canceled_at"].is_string()), (200, true));
    for (path, status, words) in [
        (path.as_str(), 400, "token already canceled"),
        ("/snap/v1/transactions/nobody/cancel", 404, "token not found"),
    ] {
        let (answered, told) = world.post(path, "").await;
        assert_eq!((answered, &told["error_messages"][0]), (status, &json!(words)));
    }
}

#[tokio::test]
async fn the_counter_takes_one_id_or_number() {
    let provider = provider();
    for order in ["a", "b", "c"] {
        let body = charge(order, "bank_transfer", &bca());
        ask(&provider, "POST", "/v2/charge", &body).await;
    }
    for (target, body, status) in [
        ("/simulator/pay", r#"{"order_id": "a", "amount": 50}"#, 200),
        ("/simulator/pay", r#"{"order_id": "a"}"#, 409),
        ("/simulator/pay", r#"{"order_id": "nobody"}"#, 404),
        ("/simulator/pay", r#"{"order_id": "b", "bill_key": "1"}"#, 400),
        ("/simulator/pay", r#"{"order_id": "b", "amount": 0}"#, 400),
        ("/simulator/pay", "{}", 400),
        ("/simulator/deny", r#"{"order_id": "b"}"#, 200),
        ("/simulator/expire", r#"{"order_id": "c"}"#, 200),
        ("/simulator/pay", r#"{"order_id": "c"}"#, 409),
        ("/simulator/pay", r#"{"order_id": "c", "late": true}"#, 200),
        ("/simulator/notify", r#"{"order_id": "c"}"#, 200),
        ("/simulator/notify", r#"{"order_id": "nobody"}"#, 404),
    ] {
        assert_eq!(ask(&provider, "POST", target, body).await.0, status, "{target} {body}");
    }
    let target = "/simulator/transactions?date=2025-06-15";
    let (_, day) = told(&provider, "GET", target, "").await;
    let of =
        |place: usize, name: &str| day["transactions"][place][name].as_str().unwrap().to_owned();
    assert_eq!([of(0, "gross_amount"), of(1, "transaction_status")], ["50.00", "deny"]);
    assert_eq!(of(2, "transaction_status"), "settlement");
}

#[tokio::test]
async fn the_list_is_a_page_that_loads_nothing_from_elsewhere() {
    let provider = provider();
    let body = charge("a", "bank_transfer", &bca());
    ask(&provider, "POST", "/v2/charge", &body).await;
    let reply = provider.call(request("GET", "/", &[], "")).await;
    let policy = reply.headers()["content-security-policy"].to_str().unwrap();
    for needed in
        ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"]
    {
        assert!(policy.contains(needed), "{policy}");
    }
    assert_eq!(reply.headers()["cross-origin-opener-policy"], "same-origin");
    let page = reply.body_text();
    assert!(page.contains("44000.00") && !page.contains("http"), "{page}");
    // Its buttons work.
    let action = page.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(action.starts_with("/simulator/pay?id="), "{action}");
    assert_eq!(ask(&provider, "POST", action, "").await.0, 303);
    assert_eq!(code(&told(&provider, "GET", "/v2/a/status", "").await.1), "200");
}
