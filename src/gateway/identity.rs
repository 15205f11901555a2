//! Signing up, in and out; who somebody is.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use super::caller::{Caller, Proof, user_public_id};
use super::{Error, Gateway};
use crate::engine::{NameKind, Reservation};
use crate::identity::hasher::{self, Verdict};
use crate::identity::password::{PasswordHash, Rules};
use crate::identity::secret::Secret;
use crate::identity::throttle::network;
use crate::identity::token::{self, Subject, TokenId};
use crate::journal::Recorded;
use crate::ledger::event::{AccountOpened, Credential, Fact, Role, SessionRevoked, UserChange};
use crate::ledger::event::{UserChanged, UserCreated};
use crate::ledger::id::{AccountId, Principal, UserId};
use crate::ledger::text::{Email, Line, Username};
use crate::ledger::time::Timestamp;
use crate::ledger::user::{User, credential_in};

/// Whoever signs up by themself: the writer gives them their number here too.
const THEMSELF: Principal = Principal::User(UserId(u32::MAX));

/// Somebody who wants to sign up, the fields checked.
pub struct SignUp {
    /// Unique.
    pub username: Username,
    /// For display.
    pub name: Line,
    /// Unique.
    pub email: Email,
    /// If given.
    pub phone: Option<Line>,
    /// As chosen.
    pub password: Secret<String>,
    /// Buyer or merchant for anyone; the others are given by an operator.
    pub role: Role,
}

/// A login that succeeded.
pub struct Login {
    /// The token; a secret.
    pub token: String,
    /// When it ends.
    pub expires: Timestamp,
    /// What makes them known at their next login; a secret.
    pub device: String,
    /// Whose it is.
    pub user: Arc<User>,
}

impl Gateway {
    /// A new user with an account in the default currency.
    ///
    /// # Errors
    /// A weak password, a name that is taken, or too much waiting to be hashed. Names that are
    /// taken count as failures of the network they are asked from: nobody lists users this way. Each
    /// that would be hashed counts too, or one network could keep all others waiting.
    pub async fn sign_up_from(&self, wanted: SignUp, from: IpAddr) -> Result<Box<Recorded>, Error> {
        let now = self.engine.clock().now();
        self.check_network(from, now)?;
        let spent = self.sign_ups.spend(&network(from), now);
        spent.map_err(|wait| Error::RateLimited { retry_after_seconds: wait.0 })?;
        let place = self.hasher.place(network(from))?;
        let result = self.make_user(wanted, THEMSELF, false).await;
        drop(place);
        if matches!(result, Err(Error::UsernameTaken | Error::EmailTaken)) {
            self.networks.failed(&network(from), now);
        }
        result
    }

    /// [`Gateway::sign_up_from`] for an operator, who may try as often as they like.
    ///
    /// # Errors
    /// As there, without the limit.
    pub async fn sign_up(&self, wanted: SignUp) -> Result<Box<Recorded>, Error> {
        self.make_user(wanted, Principal::Operator, false).await
    }

    /// Makes a user for `by`, who chose the password if it has to be changed.
    pub(super) async fn make_user(
        &self,
        wanted: SignUp,
        by: Principal,
        must_change_password: bool,
    ) -> Result<Box<Recorded>, Error> {
        let SignUp { username, name, email, phone, password, role } = wanted;
        let administrator = role == Role::Admin;
        Rules { username: username.as_str(), email: email.as_str(), administrator }
            .check(password.expose())
            .map_err(|weakness| Error::invalid("password", weakness))?;
        self.refuse_taken(&username, &email)?;
        let hash = self.hasher.hash(password).await?;
        // In the order of their kinds, so that two sign-ups cannot wait for each other.
        let names = vec![
            self.engine.reserve(NameKind::Username, username.as_str()).await,
            self.engine.reserve(NameKind::Email, email.as_str()).await,
        ];
        self.refuse_taken(&username, &email)?;
        let account = AccountOpened {
            account: AccountId(u32::MAX),
            kind: role.account_kind(),
            currency: self.settings.currency,
            owner: None,
            floor: 0,
            by,
        };
        let credential = Credential(hash.as_bytes().as_slice().into());
        // The writer gives the numbers.
        let user = UserId(u32::MAX);
        let created = UserCreated {
            user,
            username,
            email,
            name,
            phone,
            role,
            credential,
            must_change_password,
            account,
        };
        Ok(self.engine.record(Fact::UserCreated(Box::new(created)), names).await?)
    }

    /// A token for whoever knows the password. `login` is a username or an e-mail address, `device`
    /// what an earlier login gave, `from` the address it comes from. Who shows the former is known,
    /// and strangers' failures are not counted against them; with one that is not good for this user
    /// anybody is a stranger.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] for a wrong password, an unknown name and a locked account
    /// alike; [`Error::RateLimited`] after too many failures.
    pub async fn log_in(
        &self,
        login: &str,
        password: Secret<String>,
        device: Option<&str>,
        from: IpAddr,
    ) -> Result<Login, Error> {
        let now = self.engine.clock().now();
        let login = login.to_ascii_lowercase();
        if let Some(user) = device.and_then(|device| self.known_by(&login, device, now)) {
            let (user, turn) = self.prove(user, password, from).await?;
            let login = self.open_session(user);
            drop(turn);
            return login;
        }
        self.check_throttles(&login, from, now)?;
        let found = self.find_login(&login);
        // Tries for one user come one after the other, so that each sees the failures before it.
        let turn = match &found {
            Some(user) => Some(self.engine.reserve(NameKind::Login, &user.id.0.to_string()).await),
            None => None,
        };
        // Once more: those before us in the queue may have failed in the meantime.
        self.check_throttles(&login, from, now)?;
        let user = found.and_then(|user| self.view().user(user.id));
        let locked = user.as_ref().is_some_and(|user| user.lockout().is_locked(now));
        let hash = self.hash_of(&login, user.as_deref())?.filter(|_| !locked);
        let again = Secret::new(password.expose().clone());
        let place = self.hasher.place(network(from))?;
        let verdict = self.hasher.verify(password, hash).await?;
        drop(place);
        match (verdict, user) {
            (Verdict::Right { outdated }, Some(user)) if !locked => {
                self.names.succeeded(&(login.as_str(), network(from)), now);
                if user.lockout().failures > 0 {
                    self.change(user.id, UserChange::LoginCleared).await?;
                }
                self.renew(&user, outdated.then_some(again)).await?;
                let login = self.open_session(user);
                // Not before: the password may be changed in the next turn, and older tokens are dead.
                drop(turn);
                login
            }
            (_, user) => {
                self.networks.failed(&network(from), now);
                self.names.failed(&(login.as_str(), network(from)), now);
                if let Some(user) = user.filter(|_| !locked) {
                    self.note_failure(user.id, UserChange::LoginFailed, turn)?;
                }
                Err(Error::InvalidCredentials)
            }
        }
    }

    fn find_login(&self, login: &str) -> Option<Arc<User>> {
        self.view().user_by_name(login).or_else(|| self.view().user_by_email(login))
    }

    /// The user of this login, if `device` shows that they have logged in with it, and their password
    /// is the same since.
    fn known_by(&self, login: &str, device: &str, now: Timestamp) -> Option<UserId> {
        let known = token::verify_device(&self.keys, device, now).ok()?;
        let user = self.find_login(login)?;
        let is_theirs = known.user.as_str() == user_public_id(&user);
        let is_since = known.issued().seconds() > user.sessions_from().seconds();
        (is_theirs && is_since).then_some(user.id)
    }

    /// The caller's token is dead from here on, after a restart too.
    ///
    /// # Errors
    /// If too much is waiting.
    pub async fn log_out(&self, caller: &Caller) -> Result<Box<Recorded>, Error> {
        let Proof::Session(session) = &caller.proof else {
            return Err(Error::Forbidden("a key is revoked, not logged out"));
        };
        let revoked = SessionRevoked {
            user: caller.user.id,
            token: session.id.0,
            // The leeway after its end has to be covered as well.
            expires: session.expires().plus_seconds(crate::limits::TOKEN_LEEWAY_SECONDS),
        };
        Ok(self.engine.record(Fact::SessionRevoked(revoked), Vec::new()).await?)
    }

    /// The user with this name, for somebody who wants to pay them.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn look_up(&self, username: &str) -> Result<Arc<User>, Error> {
        self.view().user_by_name(&username.to_ascii_lowercase()).ok_or(Error::NotFound)
    }

    /// [`Gateway::look_up`] for somebody who may guess a few times only.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::RateLimited`] after too many names that nobody has.
    pub fn look_up_for(&self, caller: &Caller, username: &str) -> Result<Arc<User>, Error> {
        self.found(caller, self.look_up(username))
    }

    fn refuse_taken(&self, username: &Username, email: &Email) -> Result<(), Error> {
        if self.view().user_by_name(username.as_str()).is_some() {
            return Err(Error::UsernameTaken);
        }
        if self.view().user_by_email(email.as_str()).is_some() {
            return Err(Error::EmailTaken);
        }
        Ok(())
    }

    /// What a password given for `login` is held against: what the journal says of `user`, if there
    /// is one. If there is none, what it says of another is read for nothing, of the same one
    /// whenever that name comes: the time does not tell a user who exists from one who does not.
    ///
    /// # Errors
    /// The entry cannot be read.
    pub(super) fn hash_of(
        &self,
        login: &str,
        user: Option<&User>,
    ) -> Result<Option<PasswordHash>, Error> {
        let position = user.map(|user| user.credential).or_else(|| {
            let number = self.decoys.hash_one(login).checked_rem(self.view().users_len().into())?;
            self.view().user(UserId(u32::try_from(number).ok()?)).map(|decoy| decoy.credential)
        });
        let Some(position) = position else { return Ok(None) };
        let recorded = self.view().record(position)?;
        let hash = credential_in(&recorded.event.fact)
            .and_then(|credential| PasswordHash::from_bytes(&credential.0));
        Ok(hash.filter(|_| user.is_some()))
    }

    fn check_throttles(&self, login: &str, from: IpAddr, now: Timestamp) -> Result<(), Error> {
        self.check_network(from, now)?;
        // By name and network: a stranger elsewhere does not keep the owner out.
        let name = self.names.check(&(login, network(from)), now);
        name.map_err(|wait| Error::RateLimited { retry_after_seconds: wait.0 })
    }

    pub(super) fn check_network(&self, from: IpAddr, now: Timestamp) -> Result<(), Error> {
        let checked = self.networks.check(&network(from), now);
        checked.map_err(|wait| Error::RateLimited { retry_after_seconds: wait.0 })
    }

    /// Records a wrong password. The answer does not wait until that is durable, or its time would
    /// tell a user who exists from one who does not; the next try for the same user does, since the
    /// turn is kept until then.
    ///
    /// # Errors
    /// If too much is waiting.
    pub(super) fn note_failure(
        &self,
        user: UserId,
        change: UserChange,
        turn: Option<Reservation>,
    ) -> Result<(), Error> {
        let changed = UserChanged { user, by: Principal::System, change };
        let turn = turn.into_iter().collect();
        drop(self.engine.queue(Fact::UserChanged(changed), turn)?);
        Ok(())
    }

    /// After the right password: an outdated hash is made anew.
    pub(super) async fn renew(
        &self,
        user: &User,
        outdated: Option<Secret<String>>,
    ) -> Result<(), Error> {
        if let Some(password) = outdated {
            // The next login does as well.
            let Ok(hash) = self.hasher.hash(password).await else { return Ok(()) };
            let credential = Credential(hash.as_bytes().as_slice().into());
            let change = UserChange::Credential { credential, sessions_end: false };
            self.change(user.id, change).await?;
        }
        Ok(())
    }

    pub(super) async fn change(
        &self,
        user: UserId,
        change: UserChange,
    ) -> Result<Box<Recorded>, Error> {
        let changed = UserChanged { user, by: Principal::System, change };
        Ok(self.engine.record(Fact::UserChanged(changed), Vec::new()).await?)
    }

    /// A token for `user`. It is dated after the second in which older ones died, if need be a second
    /// ahead.
    pub(super) fn open_session(&self, user: Arc<User>) -> Result<Login, Error> {
        let subject = Subject::new(&user_public_id(&user)).expect("public ids are short ASCII");
        let now = self.engine.clock().now().max(user.sessions_from().plus_seconds(1));
        let issued = token::issue(&self.keys, &subject, TokenId::random(), now);
        let device = token::issue_device(&self.keys, &subject, now);
        Ok(Login { token: issued.token, expires: issued.expires, device, user })
    }
}

impl From<hasher::Busy> for Error {
    fn from(busy: hasher::Busy) -> Self {
        Self::Busy { retry_after_seconds: busy.retry_after_seconds }
    }
}
