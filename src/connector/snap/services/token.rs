//! 73, access token.

use serde_json::Value;

use super::super::code::Service;
use super::super::dialect::Dialect;
use super::{Response, done, unreadable};
use crate::connector::outcome::Outcome;
use crate::identity::secret::Secret;
use crate::limits;

/// A token and how long it is good for. It cannot be printed.
pub struct Granted {
    /// The token, without `Bearer`.
    pub token: Secret<String>,
    /// Seconds from when it was given.
    pub seconds: i64,
}

/// Reads the answer. Whatever is not a token means that nothing was sent.
pub fn read(dialect: &Dialect, response: Response<'_>) -> Outcome<Granted> {
    let fields = match done(dialect, Service::Token, response) {
        Ok(fields) => fields,
        Err(outcome) => return outcome,
    };
    let token = fields.text("accessToken").filter(|token| {
        token.len() <= limits::TOKEN_BYTES_MAX && token.bytes().all(|byte| byte.is_ascii_graphic())
    });
    // A string by the standard, a number at some banks.
    let seconds = match fields.get("expiresIn") {
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Number(number)) => number.as_i64(),
        _ => None,
    };
    match (token, seconds.filter(|seconds| *seconds > 0)) {
        (Some(token), Some(seconds)) => {
            Outcome::Succeeded(Granted { token: Secret::new(token.to_owned()), seconds })
        }
        _ => Outcome::NotSent(unreadable("no token, or none that lives")),
    }
}
