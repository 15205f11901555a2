//! Who is a merchant, on which terms, and with which keys.

use serde_json::json;

use super::{World, is_good, made, terms};
use crate::support::{ask, funded, get, post, put};

const ALL: &str = "/api/v1/admin/merchants";
const WARUNG: &str = "/api/v1/admin/merchants/warung";
const OWN: &str = "/api/v1/merchant";

#[tokio::test]
async fn a_key_is_shown_once_and_exchanged_without_a_gap() {
    let World { gateway, people, key: first } = World::new().await;
    for path in [ALL, OWN] {
        let token = if path == ALL { &people.admin } else { &people.warung };
        let shown = gateway.send(get(path).by(token)).await;
        shown.expect(200);
        assert!(!shown.text.contains(&first), "{path}");
    }
    let rotate = post("/api/v1/merchant/rotate-key", &json!({})).by(&people.warung);
    let second = gateway.send(rotate).await.expect(200)["server_key"].as_str().unwrap().to_owned();
    assert!(is_good(&gateway, &first) && is_good(&gateway, &second));
    let drop_key = || ask("DELETE", "/api/v1/merchant/previous-key").by(&people.warung);
    gateway.send(drop_key()).await.expect(200);
    assert!(!is_good(&gateway, &first) && is_good(&gateway, &second));
    gateway.send(drop_key()).await.refused(409, "conflict");
    let off = json!({"methods": ["wallet"], "fee_basis_points": 0, "disabled": true});
    let off = gateway.send(put(WARUNG, &off).by(&people.admin)).await.expect(200);
    assert_eq!((off.get("server_key"), is_good(&gateway, &second)), (None, false));
    assert_eq!(gateway.send(ask("DELETE", WARUNG).by(&people.admin)).await.status, 204);
    gateway.send(get(OWN).by(&people.warung)).await.refused(404, "not_found");
    // Whoever is a merchant again is one with another key.
    let third = made(&gateway, &people, "warung", &terms(&["wallet"])).await;
    assert!(is_good(&gateway, &third) && !is_good(&gateway, &second));
}

#[tokio::test]
async fn what_makes_no_sense_is_named_and_leaves_no_trace() {
    let (gateway, people) = funded().await;
    let before = gateway.position();
    for (body, field) in [
        (json!({"methods": ["cash"], "fee_basis_points": 0}), "methods"),
        (json!({"methods": ["credit_card"], "fee_basis_points": 0}), "methods"),
        (json!({"methods": [], "fee_basis_points": 10_001}), "fee_basis_points"),
        (
            json!({"methods": [], "fee_basis_points": 0, "fee_fixed": 1_000_000_000_000_001_u64}),
            "fee_fixed",
        ),
    ] {
        gateway.send(put(WARUNG, &body).by(&people.admin)).await.names(field);
    }
    let buyer = put("/api/v1/admin/merchants/ani", &terms(&[])).by(&people.admin);
    gateway.send(buyer).await.names("username");
    let nobody = put("/api/v1/admin/merchants/nobody", &terms(&[])).by(&people.admin);
    gateway.send(nobody).await.refused(404, "not_found");
    assert_eq!(gateway.position(), before);
    made(&gateway, &people, "warung", &terms(&["wallet"])).await;
    for (field, url) in [
        ("notification_url", "http://10.0.0.1/told"),
        ("notification_url", "ftp://warung.contoh.id/"),
        ("finish_url", "javascript:alert(1)"),
        ("unfinish_url", "nowhere"),
    ] {
        gateway.send(put(OWN, &json!({field: url})).by(&people.warung)).await.names(field);
    }
}

#[tokio::test]
async fn where_a_merchant_is_told_is_changed_at_the_merchant() {
    let World { gateway, people, .. } = World::new().await;
    let urls = json!({"notification_url": "https://warung.contoh.id/told"});
    gateway.send(put(OWN, &urls).by(&people.warung)).await.expect(200);
    let all = gateway.send(get("/api/v1/webhooks").by(&people.warung)).await.expect(200);
    let id = all["data"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/webhooks/{id}");
    gateway.send(ask("DELETE", &path).by(&people.warung)).await.refused(409, "conflict");
    let test = post(&format!("{path}/test"), &json!({})).by(&people.warung);
    gateway.send(test).await.refused(409, "conflict");
}
