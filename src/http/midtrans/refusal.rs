//! Every "no" of this API, whoever says it: the words are Midtrans', see `connector::midtrans`.
//!
//! Core says it with HTTP 200 and the code as a string in the body; Snap and subscriptions say it
//! with the HTTP status. Only a wrong key is HTTP 401 everywhere.

use serde_json::{Value, json};

use super::call::Family;
use crate::connector::midtrans::charge::Refused;
use crate::connector::midtrans::error::{self, Code, Failure};

/// Why something is not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The body breaks rules; each is said.
    Invalid(Vec<String>),
    /// The body is not JSON, or no object.
    Malformed,
    /// The key is nobody's.
    UnknownKey,
    /// The method of payment is not enabled for the merchant.
    NotEnabled,
    /// There is no such transaction or session.
    NotFound,
    /// There is nothing at the path.
    NoSuchPath,
    /// The path takes other methods.
    Method,
    /// The order id belongs to an order that is open or paid.
    OrderIdTaken,
    /// The refund key was used before.
    RefundKeyTaken,
    /// The transaction is not in a state that allows it.
    State,
    /// More is to be refunded than was paid and not refunded yet.
    RefundAmount,
    /// The session was cancelled before.
    SessionCancelled,
    /// The session's payment has begun.
    SessionInProgress,
    /// Too many requests.
    TooMany,
    /// No number could be had from the bank.
    NoNumber,
    /// The bank or partner cannot be reached.
    Unreachable,
    /// We failed.
    Internal,
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Syntax => Self::Malformed,
            Refused::Invalid(messages) => Self::Invalid(messages),
        }
    }
}

impl Refusal {
    /// A body that breaks one rule.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(vec![message.into()])
    }

    /// The HTTP status and the body, with `id` for whoever asks about it later.
    pub(super) fn answer(self, family: Family, id: String) -> (u16, Value) {
        match family {
            Family::Core => {
                let by_path = match self {
                    Self::NoSuchPath => Some(404),
                    Self::Method => Some(405),
                    _ => None,
                };
                let failure = self.failure(id);
                (by_path.unwrap_or_else(|| failure.http_status()), failure.to_json())
            }
            Family::Snap => self.snap(id),
            Family::Subscriptions => {
                let failure = self.failure(id);
                (real_status(failure.code), json!({ "status_message": failure.message }))
            }
        }
    }

    fn failure(self, id: String) -> Failure {
        let unreachable = "Bank/partner is experiencing connection issue.";
        match self {
            Self::Invalid(messages) => Failure::invalid(messages, id),
            Self::Malformed => Failure::syntax(id),
            Self::UnknownKey => Failure::unauthorized(id),
            Self::NotEnabled => Failure::no_access(id),
            Self::NotFound => Failure::not_found(id),
            Self::NoSuchPath => {
                Failure::new(Code::NOT_FOUND, "The requested resource is not found", id)
            }
            Self::Method => {
                let code = Code::parse("405").expect("three digits");
                Failure::new(code, "The requested HTTP method is not allowed", id)
            }
            Self::OrderIdTaken => Failure::duplicate(id),
            Self::RefundKeyTaken => Failure::duplicate_refund(id),
            Self::State | Self::SessionCancelled | Self::SessionInProgress => {
                Failure::unchangeable(id)
            }
            Self::RefundAmount => Failure::refund_rejected(id),
            Self::TooMany => Failure::too_many(id),
            Self::NoNumber => Failure::no_number(id),
            Self::Unreachable => Failure::new(Code::BANK, unreachable, id),
            Self::Internal => Failure::internal(id),
        }
    }

    fn snap(self, id: String) -> (u16, Value) {
        match self {
            Self::UnknownKey => (401, error::snap_unauthorized()),
            Self::OrderIdTaken => (400, error::snap_utilized()),
            Self::Internal => (500, error::snap_internal()),
            Self::Invalid(messages) => (400, json!({ "error_messages": messages })),
            Self::NotFound => (404, error::snap(&["token not found"])),
            Self::SessionCancelled => (400, error::snap(&["token already canceled"])),
            Self::SessionInProgress => (400, error::snap(&["Transaction is on progress"])),
            other => {
                let failure = other.failure(id);
                (real_status(failure.code), error::snap(&[&failure.message]))
            }
        }
    }
}

/// The HTTP status of a code where HTTP carries it; what means something else there becomes 400.
const fn real_status(code: Code) -> u16 {
    match code.get() {
        code @ (401 | 402 | 404 | 405 | 429 | 500 | 503) => code,
        505 => 503,
        _ => 400,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4145737f-deb2-408a-86c1-725f29304d74";

    #[test]
    fn core_answers_business_with_200_and_a_code_in_the_body() {
        let rows = [
            (Refusal::invalid("a is required"), 200, "400"),
            (Refusal::UnknownKey, 401, "401"),
            (Refusal::NotEnabled, 200, "402"),
            (Refusal::NotFound, 200, "404"),
            (Refusal::NoSuchPath, 404, "404"),
            (Refusal::Method, 405, "405"),
            (Refusal::OrderIdTaken, 200, "406"),
            (Refusal::RefundKeyTaken, 200, "406"),
            (Refusal::State, 200, "412"),
            (Refusal::Malformed, 200, "413"),
            (Refusal::RefundAmount, 200, "414"),
            (Refusal::TooMany, 200, "429"),
            (Refusal::Internal, 500, "500"),
            (Refusal::Unreachable, 503, "503"),
            (Refusal::NoNumber, 200, "505"),
        ];
        for (refusal, status, code) in rows {
            let (answered, body) = refusal.answer(Family::Core, ID.to_owned());
            assert_eq!((answered, body["status_code"].as_str()), (status, Some(code)));
            assert_eq!(body["id"], ID);
        }
        let (_, body) = Refusal::invalid("a is required").answer(Family::Core, ID.to_owned());
        assert_eq!(body["validation_messages"], json!(["a is required"]));
    }

    #[test]
    fn others_answer_with_the_status_of_http() {
        let snap = |refusal: Refusal| {
            let (status, body) = refusal.answer(Family::Snap, ID.to_owned());
            (status, body["error_messages"][0].as_str().unwrap().to_owned())
        };
        let denied =
            "Access denied due to unauthorized transaction, please check client or server key";
        for (refusal, status, words) in [
            (Refusal::UnknownKey, 401, denied),
            (Refusal::invalid("a is required"), 400, "a is required"),
            (Refusal::NotFound, 404, "token not found"),
            (Refusal::SessionCancelled, 400, "token already canceled"),
            (Refusal::SessionInProgress, 400, "Transaction is on progress"),
            (Refusal::NotEnabled, 402, "Merchant doesn't have access for this payment type"),
            (
                Refusal::Internal,
                500,
                "Sorry, we encountered internal server error. We will fix this soon.",
            ),
        ] {
            assert_eq!(snap(refusal), (status, words.to_owned()));
        }
        let (status, body) = Refusal::NoSuchPath.answer(Family::Subscriptions, ID.to_owned());
        assert_eq!((status, body["status_code"].is_null()), (404, true));
    }
}
