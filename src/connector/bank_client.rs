//! The gateway's side of the standard request.
//!
//! # What may be concluded
//!
//! | what came | transfer, inquiry | status |
//! |---|---|---|
//! | 200 with a valid `Answer` | as it says | as it says |
//! | our problem document with one of [`NOT_ASKED`] | `NotSent` | the transfer is unknown |
//! | any other status, or what cannot be read | `Unknown` | the transfer is unknown |
//! | nothing, and nothing was sent | `NotSent` | the transfer is unknown |
//! | nothing, and something may have been sent | `Unknown` | the transfer is unknown |
//! | turned away by bulkhead, or by the breaker, which lets questions pass | `NotSent` | the transfer is unknown |
//!
//! A question that was not sent says nothing about the transfer it is about: a `not_sent` in the
//! last column would send a second payment after the first.
//!
//! The token that proves that it is the gateway who asks is signed once a minute.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};

use super::bank::{Asked, Bank};
use super::breaker::{self, Breaker, Sign};
use super::bulkhead::{self, Bulkhead};
use super::http::{self, Client};
use super::outcome::{Beneficiary, Outcome, Reason, Standing, Transferred};
use super::standard::{Answer, InquiryRequest, StatusRequest, TransferRequest};
use crate::clock::Clock;
use crate::identity::secret::Secret;
use crate::identity::token;
use crate::ledger::time::Timestamp;
use crate::limits::{
    CLIENT_SECRET_MIN, PARTNER_TOKEN_USED_SECONDS, REASON_CODE_MAX, REASON_MESSAGE_MAX,
};
use crate::outbound::{Resolve, Url};

/// Statuses by which a bank service says that it did not take the request, so that its bank was
/// not asked; believed only with a problem document of ours. What a server says that lost its way
/// (500), and what proxies say (502, 504), is not among them.
pub const NOT_ASKED: [u16; 11] = [400, 401, 403, 404, 405, 408, 413, 414, 415, 429, 503];

/// What a client of one bank service needs.
pub struct Settings {
    /// Where the bank service listens; its path is not used.
    pub base: Url,
    /// The bank's three-digit code: the audience of our tokens.
    pub bank_code: String,
    /// The key that signs them; at least `CLIENT_SECRET_MIN` bytes.
    pub key: Secret<Vec<u8>>,
    /// For `https`.
    pub tls: Option<Arc<ClientConfig>>,
    /// Bounds of requests.
    pub http: http::Options,
    /// Bounds of how many there are.
    pub bulkhead: bulkhead::Options,
    /// When the bank counts as down.
    pub breaker: breaker::Options,
}

/// Why there is no client of a bank service.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The key could be guessed.
    #[error("the key token must have at least {CLIENT_SECRET_MIN} bytes")]
    ShortKey,
    /// The local endpoint is not a path with a usage at its end.
    #[error("the local endpoint must look like /api/bni/transfer")]
    Endpoint,
    /// `https` without a configuration of TLS.
    #[error("an https address needs a configuration of TLS")]
    NoTls,
}

/// A way to one bank through its bank service.
pub struct BankClient {
    partner: Arc<Partner>,
    paths: Paths,
}

/// What all ways to one bank share.
struct Partner {
    bank_code: String,
    key: Secret<Vec<u8>>,
    token: Mutex<Option<Token>>,
    client: Client,
    bulkhead: Bulkhead,
    breaker: Mutex<Breaker>,
    clock: Clock,
}

struct Token {
    signed: Timestamp,
    header: HeaderValue,
}

/// The three places of a local endpoint.
struct Paths {
    transfer: String,
    inquiry: String,
    status: String,
}

impl Paths {
    fn of(endpoint: &str) -> Result<Self, Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
        let (directory, usage) = endpoint.rsplit_once('/').ok_or(Error::Endpoint)?;
        let whole = endpoint.starts_with('/') && !endpoint.contains("//");
        if !whole || usage.is_empty() || !endpoint.bytes().all(plain) {
            return Err(Error::Endpoint);
        }
        Ok(Self {
            transfer: endpoint.to_owned(),
            inquiry: format!("{directory}/inquiry"),
            status: format!("{directory}/status"),
        })
    }
}

/// A problem document of ours (RFC 9457), as far as it matters.
#[derive(Deserialize)]
struct Problem {
    status: u16,
    code: String,
    #[serde(default)]
    detail: String,
}

impl BankClient {
    /// A client that sends transfers to `endpoint`, the path of a route.
    ///
    /// # Errors
    /// What in the settings makes no sense.
    pub fn new(
        settings: Settings,
        endpoint: &str,
        resolve: Arc<dyn Resolve>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let Settings { base, bank_code, key, tls, http, bulkhead, breaker } = settings;
        if key.expose().len() < CLIENT_SECRET_MIN {
            return Err(Error::ShortKey);
        }
        if base.secure && tls.is_none() {
            return Err(Error::NoTls);
        }
        let partner = Partner {
            bank_code,
            key,
            token: Mutex::new(None),
            client: Client::new(&base, resolve, tls, http),
            bulkhead: Bulkhead::new(bulkhead),
            breaker: Mutex::new(Breaker::new(breaker)),
            clock,
        };
        Ok(Self { partner: Arc::new(partner), paths: Paths::of(endpoint)? })
    }

    /// Another route to the same bank, which shares connections, breaker and bulkhead.
    ///
    /// # Errors
    /// The endpoint makes no sense.
    pub fn at(&self, endpoint: &str) -> Result<Self, Error> {
        Ok(Self { partner: Arc::clone(&self.partner), paths: Paths::of(endpoint)? })
    }
}

impl Bank for BankClient {
    fn is_available(&self, now: Timestamp) -> bool {
        self.partner.breaker().is_available(now)
    }

    fn transfer<'a>(&'a self, request: &'a TransferRequest) -> Asked<'a, Outcome<Transferred>> {
        Box::pin(async move { transferred(self.partner.ask(&self.paths.transfer, request).await) })
    }

    fn inquire<'a>(&'a self, request: &'a InquiryRequest) -> Asked<'a, Outcome<Beneficiary>> {
        Box::pin(async move { beneficiary(self.partner.ask(&self.paths.inquiry, request).await) })
    }

    fn status<'a>(&'a self, request: &'a StatusRequest) -> Asked<'a, Standing> {
        Box::pin(async move { standing(self.partner.question(&self.paths.status, request).await) })
    }
}

impl Partner {
    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        // Each change of it is whole, so a panic elsewhere does not spoil it.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and says what may be concluded before the answer's own word is looked at:
    /// `Succeeded` here means that there is an `Answer`.
    async fn ask(&self, path: &str, request: &impl Serialize) -> Outcome<Answer> {
        let turn = self.breaker().begin(self.clock.now());
        match turn {
            Some(turn) => self.ask_in_turn(turn, path, request).await,
            None => Outcome::NotSent(Reason::new("bank_unavailable", "the bank is not available")),
        }
    }

    /// [`Partner::ask`] about what was sent before, which the breaker does not hold back.
    async fn question(&self, path: &str, request: &impl Serialize) -> Outcome<Answer> {
        let turn = self.breaker().ask();
        self.ask_in_turn(turn, path, request).await
    }

    async fn ask_in_turn(
        &self,
        turn: breaker::Turn,
        path: &str,
        request: &impl Serialize,
    ) -> Outcome<Answer> {
        let outcome = match self.bulkhead.enter().await {
            Err(full) => Outcome::NotSent(Reason::new("too_many", full.to_string())),
            Ok(_place) => self.send(path, request).await,
        };
        self.breaker().end(turn, sign(&outcome), self.clock.now());
        outcome
    }

    async fn send(&self, path: &str, request: &impl Serialize) -> Outcome<Answer> {
        let body = serde_json::to_vec(request).expect("strings and truth values become JSON");
        let mut request = hyper::http::Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().expect("an endpoint is a path");
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, self.authorization());
        match self.client.send(request).await {
            Err(failure) => failure.into_outcome(),
            Ok(answer) => read(&answer),
        }
    }

    /// The header that proves who asks; signed anew once it has been used for a while.
    fn authorization(&self) -> HeaderValue {
        let now = self.clock.now();
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = |token: &&Token| {
            let end = token.signed.plus_seconds(PARTNER_TOKEN_USED_SECONDS);
            token.signed <= now && now < end
        };
        if let Some(token) = token.as_ref().filter(usable) {
            return token.header.clone();
        }
        let signed = token::sign_partner(&self.bank_code, self.key.expose(), now)
            .expect("the key's length was checked");
        let mut header: HeaderValue =
            format!("Bearer {signed}").try_into().expect("a token is visible ASCII");
        header.set_sensitive(true);
        *token = Some(Token { signed: now, header: header.clone() });
        header
    }
}

/// What an answer, or none, tells about the bank's health.
fn sign(outcome: &Outcome<Answer>) -> Sign {
    match outcome {
        Outcome::Succeeded(answer) if answer.outcome == "not_found" => Sign::Well,
        Outcome::Succeeded(answer) => Sign::of(&said(answer, Outcome::Succeeded)),
        other => Sign::of(other),
    }
}

/// What an answer of HTTP says.
fn read(answer: &http::Answer) -> Outcome<Answer> {
    if answer.status == 200 {
        return match serde_json::from_slice(&answer.body) {
            Ok(answer) => Outcome::Succeeded(answer),
            Err(_) => unreadable("200 without an answer"),
        };
    }
    if !NOT_ASKED.contains(&answer.status) || !is_problem(&answer.headers) {
        return unreadable(&format!("status {}", answer.status));
    }
    match serde_json::from_slice::<Problem>(&answer.body) {
        Ok(problem) if problem.status == answer.status => {
            Outcome::NotSent(reason(&problem.code, &problem.detail))
        }
        Ok(_) | Err(_) => unreadable(&format!("status {}", answer.status)),
    }
}

fn is_problem(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/problem+json")
}

fn unreadable<T>(what: &str) -> Outcome<T> {
    Outcome::Unknown(Reason::new("unreadable_answer", format!("the bank service answered {what}")))
}

/// A reason of words from outside: one line, of bounded length.
fn reason(code: &str, message: &str) -> Reason {
    let line = |text: &str, max: usize| -> String {
        text.chars().filter(|c| !c.is_control()).take(max).collect()
    };
    Reason::new(line(code, REASON_CODE_MAX), line(message, REASON_MESSAGE_MAX))
}

/// The outcome that an answer names, with `success` made of its fields. A word that does not
/// belong there is no answer.
fn said<T>(answer: &Answer, success: impl FnOnce(()) -> Outcome<T>) -> Outcome<T> {
    let why = || reason(&answer.code, &answer.message);
    match answer.outcome.as_str() {
        "succeeded" => success(()),
        "refused" => Outcome::Refused(why()),
        "not_sent" => Outcome::NotSent(why()),
        "unknown" => Outcome::Unknown(why()),
        _ => unreadable("an outcome that is none"),
    }
}

fn transferred(asked: Outcome<Answer>) -> Outcome<Transferred> {
    then(asked, |answer| {
        said(&answer, |()| {
            let bank_reference = answer.bank_reference.clone().unwrap_or_default();
            Outcome::Succeeded(Transferred { bank_reference })
        })
    })
}

fn beneficiary(asked: Outcome<Answer>) -> Outcome<Beneficiary> {
    then(asked, |answer| {
        said(&answer, |()| match answer.account_name.clone() {
            Some(account_name) => Outcome::Succeeded(Beneficiary { account_name }),
            None => unreadable("success without a name"),
        })
    })
}

fn standing(asked: Outcome<Answer>) -> Standing {
    match asked {
        Outcome::Succeeded(answer) if answer.outcome == "not_found" => {
            Standing::NotFound(reason(&answer.code, &answer.message))
        }
        asked => Standing::Found(match transferred(asked) {
            // It was the question that was not sent.
            Outcome::NotSent(reason) => Outcome::Unknown(reason),
            other => other,
        }),
    }
}

fn then<T, U>(outcome: Outcome<T>, next: impl FnOnce(T) -> Outcome<U>) -> Outcome<U> {
    match outcome {
        Outcome::Succeeded(value) => next(value),
        Outcome::Refused(reason) => Outcome::Refused(reason),
        Outcome::NotSent(reason) => Outcome::NotSent(reason),
        Outcome::Unknown(reason) => Outcome::Unknown(reason),
    }
}

#[cfg(test)]
mod tests;
