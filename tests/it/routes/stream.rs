//! Live messages, over real sockets.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use gerbang::connector::midtrans::status::Status;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::charges::{begun, billed, tell};
use crate::support::{ORIGIN, TestGateway, funded, get, post};

pub(crate) type Socket = WebSocketStream<TcpStream>;

pub(crate) async fn open(
    address: SocketAddr,
    headers: &[(&'static str, &str)],
) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/api/v1/stream").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

pub(crate) async fn next(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(text.as_str()).unwrap(),
            Message::Close(frame) => return json!({"closed": frame.unwrap().reason.as_str()}),
            _ => {}
        }
    }
}

/// Until the gateway has somebody listening to the user.
async fn listened(gateway: &TestGateway, user: u32) {
    let user = gerbang::ledger::id::UserId(user);
    while gateway.gateway.hub().listeners_of(user) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_in_the_protocol_opens_the_stream_and_a_logout_closes_it() {
    let (gateway, people) = funded().await;
    let address = gateway.listen().await;
    let offer = format!("bearer, {}", people.budi);
    let mut socket = open(address, &[("sec-websocket-protocol", &offer)]).await.unwrap();
    listened(&gateway, 1).await;
    let body = json!({"to": "budi", "amount": 300, "note": "kopi", "reference": "k"});
    let paid = gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await;
    let position = paid.position();
    let told = next(&mut socket).await;
    assert_eq!(
        told,
        json!({
            "type": "payment_received", "amount": 300, "currency": "IDR", "from": "ani",
            "note": "kopi", "reference": "k", "position": position,
            "time": crate::support::START_TEXT,
        })
    );
    gateway.fund(&people, "budi", 50_000).await;
    let told = next(&mut socket).await;
    assert_eq!(told["type"], "top_up_settled");
    assert_eq!(
        (&told["user"], &told["nominal"], &told["pesan"]),
        (&json!("budi@contoh.id"), &json!("50000"), &json!("settlement"))
    );
    // What budi does himself is no news to him, and others' business is none of his.
    let out = json!({"to": "warung", "amount": 1});
    gateway.send(post("/api/v1/payments", &out).by(&people.budi)).await.expect(201);
    gateway.send(post("/api/v1/payments", &out).by(&people.ani)).await.expect(201);
    assert_eq!(
        gateway.send(post("/api/v1/auth/logout", &json!({})).by(&people.budi)).await.status,
        204
    );
    assert_eq!(next(&mut socket).await, json!({"closed": "the token is dead"}));
}

#[tokio::test]
async fn a_token_in_the_first_message_opens_the_stream() {
    let (gateway, people) = funded().await;
    let address = gateway.listen().await;
    let mut socket = open(address, &[("origin", ORIGIN)]).await.unwrap();
    socket.send(Message::text(json!({"token": people.budi}).to_string())).await.unwrap();
    listened(&gateway, 1).await;
    let body = json!({"frozen": true, "reason": "laporan"});
    let path = "/api/v1/admin/users/budi/freeze";
    gateway.send(post(path, &body).by(&people.admin)).await.expect(200);
    let told = next(&mut socket).await;
    assert_eq!((&told["type"], &told["reason"]), (&json!("account_frozen"), &json!("laporan")));
}

#[tokio::test]
async fn what_happens_in_a_further_currency_is_told_too() {
    let (gateway, people) = funded().await;
    let open_account = post("/api/v1/admin/users/budi/accounts", &json!({"currency": "USD"}));
    gateway.send(open_account.by(&people.admin)).await.expect(201);
    let address = gateway.listen().await;
    let offer = format!("bearer, {}", people.budi);
    let mut socket = open(address, &[("sec-websocket-protocol", &offer)]).await.unwrap();
    listened(&gateway, 1).await;
    let body = json!({"to": "budi", "amount": 7, "currency": "USD"});
    gateway.send(post("/api/v1/admin/topups", &body).by(&people.admin)).await.expect(201);
    let told = next(&mut socket).await;
    assert_eq!((&told["type"], &told["currency"]), (&json!("top_up_settled"), &json!("USD")));
    assert_eq!((&told["nominal"], &told["pesan"]), (&json!("7"), &json!("settlement")));
}

/// A stream of ani's, and what comes next over it as (type, user, nominal, pesan).
async fn heard(socket: &mut Socket) -> Value {
    let told = next(socket).await;
    json!([told["type"], told["user"], told["nominal"], told["pesan"]])
}

#[tokio::test]
async fn whatever_is_about_a_top_up_has_the_fields_of_one() {
    let (gateway, people) = funded().await;
    let address = gateway.listen().await;
    let offer = format!("bearer, {}", people.ani);
    let mut socket = open(address, &[("sec-websocket-protocol", &offer)]).await.unwrap();
    listened(&gateway, 0).await;
    let (charge, order) = begun(&gateway, &people).await;
    gateway.provider.turn(&order, Status::Expire);
    tell(&gateway, gateway.provider.notification(&order)).await.expect(200);
    let ani = "ani@contoh.id";
    assert_eq!(heard(&mut socket).await, json!(["charge_ended", ani, "10000", "expire"]));
    gateway.provider.force(&order, Status::Settlement);
    tell(&gateway, gateway.provider.notification(&order)).await.expect(200);
    let late = heard(&mut socket).await;
    assert_eq!(late, json!(["late_money_received", ani, "10000", "settlement"]), "{charge}");
    let (_, order) = begun(&gateway, &people).await;
    gateway.provider.turn(&order, Status::Settlement);
    tell(&gateway, gateway.provider.notification(&order)).await.expect(200);
    assert_eq!(heard(&mut socket).await, json!(["top_up_settled", ani, "10000", "settlement"]));
    let announced = json!({"amount": 7_000, "sender_bank_code": "014", "sender_name": "ANI"});
    let announced = post("/api/v1/topups/bank-transfer", &announced).by(&people.ani);
    let announced = gateway.send(announced).await.expect(201);
    let path = format!("/api/v1/admin/topups/{}/reject", announced["id"].as_str().unwrap());
    let reject = post(&path, &json!({"reason": "tidak ada"})).by(&people.admin);
    gateway.send(reject).await.expect(201);
    assert_eq!(heard(&mut socket).await, json!(["top_up_rejected", ani, "7000", "deny"]));
    // A bill's charge is no top-up.
    let bill = billed(&gateway, &people).await;
    assert_eq!(heard(&mut socket).await[0], "bill_issued");
    let pay = post(&format!("{bill}/pay"), &json!({"payment": "mandiri_bill"})).by(&people.ani);
    let charge = gateway.send(pay).await.expect(201);
    let order = charge["invoice"].as_str().unwrap();
    gateway.provider.turn(order, Status::Expire);
    tell(&gateway, gateway.provider.notification(order)).await.expect(200);
    let ended = heard(&mut socket).await;
    assert_eq!(ended, json!(["charge_ended", null, null, null]));
}

#[tokio::test]
async fn without_a_live_token_nothing_is_told() {
    let (gateway, people) = funded().await;
    let address = gateway.listen().await;
    assert_eq!(
        open(address, &[("sec-websocket-protocol", "bearer, a.b.c")]).await.err(),
        Some(401)
    );
    assert_eq!(open(address, &[("origin", "https://evil.example")]).await.err(), Some(403));
    let offer = format!("bearer, {}", people.ani);
    let both = [("sec-websocket-protocol", offer.as_str()), ("origin", "https://evil.example")];
    assert_eq!(open(address, &both).await.err(), Some(403));
    let farewell = json!({"closed": "a live token is needed"});
    for first in ["{\"token\":\"a.b.c\"}", "x", "{}", "{\"token\":\"a\",\"x\":1}"] {
        let mut socket = open(address, &[]).await.unwrap();
        socket.send(Message::text(first)).await.unwrap();
        assert_eq!(next(&mut socket).await, farewell, "{first}");
    }
    // Without a handshake it is an ordinary request, and a wrong one.
    gateway.send(get("/api/v1/stream").by(&people.ani)).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_user_has_eight_streams_at_once() {
    let (gateway, people) = funded().await;
    let address = gateway.listen().await;
    let offer = format!("bearer, {}", people.budi);
    let headers = [("sec-websocket-protocol", offer.as_str())];
    let mut sockets = Vec::new();
    for count in 1..=8 {
        sockets.push(open(address, &headers).await.unwrap());
        let user = gerbang::ledger::id::UserId(1);
        while gateway.gateway.hub().listeners_of(user) < count {
            tokio::task::yield_now().await;
        }
    }
    let mut ninth = open(address, &headers).await.unwrap();
    let farewell = json!({"closed": "too many connections of this user"});
    assert_eq!(next(&mut ninth).await, farewell);
}
