//! Authenticator apps: enrolled, confirmed by their first code, forgotten for one of their codes.

use std::net::IpAddr;

use crate::gateway::caller::Caller;
use crate::gateway::{Error, Gateway};
use crate::identity::code;
use crate::identity::secret::Secret;
use crate::identity::totp;
use crate::ledger::code::{CodeChange, Codes, StepDone};
use crate::ledger::id::{Position, UserId};
use crate::ledger::time::Timestamp;

/// What an app has to be given, shown once.
pub struct Enrolment {
    /// In base 32, to be typed.
    pub secret: Secret<String>,
    /// For a QR code.
    pub uri: Secret<String>,
    /// The entry that notes it.
    pub position: Position,
}

/// What an app's secret is sealed for.
fn purpose(user: UserId) -> String {
    format!("totp/{}", user.0)
}

impl Gateway {
    /// A secret for the caller's app, good once [`Gateway::confirm_app`] has seen a code of it. It
    /// takes the password, or a stolen token would be enough to make itself a second factor.
    ///
    /// # Errors
    /// As [`Gateway::prove`]; [`Error::Conflict`] if they have an app: it has to be forgotten first,
    /// which takes its code.
    pub async fn enrol_app(
        &self,
        caller: &Caller,
        password: Secret<String>,
        from: IpAddr,
    ) -> Result<Enrolment, Error> {
        caller.require_person()?;
        let user = caller.user.id;
        // With a lock of its own, as for everybody who is known.
        drop(self.prove(user, password, from).await?);
        let (codes, turn) = self.codes_of(user).await;
        if codes.totp.is_some_and(|totp| totp.confirmed) {
            return Err(Error::Conflict("there is an authenticator; remove it first"));
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
        self.show_step(caller, Some(code), StepDone::Confirm).await
    }

    /// Forgets the app.
    ///
    /// # Errors
    /// [`Error::CodeRequired`], [`Error::CodeInvalid`]; [`Error::NotFound`] if there is none.
    pub async fn remove_app(
        &self,
        caller: &Caller,
        code: Option<&Secret<String>>,
    ) -> Result<Position, Error> {
        self.show_step(caller, code, StepDone::Remove).await
    }

    async fn show_step(
        &self,
        caller: &Caller,
        offered: Option<&Secret<String>>,
        done: StepDone,
    ) -> Result<Position, Error> {
        caller.require_person()?;
        let user = caller.user.id;
        let (codes, turn) = self.codes_of(user).await;
        match (&codes.totp, done) {
            (None, _) => return Err(Error::NotFound),
            (Some(totp), StepDone::Confirm) if totp.confirmed => {
                return Err(Error::Conflict("the authenticator is confirmed"));
            }
            (Some(_), StepDone::Confirm | StepDone::Remove) => {}
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
