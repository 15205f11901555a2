//! Signatures of SNAP: what is signed, with which key, and whether a signature is good.
//!
//! ```text
//!  token request       client id | timestamp                                  SHA256withRSA
//!  with a token        METHOD:path:token:hex(sha256(minified body)):timestamp  HMAC-SHA512
//!  without a token     METHOD:path:hex(sha256(minified body)):timestamp        SHA256withRSA
//! ```
//!
//! RSA is PKCS#1 v1.5, which the standard asks for and which newer rules advise against; nothing
//! else would be understood. Signatures travel in base64 with padding.
//!
//! The body enters as the bytes that travel, minified byte by byte. It is never read and written
//! again: that would reorder keys and change numbers, and two honest parties would disagree.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
};
use aws_lc_rs::{encoding, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};

use crate::identity::secret::Secret;
use crate::limits;

/// Why a key was not taken. It names no byte of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// No private key in PEM.
    #[error("no PEM block `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1)")]
    NoPrivateKey,
    /// No public key in PEM.
    #[error("no PEM block `PUBLIC KEY`; `openssl rsa -pubout` writes one")]
    NoPublicKey,
    /// The block holds something else, or a key that is broken or of a size nobody should use.
    #[error("not an RSA key of 2048 to 8192 bits")]
    NotRsa,
}

/// An RSA private key that signs. It cannot be printed.
pub struct SigningKey(KeyPair);

impl SigningKey {
    /// Reads the first private key of a PEM text, PKCS#8 or PKCS#1, of 2048 to 8192 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| KeyError::NoPrivateKey)?;
        let pair = match &der {
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
            // An elliptic curve, or a kind that a later library knows.
            _ => return Err(KeyError::NotRsa),
        };
        pair.map(Self).map_err(|_| KeyError::NotRsa)
    }

    /// The signature over `text`, in base64.
    pub fn sign(&self, text: &str) -> String {
        let mut signature = vec![0; self.0.public_modulus_len()];
        // PKCS#1 v1.5 draws no random numbers; the interface is that of schemes which do.
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .expect("the key was checked when it was read, and the buffer has its length");
        STANDARD.encode(signature)
    }

    /// The public half as PEM: what a partner is given.
    pub fn public_pem(&self) -> String {
        let der: encoding::PublicKeyX509Der<'_> =
            self.0.public_key().as_der().expect("a key that was read can be written");
        to_pem("PUBLIC KEY", der.as_ref())
    }
}

/// A PEM block.
pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

/// An RSA public key that verifies.
#[derive(Clone, Debug)]
pub struct VerifyingKey(ParsedPublicKey);

impl VerifyingKey {
    /// Reads the first public key of a PEM text (`PUBLIC KEY`), of 2048 to 8192 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der =
            SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| KeyError::NoPublicKey)?;
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der.as_ref());
        let key = Self(key.map_err(|_| KeyError::NotRsa)?);
        // Some sizes are refused only when something is verified: ask now, not at the first payment.
        if key.modulus_bits().is_some_and(|bits| (2048..=8192).contains(&bits)) {
            Ok(key)
        } else {
            Err(KeyError::NotRsa)
        }
    }

    fn modulus_bits(&self) -> Option<usize> {
        let key = aws_lc_rs::rsa::PublicKey::from_der(self.0.as_ref()).ok()?;
        Some(key.modulus_len().saturating_mul(8))
    }

    /// Whether `signature` (base64) is this key's over `text`. Everything compared is public.
    pub fn verify(&self, text: &str, signature: &str) -> bool {
        decode(signature)
            .is_some_and(|signature| self.0.verify_sig(text.as_bytes(), &signature).is_ok())
    }
}

/// What is signed when a token is asked for. `timestamp` is the header's text.
pub fn token_text(client_id: &str, timestamp: &str) -> String {
    format!("{client_id}|{timestamp}")
}

/// A request or notification as it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The method in capitals.
    pub method: &'a str,
    /// The path as the receiver sees it, with its query if there is one.
    pub path: &'a str,
    /// The bytes that travel.
    pub body: &'a [u8],
    /// The text of `X-TIMESTAMP`.
    pub timestamp: &'a str,
}

impl Message<'_> {
    /// What is signed with the client secret, by whom `token` was given to (without `Bearer`).
    pub fn symmetric(&self, token: &str) -> String {
        let Self { method, path, timestamp, .. } = self;
        format!("{method}:{path}:{token}:{}:{timestamp}", self.digest())
    }

    /// What is signed with an RSA key where there is no token.
    pub fn asymmetric(&self) -> String {
        let Self { method, path, timestamp, .. } = self;
        format!("{method}:{path}:{}:{timestamp}", self.digest())
    }

    fn digest(&self) -> String {
        let hash = digest(&SHA256, &minify(self.body));
        hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The HMAC-SHA512 of `text` in base64.
pub fn sign_symmetric(secret: &Secret<String>, text: &str) -> String {
    STANDARD.encode(hmac::sign(&key(secret), text.as_bytes()))
}

/// Whether `signature` (base64) is that of `text`, in a time that tells nothing of the right one.
pub fn verify_symmetric(secret: &Secret<String>, text: &str, signature: &str) -> bool {
    decode(signature)
        .is_some_and(|signature| hmac::verify(&key(secret), text.as_bytes(), &signature).is_ok())
}

fn key(secret: &Secret<String>) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA512, secret.expose().as_bytes())
}

fn decode(signature: &str) -> Option<Vec<u8>> {
    if signature.len() > limits::SNAP_SIGNATURE_MAX {
        return None;
    }
    STANDARD.decode(signature).ok()
}

/// A JSON text without the whitespace between its parts: order, escapes and numbers stay as they
/// are. What is not JSON is treated by the same rule.
pub fn minify(json: &[u8]) -> Vec<u8> {
    let (mut in_string, mut escaped) = (false, false);
    let mut kept = Vec::with_capacity(json.len());
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b' ' | b'\t' | b'\n' | b'\r' if !in_string => continue,
            _ => {}
        }
        kept.push(byte);
    }
    kept
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::KeySize;

    use super::*;

    fn generated() -> (SigningKey, String) {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: encoding::Pkcs8V1Der<'static> = pair.as_der().unwrap();
        let pem = to_pem("PRIVATE KEY", der.as_ref());
        (SigningKey::from_pem(pem.as_bytes()).unwrap(), pem)
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn the_published_hmac_vector_holds() {
        let text = "POST:/v1.0/debit/payment-host-to-host:\
                    gp9HjjEj813Y9JGoqwOeOPWbnt4CupvIJbU1Mmu4a11MNDZ7Sg5u9a:\
                    56fa5f4999ad8014de49d7898c1d1d53472569db8999de3c1b752a0dd181e98c:\
                    2020-01-01T00:00:00+07:00";
        let secret = secret("fdppqbF5wq7vVegyvsV1CROMv646nJ7A");
        let signature = "FSlidRHe4ow9qppNifGVQNcdv67lBjgCiP0BHylh+IKXo4fs2rHaGsFNUY0N8t0rPlZs4iAHAOCDklnCccwuJw==";
        assert_eq!(sign_symmetric(&secret, text), signature);
        assert!(verify_symmetric(&secret, text, signature));
    }

    const BODY: &str =
        r#"{"partnerReferenceNo":"2020102900000000000001","accountNo":"1234567890"}"#;
    const SIGNATURE: &str =
        "rCQfSaX1QhlwVMOPeGn2h4Xfblqd4SBRP56yLwO0HEtHlGunelVtJ72+d61SIyrkqyjGJbMAspd+Kc1YU1RZSg==";

    fn message(body: &str) -> Message<'_> {
        Message {
            method: "POST",
            path: "/openapi/v1.0/balance-inquiry",
            body: body.as_bytes(),
            timestamp: "2024-01-01T00:00:00+07:00",
        }
    }

    #[test]
    fn a_whole_request_is_signed_as_computed_elsewhere() {
        let text = message(BODY).symmetric("TOKEN");
        assert_eq!(
            text,
            "POST:/openapi/v1.0/balance-inquiry:TOKEN:\
             31fb254e344e51e89c57673f8e1969fcce0d29b360049f6fd98edb5287ec19fa:\
             2024-01-01T00:00:00+07:00"
        );
        assert_eq!(sign_symmetric(&secret("secret"), &text), SIGNATURE);
    }

    #[test]
    fn a_spaced_body_has_the_signature_of_the_compact_one() {
        let spaced = BODY.replace(':', " :\r\n\t").replace(',', ", ");
        assert_eq!(message(&spaced).symmetric("T"), message(BODY).symmetric("T"));
        let in_string = BODY.replace("1234567890", "1234 567890");
        assert_ne!(message(&in_string).symmetric("T"), message(BODY).symmetric("T"));
    }

    #[test]
    fn minifying_keeps_order_numbers_escapes_and_strings() {
        let table = [
            ("{ \"b\" : 1.0 , \"a\" : 1e3 }", "{\"b\":1.0,\"a\":1e3}"),
            ("\"a b\\\" c\" ", "\"a b\\\" c\""),
            ("\"\\\\\" ,\t\" \"", "\"\\\\\",\" \""),
            ("{\"a\":\"\\u0041 \\n\"}\n", "{\"a\":\"\\u0041 \\n\"}"),
            (" \r\n\t", ""),
            ("", ""),
        ];
        for (given, wanted) in table {
            assert_eq!(str::from_utf8(&minify(given.as_bytes())), Ok(wanted));
        }
        assert_eq!(minify(b"{\"a\":\"caf\xc3\xa9 \xff\"}"), b"{\"a\":\"caf\xc3\xa9 \xff\"}");
    }

    #[test]
    fn an_empty_body_has_the_digest_of_nothing() {
        let text = message("").asymmetric();
        assert!(
            text.contains(":e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855:")
        );
    }

    #[test]
    fn any_change_makes_a_symmetric_signature_bad() {
        let text = message(BODY).symmetric("TOKEN");
        let mut flipped = STANDARD.decode(SIGNATURE).unwrap();
        for place in 0..flipped.len() {
            flipped[place] ^= 1;
            assert!(!verify_symmetric(&secret("secret"), &text, &STANDARD.encode(&flipped)));
            flipped[place] ^= 1;
        }
        let long = "A".repeat(limits::SNAP_SIGNATURE_MAX + 4);
        for bad in ["", "=", "rCQf", &SIGNATURE[..80], &SIGNATURE.to_lowercase(), &long] {
            assert!(!verify_symmetric(&secret("secret"), &text, bad), "{bad}");
        }
        assert!(!verify_symmetric(&secret("Secret"), &text, SIGNATURE));
        assert!(!verify_symmetric(&secret("secret"), &message(BODY).symmetric("T"), SIGNATURE));
    }

    #[test]
    fn rsa_signatures_go_round_and_fit_nothing_else() {
        let (key, _) = generated();
        let public = VerifyingKey::from_pem(key.public_pem().as_bytes()).unwrap();
        let text = token_text("G1234325-SNAP", "2023-07-31T07:10:00+07:00");
        assert_eq!(text, "G1234325-SNAP|2023-07-31T07:10:00+07:00");
        let signature = key.sign(&text);
        assert!(public.verify(&text, &signature));
        assert!(!public.verify(&token_text("G1234325", "2023-07-31T07:10:00+07:00"), &signature));
        assert!(!public.verify(&text, &signature[..40]));
        assert!(!public.verify(&text, "not base64"));
        let (other, _) = generated();
        assert!(!public.verify(&text, &other.sign(&text)));
        let asymmetric = message(BODY).asymmetric();
        assert!(public.verify(&asymmetric, &key.sign(&asymmetric)));
    }

    #[test]
    fn both_forms_of_a_private_key_are_read() {
        let (key, pkcs8) = generated();
        let der: encoding::Pkcs8V1Der<'static> = key.0.as_der().unwrap();
        // PKCS#8 wraps PKCS#1 in a header of 26 bytes at this size.
        let pkcs1 = to_pem("RSA PRIVATE KEY", &der.as_ref()[26..]);
        let again = SigningKey::from_pem(pkcs1.as_bytes()).unwrap();
        assert_eq!(again.sign("x"), key.sign("x"));
        assert_eq!(SigningKey::from_pem(pkcs8.as_bytes()).unwrap().sign("x"), key.sign("x"));
    }

    #[test]
    fn what_is_no_good_key_is_refused() {
        let elliptic = rcgen::KeyPair::generate().unwrap();
        let private = |pem: &str| SigningKey::from_pem(pem.as_bytes()).err();
        let public = |pem: &str| VerifyingKey::from_pem(pem.as_bytes()).err();
        assert_eq!(private(""), Some(KeyError::NoPrivateKey));
        assert_eq!(private(&elliptic.serialize_pem()), Some(KeyError::NotRsa));
        assert_eq!(private(&to_pem("PRIVATE KEY", b"nonsense")), Some(KeyError::NotRsa));
        assert_eq!(private(&to_pem("RSA PRIVATE KEY", b"nonsense")), Some(KeyError::NotRsa));
        assert_eq!(public("nonsense"), Some(KeyError::NoPublicKey));
        assert_eq!(public(&elliptic.public_key_pem()), Some(KeyError::NotRsa));
        assert_eq!(public(&to_pem("PUBLIC KEY", b"nonsense")), Some(KeyError::NotRsa));
        assert_eq!(public(SHORT_KEY), Some(KeyError::NotRsa));
    }

    proptest::proptest! {
        #[test]
        fn minifying_undoes_what_a_pretty_printer_adds(
            fields in proptest::collection::btree_map(".*", (".*", proptest::num::i64::ANY), 0..6),
        ) {
            let pretty = serde_json::to_string_pretty(&fields).unwrap();
            let compact = serde_json::to_string(&fields).unwrap();
            proptest::prop_assert_eq!(minify(pretty.as_bytes()), compact.into_bytes());
        }

        #[test]
        fn minifying_twice_is_minifying_once(bytes: Vec<u8>) {
            let once = minify(&bytes);
            proptest::prop_assert_eq!(minify(&once), once);
        }
    }

    /// 1024 bits, made for this test.
    const SHORT_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDMD9oi7SsC1jbXXRGPyBbqjiWO
tkwid3+oBkpTyBOHwmgUTS4lLuoXihDQtagvCENGrRPSCm2u54lhuROCAHV6lC+q
V/wlKpTaWXx79DefnzUI+ng5Ixnp5xvqf0cjlopr9HHRU/sQpnEZxaVpV7mjKmU4
jGbI99Hsd1gePYGemwIDAQAB
-----END PUBLIC KEY-----
";
}
