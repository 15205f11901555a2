//! Signatures of webhooks, as the Standard Webhooks specification has them.
//!
//! What is signed is `id.timestamp.body`, with HMAC-SHA-256, under a secret that is written as
//! `whsec_` and base64. A sender that changes its secret signs with both for a while, so a header
//! may carry several signatures; one that fits is enough.
//!
//! # Invariants
//!
//! - No id with a dot in it is signed or accepted: it could be moved into the timestamp.
//! - A message whose time differs from ours by more than `WEBHOOK_TOLERANCE_SECONDS` is refused, so
//!   that one that was overheard is of no use later.
//! - Signatures are compared in constant time.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::identity::random::random_bytes;
use crate::identity::secret::Secret;
use crate::ledger::time::Timestamp;
use crate::limits::{
    WEBHOOK_BODY_MAX, WEBHOOK_ID_MAX, WEBHOOK_SECRET_MAX, WEBHOOK_SECRET_MIN,
    WEBHOOK_SIGNATURES_MAX, WEBHOOK_TOLERANCE_SECONDS,
};

/// Stands before the base64 of a secret.
const PREFIX: &str = "whsec_";
/// Stands before the base64 of a signature.
const VERSION: &str = "v1,";
/// Bytes of a secret made here.
const MADE_BYTES: usize = 32;

/// The header of the message's id.
pub const ID_HEADER: &str = "webhook-id";
/// The header of the time of sending, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header of the signatures, with spaces between them.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// A secret, ready to sign and verify with.
pub struct Key(hmac::Key);

/// Not a secret of a webhook. It does not say what was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be whsec_ and the base64 of 24 to 64 bytes")]
pub struct NotASecret;

/// Why a message is not signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unsignable {
    /// The id is empty, too long, or holds what may not be in one.
    #[error("the id must be 1 to 64 visible characters without a dot")]
    Id,
    /// The body is larger than `WEBHOOK_BODY_MAX`.
    #[error("the body is too large")]
    TooLarge,
}

/// Why a message is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejected {
    /// The id or the timestamp cannot be read, or the body is larger than it may be.
    #[error("the message is malformed")]
    Malformed,
    /// It was sent too long ago, or in the future.
    #[error("the message is too old or from the future")]
    Untimely,
    /// No signature fits.
    #[error("no signature fits")]
    InvalidSignature,
}

/// The headers of a message, as they were received.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`.
    pub timestamp: &'a str,
    /// `webhook-signature`.
    pub signatures: &'a str,
}

impl Key {
    /// Reads a secret as it is written down.
    ///
    /// # Errors
    /// It is not one.
    pub fn parse(text: &str) -> Result<Self, NotASecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(NotASecret)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| NotASecret)?);
        if !(WEBHOOK_SECRET_MIN..=WEBHOOK_SECRET_MAX).contains(&bytes.len()) {
            return Err(NotASecret);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// A secret nobody else has, as it is written down.
    pub fn generate() -> Secret<String> {
        let bytes = Zeroizing::new(random_bytes::<MADE_BYTES>());
        Secret::new(format!("{PREFIX}{}", STANDARD.encode(*bytes)))
    }

    fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        context.sign()
    }

    fn verify(&self, headers: Headers<'_>, body: &[u8], signature: &[u8]) -> bool {
        let expected = self.sign(headers.id, headers.timestamp, body);
        subtle::ConstantTimeEq::ct_eq(expected.as_ref(), signature).into()
    }
}

/// The value of `webhook-signature`, with one signature for each of `keys`: the present secret,
/// and while it changes the former one.
///
/// # Errors
/// The message is none that a receiver has to take.
pub fn sign(keys: &[&Key], id: &str, sent: Timestamp, body: &[u8]) -> Result<String, Unsignable> {
    if !is_id(id) {
        return Err(Unsignable::Id);
    }
    if body.len() > WEBHOOK_BODY_MAX {
        return Err(Unsignable::TooLarge);
    }
    let timestamp = sent.seconds().to_string();
    let signature =
        |key: &&Key| format!("{VERSION}{}", STANDARD.encode(key.sign(id, &timestamp, body)));
    Ok(keys.iter().map(signature).collect::<Vec<_>>().join(" "))
}

/// Whether a message that came at `now` was signed with one of `keys`.
///
/// # Errors
/// Why it is not believed.
pub fn verify(
    keys: &[&Key],
    headers: Headers<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Rejected> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_id(headers.id) || !digits(headers.timestamp) || body.len() > WEBHOOK_BODY_MAX {
        return Err(Rejected::Malformed);
    }
    let sent: i64 = headers.timestamp.parse().map_err(|_| Rejected::Malformed)?;
    if now.seconds().abs_diff(sent) > WEBHOOK_TOLERANCE_SECONDS.unsigned_abs() {
        return Err(Rejected::Untimely);
    }
    // Signatures of other versions may stand beside ours.
    let known = headers.signatures.split(' ').take(WEBHOOK_SIGNATURES_MAX);
    let fits = known
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix(VERSION)?).ok())
        .any(|signature| keys.iter().any(|key| key.verify(headers, body, &signature)));
    if fits { Ok(()) } else { Err(Rejected::InvalidSignature) }
}

fn is_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
    (1..=WEBHOOK_ID_MAX).contains(&id.len()) && id.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT: Timestamp = Timestamp::from_seconds(1_614_265_330);
    const BODY: &[u8] = b"{\"test\": 2432232314}";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn key() -> Key {
        Key::parse(SECRET).unwrap()
    }

    fn headers(signatures: &str) -> Headers<'_> {
        Headers { id: ID, timestamp: "1614265330", signatures }
    }

    #[test]
    fn the_public_vector_computes() {
        assert_eq!(sign(&[&key()], ID, SENT, BODY).unwrap(), SIGNATURE);
        assert_eq!(verify(&[&key()], headers(SIGNATURE), BODY, SENT), Ok(()));
    }

    #[test]
    fn an_altered_bit_anywhere_fails() {
        let refused = |headers: Headers<'_>, body: &[u8]| {
            assert!(verify(&[&key()], headers, body, SENT).is_err(), "{headers:?} {body:?}");
        };
        for place in 0..BODY.len() * 8 {
            let mut body = BODY.to_vec();
            body[place / 8] ^= 1 << (place % 8);
            refused(headers(SIGNATURE), &body);
        }
        let altered = |text: &str, place: usize| -> Option<String> {
            let mut bytes = text.as_bytes().to_vec();
            bytes[place / 8] ^= 1 << (place % 8);
            String::from_utf8(bytes).ok()
        };
        for id in (0..ID.len() * 8).filter_map(|place| altered(ID, place)) {
            refused(Headers { id: &id, ..headers(SIGNATURE) }, BODY);
        }
        for time in (0..80).filter_map(|place| altered("1614265330", place)) {
            refused(Headers { timestamp: &time, ..headers(SIGNATURE) }, BODY);
        }
        for signature in (0..SIGNATURE.len() * 8).filter_map(|place| altered(SIGNATURE, place)) {
            refused(headers(&signature), BODY);
        }
    }

    #[test]
    fn what_is_signed_cannot_be_cut_elsewhere() {
        let moved = Headers { id: "a", timestamp: "1.5", signatures: "v1," };
        assert_eq!(verify(&[&key()], moved, BODY, SENT), Err(Rejected::Malformed));
        for id in ["", "msg.1", "msg 1", "msg\u{e9}", &"a".repeat(WEBHOOK_ID_MAX + 1)] {
            assert_eq!(sign(&[&key()], id, SENT, BODY), Err(Unsignable::Id), "{id}");
            let headers = Headers { id, ..headers(SIGNATURE) };
            assert_eq!(verify(&[&key()], headers, BODY, SENT), Err(Rejected::Malformed));
        }
        for timestamp in ["", "-1614265330", "+1614265330", "1614265330.0", "99999999999999999999"]
        {
            let headers = Headers { timestamp, ..headers(SIGNATURE) };
            assert_eq!(verify(&[&key()], headers, BODY, SENT), Err(Rejected::Malformed));
        }
    }

    #[test]
    fn time_is_checked_both_ways() {
        for (seconds, expected) in [
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(Rejected::Untimely)),
            (-301, Err(Rejected::Untimely)),
        ] {
            let now = SENT.plus_seconds(seconds);
            assert_eq!(verify(&[&key()], headers(SIGNATURE), BODY, now), expected, "{seconds}");
        }
    }

    #[test]
    fn either_secret_of_a_rotation_verifies() {
        let generated = Key::generate();
        let new = Key::parse(generated.expose()).unwrap();
        let both = sign(&[&new, &key()], ID, SENT, BODY).unwrap();
        assert_eq!(both.split(' ').count(), 2);
        assert_eq!(verify(&[&key()], headers(&both), BODY, SENT), Ok(()));
        assert_eq!(verify(&[&new], headers(&both), BODY, SENT), Ok(()));
        assert_eq!(verify(&[&new, &key()], headers(SIGNATURE), BODY, SENT), Ok(()));
        let other = Key::parse(Key::generate().expose()).unwrap();
        let refused = Err(Rejected::InvalidSignature);
        assert_eq!(verify(&[&other], headers(&both), BODY, SENT), refused);
        assert_eq!(verify(&[], headers(&both), BODY, SENT), refused);
        let late = format!("{}{SIGNATURE}", "v2,x ".repeat(WEBHOOK_SIGNATURES_MAX));
        assert_eq!(verify(&[&key()], headers(&late), BODY, SENT), refused);
        let beside = format!("v1a,AAAA {SIGNATURE} v2,x");
        assert_eq!(verify(&[&key()], headers(&beside), BODY, SENT), Ok(()));
    }

    #[test]
    fn secrets_and_bodies_have_bounds() {
        let secret = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        assert!(Key::parse(&secret(24)).is_ok() && Key::parse(&secret(64)).is_ok());
        for wrong in [secret(23), secret(65), secret(32).replace("whsec_", ""), "whsec_!".into()] {
            assert!(Key::parse(&wrong).is_err(), "{wrong}");
        }
        let large = vec![b' '; WEBHOOK_BODY_MAX + 1];
        assert_eq!(sign(&[&key()], ID, SENT, &large), Err(Unsignable::TooLarge));
    }
}
