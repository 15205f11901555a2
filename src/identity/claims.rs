//! What is inside a token: parts, header, claims and lifetime, read strictly.
//!
//! jsonwebtoken checks the signature only. Its own validation reads the machine's clock, and by
//! default it accepts tokens that expired, that lack `aud` or `iss`, or that carry `crit`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

use super::token::InvalidToken;
use crate::ledger::time::Timestamp;
use crate::limits::{TOKEN_BYTES_MAX, TOKEN_LEEWAY_SECONDS};

/// Length of an HMAC-SHA-256 in base64url.
const SIGNATURE_CHARS: usize = 43;

/// A token taken apart. Nothing in it is to be trusted before [`Parts::verify`].
pub(super) struct Parts<'t> {
    header: Header,
    signed: &'t str,
    signature: &'t str,
    payload: Vec<u8>,
}

/// The header fields that mean something to us; `jku`, `jwk`, `x5u` and the like do not.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that the reader must understand: we understand none (RFC 7515, 4.1.11).
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

impl<'t> Parts<'t> {
    /// Takes a token apart. Everything must be readable, though nothing is verified yet.
    pub(super) fn read(token: &'t str) -> Result<Self, InvalidToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(InvalidToken::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(InvalidToken::Malformed)?;
        // A further dot is refused below: it is not in the alphabet.
        let (header, payload) = signed.split_once('.').ok_or(InvalidToken::Malformed)?;
        let header: Header = object(&decode(header)?)?;
        let typ_known = header.typ.as_deref().is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        if header.crit || !typ_known {
            return Err(InvalidToken::Malformed);
        }
        let payload = decode(payload)?;
        decode(signature)?;
        Ok(Self { header, signed, signature, payload })
    }

    /// The name of the key it claims to be signed with.
    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Checks that `key` signed it. The algorithm is ours to choose, not the token's: were its
    /// `alg` followed, `none` or another use of the key could be smuggled in.
    pub(super) fn verify(&self, key: &DecodingKey) -> Result<(), InvalidToken> {
        if self.header.alg != "HS256" {
            return Err(InvalidToken::InvalidSignature);
        }
        if self.signature.len() != SIGNATURE_CHARS {
            return Err(InvalidToken::Malformed);
        }
        match crypto::verify(self.signature, self.signed.as_bytes(), key, Algorithm::HS256) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(InvalidToken::InvalidSignature),
        }
    }

    /// The claims: to be trusted only once verified.
    pub(super) fn claims<T: DeserializeOwned>(&self) -> Result<T, InvalidToken> {
        object(&self.payload)
    }
}

/// `aud`: one name or a list (RFC 7519, 4.1.3).
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    pub(super) fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Many(many) => many.iter().any(|one| one == name),
        }
    }
}

/// When a token counts. Its times are whole seconds, by the clock of whoever issued it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lifetime {
    pub(super) issued: Timestamp,
    pub(super) not_before: Timestamp,
    pub(super) expires: Timestamp,
}

impl Lifetime {
    /// From `iat`, `nbf` and `exp`; refuses what is out of order or longer than `seconds_max`.
    pub(super) fn new(
        iat: i64,
        nbf: Option<i64>,
        exp: i64,
        seconds_max: i64,
    ) -> Result<Self, InvalidToken> {
        let nbf = nbf.unwrap_or(iat);
        let in_order = iat >= 0 && nbf >= 0 && exp > iat;
        if !in_order || exp.saturating_sub(iat) > seconds_max {
            return Err(InvalidToken::Malformed);
        }
        Ok(Self {
            issued: Timestamp::from_seconds(iat),
            not_before: Timestamp::from_seconds(nbf.max(iat)),
            expires: Timestamp::from_seconds(exp),
        })
    }

    /// Whether it counts at `now`. One from the future is malformed: either its issuer's clock or
    /// ours is wrong, and with a wrong clock tokens are refused rather than prolonged.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), InvalidToken> {
        if self.expires.plus_seconds(TOKEN_LEEWAY_SECONDS) <= now {
            return Err(InvalidToken::Expired);
        }
        if now.plus_seconds(TOKEN_LEEWAY_SECONDS) < self.not_before {
            return Err(InvalidToken::Malformed);
        }
        Ok(())
    }
}

fn decode(part: &str) -> Result<Vec<u8>, InvalidToken> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidToken::Malformed)
}

/// A JSON object; serde would take a list of the fields in order for one as well.
fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, InvalidToken> {
    if json.first() != Some(&b'{') {
        return Err(InvalidToken::Malformed);
    }
    serde_json::from_slice(json).map_err(|_| InvalidToken::Malformed)
}

/// True for a field that is there, whatever it holds.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
