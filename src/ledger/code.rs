//! One-time codes: what a person has to say again before much money leaves (MATA-4).
//!
//! ```text
//!            issued                       right, for its movement
//!  (nothing) ──────▶ live, tries left 5 ───────────────────────────▶ gone: used
//!     ▲               │  ▲ │ wrong: a try less        right, for another movement
//!     │      a new one│  └─┘ ────────────────────────────────────▶ gone: burnt
//!     └───────────────┘      the fifth wrong try, or five minutes ▶ gone
//! ```
//!
//! Beside it stands what an authenticator app shows (TOTP, RFC 6238), for those who have enrolled:
//! `begun` until a first code proves that the app has the secret, then `confirmed`.
//!
//! # Invariants
//!
//! - A user has one live code at most. It is good for one movement, which its digest names, and
//!   for one use: who uses it, and who is told no, follows from the journal, so that a restart
//!   gives nobody a code or a try back.
//! - A code is used up before its movement is decided. What is lost in between is a code.
//! - `CODES_PER_DAY_MAX` codes of `CODE_TRIES_MAX` tries each: 50 guesses in a day of the books.
//! - A step of an authenticator counts once, and never one before it. `TOTP_FAILURES_MAX` wrong
//!   ones in a row close that way for `TOTP_LOCK_SECONDS`: at most 40 guesses a day.
//! - What stands here is a keyed hash and a sealed secret. Neither says anything without the key,
//!   which is no part of the ledger: six digits under a plain hash would be tried out in a moment.

use super::event::Digest;
use super::lockout::Lockout;
use super::registry::SealedKey;
use super::time::Timestamp;
use crate::limits::{
    CODE_SECONDS, CODE_TRIES_MAX, CODES_PER_DAY_MAX, TOKEN_LEEWAY_SECONDS, TOTP_FAILURES_MAX,
    TOTP_LOCK_SECONDS,
};

/// What a user has of codes.
#[derive(
    Clone, PartialEq, Eq, Debug, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct Codes {
    /// The code that was sent last, while it is good.
    pub live: Option<LiveCode>,
    /// The day of the books on which the last one was sent.
    day: i64,
    /// How many were sent on it.
    sent: u32,
    /// The authenticator app, if there is one.
    pub totp: Option<Totp>,
}

/// A code that was sent and can be used.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct LiveCode {
    /// Its own number, in what is hashed.
    pub id: [u8; 16],
    /// Keyed hash of its digits.
    pub hash: CodeHash,
    /// What it is good for.
    pub movement: Digest,
    /// The first moment at which it is no longer.
    pub expires: Timestamp,
    /// Wrong tries so far.
    pub tries: u8,
}

/// A keyed hash. Never printed: with the key, all digits are tried out in no time.
#[derive(Clone, Copy, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct CodeHash(pub [u8; 32]);

impl std::fmt::Debug for CodeHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeHash(..)")
    }
}

/// A user's authenticator app.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Totp {
    /// The secret they share with the app.
    pub secret: SealedKey,
    /// Whether the app has shown that it has the secret.
    pub confirmed: bool,
    /// The last step that was used (seconds since 1970 by 30); only later ones count.
    pub step: u64,
    /// Wrong codes in a row.
    pub lockout: Lockout,
}

/// What happens to a user's codes.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum CodeChange {
    /// A code is on its way; any before it is dead.
    Issued(LiveCode),
    /// Somebody gave a wrong one.
    Tried,
    /// The live one was used for what it is good for.
    Used,
    /// The live one was given for something else, and is good for nothing any more.
    Burnt,
    /// An app is given this secret; one that was confirmed before is forgotten.
    TotpBegun(SealedKey),
    /// The app has shown the code of this step for the first time.
    TotpConfirmed(u64),
    /// The code of this step was used.
    TotpUsed(u64),
    /// The app is forgotten.
    TotpRemoved,
}

impl CodeChange {
    /// Whether the user is told: an app shows codes for them from here on, or none does.
    pub const fn is_told(&self) -> bool {
        matches!(self, Self::TotpConfirmed(_) | Self::TotpRemoved)
    }

    /// The word for it in exports and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Issued(_) => "issued",
            Self::Tried => "tried",
            Self::Used => "used",
            Self::Burnt => "burnt",
            Self::TotpBegun(_) => "totp_begun",
            Self::TotpConfirmed(_) => "totp_confirmed",
            Self::TotpUsed(_) => "totp_used",
            Self::TotpRemoved => "totp_removed",
        }
    }
}

/// What somebody says is the code, compared with what could be right. The comparing is done by
/// whoever has the keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offered {
    /// Whether the digits are those of the live code.
    pub is_live: bool,
    /// The step of the authenticator whose digits they are.
    pub step: Option<u64>,
    /// What it is offered for.
    pub movement: Digest,
}

/// Why an offered code is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodeError {
    /// It is not the code, or not for this, or there is none.
    #[error("the one-time code is wrong")]
    Invalid,
    /// It is too late for it.
    #[error("the one-time code has expired")]
    Expired,
    /// Too many wrong ones: until then even the right one is refused.
    #[error("too many wrong codes")]
    Locked(Timestamp),
}

/// An answer, and what has to be recorded before it is given.
pub type Verdict = (Option<CodeChange>, Result<(), CodeError>);

impl LiveCode {
    /// A code issued at `now`.
    pub const fn new(id: [u8; 16], hash: CodeHash, movement: Digest, now: Timestamp) -> Self {
        Self { id, hash, movement, expires: now.plus_seconds(CODE_SECONDS), tries: 0 }
    }

    /// Whether it is not too late at `now`, nor so early that the clock must have been set back.
    fn is_timely(&self, now: Timestamp) -> bool {
        let issued = self.expires.plus_seconds(-CODE_SECONDS);
        issued.plus_seconds(-TOKEN_LEEWAY_SECONDS) <= now && now < self.expires
    }
}

impl Codes {
    /// Whether another code may be sent at `now`.
    pub fn may_issue(&self, now: Timestamp) -> bool {
        // A day before the last one is the same day: a clock set back gives no codes.
        now.book_day() > self.day || self.sent < CODES_PER_DAY_MAX
    }

    /// What becomes of a code that is offered at `now`.
    pub fn offer(&self, offered: Offered, now: Timestamp) -> Verdict {
        let live = self.live.as_ref();
        match live {
            Some(code) if offered.is_live && !code.is_timely(now) => {
                return (None, Err(CodeError::Expired));
            }
            Some(code) if offered.is_live && code.movement != offered.movement => {
                return (Some(CodeChange::Burnt), Err(CodeError::Invalid));
            }
            Some(_) if offered.is_live => return (Some(CodeChange::Used), Ok(())),
            _ => {}
        }
        let live = live.filter(|code| code.is_timely(now));
        let Some(totp) = self.totp.as_ref().filter(|totp| totp.confirmed) else {
            // With nothing to guess at there is nothing to count.
            return (live.map(|_| CodeChange::Tried), Err(CodeError::Invalid));
        };
        match (totp.decide(offered.step, now), live) {
            (Ok(step), _) => (Some(CodeChange::TotpUsed(step)), Ok(())),
            (Err(locked @ CodeError::Locked(_)), None) => (None, Err(locked)),
            (Err(_), _) => (Some(CodeChange::Tried), Err(CodeError::Invalid)),
        }
    }

    /// What becomes of the app's code, given alone: to confirm it, or to be rid of it.
    pub fn offer_step(&self, step: Option<u64>, done: StepDone, now: Timestamp) -> Verdict {
        let Some(totp) = &self.totp else { return (None, Err(CodeError::Invalid)) };
        match totp.decide(step, now) {
            Ok(step) => {
                let change = match done {
                    StepDone::Confirm => CodeChange::TotpConfirmed(step),
                    StepDone::Remove => CodeChange::TotpRemoved,
                    StepDone::LogIn => CodeChange::TotpUsed(step),
                };
                (Some(change), Ok(()))
            }
            Err(locked @ CodeError::Locked(_)) => (None, Err(locked)),
            Err(error) => (Some(CodeChange::Tried), Err(error)),
        }
    }

    /// Follows a change decided at `at`. Cannot fail.
    pub fn apply(&mut self, change: &CodeChange, at: Timestamp) {
        match change {
            CodeChange::Issued(code) => {
                let day = at.book_day();
                self.sent = if day > self.day { 1 } else { self.sent.saturating_add(1) };
                self.day = self.day.max(day);
                self.live = Some(code.clone());
            }
            CodeChange::Tried => self.tried(at),
            CodeChange::Used | CodeChange::Burnt => self.live = None,
            CodeChange::TotpBegun(secret) => {
                // Failures stay: another enrolment is no way to more guesses.
                let lockout = self.totp.as_ref().map_or_else(Lockout::default, |old| old.lockout);
                let secret = secret.clone();
                self.totp = Some(Totp { secret, confirmed: false, step: 0, lockout });
            }
            CodeChange::TotpConfirmed(step) | CodeChange::TotpUsed(step) => {
                if let Some(totp) = &mut self.totp {
                    totp.confirmed = true;
                    totp.step = totp.step.max(*step);
                    totp.lockout = totp.lockout.succeeded();
                }
            }
            CodeChange::TotpRemoved => self.totp = None,
        }
    }

    fn tried(&mut self, at: Timestamp) {
        if let Some(code) = &mut self.live {
            code.tries = code.tries.saturating_add(1);
        }
        self.live.take_if(|code| code.tries >= CODE_TRIES_MAX);
        if let Some(totp) = &mut self.totp {
            totp.lockout = totp.lockout.failed_of(at, TOTP_FAILURES_MAX, TOTP_LOCK_SECONDS);
        }
    }
}

/// What the app's code is given for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StepDone {
    /// To show that the app has the secret.
    Confirm,
    /// To have the app forgotten.
    Remove,
    /// To log in.
    LogIn,
}

impl Totp {
    /// The step, if it is one that counts.
    fn decide(&self, step: Option<u64>, now: Timestamp) -> Result<u64, CodeError> {
        if let Some(until) = self.lockout.locked_at(now, TOTP_LOCK_SECONDS) {
            return Err(CodeError::Locked(until));
        }
        step.filter(|step| *step > self.step).ok_or(CodeError::Invalid)
    }
}

#[cfg(test)]
mod tests;
