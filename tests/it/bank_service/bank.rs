//! BNI in small: checks every signature, remembers what it was asked, and says what it is told to.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gerbang::connector::snap::call::Partner;
use gerbang::connector::snap::sign::{self, Message, SigningKey, VerifyingKey};
use gerbang::http::reply::Reply;
use gerbang::http::request::Request;
use gerbang::http::server::{self, Service};
use gerbang::identity::secret::Secret;
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::connector::wire;

/// With which calls are signed; must not stand in any answer of ours.
pub(crate) const CLIENT_SECRET: &str = "rahasia-kenari-4711";

/// Our key at the bank, made once.
pub(crate) static PRIVATE_PEM: LazyLock<String> = LazyLock::new(|| {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let text = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
});

pub(crate) fn partner() -> Partner {
    Partner {
        client_id: "gerbang-client".to_owned(),
        client_secret: Secret::new(CLIENT_SECRET.to_owned()),
        key: SigningKey::from_pem(PRIVATE_PEM.as_bytes()).unwrap(),
        partner_id: "GERBANG".to_owned(),
        channel_id: "95051".to_owned(),
        source_account: "115471000".to_owned(),
    }
}

/// What the bank does with the next question, instead of answering as it should.
#[derive(Clone, Debug)]
pub(crate) enum Saying {
    /// Says this.
    As(u16, Value),
    /// Does it, and says this.
    Raw(u16, &'static str),
    /// Knows the token no more, before it looks at the question.
    ForgetsToken,
    /// Says nothing.
    Hangs,
}

/// A question that bore a good signature.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) external_id: String,
}

#[derive(Default)]
struct State {
    /// How many tokens were granted; the last one lives.
    granted: u64,
    refuses_tokens: bool,
    asked: Vec<Asked>,
    external_ids: HashSet<String>,
    sayings: VecDeque<Saying>,
}

pub(crate) struct Bank {
    state: Mutex<State>,
    public: VerifyingKey,
}

impl Bank {
    /// Opens a bank on loopback, until the sender is dropped.
    pub(crate) async fn open() -> (Arc<Self>, SocketAddr, watch::Sender<bool>) {
        let public = VerifyingKey::from_pem(partner().key.public_pem().as_bytes()).unwrap();
        let bank = Arc::new(Self { state: Mutex::default(), public });
        let (listener, address) = wire::listener().await;
        let (stop, stopped) = watch::channel(false);
        let options = server::Options::standard();
        tokio::spawn(server::serve(listener, None, Arc::clone(&bank), stopped, options));
        (bank, address, stop)
    }

    /// Tells it what to do with the next questions.
    pub(crate) fn says(&self, sayings: impl IntoIterator<Item = Saying>) {
        self.state.lock().unwrap().sayings.extend(sayings);
    }

    pub(crate) fn refuses_tokens(&self, refuses: bool) {
        self.state.lock().unwrap().refuses_tokens = refuses;
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// How many tokens it has granted.
    pub(crate) fn granted(&self) -> u64 {
        self.state.lock().unwrap().granted
    }

    fn grant(&self, request: &Request) -> Reply {
        let text =
            sign::token_text(header(request, "x-client-key"), header(request, "x-timestamp"));
        let mut state = self.state.lock().unwrap();
        let known = header(request, "x-client-key") == "gerbang-client"
            && self.public.verify(&text, header(request, "x-signature"));
        if !known || state.refuses_tokens {
            return says(401, &code("4017300", "Unauthorized. [Signature]"));
        }
        state.granted += 1;
        says(
            200,
            &json!({
                "responseCode": "2007300", "responseMessage": "Successful", "expiresIn": "900",
                "tokenType": "Bearer", "accessToken": format!("TOKEN{}", state.granted),
            }),
        )
    }

    /// What becomes of a question; nothing if it is never answered.
    fn answer(&self, request: &Request) -> Option<Reply> {
        let mut state = self.state.lock().unwrap();
        let path = request.path();
        let service = service(path);
        let token = format!("TOKEN{}", state.granted);
        let message = Message {
            method: "POST",
            path,
            body: request.body(),
            timestamp: header(request, "x-timestamp"),
        };
        let secret = Secret::new(CLIENT_SECRET.to_owned());
        let signature = header(request, "x-signature");
        if header(request, "authorization") != format!("Bearer {token}") {
            return Some(says(401, &code(&format!("401{service}01"), "Invalid Token (B2B)")));
        }
        if !sign::verify_symmetric(&secret, &message.symmetric(&token), signature) {
            return Some(says(401, &code(&format!("401{service}00"), "Unauthorized. [Signature]")));
        }
        let external_id = header(request, "x-external-id").to_owned();
        if !state.external_ids.insert(external_id.clone()) {
            return Some(says(409, &code(&format!("409{service}00"), "Conflict")));
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let asked = Asked { path: path.to_owned(), body: body.clone(), external_id };
        match state.sayings.pop_front() {
            None => {
                state.asked.push(asked);
                Some(says(200, &success(service, &body)))
            }
            Some(Saying::As(status, value)) => {
                state.asked.push(asked);
                Some(says(status, &value))
            }
            Some(Saying::Raw(status, text)) => {
                state.asked.push(asked);
                let status = StatusCode::from_u16(status).unwrap();
                Some(Reply::text(status, text))
            }
            Some(Saying::Hangs) => {
                state.asked.push(asked);
                None
            }
            Some(Saying::ForgetsToken) => {
                state.granted += 1;
                Some(says(401, &code(&format!("401{service}01"), "Invalid Token (B2B)")))
            }
        }
    }
}

impl Service for Bank {
    fn body_max(&self, _: &hyper::http::request::Parts) -> usize {
        10_000
    }

    async fn call(&self, request: Request) -> Reply {
        let reply = match request.path() {
            "/snap/v1/access-token/b2b" => Some(self.grant(&request)),
            _ => self.answer(&request),
        };
        match reply {
            Some(reply) => reply,
            None => std::future::pending().await,
        }
    }
}

fn header<'r>(request: &'r Request, name: &str) -> &'r str {
    request.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn says(status: u16, value: &Value) -> Reply {
    Reply::json(StatusCode::from_u16(status).unwrap(), value)
}

pub(crate) fn code(code: &str, message: &str) -> Value {
    json!({"responseCode": code, "responseMessage": message})
}

fn service(path: &str) -> &'static str {
    match path {
        "/snap-service/v1/account-inquiry-internal" => "15",
        "/snap-service/v1/account-inquiry-external" => "16",
        "/snap-service/v1/transfer-intrabank" => "17",
        "/snap-service/v1/transfer-interbank" => "18",
        "/snap-service/v1/transfer/status" => "36",
        other => panic!("BNI has no {other}"),
    }
}

fn success(service: &str, asked: &Value) -> Value {
    let mut answer = code(&format!("200{service}00"), "Successful");
    let more = match service {
        "15" | "16" => json!({
            "partnerReferenceNo": asked["partnerReferenceNo"],
            "beneficiaryAccountNo": asked["beneficiaryAccountNo"],
            "beneficiaryAccountName": "Ani Lestari",
        }),
        "36" => json!({
            "originalPartnerReferenceNo": asked["originalPartnerReferenceNo"],
            "originalReferenceNo": "BNI0001",
            "amount": asked["amount"],
            "latestTransactionStatus": "00",
            "transactionStatusDesc": "success",
        }),
        _ => json!({
            "referenceNo": "BNI0001",
            "partnerReferenceNo": asked["partnerReferenceNo"],
            "amount": asked["amount"],
        }),
    };
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    answer
}
