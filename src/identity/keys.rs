//! The keys that sign users' tokens: made at the first start, kept in one file, rotatable.
//!
//! Clients' secrets are not here: they are data that administrators edit. Two processes must not
//! share the directory; the lock on the data directory sees to that.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::private_file;
use super::random::random_bytes;
use super::secret::Secret;
use crate::ledger::time::Timestamp;
use crate::limits::{TOKEN_LEEWAY_SECONDS, TOKEN_SECONDS};

pub use super::private_file::Error;

const FILE_NAME: &str = "signing-keys.json";
const KEY_BYTES: usize = 32;
const KID_BYTES: usize = 8;

/// The keys, newest first; never empty. The first signs, the others verify until no token of
/// theirs can be alive.
pub struct SigningKeys {
    keys: ArcSwap<Vec<Arc<SigningKey>>>,
    home: Home,
    /// Held while the keys change; counts those made, for [`Home::Memory`].
    made: Mutex<u64>,
}

enum Home {
    File(PathBuf),
    Memory { seed: u64 },
}

/// One key, in the forms in which it is used.
pub(super) struct SigningKey {
    pub(super) kid: String,
    created: Timestamp,
    bytes: Secret<[u8; KEY_BYTES]>,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

impl SigningKey {
    fn new(kid: String, bytes: Secret<[u8; KEY_BYTES]>, created: Timestamp) -> Arc<Self> {
        let encoding = EncodingKey::from_secret(bytes.expose());
        let decoding = DecodingKey::from_secret(bytes.expose());
        Arc::new(Self { kid, created, bytes, encoding, decoding })
    }
}

/// A key as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    kid: String,
    key: String,
    created: String,
}

impl Drop for Record {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl SigningKeys {
    /// Reads the keys kept in `directory`, or makes the first one there.
    pub fn open(directory: &Path, now: Timestamp) -> Result<Self, Error> {
        let path = directory.join(FILE_NAME);
        let home = Home::File(path.clone());
        let keys = match read(&path)? {
            Some(keys) => keys,
            None => {
                let keys = vec![home.make(0, now)];
                write(&path, &keys)?;
                keys
            }
        };
        Ok(Self { keys: ArcSwap::from_pointee(keys), home, made: Mutex::new(0) })
    }

    /// Keys that follow from `seed` and are kept nowhere, for tests and simulations.
    pub fn in_memory(seed: u64) -> Self {
        let home = Home::Memory { seed };
        let keys = vec![home.make(0, Timestamp::EPOCH)];
        Self { keys: ArcSwap::from_pointee(keys), home, made: Mutex::new(1) }
    }

    /// Puts a new key first, and drops those whose last token has expired.
    pub fn rotate(&self, now: Timestamp) -> Result<(), Error> {
        // The count is whole at any time, so a panic elsewhere does not spoil it.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = self.keys.load();
        // Never older than its predecessor: a clock set back must not retire that one early.
        let created = keys.first().map_or(now, |newest| newest.created.max(now));
        let mut rotated = vec![self.home.make(*made, created)];
        rotated.extend(alive(&keys, now).map(Arc::clone));
        if let Home::File(path) = &self.home {
            write(path, &rotated)?;
        }
        self.keys.store(Arc::new(rotated));
        *made += 1;
        Ok(())
    }

    /// The key that signs.
    pub(super) fn newest(&self) -> Arc<SigningKey> {
        self.keys.load().first().map(Arc::clone).expect("never empty")
    }

    /// The key called `kid`, unless it was superseded so long ago that no token of its can live:
    /// whoever stole it must not be able to sign new ones for ever.
    pub(super) fn find(&self, kid: &str, now: Timestamp) -> Option<Arc<SigningKey>> {
        alive(&self.keys.load(), now).find(|key| key.kid == kid).map(Arc::clone)
    }

    #[cfg(test)]
    fn kids(&self) -> Vec<String> {
        self.keys.load().iter().map(|key| key.kid.clone()).collect()
    }
}

/// The keys that may still verify at `now`: the newest, and each superseded so lately that a token
/// it signed just before may live.
fn alive(keys: &[Arc<SigningKey>], now: Timestamp) -> impl Iterator<Item = &Arc<SigningKey>> {
    let successors = std::iter::once(None).chain(keys.iter().map(Some));
    keys.iter().zip(successors).filter_map(move |(key, successor)| {
        let superseded = successor.map(|successor| successor.created);
        let dead = superseded.is_some_and(|time| {
            time.plus_seconds(TOKEN_SECONDS).plus_seconds(TOKEN_LEEWAY_SECONDS) <= now
        });
        (!dead).then_some(key)
    })
}

impl Home {
    /// A new key, the `number`th of this home.
    fn make(&self, number: u64, created: Timestamp) -> Arc<SigningKey> {
        let (kid, bytes) = match self {
            Self::File(_) => (random_bytes::<KID_BYTES>(), random_bytes::<KEY_BYTES>()),
            Self::Memory { seed } => {
                let input = [seed.to_le_bytes(), number.to_le_bytes()].concat();
                (number.to_le_bytes(), blake3::derive_key("gerbang test signing key", &input))
            }
        };
        SigningKey::new(URL_SAFE_NO_PAD.encode(kid), Secret::new(bytes), created)
    }
}

fn read(path: &Path) -> Result<Option<Vec<Arc<SigningKey>>>, Error> {
    let Some(text) = private_file::read(path)? else { return Ok(None) };
    parse(&text).map(Some).map_err(|reason| Error::Malformed { path: path.to_owned(), reason })
}

fn parse(text: &[u8]) -> Result<Vec<Arc<SigningKey>>, &'static str> {
    let records: Vec<Record> =
        serde_json::from_slice(text).map_err(|_| "is not a list of {kid, key, created}")?;
    if records.is_empty() {
        return Err("holds no key");
    }
    records.iter().map(parse_record).collect()
}

fn parse_record(record: &Record) -> Result<Arc<SigningKey>, &'static str> {
    let decoded = Zeroizing::new(STANDARD.decode(&record.key).map_err(|_| "a key is not base64")?);
    let bytes = decoded.as_slice().try_into().map_err(|_| "a key is not 32 bytes long")?;
    let created = Timestamp::parse_rfc3339(&record.created).ok_or("a created is not a time")?;
    Ok(SigningKey::new(record.kid.clone(), Secret::new(bytes), created))
}

fn write(path: &Path, keys: &[Arc<SigningKey>]) -> Result<(), Error> {
    let records: Vec<Record> = keys
        .iter()
        .map(|key| Record {
            kid: key.kid.clone(),
            key: STANDARD.encode(key.bytes.expose()),
            created: key.created.to_string(),
        })
        .collect();
    let text = serde_json::to_vec_pretty(&records).expect("strings become JSON");
    private_file::replace(path, &Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn made_once_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let first = SigningKeys::open(directory.path(), NOW).unwrap();
        assert_eq!(mode(&directory.path().join(FILE_NAME)), 0o600);
        let again = SigningKeys::open(directory.path(), NOW.plus_seconds(99)).unwrap();
        assert_eq!(first.kids(), again.kids());
        assert!(first.newest().bytes.matches(again.newest().bytes.expose()));
        let names: Vec<_> =
            fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [FILE_NAME], "no temporary file is left");

        let other = tempfile::tempdir().unwrap();
        let other = SigningKeys::open(other.path(), NOW).unwrap();
        assert!(!first.newest().bytes.matches(other.newest().bytes.expose()));
    }

    #[test]
    fn a_file_others_can_read_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        SigningKeys::open(directory.path(), NOW).unwrap();
        let path = directory.path().join(FILE_NAME);
        for mode in [0o640, 0o604, 0o620, 0o660, 0o644, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = SigningKeys::open(directory.path(), NOW).err().unwrap().to_string();
            assert!(error.contains(FILE_NAME) && error.contains(&format!("{mode:04o}")), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(SigningKeys::open(directory.path(), NOW).is_ok());
    }

    #[test]
    fn a_broken_file_is_refused_and_left_alone() {
        let good_key = STANDARD.encode([1; 32]);
        let record = |kid: &str, key: &str, created: &str| {
            format!(r#"[{{"kid":{kid},"key":"{key}","created":"{created}"}}]"#)
        };
        let time = "2026-01-01T00:00:00Z";
        let table = [
            (String::new(), "is not a list"),
            ("{}".to_owned(), "is not a list"),
            ("[]".to_owned(), "holds no key"),
            (record("7", &good_key, time), "is not a list"),
            (record("\"a\"", "!", time), "not base64"),
            (record("\"a\"", &STANDARD.encode([1; 31]), time), "32 bytes"),
            (record("\"a\"", "", time), "32 bytes"),
            (record("\"a\"", &good_key, "yesterday"), "not a time"),
        ];
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        for (text, reason) in table {
            private_file::replace(&path, text.as_bytes()).unwrap();
            let error = SigningKeys::open(directory.path(), NOW).err().unwrap().to_string();
            assert!(error.contains(FILE_NAME) && error.contains(reason), "{error}");
            assert!(!error.contains(&good_key));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        private_file::replace(&path, record("\"a\"", &good_key, time).as_bytes()).unwrap();
        assert!(SigningKeys::open(directory.path(), NOW).is_ok());
    }

    #[test]
    fn no_directory_no_keys() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        assert!(matches!(SigningKeys::open(&missing, NOW), Err(Error::Io { .. })));
    }

    #[test]
    fn rotation_keeps_the_old_key_as_long_as_its_tokens_live() {
        let directory = tempfile::tempdir().unwrap();
        let keys = SigningKeys::open(directory.path(), NOW).unwrap();
        let old = keys.newest().kid.clone();
        // Long after it was made: what counts is when it last signed.
        let rotated = NOW.plus_seconds(400 * 24 * 3600);
        keys.rotate(rotated).unwrap();
        let new = keys.newest().kid.clone();
        assert_ne!(old, new);
        let end = rotated.plus_seconds(TOKEN_SECONDS + TOKEN_LEEWAY_SECONDS);
        assert!(keys.find(&old, end.plus_seconds(-1)).is_some());
        assert!(keys.find(&old, end).is_none(), "dead before the next rotation drops it");
        assert!(keys.find(&new, end).is_some());
        assert!(keys.find("unknown", rotated).is_none());

        let reopened = SigningKeys::open(directory.path(), rotated).unwrap();
        assert_eq!(reopened.kids(), [new.clone(), old]);
        reopened.rotate(end).unwrap();
        assert_eq!(reopened.kids().len(), 2);
        assert_eq!(reopened.kids()[1], new);
        assert_eq!(mode(&directory.path().join(FILE_NAME)), 0o600);
    }

    #[test]
    fn a_clock_set_back_retires_no_key_early() {
        let keys = SigningKeys::in_memory(1);
        keys.rotate(NOW).unwrap();
        let signed_at_now = keys.newest().kid.clone();
        keys.rotate(Timestamp::EPOCH).unwrap();
        assert!(keys.find(&signed_at_now, NOW.plus_seconds(TOKEN_SECONDS)).is_some());
    }

    #[test]
    fn a_leftover_of_a_crash_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let leftover = directory.path().join("signing-keys.json.tmp");
        fs::write(&leftover, "half").unwrap();
        fs::set_permissions(&leftover, fs::Permissions::from_mode(0o644)).unwrap();
        SigningKeys::open(directory.path(), NOW).unwrap();
        assert_eq!(mode(&directory.path().join(FILE_NAME)), 0o600);
        assert!(!leftover.exists());
    }

    #[test]
    fn keys_in_memory_follow_from_their_seed() {
        let bytes = |seed| *SigningKeys::in_memory(seed).newest().bytes.expose();
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
        let keys = SigningKeys::in_memory(1);
        keys.rotate(NOW).unwrap();
        assert_ne!(*keys.newest().bytes.expose(), bytes(1));
    }
}
