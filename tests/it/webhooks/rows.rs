//! What may be registered, and what is said about it.

use serde_json::{Value, json};

use super::{Receiver, hook};
use crate::support::{START_TEXT, funded, get, post, put};

const PATH: &str = "/api/v1/webhooks";

#[tokio::test]
async fn a_secret_is_shown_once() {
    let (gateway, people) = funded().await;
    let body = json!({"url": "http://127.0.0.1:9/told", "description": "kasir",
        "events": ["payment.received", "refund.sent", "payment.received"]});
    let made = gateway.send(post(PATH, &body).by(&people.warung)).await.expect(201);
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    let id = made["id"].as_str().unwrap();
    let shown = json!({
        "id": id, "url": "http://127.0.0.1:9/told", "description": "kasir",
        "events": ["payment.received", "refund.sent"], "disabled": false, "pending": 0,
        "missed": 0, "created_at": START_TEXT, "secret_changed_at": null,
    });
    let path = format!("{PATH}/{id}");
    assert_eq!(gateway.send(get(&path).by(&people.warung)).await.expect(200), shown);
    let list = json!({"data": [shown], "next_cursor": null});
    assert_eq!(gateway.send(get(PATH).by(&people.warung)).await.expect(200), list);
    let others = "/api/v1/admin/users/warung/webhooks";
    assert_eq!(gateway.send(get(others).by(&people.admin)).await.expect(200), list);
    let wish = json!({"url": "http://127.0.0.1:9/other", "disabled": true});
    let changed = gateway.send(put(&path, &wish).by(&people.warung)).await.expect(200);
    assert_eq!(changed["secret"], Value::Null);
    assert_eq!((&changed["disabled"], &changed["events"]), (&json!(true), &json!([])));
    gateway.send(get(&path).by(&people.ani)).await.refused(404, "not_found");
}

#[tokio::test]
async fn addresses_that_are_no_business_of_ours_are_refused() {
    let (gateway, people) = funded().await;
    let wrong = [
        "",
        "warung.contoh.id",
        "ftp://warung.contoh.id/",
        "http://user:pass@127.0.0.1/",
        "http://10.0.0.1/",
        "http://192.168.1.1:8080/told",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[fd00::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://127.1/",
        "http://0.0.0.0/",
        "http://127.0.0.1/#x",
    ];
    for url in wrong {
        let before = gateway.position();
        let body = json!({"url": url});
        gateway.send(post(PATH, &body).by(&people.warung)).await.names("url");
        assert_eq!(gateway.position(), before, "{url}");
    }
    // A name is looked up when it is told: where it leads is checked then.
    let named = hook(&gateway, &people.warung, "https://localhost.invalid/", &[]).await;
    let path = format!("{PATH}/{}/test", named.id);
    let tested = gateway.send(post(&path, &json!({})).by(&people.warung)).await.expect(200);
    assert_eq!(tested["status"], Value::Null);
    assert_ne!(tested["note"], "");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (gateway, people) = funded().await;
    let good = json!({"url": "http://127.0.0.1:9/"});
    for (field, value) in [
        ("events", json!(["payment.refused"])),
        ("events", json!("payment.received")),
        ("description", json!("x".repeat(101))),
        ("description", json!("a\nb")),
        ("disabled", json!("yes")),
        ("secret", json!("whsec_x")),
        ("url", json!(format!("http://127.0.0.1/{}", "x".repeat(255)))),
    ] {
        let mut body = good.clone();
        body[field] = value;
        gateway.send(post(PATH, &body).by(&people.warung)).await.names(field);
    }
    for _ in 0..8 {
        gateway.send(post(PATH, &good).by(&people.warung)).await.expect(201);
    }
    gateway.send(post(PATH, &good).by(&people.warung)).await.refused(409, "conflict");
    gateway.send(post(PATH, &good).by(&people.ani)).await.expect(201);
}

#[tokio::test]
async fn a_test_is_signed_and_stands_nowhere() {
    let receiver = Receiver::start(&[]).await;
    let (gateway, people) = funded().await;
    let hook = hook(&gateway, &people.warung, &receiver.url(), &["refund.sent"]).await;
    let before = gateway.position();
    let path = format!("{PATH}/{}/test", hook.id);
    let tested = gateway.send(post(&path, &json!({})).by(&people.warung)).await.expect(200);
    let came = receiver.messages(1).await.remove(0);
    assert_eq!(tested, json!({"message": came.header("webhook-id"), "status": 204, "note": ""}));
    came.verify(&hook.secret, crate::support::START).unwrap();
    assert_eq!(came.json()["type"], "ping");
    assert_eq!(gateway.position(), before);
}
