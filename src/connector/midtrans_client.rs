//! Midtrans' Core API, asked by us.
//!
//! # What may be concluded
//!
//! | what came | charge, refund, cancel ... | status |
//! |---|---|---|
//! | a transaction of this id, as asked for | `Succeeded` | `Found` |
//! | a transaction of another id or amount, or one that was not changed | `Unknown` | `Unanswered` |
//! | 404 | `Refused`; to a charge `Unknown` | `NotFound` |
//! | 406 | `Unknown`: it has happened before | `Unanswered` |
//! | 400, 402, 403, 405, 408, 410, 411, 413; 412, 414 but to a charge | `Refused` | `Unanswered` |
//! | 401, 429 | `NotSent` | `Unanswered` |
//! | any other code, HTTP above 499, or what cannot be read | `Unknown` | `Unanswered` |
//! | nothing, and nothing was sent | `NotSent` | `Unanswered` |
//! | nothing, and something may have been sent | `Unknown` | `Unanswered` |
//! | turned away by breaker or bulkhead | `NotSent` | `Unanswered` |
//!
//! The code is that of the body; it is heard if HTTP says 200 or 201, or the same code. A charge
//! that was denied at once is refused: it is known under its id and will never be paid.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyper::Method as Verb;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use rustls::ClientConfig;
use serde_json::Value;

use super::bank::Asked;
use super::breaker::{self, Breaker, Sign};
use super::bulkhead::{self, Bulkhead};
use super::http::{self, Client};
use super::midtrans::charge::{Charge, is_order_id};
use super::midtrans::error::{Code, Failure};
use super::midtrans::key::ServerKey;
use super::midtrans::refund::RefundRequest;
use super::midtrans::status::Status;
use super::midtrans::transaction::{Answer, Transaction};
use super::outcome::{Outcome, Reason};
use super::provider::{Known, Provider};
use crate::clock::Clock;
use crate::ledger::time::Timestamp;
use crate::limits::REASON_MESSAGE_MAX;
use crate::outbound::{Resolve, Url};

/// Codes by which a request was judged and not followed.
const REFUSED: [u16; 8] = [400, 402, 403, 405, 408, 410, 411, 413];

/// What a client of the provider needs.
pub struct Settings {
    /// Where it is; its path is not used.
    pub base: Url,
    /// The key that proves who asks.
    pub key: ServerKey,
    /// For `https`.
    pub tls: Option<Arc<ClientConfig>>,
    /// Bounds of requests.
    pub http: http::Options,
    /// Bounds of how many there are.
    pub bulkhead: bulkhead::Options,
    /// When it counts as down.
    pub breaker: breaker::Options,
}

/// `https` without a configuration of TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an https address needs a configuration of TLS")]
pub struct NoTls;

/// A way to Midtrans.
pub struct MidtransClient {
    authorization: HeaderValue,
    client: Client,
    bulkhead: Bulkhead,
    breaker: Mutex<Breaker>,
    clock: Clock,
}

/// What is asked of a transaction that there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Cancel,
    Expire,
    Refund,
    Approve,
    Deny,
}

impl Change {
    const fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Expire => "expire",
            Self::Refund => "refund",
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }

    /// Whether a transaction stands like this once it is done.
    const fn leads_to(self, status: Status) -> bool {
        match self {
            Self::Cancel => matches!(status, Status::Cancel),
            Self::Expire => matches!(status, Status::Expire),
            Self::Refund => matches!(status, Status::Refund | Status::PartialRefund),
            Self::Approve => matches!(status, Status::Capture | Status::Settlement),
            Self::Deny => matches!(status, Status::Deny),
        }
    }
}

impl MidtransClient {
    /// A client that has asked nothing yet.
    ///
    /// # Errors
    /// What in the settings makes no sense.
    pub fn new(settings: Settings, resolve: Arc<dyn Resolve>, clock: Clock) -> Result<Self, NoTls> {
        let Settings { base, key, tls, http, bulkhead, breaker } = settings;
        if base.secure && tls.is_none() {
            return Err(NoTls);
        }
        let basic = key.basic();
        let mut authorization =
            HeaderValue::from_str(basic.expose()).expect("base64 is visible ASCII");
        authorization.set_sensitive(true);
        Ok(Self {
            authorization,
            client: Client::new(&base, resolve, tls, http),
            bulkhead: Bulkhead::new(bulkhead),
            breaker: Mutex::new(Breaker::new(breaker)),
            clock,
        })
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        // Each change of it is whole, so a panic elsewhere does not spoil it.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks; `Succeeded` here means that there is an answer, whatever it says.
    async fn ask(&self, verb: Verb, path: &str, body: Option<&Value>) -> Outcome<Answer> {
        let turn = self.breaker().begin(self.clock.now());
        let Some(turn) = turn else {
            let message = "the provider is not available";
            return Outcome::NotSent(Reason::new("provider_unavailable", message));
        };
        let outcome = match self.bulkhead.enter().await {
            Err(_) => {
                let message = "too many requests to the provider are under way";
                Outcome::NotSent(Reason::new("too_many", message))
            }
            Ok(_place) => self.send(verb, path, body).await,
        };
        self.breaker().end(turn, sign(&outcome), self.clock.now());
        outcome
    }

    async fn send(&self, verb: Verb, path: &str, body: Option<&Value>) -> Outcome<Answer> {
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let mut request = hyper::http::Request::new(body);
        *request.method_mut() = verb;
        *request.uri_mut() = path.parse().expect("an order id is a part of a path");
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, self.authorization.clone());
        match self.client.send(request).await {
            Err(failure) => failure.into_outcome(),
            Ok(answer) => read(&answer),
        }
    }

    async fn change(&self, change: Change, id: &str, body: Value) -> Outcome<Transaction> {
        let path = match path(id, change.word()) {
            Ok(path) => path,
            Err(reason) => return Outcome::NotSent(reason),
        };
        changed(change, id, self.ask(Verb::POST, &path, Some(&body)).await)
    }
}

impl Provider for MidtransClient {
    fn is_available(&self, now: Timestamp) -> bool {
        self.breaker().is_available(now)
    }

    fn charge<'a>(&'a self, charge: &'a Charge) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(async move {
            if !is_order_id(&charge.order_id) {
                return Outcome::NotSent(malformed("the order id is none"));
            }
            let body = charge.to_json();
            charged(charge, self.ask(Verb::POST, "/v2/charge", Some(&body)).await)
        })
    }

    fn status<'a>(&'a self, id: &'a str) -> Asked<'a, Known> {
        Box::pin(async move {
            match path(id, "status") {
                Ok(path) => known(id, self.ask(Verb::GET, &path, None).await),
                Err(reason) => Known::Unanswered(reason),
            }
        })
    }

    fn cancel<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(Change::Cancel, id, nothing()))
    }

    fn expire<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(Change::Expire, id, nothing()))
    }

    fn refund<'a>(
        &'a self,
        id: &'a str,
        request: &'a RefundRequest,
    ) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(async move {
            if request.key.is_none() {
                return Outcome::NotSent(malformed("a refund needs a key"));
            }
            self.change(Change::Refund, id, request.to_json()).await
        })
    }

    fn approve<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(Change::Approve, id, nothing()))
    }

    fn deny<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(Change::Deny, id, nothing()))
    }
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// The place of an order. What could mean another place is not asked.
fn path(id: &str, word: &str) -> Result<String, Reason> {
    if is_order_id(id) {
        Ok(format!("/v2/{id}/{word}"))
    } else {
        Err(malformed("the order id is none"))
    }
}

fn malformed(what: &str) -> Reason {
    Reason::new("malformed_request", what)
}

fn contradicts(what: &str) -> Reason {
    Reason::new("contradicting_answer", format!("the answer tells of another {what}"))
}

fn unreadable(what: &str) -> Reason {
    Reason::new("unreadable_answer", format!("the provider answered {what}"))
}

/// Why, in the provider's words: its code, and one line of bounded length.
fn because(failure: &Failure) -> Reason {
    let words = match failure.validation.first() {
        Some(first) => format!("{} {first}", failure.message),
        None => failure.message.clone(),
    };
    reason(failure.code, &words)
}

fn reason(code: Code, words: &str) -> Reason {
    let line = words.chars().filter(|c| !c.is_control()).take(REASON_MESSAGE_MAX);
    Reason::new(code.to_string(), line.collect::<String>())
}

/// What an answer of HTTP says.
fn read(answer: &http::Answer) -> Outcome<Answer> {
    let status = answer.status;
    let said = Answer::read(&answer.body).filter(|said| {
        let code = match said {
            Answer::Transaction(transaction) => transaction.code,
            Answer::Failure(failure) => failure.code,
        };
        matches!(status, 200 | 201) || status == code.get()
    });
    match said {
        Some(said) if status < 500 => Outcome::Succeeded(said),
        _ => Outcome::Unknown(unreadable(&format!("HTTP {status} without a meaning"))),
    }
}

/// What an answer, or none, tells about the provider's health.
fn sign(outcome: &Outcome<Answer>) -> Sign {
    match outcome {
        Outcome::Succeeded(Answer::Failure(failure)) => match failure.code.get() {
            500.. => Sign::Ill,
            // A key that is not known, and too many requests, are told by one that works.
            _ => Sign::Well,
        },
        other => Sign::of(other),
    }
}

/// What follows from a failure, for whatever was asked to be done.
fn failed<T>(failure: &Failure, refused: &[u16]) -> Outcome<T> {
    let reason = because(failure);
    let code = failure.code.get();
    if failure.is_duplicate() {
        return Outcome::Unknown(reason);
    }
    match failure.code {
        Code::UNAUTHORIZED | Code::TOO_MANY => Outcome::NotSent(reason),
        _ if REFUSED.contains(&code) || refused.contains(&code) => Outcome::Refused(reason),
        _ => Outcome::Unknown(reason),
    }
}

fn charged(charge: &Charge, asked: Outcome<Answer>) -> Outcome<Transaction> {
    then(asked, |answer| {
        let transaction = match answer {
            Answer::Transaction(transaction) => *transaction,
            Answer::Failure(failure) => return failed(&failure, &[]),
        };
        let same_money = transaction.amount == charge.amount && transaction.currency() == "IDR";
        if transaction.order_id != charge.order_id {
            Outcome::Unknown(contradicts("order"))
        } else if !same_money {
            Outcome::Unknown(contradicts("amount"))
        } else if transaction.payment_type != charge.method.payment_type() {
            Outcome::Unknown(contradicts("payment type"))
        } else if matches!(transaction.status, Status::Deny | Status::Failure) {
            Outcome::Refused(reason(transaction.code, &transaction.message))
        } else {
            Outcome::Succeeded(transaction)
        }
    })
}

fn changed(change: Change, id: &str, asked: Outcome<Answer>) -> Outcome<Transaction> {
    then(asked, |answer| {
        let transaction = match answer {
            Answer::Transaction(transaction) => *transaction,
            Answer::Failure(failure) => return failed(&failure, &[404, 412, 414]),
        };
        if !transaction.is_named(id) {
            Outcome::Unknown(contradicts("order"))
        } else if transaction.code == Code::DENIED && change == Change::Refund {
            Outcome::Refused(reason(transaction.code, &transaction.message))
        } else if change.leads_to(transaction.status) {
            Outcome::Succeeded(transaction)
        } else {
            Outcome::Unknown(contradicts("status"))
        }
    })
}

fn known(id: &str, asked: Outcome<Answer>) -> Known {
    match asked {
        Outcome::Succeeded(Answer::Transaction(transaction)) if transaction.is_named(id) => {
            Known::Found(transaction)
        }
        Outcome::Succeeded(Answer::Transaction(_)) => Known::Unanswered(contradicts("order")),
        Outcome::Succeeded(Answer::Failure(failure)) if failure.code == Code::NOT_FOUND => {
            Known::NotFound(because(&failure))
        }
        Outcome::Succeeded(Answer::Failure(failure)) => Known::Unanswered(because(&failure)),
        Outcome::Refused(reason) | Outcome::NotSent(reason) | Outcome::Unknown(reason) => {
            Known::Unanswered(reason)
        }
    }
}

fn then<T>(asked: Outcome<Answer>, next: impl FnOnce(Answer) -> Outcome<T>) -> Outcome<T> {
    match asked {
        Outcome::Succeeded(answer) => next(answer),
        Outcome::Refused(reason) => Outcome::Refused(reason),
        Outcome::NotSent(reason) => Outcome::NotSent(reason),
        Outcome::Unknown(reason) => Outcome::Unknown(reason),
    }
}

#[cfg(test)]
mod tests;
