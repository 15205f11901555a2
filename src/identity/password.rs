//! Password hashes and the rules for choosing a password.
//!
//! Hashing takes tens of milliseconds and megabytes: only `hasher.rs` calls it while the server
//! runs. Passwords are hashed byte for byte as they arrive, neither cut nor normalised.

use std::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

use crate::limits::{
    HASH_LANES_MAX, HASH_MEMORY_KIB_MAX, HASH_PASSES_MAX, PASSWORD_ADMIN_MIN, PASSWORD_MAX,
    PASSWORD_MIN,
};

/// What one hash costs: the parameters m, t and p of argon2id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    memory_kib: u32,
    passes: u16,
    lanes: u8,
}

impl Cost {
    /// OWASP's present recommendation: 19 MiB, two passes, one lane; about 20 ms.
    pub const OWASP: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

    /// The least argon2 allows, for tests and simulations: protects nothing.
    pub const TINY: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };

    /// Checked parameters; `None` outside argon2's range or the bounds of `limits.rs`.
    pub fn new(memory_kib: u32, passes: u16, lanes: u8) -> Option<Self> {
        let bounded = memory_kib <= HASH_MEMORY_KIB_MAX
            && (1..=HASH_PASSES_MAX).contains(&passes)
            && (1..=HASH_LANES_MAX).contains(&lanes);
        let cost = Self { memory_kib, passes, lanes };
        (bounded && cost.params().is_ok()).then_some(cost)
    }

    /// KiB written in all: what the time of a hash is proportional to.
    pub(super) fn kib_written(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }

    fn params(self) -> Result<Params, argon2::Error> {
        let output = Some(PasswordHash::DIGEST_BYTES);
        Params::new(self.memory_kib, self.passes.into(), self.lanes.into(), output)
    }
}

/// Memory to hash in, kept from one hash to the next rather than fetched and cleared by the system
/// each time. It is not wiped in between: the next hash overwrites it.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    fn blocks(&mut self, params: &Params) -> &mut [Block] {
        if self.0.len() < params.block_count() {
            self.0.resize(params.block_count(), Block::new());
        }
        &mut self.0
    }
}

/// An argon2id hash with its salt and parameters, in the 56 bytes the journal keeps:
/// version, lanes, passes (u16), memory in KiB (u32), all little-endian, salt (16), digest (32).
#[derive(Clone, Copy)]
pub struct PasswordHash([u8; Self::BYTES]);

impl PasswordHash {
    /// Length of [`PasswordHash::as_bytes`].
    pub const BYTES: usize = 8 + Self::SALT_BYTES + Self::DIGEST_BYTES;
    /// Length of a salt.
    pub const SALT_BYTES: usize = 16;
    const DIGEST_BYTES: usize = 32;
    const SALT_AT: usize = 8;
    const DIGEST_AT: usize = Self::SALT_AT + Self::SALT_BYTES;
    /// Argon2id, version 0x13, in the layout above. Recorded: another layout is another number.
    const VERSION: u8 = 1;

    /// Hashes `password`; `salt` must be random, but in simulations.
    pub fn compute(
        password: &[u8],
        salt: [u8; Self::SALT_BYTES],
        cost: Cost,
        memory: &mut Memory,
    ) -> Self {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = Self::VERSION;
        bytes[1] = cost.lanes;
        bytes[2..4].copy_from_slice(&cost.passes.to_le_bytes());
        bytes[4..Self::SALT_AT].copy_from_slice(&cost.memory_kib.to_le_bytes());
        bytes[Self::SALT_AT..Self::DIGEST_AT].copy_from_slice(&salt);
        let params = cost.params().expect("a cost is checked when made");
        let blocks = memory.blocks(&params);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into_with_memory(password, &salt, &mut bytes[Self::DIGEST_AT..], blocks)
            .expect("a password, salt and digest of these lengths are accepted");
        Self(bytes)
    }

    /// Whether `password` is the one hashed; compares the digests in constant time.
    pub fn verify(&self, password: &[u8], memory: &mut Memory) -> bool {
        let given = Self::compute(password, self.salt(), self.cost(), memory);
        self.0.ct_eq(&given.0).into()
    }

    /// Whether the password should be hashed anew, at its next use, because `wanted` has changed.
    pub fn needs_rehash(&self, wanted: Cost) -> bool {
        self.cost() != wanted
    }

    /// For the journal.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// From the journal; `None` unless the version and parameters are ones we could have written.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let hash = Self(bytes.try_into().ok()?);
        let cost = hash.cost();
        let known = hash.0[0] == Self::VERSION
            && Cost::new(cost.memory_kib, cost.passes, cost.lanes).is_some();
        known.then_some(hash)
    }

    /// The parameters it was made with.
    pub fn cost(&self) -> Cost {
        let [_, lanes, p0, p1, m0, m1, m2, m3, ..] = self.0;
        Cost {
            lanes,
            passes: u16::from_le_bytes([p0, p1]),
            memory_kib: u32::from_le_bytes([m0, m1, m2, m3]),
        }
    }

    fn salt(&self) -> [u8; Self::SALT_BYTES] {
        let mut salt = [0; Self::SALT_BYTES];
        salt.copy_from_slice(&self.0[Self::SALT_AT..Self::DIGEST_AT]);
        salt
    }
}

/// Shows the parameters only: events that carry a hash are printed by tests and tools.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHash({:?})", self.cost())
    }
}

/// Why a password may not be chosen. The messages are shown to the user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Weakness {
    /// Fewer characters than the rules ask for.
    #[error("must have at least {minimum} characters")]
    TooShort {
        /// Characters needed.
        minimum: usize,
    },
    /// More bytes than are hashed; cutting it would let two passwords open one account.
    #[error("must have at most {PASSWORD_MAX} bytes")]
    TooLong,
    /// On the shipped list of passwords that guessers try first.
    #[error("is one of the most common passwords")]
    Common,
    /// One character again and again, or nothing but blanks.
    #[error("must not be one character again and again")]
    Repeated,
    /// The username, the e-mail address or its local part.
    #[error("must not be the username or the e-mail address")]
    Personal,
}

/// What a password is held against. No rules of composition: they make passwords worse
/// (NIST SP 800-63B, 5.1.1.2).
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The user's name.
    pub username: &'a str,
    /// The user's e-mail address.
    pub email: &'a str,
    /// Administrators need longer passwords.
    pub administrator: bool,
}

/// One per line, lower case; those under eight characters are refused for their length already.
const COMMON: &str = include_str!("common_passwords.txt");

impl Rules<'_> {
    /// Whether `password` may be chosen, and if not, the first reason.
    pub fn check(&self, password: &str) -> Result<(), Weakness> {
        let minimum = if self.administrator { PASSWORD_ADMIN_MIN } else { PASSWORD_MIN };
        if password.len() > PASSWORD_MAX {
            return Err(Weakness::TooLong);
        }
        if password.chars().count() < minimum {
            return Err(Weakness::TooShort { minimum });
        }
        let first = password.chars().next();
        let is_repeated = password.chars().all(|c| Some(c) == first);
        if is_repeated || password.chars().all(char::is_whitespace) {
            return Err(Weakness::Repeated);
        }
        // A walk through the list takes microseconds next to the hash, and makes no copy of the
        // password, which a set of lower-case words would ask for.
        if COMMON.lines().any(|common| common.eq_ignore_ascii_case(password)) {
            return Err(Weakness::Common);
        }
        let local_part = self.email.rsplit_once('@').map_or(self.email, |(local, _)| local);
        let personal = [self.username, self.email, local_part];
        if personal.iter().any(|text| text.eq_ignore_ascii_case(password)) {
            return Err(Weakness::Personal);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordVerifier, password_hash};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    use super::*;

    const SALT: [u8; 16] = *b"randomsaltishard";

    /// `echo -n password | argon2 randomsaltishard -id -t 3 -m 12 -p 1 -l 32 -e`, the reference
    /// implementation's answer.
    const REFERENCE: &str = "$argon2id$v=19$m=4096,t=3,p=1$cmFuZG9tc2FsdGlzaGFyZA\
                             $DYojYpnUWSMmTtrkVXyaNWVGxLmGe1n8VJBPDdFkbjU";

    #[test]
    fn agrees_with_the_reference_implementation() {
        let digest = REFERENCE.rsplit_once('$').unwrap().1;
        let cost = Cost::new(4096, 3, 1).unwrap();
        let mut memory = Memory::default();
        let hash = PasswordHash::compute(b"password", SALT, cost, &mut memory);
        assert_eq!(STANDARD_NO_PAD.encode(&hash.as_bytes()[24..]), digest);

        let parsed = password_hash::PasswordHash::new(REFERENCE).unwrap();
        assert!(Argon2::default().verify_password(b"password", &parsed).is_ok());
        assert_eq!(Params::try_from(&parsed).unwrap().m_cost(), 4096);
    }

    #[test]
    fn memory_of_another_hash_changes_nothing() {
        let mut used = Memory::default();
        PasswordHash::compute(b"other", [7; 16], Cost::new(64, 2, 1).unwrap(), &mut used);
        for (memory_kib, passes, lanes) in [(8, 1, 1), (32, 3, 2), (128, 2, 1)] {
            let cost = Cost::new(memory_kib, passes, lanes).unwrap();
            let fresh = PasswordHash::compute(b"x", SALT, cost, &mut Memory::default());
            let reused = PasswordHash::compute(b"x", SALT, cost, &mut used);
            assert_eq!(fresh.as_bytes(), reused.as_bytes());
        }
    }

    #[test]
    fn only_the_right_password_verifies() {
        let mut memory = Memory::default();
        let hash = PasswordHash::compute("kata sandi".as_bytes(), SALT, Cost::TINY, &mut memory);
        assert!(hash.verify("kata sandi".as_bytes(), &mut memory));
        for wrong in ["", "kata sand", "kata sandi ", "Kata sandi", "kata sandi\0"] {
            assert!(!hash.verify(wrong.as_bytes(), &mut memory), "{wrong:?}");
        }
    }

    #[test]
    fn rehash_when_the_parameters_change() {
        let hash = PasswordHash::compute(b"x", SALT, Cost::TINY, &mut Memory::default());
        assert!(!hash.needs_rehash(Cost::TINY));
        assert!(hash.needs_rehash(Cost::OWASP));
        assert_eq!(Cost::new(19_456, 2, 1), Some(Cost::OWASP));
    }

    #[test]
    fn bytes_come_back_and_others_are_refused() {
        let hash = PasswordHash::compute(b"x", SALT, Cost::TINY, &mut Memory::default());
        let bytes = *hash.as_bytes();
        assert_eq!(bytes[..8], [1, 1, 1, 0, 8, 0, 0, 0]);
        assert_eq!(PasswordHash::from_bytes(&bytes).unwrap().as_bytes(), &bytes);
        assert!(PasswordHash::from_bytes(&bytes[..55]).is_none());
        assert!(PasswordHash::from_bytes(&[]).is_none());
        // (byte, value): version, lanes, passes and memory that we never write.
        for (at, value) in [(0, 0), (0, 2), (1, 0), (1, 200), (2, 0), (3, 9), (4, 0), (7, 255)] {
            let mut bad = bytes;
            bad[at] = value;
            assert!(PasswordHash::from_bytes(&bad).is_none(), "byte {at} = {value}");
        }
    }

    #[test]
    fn debug_shows_no_digest() {
        let hash = PasswordHash::compute(b"x", SALT, Cost::TINY, &mut Memory::default());
        assert_eq!(
            format!("{hash:?}"),
            "PasswordHash(Cost { memory_kib: 8, passes: 1, lanes: 1 })"
        );
    }

    #[test]
    fn rules() {
        let (short, short_admin) =
            (Weakness::TooShort { minimum: 8 }, Weakness::TooShort { minimum: 12 });
        let emoji = "\u{1f511}";
        let table: [(&str, bool, Result<(), Weakness>); 24] = [
            ("", false, Err(short)),
            ("abcdefg", false, Err(short)),
            (&"é".repeat(7), false, Err(short)),
            (&"é".repeat(8), false, Err(Weakness::Repeated)),
            (&"éa".repeat(4), false, Ok(())),
            ("kopi-susu", false, Ok(())),
            ("kopi-susu", true, Err(short_admin)),
            ("kopi-susu-1", true, Err(short_admin)),
            ("kopi-susu-12", true, Ok(())),
            ("        ", false, Err(Weakness::Repeated)),
            ("  \t  \u{3000}  ", false, Err(Weakness::Repeated)),
            ("aaaabbbbcccd", true, Ok(())),
            (&emoji.repeat(64), false, Err(Weakness::Repeated)),
            (&emoji.repeat(65), false, Err(Weakness::TooLong)),
            (&"xy".repeat(128), true, Ok(())),
            (&"x".repeat(257), false, Err(Weakness::TooLong)),
            ("password", false, Err(Weakness::Common)),
            ("PassWord1", false, Err(Weakness::Common)),
            ("bismillah", false, Err(Weakness::Common)),
            ("1234567890", false, Err(Weakness::Common)),
            ("123456789012", true, Err(Weakness::Common)),
            ("Budi.Santoso", false, Err(Weakness::Personal)),
            ("budi.s@example.com", false, Err(Weakness::Personal)),
            ("Budi.Santoso1", true, Ok(())),
        ];
        for (password, administrator, expected) in table {
            let rules =
                Rules { username: "budi.santoso", email: "budi.s@example.com", administrator };
            assert_eq!(rules.check(password), expected, "{password:?}");
        }
        let local = Rules { username: "budi", email: "budisantoso@x.id", administrator: false };
        assert_eq!(local.check("BudiSantoso"), Err(Weakness::Personal));
        assert_eq!(short.to_string(), "must have at least 8 characters");
        assert_eq!(Weakness::TooLong.to_string(), "must have at most 256 bytes");
    }

    #[test]
    fn the_list_is_lower_case_sorted_and_without_useless_lines() {
        let lines: Vec<&str> = COMMON.lines().collect();
        assert!((300..=3_000).contains(&lines.len()), "{}", lines.len());
        assert!(lines.is_sorted_by(|a, b| a < b), "sorted, each once");
        for line in lines {
            assert!(line.len() >= PASSWORD_MIN, "{line}");
            assert!(!line.bytes().any(|b| b.is_ascii_uppercase() || b == b' '), "{line}");
        }
    }
}
