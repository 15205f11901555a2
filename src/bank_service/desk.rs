//! Speaks to the bank: a question in SNAP, sent under a living token, and what may be concluded.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::Request;
use tokio::time::timeout;

use super::config::Settings;
use super::session::{Held, Session};
use crate::clock::Clock;
use crate::connector::bulkhead::Bulkhead;
use crate::connector::http::{Answer, Client, Failure};
use crate::connector::outcome::{Beneficiary, Outcome, Reason, Standing, Transferred};
use crate::connector::snap::call::{self, Call, Partner, Question, Stamp};
use crate::connector::snap::code::wants_new_token;
use crate::connector::snap::dialect::Dialect;
use crate::connector::snap::services::account::{self, Line};
use crate::connector::snap::services::token::Granted;
use crate::connector::snap::services::{Reach, Response, inquiry, status, token, transfer};
use crate::connector::standard::{InquiryRequest, StatusRequest, TransferRequest};
use crate::identity::random::random_bytes;
use crate::ledger::time::Timestamp;
use crate::limits::BANK_TOKEN_WAIT;

/// Our desk at one bank.
pub(super) struct Desk {
    dialect: &'static Dialect,
    partner: Partner,
    client: Client,
    bulkhead: Bulkhead,
    session: Session,
    numbers: Numbers,
    clock: Clock,
}

/// A request that no bank could take; nothing was sent.
pub(super) type Malformed = Reason;

/// What an attempt may come to, whatever was asked.
trait Conclusion {
    /// The question did not leave us.
    fn unsent(reason: Reason) -> Self;
    /// It may or may not have arrived.
    fn failed(failure: Failure) -> Self;
    /// The reason, if the bank may have turned the question away before it looked at it.
    fn turned_away(&self) -> Option<&Reason>;
}

impl<T> Conclusion for Outcome<T> {
    fn unsent(reason: Reason) -> Self {
        Self::NotSent(reason)
    }

    fn failed(failure: Failure) -> Self {
        failure.into_outcome()
    }

    fn turned_away(&self) -> Option<&Reason> {
        match self {
            Self::NotSent(reason) => Some(reason),
            Self::Succeeded(_) | Self::Refused(_) | Self::Unknown(_) => None,
        }
    }
}

/// Whatever becomes of a question about a transfer, the transfer is as unknown as before.
impl Conclusion for Standing {
    fn unsent(reason: Reason) -> Self {
        Self::Found(Outcome::Unknown(reason))
    }

    fn failed(failure: Failure) -> Self {
        let code = failure.cause().code();
        Self::unsent(Reason::new(code, failure.cause().to_string()))
    }

    fn turned_away(&self) -> Option<&Reason> {
        match self {
            Self::Found(Outcome::Unknown(reason)) => Some(reason),
            Self::Found(_) | Self::NotFound(_) => None,
        }
    }
}

impl Desk {
    pub(super) fn new(settings: Settings, client: Client, clock: Clock) -> Self {
        Self {
            dialect: settings.dialect,
            partner: settings.partner,
            client,
            bulkhead: Bulkhead::new(settings.bulkhead),
            session: Session::default(),
            numbers: Numbers::default(),
            clock,
        }
    }

    /// Moves money.
    pub(super) async fn transfer(
        &self,
        reach: Reach,
        request: &TransferRequest,
    ) -> Result<Outcome<Transferred>, Malformed> {
        let question = transfer::request(self.dialect, &self.partner, reach, request)?;
        let read = |response: Response<'_>| transfer::read(self.dialect, reach, request, response);
        Ok(self.ask(&question, read).await)
    }

    /// Asks whose account it is.
    pub(super) async fn inquire(
        &self,
        request: &InquiryRequest,
    ) -> Result<Outcome<Beneficiary>, Malformed> {
        let question = inquiry::request(self.dialect, request)?;
        let read = |response: Response<'_>| inquiry::read(self.dialect, request, response);
        Ok(self.ask(&question, read).await)
    }

    /// Asks what became of a transfer.
    pub(super) async fn status(&self, request: &StatusRequest) -> Result<Standing, Malformed> {
        let question = status::request(self.dialect, request)?;
        let read = |response: Response<'_>| status::read(self.dialect, request, response);
        Ok(self.ask(&question, read).await)
    }

    /// Asks what happened on our account.
    pub(super) async fn statement(
        &self,
        reference: &str,
        period: (Timestamp, Timestamp),
    ) -> Result<Outcome<Vec<Line>>, Malformed> {
        let question = account::statement_request(self.dialect, &self.partner, reference, period)?;
        let read = |response: Response<'_>| account::read_statement(self.dialect, response);
        Ok(self.ask(&question, read).await)
    }

    async fn ask<C: Conclusion>(&self, question: &Question, read: impl Fn(Response<'_>) -> C) -> C {
        let _place = match self.bulkhead.enter().await {
            Ok(place) => place,
            Err(full) => return C::unsent(Reason::new("too_many", full.to_string())),
        };
        let held = match self.token(None).await {
            Ok(held) => held,
            Err(reason) => return C::unsent(reason),
        };
        let first = self.send_signed(question, &held, &read).await;
        if !first.turned_away().is_some_and(wants_new_token) {
            return first;
        }
        // Turned away at the door: the same question, once more, under a new token.
        match self.token(Some(held.number)).await {
            Ok(held) => self.send_signed(question, &held, &read).await,
            Err(reason) => C::unsent(reason),
        }
    }

    async fn send_signed<C: Conclusion>(
        &self,
        question: &Question,
        held: &Held,
        read: impl Fn(Response<'_>) -> C,
    ) -> C {
        let now = self.clock.now();
        let stamp = Stamp { now, random: self.numbers.next(now) };
        let call = call::signed(self.dialect, &self.partner, &held.token, question.clone(), stamp);
        match self.send(call).await {
            Ok(answer) => read(Response { status: answer.status, body: &answer.body }),
            Err(failure) => C::failed(failure),
        }
    }

    /// A living token, within a bounded time: without one nothing that matters has left.
    async fn token(&self, dead: Option<u64>) -> Result<std::sync::Arc<Held>, Reason> {
        let token = self.session.token(&self.clock, dead, || self.fetch());
        match timeout(BANK_TOKEN_WAIT, token).await {
            Ok(token) => token,
            Err(_) => Err(Reason::new("timeout", "no access token of the bank in time")),
        }
    }

    async fn fetch(&self) -> Outcome<Granted> {
        let call = call::token(self.dialect, &self.partner, self.clock.now());
        let outcome = match self.send(call).await {
            Ok(answer) => {
                token::read(self.dialect, Response { status: answer.status, body: &answer.body })
            }
            Err(failure) => failure.into_outcome(),
        };
        if let Outcome::Refused(reason) | Outcome::NotSent(reason) | Outcome::Unknown(reason) =
            &outcome
        {
            tracing::warn!(code = reason.code, reason = reason.message, "no access token");
        }
        outcome
    }

    async fn send(&self, call: Call) -> Result<Answer, Failure> {
        let mut request = Request::new(Bytes::from(call.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = call.path.parse().expect("a path of a dialect is one");
        for (name, value) in call.headers {
            let name: HeaderName = name.parse().expect("a name of a header in SNAP is one");
            let mut value = HeaderValue::try_from(value).expect("visible ASCII was let in only");
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        self.client.send(request).await
    }
}

/// Numbers that make `X-EXTERNAL-ID`s of one second differ, across restarts too: the millisecond,
/// and a counter that begins anywhere.
struct Numbers(AtomicU64);

impl Default for Numbers {
    fn default() -> Self {
        Self(AtomicU64::new(u64::from_be_bytes(random_bytes())))
    }
}

impl Numbers {
    /// The next number: three digits of the millisecond, six of the counter.
    fn next(&self, now: Timestamp) -> u64 {
        const COUNTS: u64 = 1_000_000;
        let count = self.0.fetch_add(1, Ordering::Relaxed) % COUNTS;
        let micros = now.micros().rem_euclid(1_000_000).unsigned_abs();
        micros / 1_000 * COUNTS + count
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_differ_within_a_millisecond_and_across_restarts() {
        let now = Timestamp::from_micros(1_795_000_000_123_456);
        let numbers = Numbers(AtomicU64::new(u64::MAX - 10));
        let made: HashSet<u64> = (0..100_000).map(|_| numbers.next(now)).collect();
        assert_eq!(made.len(), 100_000);
        assert!(made.iter().all(|number| number / 1_000_000 == 123));
        let later = Timestamp::from_micros(1_795_000_000_124_000);
        let restarted: HashSet<u64> =
            (0..100_000).map(|_| Numbers::default().next(later)).collect();
        assert!(restarted.is_disjoint(&made));
    }
}
