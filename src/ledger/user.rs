//! A user: name, role, and the failures that lock their login. Their credential stays in the journal,
//! since a million of them would be asked for a few times a second at most.

use std::fmt;

use super::code::Codes;
use super::event::{Fact, Role, UserChange, UserCreated};
use super::id::{AccountId, Position, UserId};
use super::lockout::Lockout;
use super::text::Line;
use super::time::Timestamp;
use crate::limits;

/// A password's salted hash, opaque to the ledger. Never printed.
#[derive(Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Credential(pub Box<[u8]>);

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// The state of a user. There may be millions: what is seldom asked for is elsewhere.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct User {
    /// Their row.
    pub id: UserId,
    /// Their first account, in the default currency.
    pub account: AccountId,
    /// What they may do.
    pub role: Role,
    /// Whether somebody else chose their password: before they change it they may do nothing else.
    pub must_change_password: bool,
    texts: Texts,
    /// When they signed up.
    pub created_at: Timestamp,
    /// The entry that says how they prove who they are; see [`credential_in`].
    pub credential: Position,
    /// What has come up since; nothing for the many to whom nothing has.
    since: Option<Box<Since>>,
}

/// What has come up since a user signed up.
#[derive(
    Clone, PartialEq, Eq, Debug, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
struct Since {
    /// Wrong passwords of strangers since the last right one, and the lock they may have led to.
    lockout: Lockout,
    /// The same of those who have logged in before, apart: strangers do not keep them out.
    known: Lockout,
    /// Tokens issued before this moment, or in its second, are dead.
    sessions_from: Option<Timestamp>,
    codes: Option<Codes>,
}

/// Username, email, name and phone, one behind the other in one box.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct Texts {
    all: Box<str>,
    /// Of the first three.
    lengths: [u8; 3],
}

const _: () = assert!(
    limits::USERNAME_MAX < 256 && limits::EMAIL_MAX < 256 && limits::NAME_MAX < 256,
    "lengths are kept in bytes"
);

impl Texts {
    fn new(parts: [&str; 4]) -> Self {
        let [username, email, name, _] = parts.map(|part| u8::try_from(part.len()));
        let lengths = [username, email, name].map(|length| length.expect("texts have bounds"));
        Self { all: parts.concat().into(), lengths }
    }

    fn parts(&self) -> [&str; 4] {
        let mut rest = &*self.all;
        let [username, email, name] = self.lengths.map(|length| {
            let (part, behind) = rest.split_at(length.into());
            rest = behind;
            part
        });
        [username, email, name, rest]
    }
}

/// How a user proves who they are, if `fact` says it.
pub fn credential_in(fact: &Fact) -> Option<&Credential> {
    if let Fact::UserCreated(created) = fact {
        return Some(&created.credential);
    }
    let Fact::UserChanged(changed) = fact else { return None };
    match &changed.change {
        UserChange::Credential { credential, .. } | UserChange::PasswordGiven(credential) => {
            Some(credential)
        }
        UserChange::Role(_)
        | UserChange::LoginFailed
        | UserChange::LoginCleared
        | UserChange::Codes(_)
        | UserChange::KnownFailed
        | UserChange::KnownCleared => None,
    }
}

impl User {
    /// The user that `created` describes, by the entry at `position`.
    pub fn new(created: &UserCreated, position: Position, at: Timestamp) -> Self {
        Self {
            id: created.user,
            account: created.account.account,
            role: created.role,
            must_change_password: created.must_change_password,
            texts: Texts::new([
                created.username.as_str(),
                created.email.as_str(),
                created.name.as_str(),
                created.phone.as_ref().map_or("", Line::as_str),
            ]),
            created_at: at,
            credential: position,
            since: None,
        }
    }

    /// Wrong passwords of strangers since the last right one, and the lock they may have led to.
    pub fn lockout(&self) -> Lockout {
        self.since.as_ref().map_or_else(Lockout::default, |since| since.lockout)
    }

    /// Tokens issued before this moment, or in its second, are dead.
    pub fn sessions_from(&self) -> Timestamp {
        self.since.as_ref().and_then(|since| since.sessions_from).unwrap_or(Timestamp::EPOCH)
    }

    /// Their one-time codes, if they ever had one.
    pub fn codes(&self) -> Option<&Codes> {
        self.since.as_ref()?.codes.as_ref()
    }

    /// Wrong passwords of those who have logged in before, and the lock they may have led to.
    pub fn known_lockout(&self) -> Lockout {
        self.since.as_ref().map_or_else(Lockout::default, |since| since.known)
    }

    /// Unique.
    pub fn username(&self) -> &str {
        let [username, ..] = self.texts.parts();
        username
    }

    /// Unique.
    pub fn email(&self) -> &str {
        let [_, email, ..] = self.texts.parts();
        email
    }

    /// For display.
    pub fn name(&self) -> &str {
        let [_, _, name, _] = self.texts.parts();
        name
    }

    /// E.164, if they gave one.
    pub fn phone(&self) -> Option<&str> {
        let [.., phone] = self.texts.parts();
        Some(phone).filter(|phone| !phone.is_empty())
    }

    /// Follows a change by the entry at `position`, decided at `at`.
    pub fn apply(&mut self, change: &UserChange, position: Position, at: Timestamp) {
        match change {
            UserChange::Role(role) => self.role = *role,
            UserChange::Credential { sessions_end, .. } => {
                self.credential = position;
                if *sessions_end {
                    self.begin_anew(at);
                }
            }
            UserChange::LoginFailed => {
                let since = self.since.get_or_insert_default();
                since.lockout = since.lockout.failed(at);
            }
            UserChange::LoginCleared => {
                let since = self.since.get_or_insert_default();
                since.lockout = since.lockout.succeeded();
            }
            UserChange::KnownFailed => {
                let since = self.since.get_or_insert_default();
                since.known = since.known.failed(at);
            }
            UserChange::KnownCleared => {
                let since = self.since.get_or_insert_default();
                since.known = since.known.succeeded();
            }
            UserChange::Codes(change) => {
                let since = self.since.get_or_insert_default();
                since.codes.get_or_insert_default().apply(change, at);
            }
            UserChange::PasswordGiven(_) => {
                self.credential = position;
                self.begin_anew(at);
                self.must_change_password = true;
            }
        }
    }

    /// With another password older tokens are dead, and whoever guessed at the old one guesses anew.
    fn begin_anew(&mut self, at: Timestamp) {
        let since = self.since.get_or_insert_default();
        since.sessions_from = Some(at);
        since.lockout = Lockout::default();
        since.known = Lockout::default();
        self.must_change_password = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_in_parts() {
        for parts in [["ani", "ani@contoh.id", "Añi", "+62811"], ["", "", "", ""]] {
            assert_eq!(Texts::new(parts).parts(), parts);
        }
    }

    #[test]
    fn a_million_users_fit() {
        // With the two counts of an `Arc` 80, which the allocator has.
        assert_eq!(size_of::<User>(), 64);
    }
}
