//! Passwords that change: by who has them, and by who chose them for another.
//!
//! # Invariants
//!
//! - Whoever had the old password logs in no more, and no token given for it lives on: both ways to log
//!   in are closed from the check of the old one until the new one stands.
//! - Whoever is known, by a live session or by an earlier login with the same device, proves their
//!   password apart from strangers, with a lock of its own, so that nobody's guesses keep them out
//!   (ADR 11).

use std::net::IpAddr;
use std::sync::Arc;

use super::caller::{Caller, Proof};
use super::identity::Login;
use super::{Error, Gateway};
use crate::engine::{NameKind, Reservation};
use crate::identity::hasher::Verdict;
use crate::identity::password::Rules;
use crate::identity::secret::Secret;
use crate::identity::throttle::network;
use crate::journal::Recorded;
use crate::ledger::event::{Credential, Fact, Role, UserChange, UserChanged};
use crate::ledger::id::{Principal, UserId};
use crate::ledger::user::User;
use crate::limits;

impl Gateway {
    /// Gives the caller another password. Every token before is dead, and a new one is given.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`]; [`Error::RateLimited`] after ten of them; [`Error::Invalid`] for a weak
    /// password, or the present one.
    pub async fn change_password(
        &self,
        caller: &Caller,
        present: Secret<String>,
        new: Secret<String>,
        from: IpAddr,
    ) -> Result<(Login, Box<Recorded>), Error> {
        let Proof::Session(_) = &caller.proof else {
            return Err(Error::Forbidden("a password is a person's to change"));
        };
        check_rules(&caller.user, "new_password", &new)?;
        let is_same = present.expose() == new.expose();
        let (user, known) = self.prove(caller.user.id, present, from).await?;
        // Only who knows the present one is told.
        if is_same {
            return Err(Error::invalid("new_password", "must be another than the present one"));
        }
        let place = self.hasher.place(network(from))?;
        let hash = self.hasher.hash(new).await?;
        drop(place);
        let credential = Credential(hash.as_bytes().as_slice().into());
        let change = UserChange::Credential { credential, sessions_end: true };
        let recorded = self.record_password(caller.principal(), user.id, change, known).await?;
        let user = self.view().user(user.id).ok_or(Error::NotFound)?;
        Ok((self.open_session(user)?, recorded))
    }

    /// Gives a user a password that `by` chose. Unless it is the user's own choice, they have to
    /// change it before they may do anything else.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a weak password; too much that waits.
    pub async fn set_password(
        &self,
        by: Principal,
        user: &User,
        password: Secret<String>,
        is_their_choice: bool,
    ) -> Result<Box<Recorded>, Error> {
        check_rules(user, "password", &password)?;
        let hash = self.hasher.hash(password).await?;
        let credential = Credential(hash.as_bytes().as_slice().into());
        let change = match is_their_choice {
            true => UserChange::Credential { credential, sessions_end: true },
            false => UserChange::PasswordGiven(credential),
        };
        let known = self.known_turn(user.id).await;
        self.record_password(by, user.id, change, known).await
    }

    /// The user, if this is their password, for who is known to have logged in before; and the turn
    /// to log in as somebody who is. Wrong ones are counted apart from strangers' and lock this way
    /// alone; strangers' lock does not.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`]; [`Error::RateLimited`] while it is locked; too much that waits.
    pub(super) async fn prove(
        &self,
        user: UserId,
        password: Secret<String>,
        from: IpAddr,
    ) -> Result<(Arc<User>, Reservation), Error> {
        let turn = self.known_turn(user).await;
        let now = self.engine.clock().now();
        let user = self.view().user(user).ok_or(Error::InvalidCredentials)?;
        let lockout = user.known_lockout();
        if let Some(until) = lockout.locked_at(now, limits::LOGIN_LOCK_SECONDS) {
            let micros = u64::try_from(until.micros_since(now)).unwrap_or(0);
            return Err(Error::RateLimited { retry_after_seconds: micros.div_ceil(1_000_000) });
        }
        let hash = self.hash_of(user.username(), Some(&user))?;
        // Who is known takes no more of the queue than strangers from there may.
        let place = self.hasher.place(network(from))?;
        let again = Secret::new(password.expose().clone());
        let verdict = self.hasher.verify(password, hash).await?;
        drop(place);
        match verdict {
            Verdict::Right { outdated } => {
                if lockout.failures > 0 {
                    self.change(user.id, UserChange::KnownCleared).await?;
                }
                self.renew(&user, outdated.then_some(again)).await?;
                Ok((user, turn))
            }
            Verdict::Wrong => {
                self.networks.failed(&network(from), now);
                self.note_failure(user.id, UserChange::KnownFailed, Some(turn))?;
                Err(Error::InvalidCredentials)
            }
        }
    }

    /// The turn of those who are known: strangers have another, so that nobody waits behind them.
    async fn known_turn(&self, user: UserId) -> Reservation {
        self.engine.reserve(NameKind::Login, &format!("known/{}", user.0)).await
    }

    /// Records another password while nobody logs in.
    async fn record_password(
        &self,
        by: Principal,
        user: UserId,
        change: UserChange,
        known: Reservation,
    ) -> Result<Box<Recorded>, Error> {
        // After the other: nobody takes them the other way round.
        let strangers = self.engine.reserve(NameKind::Login, &user.0.to_string()).await;
        let changed = UserChanged { user, by, change };
        Ok(self.engine.record(Fact::UserChanged(changed), vec![known, strangers]).await?)
    }
}

fn check_rules(user: &User, field: &'static str, password: &Secret<String>) -> Result<(), Error> {
    let administrator = user.role == Role::Admin;
    let rules = Rules { username: user.username(), email: user.email(), administrator };
    rules.check(password.expose()).map_err(|weakness| Error::invalid(field, weakness))
}
