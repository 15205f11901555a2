//! Authenticator apps: enrolled, confirmed by their first code, forgotten for one of their codes.
//!
//! ```text
//!  password, and a code sent for this or of the app before ──▶ begun ── its first code ──▶ confirmed
//!  a code of the app, or password and a code sent for this ──▶ gone
//! ```
//!
//! # Invariants
//!
//! - Where codes can be sent, or an app is confirmed, a password alone neither adds nor removes an app:
//!   it would be worth as much as a code then.
//! - An administrator with a confirmed app gets no token without a code of it. A token from before
//!   the confirmation lives until it ends.
//! - Whose app it is is told of its confirmation and its end, in their notifications and by the sender.

use std::net::IpAddr;

use crate::gateway::caller::Caller;
use crate::gateway::{Error, Gateway};
use crate::identity::code;
use crate::identity::secret::Secret;
use crate::identity::totp;
use crate::ledger::code::{CodeChange, Codes, StepDone};
use crate::ledger::event::{Digest, Role};
use crate::ledger::id::{Position, UserId};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::time::Timestamp;
use crate::ledger::user::User;

/// What an app has to be given, shown once.
pub struct Enrolment {
    /// In base 32, to be typed.
    pub secret: Secret<String>,
    /// For a QR code.
    pub uri: Secret<String>,
    /// The entry that notes it.
    pub position: Position,
}

/// What becomes of an app; a code that is sent for one is good for nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppChange {
    /// There is one from here on, or another.
    Enrol,
    /// There is none any more.
    Remove,
}

impl AppChange {
    /// What a code is bound to.
    pub(super) fn digest(self) -> Digest {
        let change = match self {
            Self::Enrol => "enrol",
            Self::Remove => "remove",
        };
        DigestBuilder::new("code authenticator").text(change).finish()
    }

    /// What a person is told that the code is for.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Enrol => "let an authenticator app show codes for your account",
            Self::Remove => "remove the authenticator app of your account",
        }
    }
}

/// What an app's secret is sealed for.
fn purpose(user: UserId) -> String {
    format!("totp/{}", user.0)
}

impl Gateway {
    /// A secret for the caller's app, good once [`Gateway::confirm_app`] has seen a code of it. It
    /// takes the password, and a code that was sent for it or of the app that it replaces: neither a
    /// stolen token nor a known password makes itself a second factor.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`], [`Error::RateLimited`]; [`Error::CodeRequired`],
    /// [`Error::CodeInvalid`], [`Error::CodeExpired`].
    pub async fn enrol_app(
        &self,
        caller: &Caller,
        password: Secret<String>,
        code: Option<&Secret<String>>,
        from: IpAddr,
    ) -> Result<Enrolment, Error> {
        caller.require_app_holder()?;
        let user = caller.user.id;
        // With a lock of its own, as for everybody who is known.
        drop(self.prove(user, password, from).await?);
        self.take_app_code(caller, AppChange::Enrol, code).await?;
        let (codes, turn) = self.codes_of(user).await;
        if codes.totp.is_some_and(|totp| totp.confirmed) {
            self.tell(
                &caller.user,
                "the authenticator app of your account is being replaced: its codes count no more",
            );
        }
        let made = totp::new_secret();
        let sealed = self.vault.seal(&purpose(user), &made);
        let position = self.change_codes(user, CodeChange::TotpBegun(sealed), turn).await?;
        let secret = totp::base32(made.expose());
        let uri = totp::uri(caller.user.username(), &secret);
        Ok(Enrolment { secret, uri, position })
    }

    /// From here on the app's codes count.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`]; [`Error::Conflict`] if it is confirmed, [`Error::NotFound`] if there is none.
    pub async fn confirm_app(
        &self,
        caller: &Caller,
        code: &Secret<String>,
    ) -> Result<Position, Error> {
        let position = self.show_step(caller, Some(code), StepDone::Confirm).await?;
        self.tell(&caller.user, "an authenticator app shows codes for your account from now on");
        Ok(position)
    }

    /// Forgets the app: for one of its codes, or for the password and a code that was sent for it.
    ///
    /// # Errors
    /// As a login with a password; [`Error::CodeRequired`], [`Error::CodeInvalid`],
    /// [`Error::CodeExpired`]; [`Error::NotFound`] if there is none.
    pub async fn remove_app(
        &self,
        caller: &Caller,
        password: Option<Secret<String>>,
        code: Option<&Secret<String>>,
        from: IpAddr,
    ) -> Result<Position, Error> {
        let position = match password {
            None => self.show_step(caller, code, StepDone::Remove).await?,
            Some(password) => {
                caller.require_app_holder()?;
                let user = caller.user.id;
                if self.codes_of(user).await.0.totp.is_none() {
                    return Err(Error::NotFound);
                }
                drop(self.prove(user, password, from).await?);
                self.take_app_code(caller, AppChange::Remove, code).await?;
                let (_, turn) = self.codes_of(user).await;
                self.change_codes(user, CodeChange::TotpRemoved, turn).await?
            }
        };
        self.tell(&caller.user, "no authenticator app shows codes for your account any more");
        Ok(position)
    }

    /// Uses up a code for a change of the app, where there is a way to have one.
    async fn take_app_code(
        &self,
        caller: &Caller,
        change: AppChange,
        offered: Option<&Secret<String>>,
    ) -> Result<(), Error> {
        let user = caller.user.id;
        let (codes, turn) = self.codes_of(user).await;
        let is_confirmed = codes.totp.as_ref().is_some_and(|totp| totp.confirmed);
        if self.outbox.is_none() && !is_confirmed {
            return Ok(());
        }
        let offered = offered.ok_or(Error::CodeRequired)?;
        if !code::is_code(offered.expose()) {
            return Err(Error::CodeInvalid);
        }
        self.use_code(user, change.digest(), offered, (codes, turn)).await
    }

    async fn show_step(
        &self,
        caller: &Caller,
        offered: Option<&Secret<String>>,
        done: StepDone,
    ) -> Result<Position, Error> {
        caller.require_app_holder()?;
        let user = caller.user.id;
        let (codes, turn) = self.codes_of(user).await;
        match (&codes.totp, done) {
            (None, _) => return Err(Error::NotFound),
            (Some(totp), StepDone::Confirm) if totp.confirmed => {
                return Err(Error::Conflict("the authenticator is confirmed"));
            }
            (Some(_), StepDone::Confirm | StepDone::Remove | StepDone::LogIn) => {}
        }
        let offered = offered.ok_or(Error::CodeRequired)?;
        if !code::is_code(offered.expose()) {
            return Err(Error::CodeInvalid);
        }
        let now = self.engine.clock().now();
        let step = self.step_of(user, &codes, offered, now);
        let position = self.settle(user, codes.offer_step(step, done, now), turn, now).await?;
        Ok(position.expect("a step that counts is noted"))
    }

    /// Takes a code of an administrator's app, if they have one, before they are given a token. Codes
    /// that are sent do not count here: whoever asks for one has a token.
    ///
    /// # Errors
    /// [`Error::CodeRequired`], [`Error::CodeInvalid`]; [`Error::RateLimited`] after too many wrong ones.
    pub async fn second_factor(
        &self,
        user: &User,
        offered: Option<&Secret<String>>,
    ) -> Result<(), Error> {
        if user.role != Role::Admin {
            return Ok(());
        }
        let (codes, turn) = self.codes_of(user.id).await;
        if !codes.totp.as_ref().is_some_and(|totp| totp.confirmed) {
            return Ok(());
        }
        let offered = offered.ok_or(Error::CodeRequired)?;
        if !code::is_code(offered.expose()) {
            return Err(Error::CodeInvalid);
        }
        let now = self.engine.clock().now();
        let step = self.step_of(user.id, &codes, offered, now);
        self.settle(user.id, codes.offer_step(step, StepDone::LogIn, now), turn, now).await?;
        Ok(())
    }

    /// Whether the caller may do nothing else before they have an authenticator app.
    pub fn owes_app(&self, caller: &Caller) -> bool {
        let user = &caller.user;
        let has_app = || {
            let totp = user.codes().and_then(|codes| codes.totp.as_ref());
            totp.is_some_and(|totp| totp.confirmed)
        };
        self.settings.codes.administrators && user.role == Role::Admin && !has_app()
    }

    /// The step of the user's app whose code this is.
    pub(super) fn step_of(
        &self,
        user: UserId,
        codes: &Codes,
        offered: &Secret<String>,
        now: Timestamp,
    ) -> Option<u64> {
        let totp = codes.totp.as_ref()?;
        let Ok(secret) = self.vault.open(&purpose(user), &totp.secret) else {
            tracing::error!(user = user.0, "an authenticator's secret does not open");
            // A code that was sent will do.
            return None;
        };
        totp::step_of(secret.expose(), offered.expose(), now)
    }
}
