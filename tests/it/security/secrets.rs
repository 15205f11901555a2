//! Secrets that must turn up nowhere: logs, metrics, answers, `Debug`, exports.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::fmt::MakeWriter;

use crate::client::Connection;
use crate::edr;
use crate::payouts::bank::Next;
use crate::support::{Ask, TestGateway, get, login_of, post, put, raw};
use gerbang::identity::secret::Secret;
use gerbang::journal::export;
use gerbang::ledger::id::Position;
use gerbang::ledger::user::credential_in;

/// A password, a wrong password, and what only looks like a token or a key.
const CANARIES: [&str; 5] =
    ["kenari-sandi-1", "kenari-salah-2", "kenari.token.3", "kenari-kode-4", "kenari-query-5"];

/// Collects what is logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Beside the one of a test, so that there are two: while there is one only, tracing takes a line
/// that another test's thread comes to first for one that nobody wants to hear.
static BESIDE: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// Everything that this thread logs, and the writers of gateways made from here on.
pub(crate) fn capture() -> (Log, tracing::subscriber::DefaultGuard) {
    LazyLock::force(&BESIDE);
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

pub(crate) fn found(text: &str, secrets: &[&str]) -> Vec<String> {
    secrets.iter().filter(|secret| text.contains(**secret)).map(|s| (*s).to_owned()).collect()
}

#[tokio::test]
async fn no_secret_is_said_anywhere() {
    let (log, _guard) = capture();
    let gateway = TestGateway::new();
    let [right, wrong, token, code, query] = CANARIES;
    let mut said = Vec::new();
    let sign_up = |password: &str, role: &str| {
        json!({"username": "ani", "name": "Ani", "email": "ani@contoh.id", "password": password,
            "role": role})
    };
    let asks = [
        post("/api/v1/auth/signup", &sign_up(right, "admin")),
        post("/api/v1/auth/signup", &sign_up(right, "buyer")),
        post("/api/v1/auth/signup", &sign_up(right, "buyer")),
        post("/api/v1/auth/signup", &json!({"password": [wrong]})),
        post("/api/v1/auth/signup", &json!({"password": right, "passwort": wrong})),
        raw("/api/v1/auth/login", "application/json", format!("{{\"password\":\"{wrong}")),
        raw("/api/v1/auth/login", "text/plain", wrong),
        login_of("ani", wrong),
        login_of("siapa", wrong),
        login_of(wrong, right),
        get("/api/v1/me").by(token),
        get("/api/v1/me").header("authorization", &format!("Basic {token}")),
        get("/api/v1/me").header("x-api-key", token),
        get(&format!("/api/v1/stream?token={query}")),
        get(&format!("/api/v1/stream?x={query}")).header("x-otp", code),
    ];
    for ask in asks {
        said.push(gateway.send(ask).await.text);
    }
    let answer = gateway.send(login_of("ani", right)).await;
    let live = answer.expect(200)["token"].as_str().unwrap().to_owned();
    let signature = live.rsplit('.').next().unwrap().to_owned();
    let pay = json!({"to": "budi", "amount": 1, "otp": code});
    said.push(gateway.send(post("/api/v1/payments", &pay).by(&live)).await.text);
    let address = gateway.listen().await;
    let through = live.clone();
    let sent = tokio::task::spawn_blocking(move || {
        let path = format!("/api/v1/balance?secret={query}");
        let headers = [("X-Request-Id", "kenari ini"), ("Cookie", code)];
        Connection::open(address).unwrap().send(("GET", &path), &through, &headers, "").unwrap()
    });
    said.push(sent.await.unwrap().body);
    gateway.send(post("/api/v1/auth/logout", &json!({})).by(&live)).await;
    said.push(gateway.send(get("/api/v1/me").by(&live)).await.text);
    said.push(gateway.send(get("/metrics")).await.text);
    let mut exported = Vec::new();
    let history = gateway.gateway.view().history();
    export::ndjson(history, Position::FIRST, &mut exported).unwrap();
    export::csv(history, Position::FIRST, &mut exported).unwrap();
    said.push(String::from_utf8(exported).unwrap());
    let caller = gateway.gateway.authenticate(&gateway_token(&gateway, right).await).unwrap();
    said.push(format!("{caller:?} {:?}", gateway.gateway.look_up("ani")));
    said.push(log.text());

    let position = gateway.gateway.look_up("ani").unwrap().credential;
    let recorded = gateway.gateway.view().record(position).unwrap();
    let credential = credential_in(&recorded.event.fact).unwrap();
    let hash: String = credential.0[24..].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut secrets: Vec<&str> = CANARIES.to_vec();
    secrets.extend([signature.as_str(), hash.as_str()]);
    for text in &said {
        assert_eq!(found(text, &secrets), Vec::<String>::new(), "in {text}");
    }
    assert!(log.text().contains("/api/v1/balance"), "the edge is heard: {}", log.text());
}

async fn gateway_token(gateway: &TestGateway, password: &str) -> String {
    gateway.at(1);
    let answer = gateway.send(login_of("ani", password)).await;
    answer.expect(200)["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn no_key_token_and_no_account_number_is_said_where_it_does_not_belong() {
    let (log, _guard) = capture();
    let (gateway, people) = edr::hasty().await;
    let client = json!({"id": "baru", "name": "Baru", "account_number": "7700112233",
        "account_name": "BARU", "allow": ["127.0.0.1"]});
    let add = post("/api/v1/admin/clients", &client).by(&people.admin);
    let rotate = post("/api/v1/admin/partners/009/rotate-key", &json!({})).by(&people.admin);
    let mut keys = Vec::new();
    for ask in [add, rotate] {
        let answer = gateway.send(ask).await.json();
        keys.push(answer["key_token"].as_str().unwrap().to_owned());
    }
    let token = edr::token_of(&gateway, "baru", &keys[0]);
    let mut said = Vec::new();
    for next in [None, Some(Next::Silent), Some(Next::Refused)] {
        next.into_iter().for_each(|next| gateway.banks.next(next));
        let body = edr::request(&format!("T{}", said.len()));
        gateway.send(edr::transfer(&gateway, &body)).await;
        let refused = gateway.send(post("/api/transfer", &body).by(&token)).await;
        said.push(refused.text);
    }
    // The last one's end is logged before it is shown; that a log is heard is another test.
    let show = || gateway.send(get("/api/transfer/T2").by(&edr::token(&gateway)));
    while show().await.status == 202 {
        tokio::task::yield_now().await;
    }
    for path in ["partners", "routes", "clients"] {
        let path = format!("/api/v1/admin/{path}");
        said.push(gateway.send(get(&path).by(&people.admin)).await.text);
    }
    let mut exported = Vec::new();
    let history = gateway.gateway.view().history();
    export::ndjson(history, Position::FIRST, &mut exported).unwrap();
    said.push(String::from_utf8(exported).unwrap());
    said.push(format!("{:?}", gateway.gateway.view().registry()));
    said.push(gateway.send(get("/metrics")).await.text);
    let (first, second) = (keys[0].as_str(), keys[1].as_str());
    let secrets = [first, second, edr::KEY, token.rsplit('.').next().unwrap()];
    for text in &said {
        assert_eq!(found(text, &secrets), Vec::<String>::new(), "in {text}");
    }
    // The log has no account number either.
    let hidden = [&secrets[..], &["0115471119", "0847652590", "7700112233"]].concat();
    assert_eq!(found(&log.text(), &hidden), Vec::<String>::new(), "{}", log.text());
}

#[tokio::test]
async fn no_code_and_no_key_of_an_application_is_said_but_once() {
    use gerbang::gateway::codes::policy::{From, Policy};
    let (log, _guard) = capture();
    let from = From::Amount(gerbang::ledger::money::Amount::new(1).unwrap());
    let codes = Policy { payments: from, ..Policy::NEVER };
    let settings = gerbang::gateway::Settings { codes, ..crate::support::settings() };
    let gateway = TestGateway::with(settings);
    let people = gateway.people().await;
    let ask = json!({"operation": "payment", "to": "budi", "amount": 123_456_789});
    let mut said = vec![gateway.send(post("/api/v1/auth/otp", &ask).by(&people.ani)).await.text];
    let sent = || gateway.phones.lock().unwrap().get("ani").map(|(code, _)| code.clone());
    let code = loop {
        match sent() {
            Some(code) => break code,
            None => tokio::task::yield_now().await,
        }
    };
    let pay = json!({"to": "budi", "amount": 123_456_789, "otp": code});
    for _ in 0..2 {
        said.push(gateway.send(post("/api/v1/payments", &pay).by(&people.ani)).await.text);
    }
    let enrol = json!({"operation": "enrol_authenticator"});
    gateway.send(post("/api/v1/auth/otp", &enrol).by(&people.ani)).await.expect(202);
    let proof = loop {
        match sent() {
            Some(proof) if proof != code => break proof,
            _ => tokio::task::yield_now().await,
        }
    };
    let enrol = json!({"password": crate::support::PASSWORD, "code": proof});
    let app = gateway.send(post("/api/v1/auth/totp", &enrol).by(&people.ani)).await.json();
    let key = json!({"name": "toko", "scopes": ["read"]});
    let key = gateway.send(post("/api/v1/api-keys", &key).by(&people.warung)).await.json();
    let key = key["key"].as_str().unwrap();
    let keys = get("/api/v1/api-keys").by(&people.warung);
    for ask in [keys, get("/api/v1/me").header("x-api-key", key), get("/metrics")] {
        said.push(gateway.send(ask).await.text);
    }
    let mut exported = Vec::new();
    let history = gateway.gateway.view().history();
    export::ndjson(history, Position::FIRST, &mut exported).unwrap();
    said.push(String::from_utf8(exported).unwrap());
    said.push(format!("{:?}", gateway.gateway.view().registry()));
    said.push(format!("{:?}", gateway.gateway.look_up("ani")));
    let secrets = [app["secret"].as_str().unwrap(), &key[20..]];
    let batches = gateway.journal.batches().unwrap();
    let stored = batches.iter().map(|batch| String::from_utf8_lossy(batch.bytes()).into_owned());
    for text in said.iter().cloned().chain(stored).chain([log.text()]) {
        assert_eq!(found(&text, &secrets), Vec::<String>::new(), "in {text}");
    }
    // Six digits turn up in numbers by chance: the code as a text of its own is looked for.
    let alone = format!("\"{code}\"");
    for text in said.iter().chain([&log.text()]) {
        assert_eq!(found(text, &[&alone]), Vec::<String>::new(), "in {text}");
    }
}

#[tokio::test]
async fn no_server_key_of_a_merchant_is_said_but_once() {
    let (log, _guard) = capture();
    let (gateway, people) = crate::support::funded().await;
    let set = json!({"methods": ["wallet"], "fee_basis_points": 0,
        "urls": {"notification_url": "http://127.0.0.1:1/told"}});
    let set = put("/api/v1/admin/merchants/warung", &set).by(&people.admin);
    let first = gateway.send(set).await.expect(200)["server_key"].as_str().unwrap().to_owned();
    let rotate = post("/api/v1/merchant/rotate-key", &json!({})).by(&people.warung);
    let second = gateway.send(rotate).await.expect(200)["server_key"].as_str().unwrap().to_owned();
    let basic = |key: &str| format!("Basic {}", STANDARD.encode(format!("{key}:")));
    let with = |ask: Ask, key: &str| ask.header("authorization", &basic(key));
    let order = json!({"payment_type": "qris",
        "transaction_details": {"order_id": "order-1", "gross_amount": 44_000}});
    let page = json!({"transaction_details": {"order_id": "order-2", "gross_amount": 44_000}});
    let wrong = first.replace("GB-server-", "GB-server-0");
    let mut said = Vec::new();
    for ask in [
        with(post("/v2/charge", &order), &first),
        with(post("/v2/charge", &order), &second),
        with(post("/v2/charge", &order), &wrong),
        with(raw("/v2/charge", "application/json", format!("{{\"key\":\"{first}")), &first),
        with(get("/v2/order-1/status"), &second),
        with(get(&format!("/v2/{first}/status")), &second),
        with(post("/v2/order-1/cancel", &json!({})), &first),
        get(&format!("/v2/token?client_key={first}")),
        get("/api/v1/merchant").by(&people.warung),
        get("/api/v1/admin/merchants").by(&people.admin),
        get("/api/v1/webhooks").by(&people.warung),
        get("/api/v1/me").header("x-api-key", &first),
        get("/api/v1/me").by(&second),
        get("/metrics"),
    ] {
        said.push(gateway.send(ask).await.text);
    }
    let opened = gateway.send(with(post("/snap/v1/transactions", &page), &second)).await;
    let url = opened.expect(201)["redirect_url"].as_str().unwrap().to_owned();
    let page = gateway.send_raw(get(url.strip_prefix("http://gerbang.test").unwrap())).await;
    said.extend([opened.text, page.body_text().to_owned()]);
    let mut exported = Vec::new();
    let history = gateway.gateway.view().history();
    export::ndjson(history, Position::FIRST, &mut exported).unwrap();
    said.push(String::from_utf8(exported).unwrap());
    said.push(format!("{:?}", gateway.gateway.view().registry()));
    let (row, _) = gateway.gateway.merchant_of(&Secret::new(second.clone())).unwrap();
    said.push(format!("{row:?}"));
    said.push(log.text());
    let batches = gateway.journal.batches().unwrap();
    said.extend(batches.iter().map(|it| String::from_utf8_lossy(it.bytes()).into_owned()));
    // Its public half is shown, so what stands behind it is looked for, as it is and as it travels.
    let travelling: Vec<String> = [&first, &second].map(|key| basic(key)[20..].to_owned()).into();
    let secrets = [&first[27..], &second[27..], &travelling[0], &travelling[1]];
    for text in &said {
        assert_eq!(found(text, &secrets), Vec::<String>::new(), "in {text}");
    }
}

#[test]
fn a_secret_that_is_logged_would_be_found() {
    let (log, _guard) = capture();
    tracing::trace!(password = CANARIES[0], "planted");
    assert_eq!(found(&log.text(), &CANARIES), [CANARIES[0]]);
}

#[tokio::test]
async fn nobody_writes_a_line_of_the_log() {
    let (log, _guard) = capture();
    let gateway = TestGateway::new();
    for forged in ["ani\n{\"level\":\"ERROR\"}", "ani\r\nx", "ani\u{1b}[2Jx", "ani\u{0}"] {
        let body = json!({"username": forged, "name": forged, "email": "a@contoh.id",
            "password": "kata-sandi-panjang", "role": "buyer"});
        gateway.send(post("/api/v1/auth/signup", &body)).await.names("name");
        gateway
            .send(login_of(forged, "kata-sandi-salah"))
            .await
            .refused(401, "invalid_credentials");
        let mut named = body.clone();
        named["name"] = json!("Ani");
        gateway.send(post("/api/v1/auth/signup", &named)).await.names("username");
    }
    for line in log.text().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_ne!(line["level"], "ERROR", "{line}");
    }
    assert!(!log.text().contains('\u{1b}'));
}

#[test]
fn an_answer_and_a_request_print_no_secret() {
    let body = bytes::Bytes::from_static(b"{\"password\":\"kenari-sandi-1\"}");
    let request = hyper::http::Request::post("/api/v1/auth/login?x=kenari-query-5")
        .header("authorization", "Bearer kenari.token.3")
        .body(body)
        .unwrap();
    let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let request = gerbang::http::request::Request::in_process(request, peer).unwrap();
    let printed = format!("{request:?}");
    assert_eq!(found(&printed, &CANARIES), Vec::<String>::new(), "{printed}");
}
