//! Partners, routes and clients: live at once, their keys shown once; and previews.

use serde_json::{Value, json};

use crate::edr::{self, edr, request, transfer};
use crate::support::{Answer, Ask, People, TestGateway, ask, get, post, put};

const PARTNERS: &str = "/api/v1/admin/partners";
const ROUTES: &str = "/api/v1/admin/routes";
const CLIENTS: &str = "/api/v1/admin/clients";

fn cimb() -> Value {
    json!({"code": "022", "name": "PT Bank CIMB Niaga Tbk", "priority": 0,
        "base_url": "http://10.10.1.3:2005", "maintenance": {"from": "23:30", "until": "00:15"}})
}

fn cimb_route() -> Value {
    json!({"bank": "022", "usage": "TRANSFER", "local": "/api/cimb/transfer",
        "external": "https://{{hostCIMB}}/transfer"})
}

fn ppob() -> Value {
    json!({"id": "iki-ppob", "name": "IKI PPOB", "account_number": "0847652591",
        "account_name": "IKIPPOB", "allow": ["127.0.0.1", "10.0.0.0/8"],
        "per_transfer_max": "5000000", "requests_per_second": 50})
}

async fn by_admin(gateway: &TestGateway, people: &People, ask: Ask) -> Answer {
    gateway.send(ask.by(&people.admin)).await
}

/// The key token in an answer, which is there this once.
fn key_of(answer: &Value) -> String {
    let key = answer["key_token"].as_str().unwrap();
    assert!(key.starts_with("gkt_") && key.len() > 40, "{key}");
    key.to_owned()
}

/// What any answer or record says, for what must not be in it.
async fn everything(gateway: &TestGateway, people: &People) -> String {
    let mut text = String::new();
    for path in [PARTNERS, ROUTES, CLIENTS] {
        text += &by_admin(gateway, people, get(path)).await.text;
    }
    for batch in gateway.journal.batches().unwrap() {
        text += &String::from_utf8_lossy(batch.bytes());
        for recorded in batch.records() {
            text += &format!("{:?}", recorded.unwrap());
        }
    }
    text
}

#[tokio::test]
async fn a_bank_is_added_used_and_removed_while_it_runs() {
    let (gateway, people) = edr().await;
    let preview = || async {
        let body = json!({"bank_code": "022", "amount": 50_000});
        by_admin(&gateway, &people, post("/api/v1/admin/route-preview", &body)).await.expect(200)
    };
    assert_eq!(preview().await["candidates"][0]["usage"], "TRANSFER INTERBANK");
    let added = by_admin(&gateway, &people, post(PARTNERS, &cimb())).await.expect(201);
    let key = key_of(&added);
    assert_eq!((&added["keys"], &added["disabled"]), (&json!(1), &json!(false)));
    assert_eq!(added["maintenance"], json!({"from": "23:30", "until": "00:15"}));
    by_admin(&gateway, &people, post(PARTNERS, &cimb())).await.refused(409, "conflict");
    let route = by_admin(&gateway, &people, post(ROUTES, &cimb_route())).await.expect(200);
    assert_eq!((&route["method"], &route["fee_fixed"]), (&json!("POST"), &json!(0)));
    let plan = preview().await;
    assert_eq!(plan["candidates"][0]["url"], "http://10.10.1.3:2005/api/cimb/transfer");
    assert!(plan["explanation"].as_str().unwrap().starts_with("To bank 022: through 022"));
    let mut body = request("T1");
    body["beneficiaryBankCode"] = json!("022");
    let sent = gateway.send(transfer(&gateway, &body)).await;
    assert_eq!((sent.status, sent.header("x-route")), (200, Some("022 TRANSFER")));
    let mut off = cimb();
    off["disabled"] = json!(true);
    let changed = by_admin(&gateway, &people, put(&format!("{PARTNERS}/022"), &off)).await;
    assert_eq!(changed.expect(200)["key_token"], Value::Null);
    assert_eq!(preview().await["passed_over"][0]["reason"], "switched off by an administrator");
    let remove = |path: String| by_admin(&gateway, &people, ask("DELETE", &path));
    remove(format!("{PARTNERS}/022")).await.names("code");
    assert_eq!(remove(format!("{ROUTES}/022/TRANSFER")).await.status, 204);
    remove(format!("{ROUTES}/022/TRANSFER")).await.refused(404, "not_found");
    remove(format!("{ROUTES}/022/SIDEWAYS")).await.refused(404, "not_found");
    assert_eq!(remove(format!("{PARTNERS}/022")).await.status, 204);
    assert!(!everything(&gateway, &people).await.contains(&key), "a key is shown once");
}

#[tokio::test]
async fn a_client_has_two_keys_while_they_are_changed() {
    let (gateway, people) = edr().await;
    let added = by_admin(&gateway, &people, post(CLIENTS, &ppob())).await.expect(201);
    assert_eq!(added["user"], "app-iki-ppob");
    by_admin(&gateway, &people, post(CLIENTS, &ppob())).await.refused(409, "conflict");
    let user = gateway.gateway.look_up("app-iki-ppob").unwrap();
    assert_eq!(user.role.name(), "client");
    let first = key_of(&added);
    let asks = |key: &str| {
        let token = edr::token_of(&gateway, "iki-ppob", key);
        gateway.send(get("/api/transfer/T1").by(&token))
    };
    assert_eq!(asks(&first).await.status, 404);
    let path = format!("{CLIENTS}/iki-ppob/rotate-key");
    let rotate = || by_admin(&gateway, &people, post(&path, &json!({})));
    let second = key_of(&rotate().await.expect(200));
    assert_eq!((asks(&first).await.status, asks(&second).await.status), (404, 404));
    let third = key_of(&rotate().await.expect(200));
    let statuses = [asks(&first).await, asks(&second).await, asks(&third).await];
    assert_eq!(statuses.map(|answer| answer.status), [401, 404, 404]);
    let previous = format!("{CLIENTS}/iki-ppob/previous-key");
    let drop_it = || by_admin(&gateway, &people, ask("DELETE", &previous));
    assert_eq!(drop_it().await.expect(200)["keys"], 1);
    drop_it().await.refused(409, "conflict");
    assert_eq!((asks(&second).await.status, asks(&third).await.status), (401, 404));
    let text = everything(&gateway, &people).await;
    for key in [&first, &second, &third] {
        assert!(!text.contains(key.as_str()), "a key is shown once");
    }
    assert!(text.contains("app-iki-ppob"), "the search finds nothing at all");
    let gone = by_admin(&gateway, &people, ask("DELETE", &format!("{CLIENTS}/iki-ppob"))).await;
    assert_eq!((gone.status, asks(&third).await.status), (204, 401));
}

#[tokio::test]
async fn a_change_leaves_keys_and_user() {
    let (gateway, people) = edr().await;
    let path = format!("{CLIENTS}/iki-modal");
    let mut body = ppob();
    body.as_object_mut().unwrap().remove("id");
    let changed = by_admin(&gateway, &people, put(&path, &body)).await.expect(200);
    assert_eq!((&changed["user"], &changed["name"]), (&json!("kasir"), &json!("IKI PPOB")));
    assert_eq!(gateway.send(transfer(&gateway, &request("T1"))).await.status, 400);
    let mut known = request("T1");
    known["accountNumber"] = json!("0847652591");
    assert_eq!(gateway.send(transfer(&gateway, &known)).await.status, 200);
    by_admin(&gateway, &people, put(&path, &ppob())).await.names("id");
    body["user"] = json!("ani");
    by_admin(&gateway, &people, put(&path, &body)).await.names("user");
    let none = put(&format!("{CLIENTS}/nobody"), &{
        let mut body = ppob();
        body.as_object_mut().unwrap().remove("id");
        body
    });
    by_admin(&gateway, &people, none).await.refused(404, "not_found");
}

#[tokio::test]
async fn wrong_rows_are_named_and_leave_no_trace() {
    let (gateway, people) = edr().await;
    let before = gateway.position();
    let cases: [(&str, Value, &str, Value); 21] = [
        (PARTNERS, cimb(), "code", json!("22")),
        (PARTNERS, cimb(), "name", json!("")),
        (PARTNERS, cimb(), "priority", json!(-1)),
        (PARTNERS, cimb(), "base_url", json!("http://h/path")),
        (PARTNERS, cimb(), "maintenance", json!(7)),
        (PARTNERS, cimb(), "keys", json!(1)),
        (PARTNERS, cimb(), "key_token", json!("gkt_x")),
        (ROUTES, cimb_route(), "bank", json!("022")),
        (ROUTES, cimb_route(), "usage", json!("transfer")),
        (ROUTES, cimb_route(), "local", json!("//evil")),
        (ROUTES, cimb_route(), "fee_basis_points", json!(10_001)),
        (CLIENTS, ppob(), "id", json!("a/b")),
        (CLIENTS, ppob(), "user", json!("ani")),
        (CLIENTS, ppob(), "user", json!("kasir")),
        (CLIENTS, ppob(), "account_number", json!("1 2")),
        (CLIENTS, ppob(), "allow", json!(["10/8"])),
        (CLIENTS, ppob(), "requests_per_second", json!(0)),
        (CLIENTS, ppob(), "per_transfer_max", json!("1.5")),
        (CLIENTS, ppob(), "role", json!("admin")),
        (CLIENTS, ppob(), "key_token", json!("gkt_x")),
        (CLIENTS, ppob(), "account_name", json!("a\nb")),
    ];
    for (path, mut body, field, value) in cases {
        body[field] = value;
        by_admin(&gateway, &people, post(path, &body)).await.names(field);
    }
    for time in ["24:00", "1:30", "12:60", "noon", "+1:00"] {
        let mut body = cimb();
        body["maintenance"]["from"] = json!(time);
        by_admin(&gateway, &people, post(PARTNERS, &body)).await.names("maintenance.from");
    }
    assert_eq!(gateway.position(), before);
    assert!(gateway.gateway.look_up("app-iki-ppob").is_err(), "no user is left behind");
}

#[tokio::test]
async fn a_screening_is_explained_and_not_counted() {
    let (gateway, people) = edr().await;
    let body = json!({"payer": "iki-modal", "bank_code": "009", "account_number": "0115471119",
        "amount": 50_000});
    let path = "/api/v1/admin/screen-preview";
    let preview = by_admin(&gateway, &people, post(path, &body)).await.expect(200);
    assert_eq!((&preview["outcome"], &preview["rule"]), (&json!("accept"), &Value::Null));
    let mut nobody = body.clone();
    nobody["payer"] = json!("nobody");
    by_admin(&gateway, &people, post(path, &nobody)).await.refused(404, "not_found");
}
