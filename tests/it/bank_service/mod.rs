//! A bank service: what it takes, what it asks its bank, and what it concludes.

/// A bank that says what it is told to.
pub(crate) mod bank;
/// What the bank says, and what it means; tokens; connections that break.
mod outcomes;
/// Who is let in, and with what.
mod requests;
/// Against the simulated bank, with faults: its book agrees with what was concluded.
mod simulated;

use std::net::SocketAddr;
use std::sync::Arc;

use gerbang::bank_service::config::Settings;
use gerbang::bank_service::server::BankService;
use gerbang::clock::Clock;
use gerbang::connector::snap::dialect;
use gerbang::connector::{bulkhead, http};
use gerbang::http::reply::Reply;
use gerbang::http::request::Request;
use gerbang::http::server::Service;
use gerbang::identity::secret::Secret;
use gerbang::identity::token;
use gerbang::outbound::{System, Url};
use serde_json::{Value, json};
use tokio::sync::watch;

use self::bank::Bank;
use crate::ask::{Answer, Ask, post};
use crate::support::START;

/// The partner's key token.
pub(crate) const KEY: &[u8] = b"kunci-mitra-yang-cukup-panjang-012345";

/// The service of a bank at `address`.
pub(crate) fn settings(address: SocketAddr, http: http::Options) -> Settings {
    Settings {
        plain_http: false,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        certificate: None,
        log: "info".to_owned(),
        name: "bni".to_owned(),
        keys: vec![Secret::new(KEY.to_vec())],
        dialect: dialect::of("009").unwrap(),
        partner: bank::partner(),
        base: Url::parse(&format!("http://{address}")).unwrap(),
        tls: None,
        http,
        bulkhead: bulkhead::Options::standard(),
    }
}

/// A bank service in process, and its bank on a socket.
pub(crate) struct Office {
    pub(crate) service: Arc<BankService>,
    pub(crate) bank: Arc<Bank>,
    pub(crate) clock: Clock,
    _open: watch::Sender<bool>,
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::with(http::Options::standard()).await
    }

    pub(crate) async fn with(http: http::Options) -> Self {
        let (bank, address, open) = Bank::open().await;
        let clock = Clock::manual(START);
        let settings = settings(address, http);
        let service = Arc::new(BankService::new(settings, Arc::new(System), clock.clone()));
        Self { service, bank, clock, _open: open }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        let peer = SocketAddr::from(([127, 0, 0, 1], 4321));
        let request = Request::in_process(ask.request(), peer);
        let reply = match request {
            Ok(request) => self.service.call(request).await,
            Err(error) => Reply::from(error),
        };
        let answer = Answer::of(&reply);
        assert!(!answer.text.contains(bank::CLIENT_SECRET), "{}", answer.text);
        assert!(!answer.text.contains("TOKEN"), "{}", answer.text);
        answer
    }

    /// Asks as the gateway does.
    pub(crate) async fn ask(&self, usage: &str, body: &Value) -> Answer {
        let token = token::sign_partner("009", KEY, self.clock.now()).unwrap();
        self.send(post(&format!("/api/bni/{usage}"), body).by(&token)).await
    }

    /// Asks for a transfer and gives outcome and code.
    pub(crate) async fn transfer(&self) -> (String, String) {
        let answer = self.ask("transfer", &transfer()).await.expect(200);
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("outcome"), text("code"))
    }
}

pub(crate) fn transfer() -> Value {
    json!({
        "reference": "GB00000000000000000000000001",
        "beneficiaryBankCode": "009",
        "beneficiaryAccountNumber": "8888010001",
        "beneficiaryAccountName": "Ani Lestari",
        "amount": "25000",
        "currency": "IDR",
        "remark": "sewa",
        "date": "2026-11-18T18:06:40+07:00",
    })
}

pub(crate) fn inquiry() -> Value {
    json!({
        "reference": "GBQ1", "beneficiaryBankCode": "014", "beneficiaryAccountNumber": "8888010001",
    })
}

pub(crate) fn status() -> Value {
    json!({
        "reference": "GB00000000000000000000000001",
        "interbank": false,
        "amount": "25000",
        "currency": "IDR",
        "date": "2026-11-18T18:06:40+07:00",
    })
}
