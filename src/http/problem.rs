//! Errors as clients see them: RFC 9457 problems, and the only place where they get a status.
//!
//! A problem says what the client did or should do. It never says how the server is built: no
//! paths, no type names, no text of a fault or a panic.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::WWW_AUTHENTICATE;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use serde::Serialize;

use super::reply::Reply;
use crate::limits::RETRY_AFTER_SECONDS;

/// Every error code of the API. The text of a code never changes once it has been served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is explained by its title in `Code::row`")]
pub enum Code {
    InvalidRequest,
    InvalidToken,
    InvalidCredentials,
    OtpRequired,
    OtpInvalid,
    OtpExpired,
    Forbidden,
    PasswordChangeRequired,
    IpNotAllowed,
    NotFound,
    RecipientNotFound,
    MethodNotAllowed,
    RequestTimeout,
    ReferenceReused,
    UsernameTaken,
    EmailTaken,
    AlreadyPaid,
    Conflict,
    PayloadTooLarge,
    UriTooLong,
    UnsupportedMediaType,
    ExpectationFailed,
    InsufficientFunds,
    LimitExceeded,
    AccountFrozen,
    SelfTransfer,
    RouteNotFound,
    RefundExceedsPayment,
    CurrencyMismatch,
    NotRefundable,
    BeneficiaryNotFound,
    ScreenedOut,
    ForeignQr,
    RateLimited,
    HeadersTooLarge,
    Internal,
    NotImplemented,
    Busy,
    Unavailable,
}

/// What a code means on the wire.
struct Row(u16, &'static str, &'static str);

impl Code {
    /// Every code, for the documents and for tests.
    pub const ALL: [Self; 39] = [
        Self::InvalidRequest,
        Self::InvalidToken,
        Self::InvalidCredentials,
        Self::OtpRequired,
        Self::OtpInvalid,
        Self::OtpExpired,
        Self::Forbidden,
        Self::PasswordChangeRequired,
        Self::IpNotAllowed,
        Self::NotFound,
        Self::RecipientNotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::ReferenceReused,
        Self::UsernameTaken,
        Self::EmailTaken,
        Self::AlreadyPaid,
        Self::Conflict,
        Self::PayloadTooLarge,
        Self::UriTooLong,
        Self::UnsupportedMediaType,
        Self::ExpectationFailed,
        Self::InsufficientFunds,
        Self::LimitExceeded,
        Self::AccountFrozen,
        Self::SelfTransfer,
        Self::RouteNotFound,
        Self::RefundExceedsPayment,
        Self::CurrencyMismatch,
        Self::NotRefundable,
        Self::BeneficiaryNotFound,
        Self::ScreenedOut,
        Self::ForeignQr,
        Self::RateLimited,
        Self::HeadersTooLarge,
        Self::Internal,
        Self::NotImplemented,
        Self::Busy,
        Self::Unavailable,
    ];

    const fn row(self) -> Row {
        match self {
            Self::InvalidRequest => Row(400, "invalid_request", "The request is not valid"),
            Self::InvalidToken => Row(401, "invalid_token", "The token is not accepted"),
            Self::InvalidCredentials => Row(401, "invalid_credentials", "Login or password wrong"),
            Self::OtpRequired => Row(401, "otp_required", "A one-time code is required"),
            Self::OtpInvalid => Row(401, "otp_invalid", "The one-time code is wrong"),
            Self::OtpExpired => Row(401, "otp_expired", "The one-time code has expired"),
            Self::Forbidden => Row(403, "forbidden", "Not allowed"),
            Self::PasswordChangeRequired => {
                Row(403, "password_change_required", "The password has to be changed first")
            }
            Self::IpNotAllowed => Row(403, "ip_not_allowed", "Not allowed from this address"),
            Self::NotFound => Row(404, "not_found", "Not found"),
            Self::RecipientNotFound => Row(404, "recipient_not_found", "No such recipient"),
            Self::MethodNotAllowed => Row(405, "method_not_allowed", "Method not allowed here"),
            Self::RequestTimeout => Row(408, "request_timeout", "The request took too long"),
            Self::ReferenceReused => Row(409, "reference_reused", "Reference already used"),
            Self::UsernameTaken => Row(409, "username_taken", "The username is taken"),
            Self::EmailTaken => Row(409, "email_taken", "The e-mail address is taken"),
            Self::AlreadyPaid => Row(409, "already_paid", "Already paid"),
            Self::Conflict => Row(409, "conflict", "Not possible in the present state"),
            Self::PayloadTooLarge => Row(413, "payload_too_large", "The body is too large"),
            Self::UriTooLong => Row(414, "uri_too_long", "The request target is too long"),
            Self::UnsupportedMediaType => {
                Row(415, "unsupported_media_type", "The media type is not supported")
            }
            Self::ExpectationFailed => {
                Row(417, "expectation_failed", "What is expected cannot be done")
            }
            Self::InsufficientFunds => Row(422, "insufficient_funds", "Insufficient funds"),
            Self::LimitExceeded => Row(422, "limit_exceeded", "A limit would be exceeded"),
            Self::AccountFrozen => Row(422, "account_frozen", "The account is frozen"),
            Self::SelfTransfer => Row(422, "self_transfer", "Payer and payee are the same"),
            Self::RouteNotFound => Row(422, "route_not_found", "No route to that bank"),
            Self::RefundExceedsPayment => {
                Row(422, "refund_exceeds_payment", "More than is left of the payment")
            }
            Self::CurrencyMismatch => Row(422, "currency_mismatch", "The currencies differ"),
            Self::NotRefundable => Row(422, "not_refundable", "This cannot be refunded"),
            Self::BeneficiaryNotFound => {
                Row(422, "beneficiary_not_found", "No such account at that bank")
            }
            Self::ScreenedOut => Row(422, "screened_out", "Not allowed by a screening rule"),
            Self::ForeignQr => Row(422, "foreign_qr", "The QR code is not of this community"),
            Self::RateLimited => Row(429, "rate_limited", "Too many requests"),
            Self::HeadersTooLarge => Row(431, "headers_too_large", "The headers are too large"),
            Self::Internal => Row(500, "internal", "Something went wrong on our side"),
            Self::NotImplemented => Row(501, "not_implemented", "Not implemented"),
            Self::Busy => Row(503, "busy", "Busy, please try again"),
            Self::Unavailable => Row(503, "unavailable", "Not available, please try again"),
        }
    }

    /// The stable name, as in the problem's `code`.
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().0).expect("the table holds valid statuses")
    }

    /// The short text, as in the problem's `title`.
    pub const fn title(self) -> &'static str {
        self.row().2
    }
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Path of the field, like `items[3].amount`; empty for the body as a whole.
    pub field: String,
    /// What is wrong, for the people who write the client.
    pub message: String,
}

/// Why a request was not done, ready to be told to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    code: Code,
    detail: Cow<'static, str>,
    fields: Vec<FieldError>,
    allow: Option<&'static str>,
    retry_after_seconds: u32,
    close: bool,
    /// Where the refusal stands in the journal, and whether it was given before.
    recorded: Option<(u64, bool)>,
}

impl ApiError {
    /// An error that says no more than its code.
    pub const fn new(code: Code) -> Self {
        Self::because(code, Cow::Borrowed(code.title()))
    }

    /// An error with a detail. The detail is shown to the client: keep faults out of it.
    pub fn with_detail(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::because(code, detail.into())
    }

    const fn because(code: Code, detail: Cow<'static, str>) -> Self {
        Self {
            code,
            detail,
            fields: Vec::new(),
            allow: None,
            retry_after_seconds: RETRY_AFTER_SECONDS,
            close: false,
            recorded: None,
        }
    }

    /// `invalid_request` for one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::with_detail(Code::InvalidRequest, "a field is not valid").and_field(field, message)
    }

    /// The same error, naming one more field.
    #[must_use]
    pub fn and_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.fields.push(FieldError { field: field.into(), message: message.into() });
        self
    }

    /// `method_not_allowed`, with the methods that are, like `"GET, POST"`.
    pub const fn method_not_allowed(allow: &'static str) -> Self {
        let mut error = Self::new(Code::MethodNotAllowed);
        error.allow = Some(allow);
        error
    }

    /// The same error; sent with 429 or 503 it asks the client to wait this long.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = seconds;
        self
    }

    /// The same error, which is a refusal recorded at `position`; `replayed` if it was given before
    /// to a request with the same key.
    #[must_use]
    pub const fn recorded(mut self, position: u64, replayed: bool) -> Self {
        self.recorded = Some((position, replayed));
        self
    }

    /// The same error, after which the connection is closed.
    #[must_use]
    pub(super) const fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The detail.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The fields named so far.
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }
}

/// The body, in the order of RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
}

impl From<ApiError> for Reply {
    fn from(error: ApiError) -> Self {
        let Row(status, code, title) = error.code.row();
        let problem = Problem {
            r#type: format!("/docs/errors#{code}"),
            title,
            status,
            detail: &error.detail,
            code,
            errors: &error.fields,
            position: error.recorded.map(|(position, _)| position),
        };
        let body = serde_json::to_vec(&problem).expect("strings and numbers always serialise");
        error.answer(body, "application/problem+json")
    }
}

impl ApiError {
    /// An answer of this status, with the headers that belong to it and another body: for wire
    /// formats that belong to others.
    pub fn answer(&self, body: Vec<u8>, media_type: &'static str) -> Reply {
        let (error, status) = (self, self.code.row().0);
        let mut reply = Reply::bytes(error.code.status(), Bytes::from(body))
            .header(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Some(allow) = error.allow {
            reply = reply.header(ALLOW, HeaderValue::from_static(allow));
        }
        if error.code == Code::InvalidToken {
            // RFC 9110, 11.6.1: what a 401 asks for. A wrong password or code asks for no token.
            reply = reply.header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(status, 429 | 503) {
            reply = reply.header(RETRY_AFTER, HeaderValue::from(error.retry_after_seconds));
        }
        if let Some((_, true)) = error.recorded {
            let name = HeaderName::from_static("idempotency-replayed");
            reply = reply.header(name, HeaderValue::from_static("true"));
        }
        if error.close {
            reply = reply.header(CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_a_status_of_an_error() {
        let mut names = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(names.insert(code.name()), "{code:?}");
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }

    #[test]
    fn a_problem_has_the_shape_that_is_documented() {
        let reply = Reply::from(ApiError::field("amount", "must be positive"));
        assert_eq!(reply.status(), 400);
        assert_eq!(
            reply.body_text(),
            "{\"type\":\"/docs/errors#invalid_request\",\"title\":\"The request is not valid\",\
             \"status\":400,\"detail\":\"a field is not valid\",\"code\":\"invalid_request\",\
             \"errors\":[{\"field\":\"amount\",\"message\":\"must be positive\"}]}"
        );
    }

    #[test]
    fn waiting_and_allowed_methods_are_told_in_headers() {
        let busy = Reply::from(ApiError::new(Code::Busy).retry_after(7));
        assert_eq!(busy.headers()[RETRY_AFTER], "7");
        let method = Reply::from(ApiError::method_not_allowed("GET, POST"));
        assert_eq!(method.headers()[ALLOW], "GET, POST");
        assert!(!method.headers().contains_key(RETRY_AFTER));
    }
}
