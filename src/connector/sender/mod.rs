//! Ways by which a one-time code reaches a person, and word of what became of their authenticator.
//!
//! ```text
//!  gateway ── place in the queue, then the code is recorded, then ──▶ Outbox ──▶ dyn Sender
//!             none free: 503                                          bounded    console, smtp, webhook
//! ```
//!
//! A sender may be slow or down for as long as it likes: what it was to send waits in a bounded
//! queue or is dropped and counted, and whoever did not get a code asks for another. No payment
//! waits for one. A message shows what it is for, payee and amount, so that a person sees what
//! they agree to. Nothing else shows the code: it is logged nowhere and kept by nobody.

pub mod console;
mod outbox;
pub mod smtp;
pub mod webhook;

use std::pin::Pin;

pub use self::outbox::{Outbox, Place};

use crate::identity::secret::Secret;
use crate::ledger::time::Timestamp;

/// A code on its way to a person, or a word.
pub struct Message {
    /// The public id of the code, as the one who asked for it was told.
    pub id: String,
    /// Whose username it is.
    pub username: String,
    /// What they are called.
    pub name: String,
    /// Where they are written to.
    pub email: String,
    /// E.164, if they gave one.
    pub phone: Option<String>,
    /// What it is for, as `pay Rp1.500.000 to warung (Warung Bu Sri)`, or what has happened.
    pub what: String,
    /// Until when it is good.
    pub expires: Timestamp,
    /// The six digits; none where a person is told of what has happened.
    pub code: Option<Secret<String>>,
}

impl Message {
    /// The whole text for a person.
    pub fn text(&self) -> Secret<String> {
        let Self { what, code, .. } = self;
        let Some(code) = code else {
            return Secret::new(format!(
                "Gerbang: {what}. If it was not you, have your account frozen at once."
            ));
        };
        let code = code.expose();
        Secret::new(format!(
            "Gerbang: {code} is your code to {what}. It is good for five minutes. Whoever asks you \
             for it is no one of ours; if this is not what you want to do, do not use it."
        ))
    }
}

/// Why a message did not go out, in words fit for a log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotSent(pub String);

/// A message on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send + 'a>>;

/// A way to people.
pub trait Sender: Send + Sync + 'static {
    /// What it is called in answers, as `email`.
    fn channel(&self) -> &'static str;

    /// Sends one message. It need not watch the time.
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}
