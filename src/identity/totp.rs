//! What authenticator apps show: time-based one-time passwords (RFC 6238) as every app has them,
//! with SHA-1, 30 seconds and six digits.
//!
//! Time is an argument, and which step was used before is the ledger's business.

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::random::random_bytes;
use super::secret::Secret;
use crate::ledger::time::Timestamp;
use crate::limits::TOTP_STEPS_AROUND;

/// Seconds of a step.
pub const STEP_SECONDS: i64 = 30;
/// The length of SHA-1's output, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// RFC 4648.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A secret to be shared with one app.
pub fn new_secret() -> Secret<[u8; SECRET_BYTES]> {
    Secret::new(random_bytes())
}

/// The step whose code `offered` is, of those around `now`. All are looked at always, so that the
/// time taken tells nothing.
pub fn step_of(secret: &[u8], offered: &str, now: Timestamp) -> Option<u64> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let present = u64::try_from(now.seconds().div_euclid(STEP_SECONDS)).ok()?;
    let first = present.saturating_sub(TOTP_STEPS_AROUND);
    let mut found = None;
    for step in first..=present.saturating_add(TOTP_STEPS_AROUND) {
        let code = Zeroizing::new(format!("{:06}", number(&key, step) % 1_000_000));
        if bool::from(code.as_bytes().ct_eq(offered.as_bytes())) {
            found = Some(step);
        }
    }
    found
}

/// RFC 4226, 5.3: 31 bits from where the last four say.
fn number(key: &hmac::Key, step: u64) -> u32 {
    let tag = hmac::sign(key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let place = usize::from(tag[tag.len() - 1] & 0xf);
    let [a, b, c, d] = [tag[place], tag[place + 1], tag[place + 2], tag[place + 3]];
    u32::from_be_bytes([a & 0x7f, b, c, d])
}

/// `secret` as people type it into an app: base 32 without padding.
pub fn base32(secret: &[u8]) -> Secret<String> {
    let mut text = String::with_capacity(secret.len().div_ceil(5) * 8);
    for group in secret.chunks(5) {
        let mut bits = [0; 8];
        bits[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(bits);
        for place in 0..(group.len() * 8).div_ceil(5) {
            let digit = usize::try_from(bits >> (35 - 5 * place) & 31).expect("five bits");
            text.push(char::from(ALPHABET[digit]));
        }
    }
    Secret::new(text)
}

/// What apps read from a QR code. `username` is one of ours, and needs no escaping.
pub fn uri(username: &str, secret: &Secret<String>) -> Secret<String> {
    let secret = secret.expose();
    Secret::new(format!(
        "otpauth://totp/Gerbang:{username}?secret={secret}&issuer=Gerbang&algorithm=SHA1&digits=6\
         &period=30"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn the_vectors_of_rfc_6238() {
        // Appendix B, SHA-1, eight digits.
        let table = [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ];
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET);
        for (seconds, expected) in table {
            assert_eq!(number(&key, seconds / 30) % 100_000_000, expected, "{seconds}");
            let now = Timestamp::from_seconds(i64::try_from(seconds).unwrap());
            let code = format!("{:06}", expected % 1_000_000);
            assert_eq!(step_of(SECRET, &code, now), Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn a_step_before_and_a_step_after_will_do() {
        let at = Timestamp::from_seconds;
        for (seconds, expected) in
            [(59 - 60, None), (29, Some(1)), (30, Some(1)), (89, Some(1)), (90, None)]
        {
            assert_eq!(step_of(SECRET, "287082", at(seconds)), expected, "{seconds}");
        }
        for wrong in ["", "287083", "2870820", "94287082", "28708", "abcdef"] {
            assert_eq!(step_of(SECRET, wrong, at(59)), None, "{wrong}");
        }
        assert_eq!(step_of(b"another secret of 20", "287082", at(59)), None);
    }

    #[test]
    fn secrets_are_written_as_rfc_4648_has_it() {
        // Section 10, without its padding.
        let table = [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ];
        for (bytes, expected) in table {
            assert_eq!(base32(bytes.as_bytes()).expose(), expected);
        }
        assert_eq!(base32(new_secret().expose()).expose().len(), 32);
        let uri = uri("ani", &base32(b"foobar"));
        assert_eq!(
            uri.expose(),
            "otpauth://totp/Gerbang:ani?secret=MZXW6YTBOI&issuer=Gerbang&algorithm=SHA1&digits=6&period=30"
        );
    }
}
