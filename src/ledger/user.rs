//! A user: name, role, credential, and the failures that lock their login.

use super::event::{Credential, Role, UserChange, UserCreated};
use super::id::{AccountId, UserId};
use super::lockout::Lockout;
use super::text::{Email, Line, Username};
use super::time::Timestamp;

/// The state of a user.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct User {
    /// Their row.
    pub id: UserId,
    /// Their first account, in the default currency.
    pub account: AccountId,
    /// What they may do.
    pub role: Role,
    /// Wrong passwords since the last right one, and the lock they may have led to.
    pub lockout: Lockout,
    /// Tokens issued before this moment are dead.
    pub sessions_from: Timestamp,
    /// When they signed up.
    pub created_at: Timestamp,
    /// Unique.
    pub username: Username,
    /// Unique.
    pub email: Email,
    /// For display.
    pub name: Line,
    /// E.164, if given.
    pub phone: Option<Line>,
    /// How they prove who they are.
    pub credential: Credential,
}

impl User {
    /// The user that `created` describes.
    pub fn new(created: &UserCreated, at: Timestamp) -> Self {
        Self {
            id: created.user,
            account: created.account.account,
            role: created.role,
            lockout: Lockout::default(),
            sessions_from: Timestamp::EPOCH,
            created_at: at,
            username: created.username.clone(),
            email: created.email.clone(),
            name: created.name.clone(),
            phone: created.phone.clone(),
            credential: created.credential.clone(),
        }
    }

    /// Follows a change decided at `at`.
    pub fn apply(&mut self, change: &UserChange, at: Timestamp) {
        match change {
            UserChange::Role(role) => self.role = *role,
            UserChange::Credential { credential, sessions_end } => {
                self.credential = credential.clone();
                if *sessions_end {
                    self.sessions_from = at;
                }
            }
            UserChange::LoginFailed => self.lockout = self.lockout.failed(at),
            UserChange::LoginCleared => self.lockout = self.lockout.succeeded(),
        }
    }
}
