//! Rooms, tenants and ways to pay: live at once, each landlord for themselves.

use serde_json::{Value, json};

use crate::support::{Answer, Ask, ask, funded, get, login_of, post, put};
use gerbang::ledger::event::Role;

const ROOMS: &str = "/api/v1/admin/rooms";
const TENANTS: &str = "/api/v1/admin/tenants";
const METHODS: &str = "/api/v1/payment-methods";

fn room(code: &str) -> Value {
    json!({"code": code, "name": format!("Kamar {code}"), "rate": 850_000})
}

fn rina() -> Value {
    json!({"name": "Rina Wulandari", "email": "rina@contoh.id", "start_date": "2026-11-20",
        "room": "A1"})
}

fn id_of(answer: &Answer) -> String {
    answer.expect(201)["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rooms_are_added_let_and_removed() {
    let (gateway, people) = funded().await;
    let send = |ask: Ask| gateway.send(ask.by(&people.warung));
    let added = send(post(ROOMS, &room("A1"))).await;
    let id = id_of(&added);
    let mut expected = json!({
        "id": id, "code": "A1", "name": "Kamar A1", "rate": 850_000,
        "formatted_rate": "Rp850.000", "available": true, "tenant": null, "issuer": "warung",
        "position": added.position(),
    });
    added.is(201, &expected);
    send(post(ROOMS, &room("A1"))).await.refused(409, "conflict");
    let path = format!("{ROOMS}/{id}");
    let mut dearer = room("A1");
    dearer["rate"] = json!("900000");
    let changed = send(put(&path, &dearer)).await;
    expected["rate"] = json!(900_000);
    expected["formatted_rate"] = json!("Rp900.000");
    expected["position"] = json!(changed.position());
    changed.is(200, &expected);

    let tenant = id_of(&send(post(TENANTS, &rina())).await);
    let list = send(get(ROOMS)).await.expect(200);
    assert_eq!(
        (&list["data"][0]["available"], &list["data"][0]["tenant"]),
        (&json!(false), &json!("rina"))
    );
    send(ask("DELETE", &path)).await.refused(409, "conflict");
    assert_eq!(send(ask("DELETE", &format!("{TENANTS}/{tenant}"))).await.status, 204);
    assert_eq!(send(ask("DELETE", &path)).await.status, 204);
    send(ask("DELETE", &path)).await.refused(404, "not_found");
    send(get(ROOMS)).await.is(200, &json!({"data": [], "next_cursor": null}));
    for (field, wrong) in [("code", json!("")), ("rate", json!(0)), ("issuer", json!("x"))] {
        let mut body = room("B1");
        body[field] = wrong;
        send(post(ROOMS, &body)).await.names(field);
    }
}

#[tokio::test]
async fn a_tenant_gets_a_login_and_its_password_is_shown_once() {
    let (gateway, people) = funded().await;
    let send = |ask: Ask| gateway.send(ask.by(&people.warung));
    send(post(ROOMS, &room("A1"))).await.expect(201);
    let added = send(post(TENANTS, &rina())).await.expect(201);
    let password = added["initial_password"].as_str().unwrap().to_owned();
    assert!(password.len() >= 26);
    assert_eq!(added["username"], "rina");
    assert_eq!((&added["start_date"], &added["room"]), (&json!("2026-11-20"), &json!("A1")));
    let login = gateway.send(login_of("rina@contoh.id", &password)).await.expect(200);
    assert_eq!(login["user"]["role"], "buyer");
    let list = send(get(TENANTS)).await;
    assert_eq!(list.expect(200)["data"][0]["username"], "rina");
    assert!(!list.text.contains("password"));
    for batch in gateway.journal.batches().unwrap() {
        assert!(!String::from_utf8_lossy(batch.bytes()).contains(&password));
    }
    // Her room is taken, and so is her name.
    send(post(TENANTS, &rina())).await.refused(409, "conflict");
    send(post(ROOMS, &room("A2"))).await.expect(201);
    let mut body = rina();
    body["room"] = json!("A2");
    send(post(TENANTS, &body)).await.refused(409, "username_taken");
    body["username"] = json!("rina");
    send(post(TENANTS, &body)).await.refused(409, "conflict");
    // A user that is there already keeps their password.
    body["username"] = json!("ani");
    let ani = send(post(TENANTS, &body)).await.expect(201);
    assert_eq!((&ani["username"], ani.get("initial_password")), (&json!("ani"), None));
    for (field, wrong) in [
        ("room", json!("Z9")),
        ("start_date", json!("2026-13-01")),
        ("start_date", json!("20 November")),
        ("start_date", json!("2036-01-01")),
        ("email", json!("rina")),
        ("username", json!("warung")),
        ("username", json!("R!")),
    ] {
        let mut wrongly = rina();
        wrongly["room"] = json!("A3");
        wrongly[field] = wrong.clone();
        if field != "room" {
            drop(send(post(ROOMS, &room("A3"))).await);
        }
        let answer = send(post(TENANTS, &wrongly)).await;
        assert_eq!(answer.status, 400, "{field} {wrong}: {}", answer.text);
        answer.names(field);
    }
}

#[tokio::test]
async fn a_landlord_holds_so_many_addresses_and_no_more() {
    let (gateway, people) = funded().await;
    let send = |token: &str, ask: Ask| gateway.send(ask.by(token));
    send(&people.warung, post(ROOMS, &room("A1"))).await.expect(201);
    let tenant = |number: usize| {
        json!({"name": "Rina", "email": format!("rina{number}@contoh.id"), "room": "A1",
            "start_date": "2026-11-20", "username": format!("rina{number}"), "issuer": "warung"})
    };
    let add = async |token: &str, number: usize| {
        let added = send(token, post(TENANTS, &tenant(number))).await;
        if added.status == 201 {
            let path = format!("{TENANTS}/{}", id_of(&added));
            assert_eq!(send(token, ask("DELETE", &path)).await.status, 204);
        }
        added
    };
    let most = gerbang::limits::TENANTS_UNCLAIMED_MAX;
    let mut first = None;
    for number in 0..most {
        let added = add(&people.warung, number).await;
        let made = added.expect(201);
        first = first.or_else(|| Some(made["initial_password"].clone()));
    }
    // Gone from the house, they hold their addresses all the same.
    add(&people.warung, most).await.refused(409, "conflict");
    add(&people.admin, most).await.expect(201);
    let first = first.unwrap();
    let login = gateway.send(login_of("rina0", first.as_str().unwrap())).await.expect(200);
    let change = json!({"password": first, "new_password": "kata-sandi-rina-sendiri"});
    let change = put("/api/v1/auth/password", &change).by(login["token"].as_str().unwrap());
    gateway.send(change).await.expect(200);
    let add_second = add(&people.admin, 0).await;
    add_second.expect(201);
    // The administrator's counts as well: it is the house's.
    add(&people.warung, most + 1).await.refused(409, "conflict");
}

#[tokio::test]
async fn landlords_see_their_own_and_administrators_all() {
    let (gateway, people) = funded().await;
    let other = gateway.user("kost", Role::Merchant).await;
    let by = |token: &str, ask: Ask| gateway.send(ask.by(token));
    by(&people.admin, post(ROOMS, &room("A1"))).await.names("issuer");
    let mut named = room("A1");
    named["issuer"] = json!("kost");
    let first = id_of(&by(&people.admin, post(ROOMS, &named)).await);
    // There is only one landlord now.
    by(&people.admin, post(ROOMS, &room("A2"))).await.expect(201);
    by(&people.warung, post(ROOMS, &room("A1"))).await.expect(201);
    by(&people.admin, post(ROOMS, &room("A3"))).await.names("issuer");
    by(&people.warung, post(ROOMS, &named)).await.refused(403, "forbidden");
    named["issuer"] = json!("ani");
    by(&people.admin, post(ROOMS, &named)).await.names("issuer");
    let path = format!("{ROOMS}/{first}");
    by(&people.warung, ask("DELETE", &path)).await.refused(404, "not_found");
    by(&people.warung, put(&path, &room("A9"))).await.refused(404, "not_found");
    let count = |token: &str, query: &str| {
        let ask = get(&format!("{ROOMS}{query}")).by(token);
        async { gateway.send(ask).await.expect(200)["data"].as_array().unwrap().len() }
    };
    assert_eq!(count(&other, "").await, 2);
    assert_eq!(count(&people.warung, "?issuer=warung").await, 1);
    assert_eq!(count(&people.admin, "").await, 3);
    assert_eq!(count(&people.admin, "?issuer=kost").await, 2);
    by(&people.warung, get(&format!("{ROOMS}?issuer=kost"))).await.refused(403, "forbidden");
}

#[tokio::test]
async fn ways_to_pay_are_changed_without_a_release() {
    let (gateway, people) = funded().await;
    let set = |id: &str, place: u16, active: bool| {
        let body = json!({"name": id, "title": "Dompet", "logo": "/l.svg", "place": place,
            "active": active});
        let path = format!("/api/v1/admin/payment-methods/{id}");
        gateway.send(put(&path, &body).by(&people.admin))
    };
    set("qris", 2, true).await.expect(200);
    set("wallet", 1, true).await.expect(200);
    set("bca_va", 3, false).await.expect(200);
    set("BCA", 3, false).await.names("id");
    let ids = |token: &str| {
        let ask = get(METHODS).by(token);
        async {
            let list = gateway.send(ask).await.expect(200);
            let rows = list["data"].as_array().unwrap().iter();
            rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(ids(&people.ani).await, ["wallet", "qris"]);
    assert_eq!(ids(&people.admin).await, ["wallet", "qris", "bca_va"]);
    let first = gateway.send(get(METHODS).by(&people.ani)).await.expect(200)["data"][0].clone();
    assert_eq!(
        first,
        json!({"id": "wallet", "name": "wallet", "title": "Dompet",
        "logo": "/l.svg", "active": true})
    );
    let path = "/api/v1/admin/payment-methods/qris";
    assert_eq!(gateway.send(ask("DELETE", path).by(&people.admin)).await.status, 204);
    gateway.send(ask("DELETE", path).by(&people.admin)).await.refused(404, "not_found");
    let reopened = gateway.reopened();
    let list = reopened.send(get(METHODS).by(&people.admin)).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
}
