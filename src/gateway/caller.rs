//! Who asks: a token becomes a user, as they are now.

use std::sync::Arc;

use super::{Error, Gateway};
use crate::identity::token::{InvalidToken, Session};
use crate::ledger::api_key::{ApiKey, KeyId, Scope, Scopes};
use crate::ledger::event::Role;
use crate::ledger::id::{AccountId, Principal, PublicId};
use crate::ledger::money::Currency;
use crate::ledger::user::User;

/// A user with a live token.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user as committed now, so that a changed role takes effect at once.
    pub user: Arc<User>,
    /// How they proved who they are.
    pub proof: Proof,
}

/// How a caller proved who they are.
#[derive(Clone, Debug)]
pub enum Proof {
    /// By a token they were given when they logged in.
    Session(Session),
    /// By the key of an application that acts for them.
    Key {
        /// Which.
        id: KeyId,
        /// What it is for.
        scopes: Scopes,
        /// Whether it moves money without one-time codes.
        codes_exempt: bool,
    },
}

impl Caller {
    /// Whose references these are.
    pub fn principal(&self) -> Principal {
        Principal::User(self.user.id)
    }

    /// An application that acts for `user` by this key.
    pub(super) const fn by_key(user: Arc<User>, key: &ApiKey) -> Self {
        let ApiKey { id, scopes, codes_exempt, .. } = *key;
        Self { user, proof: Proof::Key { id, scopes, codes_exempt } }
    }

    /// Fails for an application whose key is for something else.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub(super) fn require_scope(&self, scope: Scope) -> Result<(), Error> {
        match self.proof {
            Proof::Key { scopes, .. } if !scopes.has(scope) => {
                Err(Error::Forbidden("the key is not for this"))
            }
            Proof::Key { .. } | Proof::Session(_) => Ok(()),
        }
    }

    /// Whether policy may ask them for one-time codes: people who pay from a wallet or a till do;
    /// what is trusted to move others' money, and keys that are registered so, do not.
    pub fn owes_codes(&self) -> bool {
        let is_exempt = matches!(self.proof, Proof::Key { codes_exempt: true, .. });
        !is_exempt && matches!(self.user.role, Role::Buyer | Role::Merchant)
    }

    /// Fails for who owes no codes for what they pay.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn require_person(&self) -> Result<(), Error> {
        match self.user.role {
            Role::Buyer | Role::Merchant => Ok(()),
            Role::Admin | Role::Client => {
                Err(Error::Forbidden("codes are for buyers and merchants"))
            }
        }
    }

    /// Fails for who has to change their password before they may do anything else. An application
    /// that acts for them has its own key.
    ///
    /// # Errors
    /// [`Error::PasswordChangeRequired`].
    pub fn require_own_password(&self) -> Result<(), Error> {
        match &self.proof {
            Proof::Session(_) if self.user.must_change_password => {
                Err(Error::PasswordChangeRequired)
            }
            Proof::Session(_) | Proof::Key { .. } => Ok(()),
        }
    }

    /// Fails for who can have no authenticator app: what is no person.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn require_app_holder(&self) -> Result<(), Error> {
        match self.user.role {
            Role::Buyer | Role::Merchant | Role::Admin => Ok(()),
            Role::Client => Err(Error::Forbidden("authenticators are for people")),
        }
    }

    /// Fails for everybody but administrators.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn require_admin(&self) -> Result<(), Error> {
        match self.user.role {
            Role::Admin => Ok(()),
            Role::Buyer | Role::Merchant | Role::Client => {
                Err(Error::Forbidden("this needs an administrator"))
            }
        }
    }
}

impl Gateway {
    /// The user whose token this is.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] with the reason.
    pub fn authenticate(&self, token: &str) -> Result<Caller, Error> {
        let now = self.engine.clock().now();
        let session = self.tokens.verify(&self.keys, token, now, &|session: &Session| {
            self.view().is_revoked(&session.id.0)
        })?;
        // A signed token names a user that exists; if it does not, the token is no token of ours.
        let id = PublicId::parse("usr", session.user.as_str()).ok_or(InvalidToken::Malformed)?;
        let user = self.user_by_public_id(id).ok_or(InvalidToken::Revoked)?;
        // Whole seconds: what was issued in the second that ended the sessions before it is dead too.
        if session.issued().seconds() <= user.sessions_from().seconds() {
            return Err(InvalidToken::Revoked.into());
        }
        Ok(Caller { user, proof: Proof::Session(session) })
    }

    /// The user with this public id.
    pub fn user_by_public_id(&self, id: PublicId) -> Option<Arc<User>> {
        let number = u32::try_from(id.number).ok()?;
        let user = self.view().user(crate::ledger::id::UserId(number))?;
        (PublicId::new(user.created_at, id.number) == id).then_some(user)
    }

    /// A user's account in `currency`, or in the default one.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they have none in it.
    pub fn account_in(
        &self,
        user: &User,
        currency: Option<Currency>,
    ) -> Result<(AccountId, Currency), Error> {
        let currency = currency.unwrap_or(self.settings.currency);
        let account = self
            .view()
            .account_of(user, currency)
            .ok_or_else(|| Error::invalid("currency", "there is no account in this currency"))?;
        Ok((account, currency))
    }
}

/// The public id of a user.
pub fn user_public_id(user: &User) -> String {
    PublicId::new(user.created_at, u64::from(user.id.0)).text("usr")
}
