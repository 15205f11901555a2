//! How things look on the wire: times, ids, pages, and refusals.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};

use super::Context;
use crate::engine::Outcome;
use crate::gateway::caller::Caller;
use crate::gateway::history::{Lines, Page};
use crate::gateway::{Error, Gateway};
use crate::http::amount::{AmountField, CurrencyField};
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::http::request::Query;
use crate::identity::secret::Secret;
use crate::journal::Recorded;
use crate::ledger::id::{AccountId, Position, PublicId};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::rejection::Rejection;
use crate::ledger::text::{Line, Reference, Username};
use crate::ledger::time::Timestamp;
use crate::limits;

const OTP: HeaderName = HeaderName::from_static("x-otp");
/// Where the position of a write stands if it does not stand in the answer's body.
const POSITION: HeaderName = HeaderName::from_static("x-position");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A sum in minor units: a JSON number, however large.
#[derive(Clone, Copy)]
pub(super) struct Units(pub(super) i128);

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i128(self.0)
    }
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct ListView<T> {
    pub(super) data: Vec<T>,
    pub(super) next_cursor: Option<String>,
}

/// The cursor that continues before `position`.
pub(super) fn cursor(position: Option<Position>) -> Option<String> {
    position.map(|position| format!("{:x}", position.get()))
}

impl Context<'_> {
    /// A time as answers show it.
    pub(super) fn time(&self, time: Timestamp) -> String {
        time.to_rfc3339(self.api.options.offset_seconds)
    }

    /// A segment of the path; nothing if it has no such one.
    pub(super) fn segment(&self, place: usize) -> &str {
        let segments = self.request.segments();
        segments.as_slice().get(place).copied().unwrap_or_default()
    }

    /// What part of which of the caller's accounts a list is asked for.
    pub(super) fn page(&self, caller: &Caller) -> Result<(AccountId, Page), ApiError> {
        let known = ["limit", "cursor", "from", "to", "currency"];
        let query = self.request.query()?.only(&known)?;
        let (limit, cursor) = place(&query)?;
        let (account, _) = self.account(caller, &query)?;
        let (from, to) = range(&query)?;
        Ok((account, Page { limit, cursor, from, to }))
    }

    /// The caller's account in the `currency` of the query, or in the default one.
    pub(super) fn account(
        &self,
        caller: &Caller,
        query: &Query<'_>,
    ) -> Result<(AccountId, Currency), ApiError> {
        let wrong = || ApiError::field("currency", "is not an ISO 4217 code");
        let currency = query
            .get("currency")
            .map(|code| Currency::parse(code).ok_or_else(wrong))
            .transpose()?;
        Ok(self.gateway.account_in(&caller.user, currency)?)
    }

    /// The key of the request: the header, or the body's `reference`.
    pub(super) fn key(&self, reference: Option<&str>) -> Result<Option<Reference>, ApiError> {
        let header = self.request.idempotency_key()?;
        if let (Some(header), Some(reference)) = (header, reference)
            && header != reference
        {
            return Err(ApiError::field("reference", "differs from the Idempotency-Key"));
        }
        self.reference(header.or(reference))
    }

    /// The one-time code of the request: the header, or the body's `otp`.
    pub(super) fn code(
        &self,
        otp: Option<Secret<String>>,
    ) -> Result<Option<Secret<String>>, ApiError> {
        let header = self.request.header(&OTP)?.map(|code| Secret::new(code.to_owned()));
        match (header, otp) {
            (Some(header), Some(otp)) if !header.matches(otp.expose().as_bytes()) => {
                Err(ApiError::field("otp", "differs from X-OTP"))
            }
            (header, otp) => Ok(header.or(otp)),
        }
    }

    /// A reference given in a body.
    pub(super) fn reference(&self, text: Option<&str>) -> Result<Option<Reference>, ApiError> {
        text.map(Reference::parse)
            .transpose()
            .map_err(|error| ApiError::field("reference", error.to_string()))
    }

    /// The records of an account's history that are `wanted`. They may stand in sealed files, so
    /// they are read on a thread that payments do not need.
    pub(super) async fn records(
        &self,
        account: AccountId,
        page: Page,
        wanted: fn(&Gateway, AccountId, &Recorded) -> bool,
    ) -> Result<Lines<Recorded>, ApiError> {
        let gateway = Arc::clone(self.gateway);
        self.blocking(move || {
            gateway.walk(account, page, |recorded| {
                wanted(&gateway, account, &recorded).then_some(recorded)
            })
        })
        .await
    }

    /// Runs work that reads files, a few at a time, and a few of one user.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, ApiError> {
        let internal = || ApiError::new(Code::Internal);
        let walker = self.user.map(|user| self.api.walkers.begin(user).ok_or(user));
        let _walker = walker.transpose().map_err(|_| {
            ApiError::with_detail(Code::RateLimited, "too many lists and reports at once")
        })?;
        let _turn = self.api.walks.acquire().await.map_err(|_| internal())?;
        Ok(tokio::task::spawn_blocking(work).await.map_err(|_| internal())??)
    }

    /// Who an account belongs to, as clients see it.
    pub(super) fn name_of(&self, account: AccountId) -> String {
        name_of(self.gateway, account)
    }
}

/// `limit` and `cursor` of a query.
pub(super) fn place(query: &Query<'_>) -> Result<(usize, Option<Position>), ApiError> {
    let limit = limit(query)?;
    let cursor = match query.get("cursor") {
        None => None,
        Some(text) => {
            let place = number(text, 16).and_then(Position::new);
            Some(place.ok_or_else(|| ApiError::field("cursor", "is not one we gave out"))?)
        }
    };
    Ok((limit, cursor))
}

/// How many rows are wanted.
pub(super) fn limit(query: &Query<'_>) -> Result<usize, ApiError> {
    match query.get("limit") {
        None => Ok(limits::PAGE_DEFAULT),
        Some(text) => number(text, 10)
            .and_then(|limit| usize::try_from(limit).ok())
            .filter(|limit| (1..=limits::PAGE_MAX).contains(limit))
            .ok_or_else(|| ApiError::field("limit", "must be from 1 to 100")),
    }
}

/// `from` and `to` of a query; both are included.
pub(super) fn range(query: &Query<'_>) -> Result<(Option<Timestamp>, Option<Timestamp>), ApiError> {
    let time = |name: &'static str| match query.get(name) {
        None => Ok(None),
        // A plus sign in a query stands for a space, and our own times carry one.
        Some(text) => Timestamp::parse_rfc3339(&text.replace(' ', "+"))
            .map(Some)
            .ok_or_else(|| ApiError::field(name, "must be a time as in RFC 3339")),
    };
    Ok((time("from")?, time("to")?))
}

/// Digits only: the standard parsers take a plus sign too.
fn number(text: &str, radix: u32) -> Option<u64> {
    let digits = text.chars().all(|digit| digit.is_digit(radix));
    u64::from_str_radix(text, radix).ok().filter(|_| digits)
}

/// The username of an account's owner, or the house's word for one of its own.
pub(super) fn name_of(gateway: &Gateway, account: AccountId) -> String {
    let view = gateway.view();
    let Some(kind) = view.kind(account) else { return String::new() };
    match view.owner(account).and_then(|owner| view.user(owner)) {
        Some(user) => user.username().to_owned(),
        None => format!("gerbang:{}", kind.name()),
    }
}

/// The public id of what is recorded at a position.
pub(super) fn id_of(prefix: &str, time: Timestamp, position: Position) -> String {
    PublicId::new(time, position.get()).text(prefix)
}

/// The public id of an account.
pub(super) fn account_id(opened_at: Timestamp, account: AccountId) -> String {
    PublicId::new(opened_at, u64::from(account.0)).text("acc")
}

/// An amount that the edge has bounded.
pub(super) fn amount(field: AmountField) -> Result<Amount, ApiError> {
    Amount::new(field.get()).ok_or_else(|| ApiError::field("amount", "is out of range"))
}

/// A text that must say something.
pub(super) fn line(field: &'static str, text: &str, bytes_max: usize) -> Result<Line, ApiError> {
    if text.trim().is_empty() {
        return Err(ApiError::field(field, "must not be empty"));
    }
    Line::parse(text, bytes_max).map_err(|error| ApiError::field(field, error.to_string()))
}

/// A username as people type it: case does not matter.
pub(super) fn username(field: &'static str, text: &str) -> Result<Username, ApiError> {
    Username::parse(&text.to_ascii_lowercase())
        .map_err(|error| ApiError::field(field, error.to_string()))
}

/// A currency, if one is named.
pub(super) fn currency(field: Option<&CurrencyField>) -> Result<Option<Currency>, ApiError> {
    field
        .map(|field| Currency::parse(field.as_str()))
        .map(|known| known.ok_or_else(|| ApiError::field("currency", "is not an ISO 4217 code")))
        .transpose()
}

/// An answer to a write: 201 the first time and every time, with a mark on a replay.
pub(super) fn written(outcome: &Outcome, reply: Reply) -> Reply {
    if outcome.replayed { mark_replayed(reply) } else { reply }
}

/// An answer to a write that says nothing but where it stands in the journal.
pub(super) fn no_content(position: Position) -> Reply {
    at(Reply::no_content(), position)
}

/// The answer, with the place of the write beside what it says.
pub(super) fn at(reply: Reply, position: Position) -> Reply {
    reply.header(POSITION, HeaderValue::from(position.get()))
}

pub(super) fn mark_replayed(reply: Reply) -> Reply {
    reply.header(REPLAYED, HeaderValue::from_static("true"))
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let seconds = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
        match error {
            Error::Invalid { field, message } => Self::field(field, message),
            Error::Rejected { rejection, position, replayed } => {
                let detail = Cow::Borrowed(detail_of(rejection));
                Self::with_detail(code_of(rejection), detail).recorded(position.get(), replayed)
            }
            Error::ReferenceReused => Self::new(Code::ReferenceReused),
            Error::RecipientNotFound => Self::new(Code::RecipientNotFound),
            Error::NotFound => Self::new(Code::NotFound),
            Error::Forbidden(why) => Self::with_detail(Code::Forbidden, why),
            Error::PasswordChangeRequired => Self::with_detail(
                Code::PasswordChangeRequired,
                "somebody else chose the password: change it with PUT /api/v1/auth/password",
            ),
            Error::ForeignQr => Self::with_detail(
                Code::ForeignQr,
                "whom it pays has no account here; nothing was paid",
            ),
            Error::UsernameTaken => Self::new(Code::UsernameTaken),
            Error::EmailTaken => Self::new(Code::EmailTaken),
            Error::InvalidCredentials => Self::new(Code::InvalidCredentials),
            Error::InvalidToken(why) => Self::with_detail(Code::InvalidToken, why.to_string()),
            Error::RateLimited { retry_after_seconds } => {
                Self::new(Code::RateLimited).retry_after(seconds(retry_after_seconds))
            }
            Error::Conflict(why) => Self::with_detail(Code::Conflict, why),
            Error::AddressNotAllowed => Self::new(Code::IpNotAllowed),
            Error::Unavailable => {
                Self::with_detail(Code::Unavailable, "no bank can be reached for this at present")
                    .retry_after(limits::BANK_RETRY_AFTER_SECONDS)
            }
            Error::CodeRequired => Self::with_detail(
                Code::OtpRequired,
                "ask for a code at /api/v1/auth/otp and send it as X-OTP or otp",
            ),
            Error::CodeInvalid => Self::new(Code::OtpInvalid),
            Error::CodeExpired => Self::new(Code::OtpExpired),
            Error::NoSender => {
                Self::with_detail(Code::Unavailable, "no code can be sent at present")
                    .retry_after(limits::SENDER_RETRY_AFTER_SECONDS)
            }
            Error::Busy { retry_after_seconds } => {
                Self::new(Code::Busy).retry_after(seconds(retry_after_seconds))
            }
            Error::Journal(error) => {
                tracing::error!(%error, "the journal could not be read");
                Self::new(Code::Unavailable)
            }
        }
    }
}

/// The code of a refusal.
const fn code_of(rejection: Rejection) -> Code {
    match rejection {
        Rejection::RecipientNotFound => Code::RecipientNotFound,
        Rejection::CurrencyMismatch => Code::CurrencyMismatch,
        Rejection::SelfTransfer => Code::SelfTransfer,
        Rejection::AccountFrozen => Code::AccountFrozen,
        Rejection::HoldNotOpen | Rejection::HoldExceeded | Rejection::TopUpNotAwaiting => {
            Code::Conflict
        }
        Rejection::SecondApproverRequired => Code::Forbidden,
        Rejection::RefundExceedsPayment => Code::RefundExceedsPayment,
        Rejection::InsufficientFunds => Code::InsufficientFunds,
        Rejection::BalanceCeiling | Rejection::IncomingPerMonth | Rejection::TransferLimit => {
            Code::LimitExceeded
        }
        Rejection::PayoutNotOpen
        | Rejection::ChargeNotOpen
        | Rejection::BillNotOpen
        | Rejection::LateNotOpen
        | Rejection::RefundNotOpen => Code::Conflict,
        Rejection::AlreadyPaid => Code::AlreadyPaid,
        Rejection::BeneficiaryNotFound => Code::BeneficiaryNotFound,
        Rejection::RouteNotFound => Code::RouteNotFound,
        Rejection::ScreenedOut => Code::ScreenedOut,
    }
}

/// What a refusal says to people.
const fn detail_of(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::RecipientNotFound => "nobody has the name that was to be paid",
        Rejection::CurrencyMismatch => "the accounts are kept in different currencies",
        Rejection::SelfTransfer => "payer and payee are the same account",
        Rejection::AccountFrozen => "the account is frozen",
        Rejection::HoldNotOpen => "the hold is gone: posted, voided or expired",
        Rejection::HoldExceeded => "more than was held",
        Rejection::TopUpNotAwaiting => "the top-up was decided before",
        Rejection::SecondApproverRequired => "another administrator has to approve this",
        Rejection::RefundExceedsPayment => "refunds together would exceed the payment",
        Rejection::InsufficientFunds => "the available balance is not enough",
        Rejection::BalanceCeiling => "the receiver's balance would exceed its ceiling",
        Rejection::IncomingPerMonth => "the receiver's month would exceed its limit",
        Rejection::PayoutNotOpen => "the payout has ended, or is not at a point where this follows",
        Rejection::BeneficiaryNotFound => "the bank knows no such account",
        Rejection::RouteNotFound => "no partner bank can carry it",
        Rejection::ScreenedOut => "a screening rule forbids it",
        Rejection::TransferLimit => "more than may be sent at once, or in a day",
        Rejection::ChargeNotOpen => {
            "the charge has ended, its time is over, or it is another than this would pay"
        }
        Rejection::AlreadyPaid => "the bill is paid",
        Rejection::BillNotOpen => "the bill is cancelled, or is another than this would pay",
        Rejection::LateNotOpen => "the money is not in suspense any more",
        Rejection::RefundNotOpen => "the refund has ended, or is not at a point where this follows",
    }
}
