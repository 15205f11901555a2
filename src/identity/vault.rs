//! Seals small secrets that stand in the journal: partners' and clients' key tokens, authenticators'
//! secrets. It also hashes under a key what has too few values for a plain hash: one-time codes.
//!
//! AES-256-GCM under one key, which is made at the first start and kept in a file of its own beside
//! the signing keys: a copy of the journal alone opens nothing. What a secret is for is sealed with
//! it, so that one partner's key put in another's place is refused like a flipped bit.
//!
//! ```text
//!  version u8 | nonce [u8; 12] | ciphertext | tag [u8; 16]
//! ```
//!
//! It keeps nothing and knows no table. The nonce is random: 96 bits meet again by chance only
//! after billions of secrets, and a table has thousands.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::private_file;
pub use super::private_file::Error;
use super::random::random_bytes;
use super::secret::Secret;
use crate::ledger::registry::SealedKey;

const FILE_NAME: &str = "vault-key.json";
const KEY_BYTES: usize = 32;
const VERSION: u8 = 1;
/// What every key token begins with, so that one in a log or a repository is recognised.
const TOKEN_PREFIX: &str = "gkt_";

/// What is sealed was not sealed here, not for this, or not left alone since.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the sealed secret does not open")]
pub struct NotOpened;

/// Seals and opens.
pub struct Vault {
    key: LessSafeKey,
    /// What keyed hashes follow from.
    hashing: Zeroizing<[u8; KEY_BYTES]>,
    nonces: Nonces,
}

enum Nonces {
    Random,
    /// For simulations: counted, and so never twice within one.
    Counted(AtomicU64),
}

/// The key as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    key: String,
}

impl Drop for Record {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Vault {
    /// Reads the key kept in `directory`, or makes it there.
    ///
    /// `used` says that something is sealed already: a missing file is then an error, since a new
    /// key would open none of it.
    ///
    /// # Errors
    /// The file cannot be read or made, is readable by others, is not ours, or is missed.
    pub fn load(directory: &Path, used: bool) -> Result<Self, Error> {
        let path = directory.join(FILE_NAME);
        let key = match private_file::read(&path)? {
            Some(text) => parse(&text).map_err(|reason| Error::Malformed { path, reason })?,
            None if used => return Err(Error::Missing { path }),
            None => {
                let key = Zeroizing::new(random_bytes::<KEY_BYTES>());
                let record = Record { key: STANDARD.encode(key.as_slice()) };
                let text = serde_json::to_vec_pretty(&record).expect("strings become JSON");
                private_file::replace(&path, &Zeroizing::new(text))?;
                key
            }
        };
        Ok(Self::new(&key, Nonces::Random))
    }

    /// A vault whose key follows from `seed` and is kept nowhere, for tests and simulations.
    pub fn in_memory(seed: u64) -> Self {
        let key = Zeroizing::new(blake3::derive_key("gerbang test vault", &seed.to_le_bytes()));
        Self::new(&key, Nonces::Counted(AtomicU64::new(0)))
    }

    fn new(key: &[u8; KEY_BYTES], nonces: Nonces) -> Self {
        let hashing = Zeroizing::new(blake3::derive_key("gerbang vault keyed hashes v1", key));
        Self { key: cipher(key), hashing, nonces }
    }

    /// A hash of `parts` that nobody can compute without the key, for what has too few values for a
    /// plain one. Parts have fixed lengths, or nothing comes after the one that has not.
    pub fn keyed_hash(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let key = Zeroizing::new(blake3::derive_key(purpose, self.hashing.as_slice()));
        let mut hasher = blake3::Hasher::new_keyed(&key);
        for part in parts {
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }

    /// Seals `secret` for `purpose`, as `partner/009`.
    pub fn seal<T: Zeroize + AsRef<[u8]>>(&self, purpose: &str, secret: &Secret<T>) -> SealedKey {
        let nonce = self.nonce();
        let mut sealed = Zeroizing::new(secret.expose().as_ref().to_vec());
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context(purpose)),
                &mut *sealed,
            )
            .expect("a secret is far shorter than the cipher allows");
        SealedKey([&[VERSION], &nonce[..], &sealed].concat().into())
    }

    /// Opens what was sealed for `purpose`.
    ///
    /// # Errors
    /// It was sealed by another key, for another purpose, or changed since: which, nobody can say.
    pub fn open(&self, purpose: &str, sealed: &SealedKey) -> Result<Secret<Vec<u8>>, NotOpened> {
        let rest = sealed.0.strip_prefix(&[VERSION]).ok_or(NotOpened)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(NotOpened)?;
        let mut bytes = Zeroizing::new(ciphertext.to_vec());
        let opened = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(context(purpose)),
                &mut bytes,
            )
            .map_err(|_| NotOpened)?;
        Ok(Secret::new(opened.to_vec()))
    }

    fn nonce(&self) -> [u8; NONCE_LEN] {
        match &self.nonces {
            Nonces::Random => random_bytes(),
            Nonces::Counted(made) => {
                let mut nonce = [0; NONCE_LEN];
                nonce[..8].copy_from_slice(&made.fetch_add(1, Ordering::Relaxed).to_le_bytes());
                nonce
            }
        }
    }
}

/// A new key token: 32 random bytes as text, to be shown once and sealed.
pub fn new_key_token() -> Secret<String> {
    let bytes = Zeroizing::new(random_bytes::<KEY_BYTES>());
    let digits = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    Secret::new([TOKEN_PREFIX, digits.as_str()].concat())
}

/// Apart from whatever else may one day be sealed with this key.
fn context(purpose: &str) -> Vec<u8> {
    [b"gerbang vault\0", purpose.as_bytes()].concat()
}

fn cipher(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has the cipher's length"))
}

fn parse(text: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, &'static str> {
    let record: Record = serde_json::from_slice(text).map_err(|_| "is not {\"key\": ...}")?;
    let bytes = Zeroizing::new(STANDARD.decode(&record.key).map_err(|_| "the key is not base64")?);
    let key = bytes.as_slice().try_into().map_err(|_| "the key is not 32 bytes long")?;
    Ok(Zeroizing::new(key))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn secret() -> Secret<String> {
        Secret::new("gkt_rahasia".to_owned())
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_only() {
        let vault = Vault::in_memory(1);
        let sealed = vault.seal("partner/009", &secret());
        let opened = vault.open("partner/009", &sealed).ok().unwrap();
        assert_eq!(opened.expose().as_slice(), b"gkt_rahasia");
        for purpose in ["partner/014", "client/009", "partner/0090", "partner/00", ""] {
            assert_eq!(vault.open(purpose, &sealed).err(), Some(NotOpened), "{purpose}");
        }
        let empty = vault.seal("", &Secret::new(Vec::new()));
        assert!(vault.open("", &empty).ok().unwrap().expose().is_empty());
    }

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unseen() {
        let vault = Vault::in_memory(1);
        let sealed = vault.seal("partner/009", &secret());
        let refused = |bytes: &[u8]| {
            vault.open("partner/009", &SealedKey(bytes.into())).err() == Some(NotOpened)
        };
        let mut bytes = sealed.0.to_vec();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                bytes[place] ^= 1 << bit;
                assert!(refused(&bytes), "bit {bit} of byte {place}");
                bytes[place] ^= 1 << bit;
            }
            assert!(refused(&bytes[..place]), "cut to {place}");
        }
        bytes.push(0);
        assert!(refused(&bytes), "one byte more");
    }

    #[test]
    fn another_key_opens_nothing() {
        let sealed = Vault::in_memory(1).seal("partner/009", &secret());
        assert!(Vault::in_memory(2).open("partner/009", &sealed).is_err());
        assert!(Vault::in_memory(1).open("partner/009", &sealed).is_ok());
    }

    #[test]
    fn the_same_secret_never_looks_the_same() {
        let directory = tempfile::tempdir().unwrap();
        for vault in [Vault::in_memory(1), Vault::load(directory.path(), false).unwrap()] {
            let [one, other] = [(), ()].map(|()| vault.seal("partner/009", &secret()));
            assert_ne!(one, other);
            assert!(!one.0.windows(7).any(|part| part == b"rahasia"), "it is enciphered");
        }
    }

    #[test]
    fn the_key_is_made_once_and_kept_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        assert!(matches!(Vault::load(directory.path(), true), Err(Error::Missing { .. })));
        assert!(!path.exists());
        let sealed = Vault::load(directory.path(), false).unwrap().seal("partner/009", &secret());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let again = Vault::load(directory.path(), true).unwrap();
        assert!(again.open("partner/009", &sealed).is_ok());

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Vault::load(directory.path(), true).err().unwrap().to_string();
        assert!(error.contains(FILE_NAME) && error.contains("0640"), "{error}");
    }

    #[test]
    fn a_broken_file_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        let short = format!("{{\"key\":\"{}\"}}", STANDARD.encode([1; 31]));
        for text in ["", "{}", "[]", "{\"key\":\"%\"}", &short] {
            private_file::replace(&path, text.as_bytes()).unwrap();
            let error = Vault::load(directory.path(), false).err().unwrap();
            assert!(matches!(error, Error::Malformed { .. }), "{text}: {error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn key_tokens_are_long_and_differ() {
        let [one, other] = [new_key_token(), new_key_token()];
        for token in [&one, &other] {
            assert!(token.expose().starts_with("gkt_"));
            assert_eq!(token.expose().len(), 4 + 43);
        }
        assert!(!one.matches(other.expose().as_bytes()));
    }
}
