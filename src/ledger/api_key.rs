//! Keys by which applications act for a user without being them (KOST-7).
//!
//! # Invariants
//!
//! - What stands here is a hash of the key's secret, which has 256 random bits: a plain hash gives
//!   nothing away.
//! - A key belongs to one user for good, does what its scopes say and nothing else, and ends when
//!   it is removed or expires.
//! - An owner has `API_KEYS_PER_OWNER_MAX` keys at most: the old one and the new one while they
//!   are exchanged, for each of a few applications.

use std::fmt;

use super::event::Role;
use super::id::UserId;
use super::text::Line;
use super::time::Timestamp;

/// The public half of a key, by which it is found.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// `None` unless `text` is 16 digits of lower-case hexadecimal.
    pub fn parse(text: &str) -> Option<Self> {
        let lower = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let good = text.len() == 16 && text.bytes().all(lower);
        let number = u64::from_str_radix(text, 16).ok().filter(|_| good)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// The hash of a key's secret. Never printed, though it would tell nothing.
#[derive(Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

/// What a key may be for. Stable numbers: a set of them is in the journal as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Scope {
    /// To look at the owner's own.
    Read = 0,
    /// To make charges and bills, and to see what became of them. Moves nothing out of a wallet.
    Charge = 1,
    /// To send money to banks.
    Payout = 2,
    /// To pay, one by one or in batches, and to give back.
    Batch = 3,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Charge, Self::Payout, Self::Batch];

    /// The word for it on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Charge => "charge",
            Self::Payout => "payout",
            Self::Batch => "batch",
        }
    }

    /// The scope with this word.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Charge => 2,
            Self::Payout => 4,
            Self::Batch => 8,
        }
    }
}

/// What a key is for.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Default, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct Scopes(u8);

impl Scopes {
    /// To look on, and nothing else.
    pub const READ: Self = Self(Scope::Read.bit());

    /// What a user of this role could do themselves, as scopes.
    pub fn of(role: Role) -> Self {
        match role {
            Role::Buyer | Role::Merchant | Role::Client => Scope::ALL.into_iter().collect(),
            // What administrators do is done by a person.
            Role::Admin => Self::default(),
        }
    }

    /// Whether it is for this.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether it is for nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes in it, in their order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

/// A key.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct ApiKey {
    /// Its public half.
    pub id: KeyId,
    /// Whom it acts for.
    pub owner: UserId,
    /// What it is called, for people.
    pub name: Line,
    /// What it is for.
    pub scopes: Scopes,
    /// Of its secret.
    pub hash: KeyHash,
    /// Whether it moves money without one-time codes. Administrators give that, owners cannot.
    pub codes_exempt: bool,
    /// When it was made.
    pub created: Timestamp,
    /// The first moment at which it is no good, if there is one.
    pub expires: Option<Timestamp>,
    /// When it was used, to the hour or so.
    pub last_used: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it is good at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sixteen_lower_case_digits() {
        let id = KeyId::parse("00ff12ab34cd56ef").expect("an id");
        assert_eq!(id.to_string(), "00ff12ab34cd56ef");
        for wrong in
            ["", "00FF12AB34CD56EF", "0ff12ab34cd56ef", "+0ff12ab34cd56ef", "00ff12ab34cd56eg"]
        {
            assert_eq!(KeyId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn scopes_are_sets() {
        let set = |scopes: &[Scope]| scopes.iter().copied().collect::<Scopes>();
        let two = set(&[Scope::Payout, Scope::Read, Scope::Read]);
        assert_eq!(two.iter().collect::<Vec<_>>(), [Scope::Read, Scope::Payout]);
        // (role, scope, whether it could)
        let table = [
            (Role::Merchant, Scope::Charge, true),
            (Role::Merchant, Scope::Batch, true),
            (Role::Client, Scope::Batch, true),
            (Role::Buyer, Scope::Charge, true),
            (Role::Buyer, Scope::Payout, true),
            (Role::Admin, Scope::Read, false),
        ];
        for (role, scope, could) in table {
            assert_eq!(Scopes::of(role).has(scope), could, "{role:?} {scope:?}");
        }
        assert!(Scopes::default().is_empty() && !two.is_empty());
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.name()), Some(scope));
        }
        assert_eq!(Scope::parse("Read"), None);
    }
}
