//! The secret half of applications' keys: made here, shown once, kept as a hash.
//!
//! A key is `gk_<id>_<secret>`: 16 hexadecimal digits by which it is found, and 32 random bytes.
//! Those are too many to be tried out, so the hash (BLAKE3) needs neither salt nor key nor time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::random::random_bytes;
use super::secret::Secret;
use crate::ledger::api_key::{KeyHash, KeyId};

/// What every key begins with, so that one in a log or a repository is recognised.
const PREFIX: &str = "gk_";

/// A key as it was just made.
pub struct Made {
    /// Its public half.
    pub id: KeyId,
    /// The whole key, to be shown this once.
    pub key: Secret<String>,
    /// What is kept of it.
    pub hash: KeyHash,
}

/// A new key.
pub fn make() -> Made {
    let id = KeyId(random_bytes());
    let bytes = Zeroizing::new(random_bytes::<32>());
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
    let key = Secret::new(format!("{PREFIX}{id}_{}", secret.as_str()));
    Made { id, key, hash: hash(&secret) }
}

/// The two halves of a key; `None` if it cannot be one.
pub fn parse(key: &str) -> Option<(KeyId, &str)> {
    let (id, secret) = key.strip_prefix(PREFIX)?.split_once('_')?;
    Some((KeyId::parse(id)?, secret))
}

/// Whether `secret` is the one that `kept` is the hash of.
pub fn matches(kept: &KeyHash, secret: &str) -> bool {
    hash(secret).0.ct_eq(&kept.0).into()
}

fn hash(secret: &str) -> KeyHash {
    KeyHash(*blake3::hash(secret.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_id_and_proved_by_its_secret() {
        for _ in 0..100 {
            let Made { id, key, hash } = make();
            let (found, secret) = parse(key.expose()).expect("a key");
            assert_eq!((found, secret.len()), (id, 43));
            assert!(matches(&hash, secret));
            assert!(!matches(&hash, &secret[1..]) && !matches(&make().hash, secret));
        }
        for wrong in ["", "gk_", "gk_00ff12ab34cd56ef", "gkt_00ff12ab34cd56ef_x", "gk_x_y"] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
