//! The digits of one-time codes, and what is kept of them.
//!
//! A code has six digits, so anybody who can check guesses against a plain hash has it in a moment.
//! What is kept is a keyed hash (BLAKE3) of the code's own number and its digits. The key follows
//! from the vault's, which stands in a file beside the journal: a copy of the journal alone allows
//! no guess.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::random::random_bytes;
use super::secret::Secret;
use super::vault::Vault;
use crate::ledger::code::{CodeHash, LiveCode};
use crate::limits::CODE_DIGITS;

/// How many codes there are.
const CODES: u32 = 1_000_000;
/// The largest multiple of [`CODES`] that 32 bits hold: numbers above it would favour some codes.
const FAIR_MAX: u32 = u32::MAX - u32::MAX % CODES;

/// A code that nobody can foresee.
pub fn new_code() -> Secret<String> {
    loop {
        let number = u32::from_le_bytes(*Zeroizing::new(random_bytes()));
        if number < FAIR_MAX {
            return Secret::new(format!("{:06}", number % CODES));
        }
    }
}

/// Whether `text` could be a code at all.
pub fn is_code(text: &str) -> bool {
    text.len() == CODE_DIGITS && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// What is kept of the code that has this number.
pub fn hash(vault: &Vault, id: &[u8; 16], code: &Secret<String>) -> CodeHash {
    CodeHash(vault.keyed_hash("one-time codes", &[id.as_slice(), code.expose().as_bytes()]))
}

/// Whether `offered` has the digits of `live`, in a time that does not tell how nearly.
pub fn matches(vault: &Vault, live: &LiveCode, offered: &Secret<String>) -> bool {
    hash(vault, &live.id, offered).0.ct_eq(&live.hash.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::event::Digest;
    use crate::ledger::time::Timestamp;

    #[test]
    fn codes_are_six_digits_and_use_them_all() {
        let mut seen = [[false; 10]; CODE_DIGITS];
        for _ in 0..2_000 {
            let code = new_code();
            assert!(is_code(code.expose()));
            for (place, digit) in code.expose().bytes().enumerate() {
                seen[place][usize::from(digit - b'0')] = true;
            }
        }
        assert_eq!(seen, [[true; 10]; CODE_DIGITS]);
        for wrong in ["", "12345", "1234567", "12345a", "12 456", "+12345", "١٢٣"] {
            assert!(!is_code(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_hash_needs_the_key_and_knows_its_code() {
        let code = |digits: &str| Secret::new(digits.to_owned());
        let vault = Vault::in_memory(1);
        let now = Timestamp::from_seconds(1_800_000_000);
        let live = |id, vault: &Vault| {
            LiveCode::new(id, hash(vault, &id, &code("123456")), Digest([0; 16]), now)
        };
        assert!(matches(&vault, &live([1; 16], &vault), &code("123456")));
        for wrong in ["123457", "654321", "000000"] {
            assert!(!matches(&vault, &live([1; 16], &vault), &code(wrong)), "{wrong}");
        }
        assert!(!matches(&vault, &live([1; 16], &Vault::in_memory(2)), &code("123456")));
        assert!(live([1; 16], &vault).hash != live([2; 16], &vault).hash, "salted by its number");
    }
}
