//! Why a use case did not do what was asked.

use crate::identity::token::InvalidToken;
use crate::journal;
use crate::ledger::id::Position;
use crate::ledger::rejection::Rejection;

/// Everything a use case can answer but success. Status codes are the edge's business.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field is wrong in itself. Nothing was recorded and no reference is used up.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, as the request calls it.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The ledger said no, for good.
    #[error("refused: {}", rejection.code())]
    Rejected {
        /// Why.
        rejection: Rejection,
        /// Where the refusal stands.
        position: Position,
        /// Whether it answers an earlier request with the same key.
        replayed: bool,
    },
    /// The key belongs to another request.
    #[error("the reference was used for another request")]
    ReferenceReused,
    /// There is no such thing, or it is not the caller's to know.
    #[error("not found")]
    NotFound,
    /// Nobody has the name that was to receive; nothing was recorded.
    #[error("nobody has this name")]
    RecipientNotFound,
    /// The caller may not do this.
    #[error("not allowed: {0}")]
    Forbidden(&'static str),
    /// Somebody else chose the caller's password: it has to be changed before anything else.
    #[error("the password has to be changed")]
    PasswordChangeRequired,
    /// A code of somebody elsewhere was scanned.
    #[error("the QR code is not of this community")]
    ForeignQr,
    /// Somebody has the username.
    #[error("the username is taken")]
    UsernameTaken,
    /// Somebody has the e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Login or password is wrong; it is not said which.
    #[error("login or password is wrong")]
    InvalidCredentials,
    /// The token is not accepted.
    #[error(transparent)]
    InvalidToken(#[from] InvalidToken),
    /// Too many failures.
    #[error("too many failures")]
    RateLimited {
        /// When another try makes sense.
        retry_after_seconds: u64,
    },
    /// It does not fit the state that things are in; nothing was recorded.
    #[error("{0}")]
    Conflict(&'static str),
    /// The application may not come from this address.
    #[error("not allowed from this address")]
    AddressNotAllowed,
    /// No bank that could do it can be reached; nothing happened and the reference is unused.
    #[error("no bank can be reached for this at present")]
    Unavailable,
    /// It needs a one-time code.
    #[error("a one-time code is required")]
    CodeRequired,
    /// The one-time code is wrong, or good for something else, or for nothing any more.
    #[error("the one-time code is wrong")]
    CodeInvalid,
    /// It is too late for the one-time code.
    #[error("the one-time code has expired")]
    CodeExpired,
    /// No code can be sent at present; none was made.
    #[error("no code can be sent at present")]
    NoSender,
    /// Nothing happened; try again.
    #[error("busy")]
    Busy {
        /// When another try makes sense.
        retry_after_seconds: u64,
    },
    /// The journal could not be read. The caller is told nothing more; the log has the cause.
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

impl Error {
    /// [`Error::Invalid`] with anything that explains itself.
    pub fn invalid(field: &'static str, message: impl ToString) -> Self {
        Self::Invalid { field, message: message.to_string() }
    }
}
