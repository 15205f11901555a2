//! Merchants' server keys: made here, shown once, kept sealed and as a hash.
//!
//! A key is `GB-server-<id>-<secret>`: 16 hexadecimal digits by which it is found, and 32 random
//! bytes. It goes wherever a Midtrans SDK takes a server key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::random::random_bytes;
use super::secret::Secret;
use crate::ledger::api_key::{KeyHash, KeyId};

/// What every server key begins with, so that one in a log or a repository is recognised.
const PREFIX: &str = "GB-server-";
/// What every client key begins with.
const CLIENT_PREFIX: &str = "GB-client-";

/// A key as it was just made.
pub struct Made {
    /// Its public half.
    pub id: KeyId,
    /// The whole key.
    pub key: Secret<String>,
    /// What it is proved by.
    pub hash: KeyHash,
}

/// A new server key.
pub fn make() -> Made {
    let id = KeyId(random_bytes());
    let bytes = Zeroizing::new(random_bytes::<32>());
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
    let key = Secret::new(format!("{PREFIX}{id}-{}", secret.as_str()));
    let hash = hash(key.expose());
    Made { id, key, hash }
}

/// A new client key, which is no secret.
pub fn make_client_key() -> String {
    format!("{CLIENT_PREFIX}{}", KeyId(random_bytes()))
}

/// The public half of a server key; `None` if it cannot be one.
pub fn id_of(key: &str) -> Option<KeyId> {
    let (id, _) = key.strip_prefix(PREFIX)?.split_once('-')?;
    KeyId::parse(id)
}

/// Whether `key` is the one that `kept` is the hash of, in a time that tells nothing.
pub fn matches(kept: &KeyHash, key: &str) -> bool {
    hash(key).0.ct_eq(&kept.0).into()
}

fn hash(key: &str) -> KeyHash {
    KeyHash(*blake3::hash(key.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::midtrans::key::ServerKey;

    #[test]
    fn a_key_is_found_by_its_id_and_proved_by_all_of_it() {
        for _ in 0..100 {
            let Made { id, key, hash } = make();
            assert_eq!(id_of(key.expose()), Some(id));
            assert!(matches(&hash, key.expose()) && !matches(&hash, make().key.expose()));
            assert!(ServerKey::new(key.expose().clone()).is_ok(), "it travels in the header");
        }
        for wrong in ["", "GB-server-", "GB-server-00ff12ab34cd56ef", "SB-Mid-server-a-b"] {
            assert_eq!(id_of(wrong), None, "{wrong}");
        }
        assert!(make_client_key().starts_with("GB-client-"));
    }
}
