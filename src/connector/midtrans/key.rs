//! The server key: how it proves who asks, and how it signs what is told.
//!
//! `Authorization: Basic base64(key ":")`, a user without a password. The prefix of a key says
//! nothing certain about sandbox or production, and nothing is concluded from it.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::identity::secret::Secret;
use crate::limits::{MIDTRANS_KEY_MAX, MIDTRANS_KEY_MIN};

/// Not a server key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "must be {MIDTRANS_KEY_MIN} to {MIDTRANS_KEY_MAX} visible ASCII characters without a colon"
)]
pub struct NotAKey;

/// A server key. It is never shown.
pub struct ServerKey(Secret<String>);

impl ServerKey {
    /// Takes charge of a key.
    ///
    /// # Errors
    /// It could not travel in the header, or could be guessed.
    pub fn new(key: String) -> Result<Self, NotAKey> {
        let key = Secret::new(key);
        let text = key.expose();
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if plain && (MIDTRANS_KEY_MIN..=MIDTRANS_KEY_MAX).contains(&text.len()) {
            Ok(Self(key))
        } else {
            Err(NotAKey)
        }
    }

    /// The value of `Authorization` that proves it.
    pub fn basic(&self) -> Secret<String> {
        let pair = Zeroizing::new(format!("{}:", self.0.expose()));
        let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        Secret::new(format!("Basic {}", encoded.as_str()))
    }

    /// Whether `given` is this key.
    pub fn matches(&self, given: &[u8]) -> bool {
        self.0.matches(given)
    }

    /// `signature_key` over these texts, exactly as they stand in the same body.
    pub fn sign(&self, order_id: &str, status_code: &str, gross_amount: &str) -> String {
        let signed =
            Zeroizing::new([order_id, status_code, gross_amount, self.0.expose()].concat());
        let digest = digest(&SHA512, signed.as_bytes());
        let mut hex = String::with_capacity(128);
        for byte in digest.as_ref() {
            write!(hex, "{byte:02x}").expect("text takes all that is written to it");
        }
        hex
    }

    /// Whether `signature` is that, in a time that does not depend on where it differs.
    pub fn verifies(
        &self,
        signature: &str,
        order_id: &str,
        status_code: &str,
        gross_amount: &str,
    ) -> bool {
        let expected = self.sign(order_id, status_code, gross_amount);
        expected.as_bytes().ct_eq(signature.as_bytes()).into()
    }
}

/// The key in a value of `Authorization`; `None` for another scheme, what is no base64, and a
/// password.
pub fn of_basic(header: &str) -> Option<Secret<String>> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > 2 * MIDTRANS_KEY_MAX {
        return None;
    }
    let pair = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let key = str::from_utf8(pair.strip_suffix(b":")?).ok()?;
    if key.is_empty() || key.contains(':') { None } else { Some(Secret::new(key.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ServerKey {
        ServerKey::new(text.to_owned()).unwrap()
    }

    #[test]
    fn the_header_is_that_of_the_documentation() {
        let header = key("SB-Mid-server-abc123cde456").basic();
        assert_eq!(header.expose(), "Basic U0ItTWlkLXNlcnZlci1hYmMxMjNjZGU0NTY6");
        let given = of_basic(header.expose()).unwrap();
        assert_eq!(given.expose(), "SB-Mid-server-abc123cde456");
        assert!(key("SB-Mid-server-abc123cde456").matches(given.expose().as_bytes()));
        assert!(!key("SB-Mid-server-abc123cde457").matches(given.expose().as_bytes()));
    }

    #[test]
    fn what_is_no_header_gives_no_key() {
        let with = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        assert!(of_basic(&with("k:").replace("Basic", "bAsIc")).is_some());
        for bad in [
            String::new(),
            "Basic".to_owned(),
            "Basic ".to_owned(),
            "Basic !".to_owned(),
            "Bearer azo=".to_owned(),
            with(""),
            with(":"),
            with("k"),
            with("k:password"),
            with("a:b:"),
            with(&"k".repeat(1_000)),
        ] {
            assert!(of_basic(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_must_be_able_to_travel() {
        for bad in ["", "short", "has a space in it", "has:a:colon:in:it", "tab\tin-the-key-here"] {
            assert!(ServerKey::new(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(ServerKey::new("k".repeat(MIDTRANS_KEY_MAX + 1)).is_err());
    }

    #[test]
    fn both_published_signatures_are_made_and_believed() {
        let table = [
            (
                "askvnoibnosifnboseofinbofinfgbiufglnbfg",
                ["1111", "200", "100000.00"],
                "edc076b21793ebe3e17926350f5b8ae67d902fe657b3d0aa31b932d5c127e2375d308a2bc94f3265ac2d80a1f181a79b997ac178a236fcff35af263fc4d4c231",
            ),
            (
                "SB-Mid-server-abc123cde456",
                ["order-1", "200", "10000.00"],
                "1b872548806839f25eec7fc883de4a975127d5bacd7782e1f3974654682109d7aba43da8b0ddd2e65a388dc04b022e93ca899bb47d329003b9d6f4623e1f153b",
            ),
        ];
        for (secret, [order, code, amount], signature) in table {
            let key = key(secret);
            assert_eq!(key.sign(order, code, amount), signature);
            assert!(key.verifies(signature, order, code, amount));
            assert!(!key.verifies(&signature.to_ascii_uppercase(), order, code, amount));
            assert!(!key.verifies("", order, code, amount));
            assert!(!key.verifies(&signature[..127], order, code, amount));
            assert!(!key.verifies(&format!("{signature}0"), order, code, amount));
            assert!(!key.verifies(signature, order, "201", amount));
            assert!(!key.verifies(signature, order, code, "100001.00"));
            for place in 0..signature.len() {
                let mut altered = signature.as_bytes().to_vec();
                altered[place] ^= 1;
                let altered = String::from_utf8(altered).unwrap();
                assert!(!key.verifies(&altered, order, code, amount), "{place}");
            }
        }
    }
}
