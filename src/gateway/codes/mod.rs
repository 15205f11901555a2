//! One-time codes (MATA-4): asked for, sent, and used up before the money they are for moves.
//!
//! ```text
//!  issue_code ── place in the outbox ── Issued, durable ── the message goes out
//!  require_code ── is one needed, with what left today? ── was it answered before? ── the user's turn
//!                  ── compare, decide ── Used / Burnt / Tried, durable ── yes or no
//! ```
//!
//! # Invariants
//!
//! - A yes is durable before the movement is decided. A crash in between costs a code, and never
//!   moves money twice: the movement has its own reference.
//! - Changes of a user's codes are decided one after the other, each seeing those before it, so that
//!   of two who use a code at once one is told no.
//! - A request whose reference has its answer needs no code for hearing it again.
//! - The digits leave by the outbox only.

pub mod operation;
pub mod policy;
pub mod spent;
pub mod totp;

use self::operation::Operation;
use self::policy::Asked;
use self::spent::Taken;
use self::totp::AppChange;
use super::caller::Caller;
use super::{Error, Gateway};
use crate::connector::sender::{Message, Outbox};
use crate::engine::{NameKind, Reservation};
use crate::identity::code;
use crate::identity::random::random_bytes;
use crate::identity::secret::Secret;
use crate::ledger::code::{CodeChange, CodeError, Codes, LiveCode, Offered, Verdict};
use crate::ledger::event::{Digest, Fact, Origin, UserChange, UserChanged};
use crate::ledger::id::{AccountId, Position, Principal, UserId};
use crate::ledger::time::Timestamp;
use crate::ledger::user::User;

/// Who pays, and how much on which day of the books.
type Spending = ((UserId, AccountId), (u64, i64));

/// A code that is on its way.
#[derive(Clone, Debug)]
pub struct IssuedCode {
    /// Its number.
    pub id: [u8; 16],
    /// When it is too late for it.
    pub expires: Timestamp,
    /// How it is sent.
    pub channel: &'static str,
    /// The entry that notes it.
    pub position: Position,
}

impl Gateway {
    /// Sends the caller a code that is good for `operation` and nothing else; any code before it is
    /// dead.
    ///
    /// # Errors
    /// [`Error::NoSender`] if it could not be sent, [`Error::RateLimited`] if the day's are used up;
    /// nobody to be paid.
    pub async fn issue_code(
        &self,
        caller: &Caller,
        operation: &Operation,
    ) -> Result<IssuedCode, Error> {
        caller.require_person()?;
        let what = self.found(caller, operation.words(self))?;
        self.send_code(caller, operation.digest(), what).await
    }

    /// Sends the caller a code that is good for a change of their authenticator and nothing else.
    ///
    /// # Errors
    /// As [`Gateway::issue_code`].
    pub async fn issue_app_code(
        &self,
        caller: &Caller,
        change: AppChange,
    ) -> Result<IssuedCode, Error> {
        caller.require_app_holder()?;
        self.send_code(caller, change.digest(), change.words().to_owned()).await
    }

    async fn send_code(
        &self,
        caller: &Caller,
        movement: Digest,
        what: String,
    ) -> Result<IssuedCode, Error> {
        let outbox = self.outbox.as_ref().ok_or(Error::NoSender)?;
        let place = outbox.place().ok_or(Error::NoSender)?;
        let (codes, turn) = self.codes_of(caller.user.id).await;
        let now = self.engine.clock().now();
        if !codes.may_issue(now) {
            return Err(Error::RateLimited { retry_after_seconds: until_tomorrow(now) });
        }
        let (id, digits) = (random_bytes(), code::new_code());
        let hash = code::hash(&self.vault, &id, &digits);
        let live = LiveCode::new(id, hash, movement, now);
        let (expires, channel) = (live.expires, outbox.channel());
        let position = self.change_codes(caller.user.id, CodeChange::Issued(live), turn).await?;
        let issued = IssuedCode { id, expires, channel, position };
        place.put(message(&caller.user, (id, expires), what, Some(digits)));
        Ok(issued)
    }

    /// Lets the caller go on with `operation`, asked for under `origin`, if policy asks for no code,
    /// if the request was answered before, or if `offered` is right, which uses it up. What leaves
    /// without a code counts until midnight, unless it is given back.
    ///
    /// # Errors
    /// [`Error::CodeRequired`] without one, [`Error::CodeInvalid`] or [`Error::CodeExpired`] with a wrong one; a reference used for
    /// something else.
    pub async fn require_code(
        &self,
        caller: &Caller,
        operation: &Operation,
        origin: &Origin,
        offered: Option<&Secret<String>>,
    ) -> Result<Taken<'_>, Error> {
        let asked = self.asks(caller, operation);
        if asked == Asked::Never {
            return Ok(Taken::NOTHING);
        }
        if let Asked::From(least) = asked {
            let (who, what) = self.spending(caller, operation);
            if let Some(taken) = self.spent.take(self.view(), who, what, least.get()) {
                return Ok(taken);
            }
        }
        Box::pin(self.take_code(caller, operation, origin, offered)).await?;
        Ok(Taken::NOTHING)
    }

    /// Whether policy asks this caller for a code.
    pub fn needs_code(&self, caller: &Caller, operation: &Operation) -> bool {
        match self.asks(caller, operation) {
            Asked::Never => false,
            Asked::Always => true,
            Asked::From(least) => {
                let (who, what) = self.spending(caller, operation);
                self.spent.reaches(self.view(), who, what, least.get())
            }
        }
    }

    fn asks(&self, caller: &Caller, operation: &Operation) -> Asked {
        if !caller.owes_codes() {
            return Asked::Never;
        }
        self.settings.codes.asks(operation, self.settings.currency)
    }

    /// Whose account in the default currency pays, and how much on which day.
    fn spending(&self, caller: &Caller, operation: &Operation) -> Spending {
        let user = &caller.user;
        // Without one nothing has left it.
        let account = self.view().account_of(user, self.settings.currency).unwrap_or(user.account);
        let day = self.engine.clock().now().book_day();
        ((user.id, account), (operation.amount().0.get(), day))
    }

    async fn take_code(
        &self,
        caller: &Caller,
        operation: &Operation,
        origin: &Origin,
        offered: Option<&Secret<String>>,
    ) -> Result<(), Error> {
        if self.engine.known(origin)?.is_some() {
            return Ok(());
        }
        let offered = offered.ok_or(Error::CodeRequired)?;
        if !code::is_code(offered.expose()) {
            return Err(Error::CodeInvalid);
        }
        let (codes, turn) = self.codes_of(caller.user.id).await;
        self.use_code(caller.user.id, operation.digest(), offered, (codes, turn)).await
    }

    /// Uses up what is offered for `movement`, of the codes as they are.
    async fn use_code(
        &self,
        user: UserId,
        movement: Digest,
        offered: &Secret<String>,
        (codes, turn): (Codes, Reservation),
    ) -> Result<(), Error> {
        let now = self.engine.clock().now();
        let live = codes.live.as_ref();
        let is_live = live.is_some_and(|live| code::matches(&self.vault, live, offered));
        let step = self.step_of(user, &codes, offered, now);
        let offered = Offered { is_live, step, movement };
        self.settle(user, codes.offer(offered, now), turn, now).await?;
        Ok(())
    }

    /// Records what follows from an offered code, and only then says what it was: the entry, if
    /// anything followed.
    async fn settle(
        &self,
        user: UserId,
        verdict: Verdict,
        turn: Reservation,
        now: Timestamp,
    ) -> Result<Option<Position>, Error> {
        let (change, answer) = verdict;
        let position = match change {
            Some(change) => Some(self.change_codes(user, change, turn).await?),
            None => None,
        };
        answer.map(|()| position).map_err(|error| match error {
            CodeError::Invalid => Error::CodeInvalid,
            CodeError::Expired => Error::CodeExpired,
            CodeError::Locked(until) => {
                let micros = u64::try_from(until.micros_since(now)).unwrap_or(0);
                Error::RateLimited { retry_after_seconds: micros.div_ceil(1_000_000) }
            }
        })
    }

    /// A user's codes as they are, and the turn to change them. Held until the change is durable and
    /// shown.
    async fn codes_of(&self, user: UserId) -> (Codes, Reservation) {
        let turn = self.engine.reserve(NameKind::Code, &user.0.to_string()).await;
        let user = self.view().user(user);
        (user.and_then(|user| user.codes().cloned()).unwrap_or_default(), turn)
    }

    async fn change_codes(
        &self,
        user: UserId,
        change: CodeChange,
        turn: Reservation,
    ) -> Result<Position, Error> {
        let by = Principal::User(user);
        let changed = UserChanged { user, by, change: UserChange::Codes(change) };
        Ok(self.engine.record(Fact::UserChanged(changed), vec![turn]).await?.position)
    }

    /// Has the sender tell a user what has happened, as far as there is room for it just now: the log
    /// of notifications has it in any case.
    fn tell(&self, user: &User, what: &str) {
        let Some(outbox) = &self.outbox else { return };
        if let Some(place) = outbox.place() {
            let told = (random_bytes(), self.engine.clock().now());
            place.put(message(user, told, what.to_owned(), None));
        }
    }

    /// Where codes are put to be sent.
    pub const fn outbox(&self) -> Option<&Outbox> {
        self.outbox.as_ref()
    }
}

fn message(
    user: &User,
    (id, expires): ([u8; 16], Timestamp),
    what: String,
    code: Option<Secret<String>>,
) -> Message {
    Message {
        id: public_id(id),
        username: user.username().to_owned(),
        name: user.name().to_owned(),
        email: user.email().to_owned(),
        phone: user.phone().map(ToOwned::to_owned),
        what,
        expires,
        code,
    }
}

/// The public id of a code.
pub fn public_id(id: [u8; 16]) -> String {
    format!("otp_{}", crate::identity::random::text_of(u128::from_be_bytes(id)))
}

/// Seconds to the next day of the books; at least one.
fn until_tomorrow(now: Timestamp) -> u64 {
    let minutes = 24 * 60 - u64::from(now.minute_of_day());
    minutes.saturating_mul(60)
}
