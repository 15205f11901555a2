//! A user: name, role, credential, and the failures that lock their login.

use std::ops::Range;

use super::code::Codes;
use super::event::{Credential, Role, UserChange, UserCreated};
use super::id::{AccountId, UserId};
use super::lockout::Lockout;
use super::text::Line;
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
    texts: Texts,
    /// Their one-time codes; nothing for the many who never had one.
    codes: Option<Box<Codes>>,
    /// How they prove who they are.
    pub credential: Credential,
}

/// Username, email, name and phone, one behind the other in one box: there may be millions.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct Texts {
    all: Box<str>,
    /// Where the first three end.
    ends: [u16; 3],
}

impl Texts {
    fn new(parts: [&str; 4]) -> Self {
        let [username, email, name, _] = parts.map(|part| u16::try_from(part.len()));
        let [username, email, name] =
            [username, email, name].map(|length| length.expect("texts have bounds"));
        let email = username.saturating_add(email);
        let name = email.saturating_add(name);
        Self { all: parts.concat().into(), ends: [username, email, name] }
    }

    fn part(&self, part: impl FnOnce([usize; 3]) -> Range<usize>) -> &str {
        self.all.get(part(self.ends.map(usize::from))).expect("cut where texts were joined")
    }
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
            texts: Texts::new([
                created.username.as_str(),
                created.email.as_str(),
                created.name.as_str(),
                created.phone.as_ref().map_or("", Line::as_str),
            ]),
            codes: None,
            credential: created.credential.clone(),
        }
    }

    /// Their one-time codes, if they ever had one.
    pub fn codes(&self) -> Option<&Codes> {
        self.codes.as_deref()
    }

    /// Unique.
    pub fn username(&self) -> &str {
        self.texts.part(|[username, ..]| 0..username)
    }

    /// Unique.
    pub fn email(&self) -> &str {
        self.texts.part(|[username, email, _]| username..email)
    }

    /// For display.
    pub fn name(&self) -> &str {
        self.texts.part(|[_, email, name]| email..name)
    }

    /// E.164, if they gave one.
    pub fn phone(&self) -> Option<&str> {
        let phone = self.texts.part(|[.., name]| name..self.texts.all.len());
        Some(phone).filter(|phone| !phone.is_empty())
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
            UserChange::Codes(change) => self.codes.get_or_insert_default().apply(change, at),
        }
    }
}
