//! Midtrans' API from the other side: what merchants' SDKs call, over whatever stands behind it.
//!
//! ```text
//!  request ──▶ call ──▶ keys ──▶ card? no ──▶ replays ──▶ Backend ──▶ Transaction
//!              which    who       refused     a second     simulator    as that call
//!              path               unseen      try?         or gateway   shows it
//! ```
//!
//! The simulated provider and the merchant API of the gateway are this same code over two
//! [`Backend`]s. What the wire format is stands in `connector::midtrans`; here is what HTTP adds:
//! keys, real and unreal status codes, `Idempotency-Key`, where notifications are to go.
//!
//! # Invariants
//!
//! - On Core, business is answered with HTTP 200 and a `status_code` that is a string, always as
//!   one JSON object.
//! - Nothing of a card is read: a call that may carry one is refused by its path or its
//!   `payment_type` alone, and neither query nor body of it is kept, compared or logged.
//! - A call runs to its end on a task of its own: a client that leaves cuts nothing off.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};

mod backend;
mod call;
mod keys;
mod picture;
mod places;
mod refusal;
mod replays;
pub mod session;
mod turns;

pub use backend::{Backend, Kept, Merchant, Opened};
pub use call::{Act, OPERATIONS, Operation};
use call::{Call, Family, NoCall};
pub use places::Places;
pub use refusal::Refusal;
use replays::{Replays, Turn};
use session::Session;
use turns::Turns;

use super::reply::Reply;
use super::request::Request;
use crate::connector::midtrans::answer::{Done, b2b};
use crate::connector::midtrans::charge::Charge;
use crate::connector::midtrans::method::Method;
use crate::connector::midtrans::refund::RefundRequest;
use crate::ledger::time::BOOK_OFFSET_SECONDS;
use crate::limits::MIDTRANS_IDEMPOTENCY_KEY_MAX;

/// The API over a backend. Clones are the same API.
pub struct Server<B>(Arc<Inner<B>>);

struct Inner<B> {
    backend: B,
    replays: Mutex<Replays<Arc<str>>>,
    /// For calls, which go on when their client leaves.
    turns: Arc<Turns>,
}

/// A good answer: its HTTP status, and its body.
type Answered = Result<(u16, Value), Refusal>;

impl<B> Clone for Server<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Whether a path, in decoded segments, is of this API at all.
pub fn is_ours(segments: &[&str]) -> bool {
    !matches!(Call::find(&hyper::Method::GET, segments), Err(NoCall::Path))
}

/// The operation of a request, if it is of this API and to be had here.
pub fn operation_of(method: &hyper::Method, segments: &[&str]) -> Option<&'static Operation> {
    Call::find(method, segments).ok()?.operation()
}

impl<B: Backend> Server<B> {
    /// The API over `backend`.
    pub fn new(backend: B) -> Self {
        let (replays, turns) = (Mutex::new(Replays::new()), Arc::default());
        Self(Arc::new(Inner { backend, replays, turns }))
    }

    /// What stands behind it.
    pub fn backend(&self) -> &B {
        &self.0.backend
    }

    /// Answers a request.
    pub async fn answer(&self, request: &Request) -> Reply {
        let segments = request.segments();
        let call = match Call::find(request.method(), segments.as_slice()) {
            Ok(call) => call,
            Err(NoCall::Path) => return self.refused(Family::Core, Refusal::NoSuchPath),
            Err(NoCall::Method) => return self.refused(Family::Core, Refusal::Method),
        };
        if let Call::Picture(id) = &call {
            return self.picture(id).await;
        }
        let family = call.family();
        let merchant = match self.admit(&call, request) {
            Ok(merchant) => merchant,
            Err(refusal) => return self.refused(family, refusal),
        };
        let Some(turn) = self.0.turns.begin(&merchant.id) else {
            return self.refused(family, Refusal::TooMany);
        };
        let (headers, body) = (request.headers().clone(), request.body().clone());
        let server = self.clone();
        let run = async move {
            let _turn = turn;
            server.run(&merchant, call, &headers, &body).await
        };
        // A panic in it was logged where it happened.
        let run = tokio::spawn(run).await;
        run.unwrap_or_else(|_| self.refused(family, Refusal::Internal))
    }

    /// A picture of a QR: what the payer's browser loads, without a key.
    async fn picture(&self, transaction_id: &str) -> Reply {
        let text = self.backend().qr(transaction_id).await;
        match text.and_then(|text| picture::png(&text)) {
            None => self.refused(Family::Core, Refusal::NoSuchPath),
            Some(png) => Reply::bytes(StatusCode::OK, Bytes::from(png))
                .header(CONTENT_TYPE, HeaderValue::from_static("image/png")),
        }
    }

    /// Who is asking, if it is for something that can be had.
    fn admit(&self, call: &Call, request: &Request) -> Result<Merchant, Refusal> {
        let backend = self.backend();
        let merchant = keys::server_key(request.headers()).and_then(|key| backend.merchant(&key));
        match (call, merchant) {
            (Call::CardFromBrowser, merchant) => {
                let key = keys::client_key(request.uri().query());
                let known = key.is_some_and(|key| backend.knows_client_key(key));
                let refusal = known || merchant.is_some();
                Err(if refusal { Refusal::NotEnabled } else { Refusal::UnknownKey })
            }
            (_, None) => Err(Refusal::UnknownKey),
            (Call::Card | Call::NotOffered(Family::Core), Some(_)) => Err(Refusal::NotEnabled),
            (Call::NotOffered(_), Some(_)) => Err(Refusal::NoSuchPath),
            (_, Some(merchant)) => Ok(merchant),
        }
    }

    /// Answers a merchant: once, or as before.
    async fn run(
        &self,
        merchant: &Merchant,
        call: Call,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Reply {
        let family = call.family();
        let key = if call.is_replayed() { idempotency_key(headers) } else { None };
        let Some(key) = key else {
            let answered = self.perform(merchant, call, headers, body).await;
            return self.reply(family, answered);
        };
        let now = self.backend().now();
        let turn = self.replays().begin(&merchant.id, &key, now);
        match turn {
            Turn::Again(kept) => return json_reply(kept.status, kept.body),
            Turn::Running => return self.in_progress(),
            Turn::First => {}
        }
        let under = Merchant { request_key: Some(Arc::from(key.as_str())), ..merchant.clone() };
        // Given back also if what follows panics.
        let turn = Running { server: self, merchant, key: &key, kept: None };
        let answered = self.perform(&under, call, headers, body).await;
        turn.end(family, answered)
    }

    fn in_progress(&self) -> Reply {
        let body = json!({
            "status_code": "202",
            "status_message": "The request with the same Idempotency-Key is being processed",
            "id": self.backend().fresh_id(),
        });
        json_reply(202, Bytes::from(body.to_string()))
    }

    async fn perform(
        &self,
        merchant: &Merchant,
        call: Call,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answered {
        let backend = self.backend();
        let ok = |value: Value| Ok((200, value));
        match call {
            Call::Charge => self.charge(merchant, headers, body).await,
            Call::Status(id) => {
                let kept = backend.find(merchant, &id).await?;
                ok(kept.transaction.to_status(&merchant.key).to_json())
            }
            Call::StatusOfAll(id) => {
                let kept = backend.find(merchant, &id).await?;
                ok(b2b(&[kept.transaction.to_status(&merchant.key).to_json()]))
            }
            Call::Act(act, id) => {
                let kept = backend.act(merchant, act, &id).await?;
                ok(kept.transaction.to_done(act.done()).to_json())
            }
            Call::Refund { id, direct } => {
                let request = RefundRequest::read(body)?;
                let (kept, done) = backend.refund(merchant, &id, request, direct).await?;
                ok(kept.transaction.to_done(done).to_json())
            }
            Call::SnapOpen => {
                let session = Session::read(body, backend.now())?;
                let places = Places::read(headers)?;
                let Opened { token, redirect_url } =
                    backend.open(merchant, session, places).await?;
                Ok((201, json!({"token": token, "redirect_url": redirect_url})))
            }
            Call::SnapCancel(token) => {
                let when = backend.close(merchant, &token).await?;
                ok(json!({"canceled_at": when.to_rfc3339(BOOK_OFFSET_SECONDS)}))
            }
            Call::Picture(_) | Call::CardFromBrowser | Call::Card | Call::NotOffered(_) => {
                Err(Refusal::NotEnabled)
            }
        }
    }

    async fn charge(&self, merchant: &Merchant, headers: &HeaderMap, body: &[u8]) -> Answered {
        let charge = Charge::read(body, self.backend().now())?;
        if charge.method == Method::CreditCard {
            return Err(Refusal::NotEnabled);
        }
        let places = Places::read(headers)?;
        let Kept { transaction, method } = self.backend().charge(merchant, charge, places).await?;
        Ok((200, transaction.to_charge(method).to_json()))
    }

    fn reply(&self, family: Family, answered: Answered) -> Reply {
        match answered {
            Ok((status, body)) => json_reply(status, Bytes::from(body.to_string())),
            Err(refusal) => self.refused(family, refusal),
        }
    }

    fn refused(&self, family: Family, refusal: Refusal) -> Reply {
        let (status, body) = refusal.answer(family, self.backend().fresh_id());
        json_reply(status, Bytes::from(body.to_string()))
    }

    fn replays(&self) -> MutexGuard<'_, Replays<Arc<str>>> {
        // Each change is whole before anything can panic.
        self.0.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A first request under its key. When it is dropped, the key is free or has its answer.
struct Running<'a, B: Backend> {
    server: &'a Server<B>,
    merchant: &'a Merchant,
    key: &'a str,
    kept: Option<replays::Kept>,
}

impl<B: Backend> Running<'_, B> {
    fn end(mut self, family: Family, answered: Answered) -> Reply {
        if let Ok((status, body)) = &answered {
            self.kept =
                Some(replays::Kept { status: *status, body: Bytes::from(body.to_string()) });
        }
        self.server.reply(family, answered)
    }
}

impl<B: Backend> Drop for Running<'_, B> {
    fn drop(&mut self) {
        let now = self.server.backend().now();
        self.server.replays().finish(&self.merchant.id, self.key, now, self.kept.take());
    }
}

impl Act {
    /// How it is told when it is done.
    pub const fn done(self) -> Done {
        match self {
            Self::Approve => Done::Approved,
            Self::Deny => Done::Denied,
            Self::Cancel => Done::Cancelled,
            Self::Expire => Done::Expired,
        }
    }
}

/// The `Idempotency-Key`, unless it is longer than Midtrans looks at, or not given once.
fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all("idempotency-key").iter();
    let key = values.next()?.to_str().ok()?;
    let fits = (1..=MIDTRANS_IDEMPOTENCY_KEY_MAX).contains(&key.len()) && values.next().is_none();
    fits.then(|| key.to_owned())
}

fn json_reply(status: u16, body: Bytes) -> Reply {
    let status = status.try_into().expect("every status here is valid");
    Reply::bytes(status, body).header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
}
