//! Tokens: users' own, which we issue and may revoke, those by which a device shows that somebody has
//! logged in with it, those that client applications sign, and those that the gateway signs for its
//! bank services.
//!
//! A token says who, never what they may do: roles and freezes are looked up at each request, so
//! that they take effect at once. Time is an argument everywhere.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};

use super::claims::{Audience, Lifetime, Parts};
use super::generations::Generations;
use super::keys::SigningKeys;
use super::random::random_bytes;
use crate::ledger::time::Timestamp;
use crate::limits::{
    CLIENT_SECRET_MIN, CLIENT_TOKEN_SECONDS_MAX, DEVICE_TOKEN_SECONDS, PARTNER_TOKEN_SECONDS,
    SUBJECT_MAX, TOKEN_BYTES_MAX, TOKEN_CACHE_MAX, TOKEN_SECONDS,
};

const ISSUER: &str = "gerbang";
const AUDIENCE: &str = "gerbang";
/// Of tokens that are good for nothing but to be known at the next login.
const DEVICE_AUDIENCE: &str = "gerbang-login";

/// Why a token is refused; the text is the API's `detail`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidToken {
    /// Not signed by the key it should be, or not with HS256.
    #[error("invalid signature")]
    InvalidSignature,
    /// Its time is over.
    #[error("jwt expired")]
    Expired,
    /// Unreadable, or signed with claims we do not accept.
    #[error("jwt malformed")]
    Malformed,
    /// A key of an application that is unknown, wrong, revoked or expired: which, is not said.
    #[error("api key not accepted")]
    ApiKey,
    /// Its user has logged out, or was logged out.
    #[error("token revoked")]
    Revoked,
}

/// The id of a user as a token carries it: 1 to `SUBJECT_MAX` visible ASCII characters, inline.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject {
    length: u8,
    bytes: [u8; SUBJECT_MAX],
}

impl Subject {
    /// `None` if `text` is empty, too long, or not visible ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; SUBJECT_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        visible.then_some(Self { length: u8::try_from(text.len()).ok()?, bytes })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("made of ASCII")
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A token's `jti`, by which it is revoked. Never by the token's text: another text may carry
/// the same claims.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TokenId(pub [u8; 16]);

impl TokenId {
    /// An id nobody else has.
    pub fn random() -> Self {
        Self(random_bytes())
    }

    fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

/// A user's verified token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    /// Whose it is.
    pub user: Subject,
    /// What revokes it.
    pub id: TokenId,
    lifetime: Lifetime,
}

impl Session {
    /// When it was issued, in whole seconds.
    pub const fn issued(&self) -> Timestamp {
        self.lifetime.issued
    }

    /// When it ends; a revocation need not be remembered longer (but for the leeway).
    pub const fn expires(&self) -> Timestamp {
        self.lifetime.expires
    }
}

/// What has been revoked. Asked at each request, so it must be quick.
pub trait Revocations {
    /// Whether this token, or every token its user was issued by then, is dead.
    fn is_revoked(&self, session: &Session) -> bool;
}

impl<F: Fn(&Session) -> bool> Revocations for F {
    fn is_revoked(&self, session: &Session) -> bool {
        self(session)
    }
}

#[derive(Serialize, Deserialize)]
struct UserClaims {
    iss: String,
    aud: Audience,
    sub: String,
    jti: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: i64,
}

#[derive(Serialize, Deserialize)]
struct ClientClaims {
    iss: String,
    aud: Audience,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    exp: i64,
}

/// A new token and when it ends.
pub struct Issued {
    /// For the `Authorization` header; not to be logged.
    pub token: String,
    /// For `expires_at`.
    pub expires: Timestamp,
}

/// Issues `user`'s token `id` for `TOKEN_SECONDS` from `now`.
pub fn issue(keys: &SigningKeys, user: &Subject, id: TokenId, now: Timestamp) -> Issued {
    sign(keys, (user, AUDIENCE), id, (now, TOKEN_SECONDS))
}

/// Issues what shows for `DEVICE_TOKEN_SECONDS` that `user` has logged in with a device.
pub fn issue_device(keys: &SigningKeys, user: &Subject, now: Timestamp) -> String {
    sign(keys, (user, DEVICE_AUDIENCE), TokenId::random(), (now, DEVICE_TOKEN_SECONDS)).token
}

fn sign(
    keys: &SigningKeys,
    (user, audience): (&Subject, &str),
    id: TokenId,
    (now, seconds): (Timestamp, i64),
) -> Issued {
    let iat = now.seconds();
    let exp = iat.saturating_add(seconds);
    let claims = UserClaims {
        iss: ISSUER.to_owned(),
        aud: Audience::One(audience.to_owned()),
        sub: user.as_str().to_owned(),
        jti: URL_SAFE_NO_PAD.encode(id.0),
        iat,
        nbf: None,
        exp,
    };
    let key = keys.newest();
    let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::HS256) };
    let token = encode(&header, &claims, &key.encoding).expect("strings and numbers become JSON");
    Issued { token, expires: Timestamp::from_seconds(exp) }
}

/// Verifies a user's token at `now`, but for revocation; [`TokenCache::verify`] does that too.
pub fn verify(keys: &SigningKeys, token: &str, now: Timestamp) -> Result<Session, InvalidToken> {
    verify_for(keys, token, now, (AUDIENCE, TOKEN_SECONDS))
}

/// Verifies at `now` what [`issue_device`] made.
pub fn verify_device(
    keys: &SigningKeys,
    token: &str,
    now: Timestamp,
) -> Result<Session, InvalidToken> {
    verify_for(keys, token, now, (DEVICE_AUDIENCE, DEVICE_TOKEN_SECONDS))
}

fn verify_for(
    keys: &SigningKeys,
    token: &str,
    now: Timestamp,
    (audience, seconds_max): (&str, i64),
) -> Result<Session, InvalidToken> {
    let parts = Parts::read(token)?;
    let key = parts.kid().and_then(|kid| keys.find(kid, now));
    let key = key.ok_or(InvalidToken::InvalidSignature)?;
    parts.verify(&key.decoding)?;
    let claims: UserClaims = parts.claims()?;
    if claims.iss != ISSUER || !claims.aud.contains(audience) {
        return Err(InvalidToken::Malformed);
    }
    let user = Subject::new(&claims.sub).ok_or(InvalidToken::Malformed)?;
    let id = TokenId::parse(&claims.jti).ok_or(InvalidToken::Malformed)?;
    let lifetime = Lifetime::new(claims.iat, claims.nbf, claims.exp, seconds_max)?;
    lifetime.check(now)?;
    Ok(Session { user, id, lifetime })
}

/// Recently verified tokens, so that a busy user's is not taken apart at each payment.
///
/// Only what our own keys signed gets in, so nobody can choose its keys to make them collide.
pub struct TokenCache {
    verified: Generations<Box<str>, Session>,
}

impl Default for TokenCache {
    fn default() -> Self {
        Self::new()
    }
}

impl TokenCache {
    /// An empty cache of `TOKEN_CACHE_MAX` tokens.
    pub fn new() -> Self {
        Self { verified: Generations::new(TOKEN_CACHE_MAX) }
    }

    /// Verifies a user's token at `now`. A token seen before is looked up by its whole text, and
    /// its time and its revocation are checked again.
    pub fn verify(
        &self,
        keys: &SigningKeys,
        token: &str,
        now: Timestamp,
        revocations: &impl Revocations,
    ) -> Result<Session, InvalidToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(InvalidToken::Malformed);
        }
        let seen = self.verified.get(token);
        let session = match seen {
            Some((session, _)) => session.lifetime.check(now).map(|()| session),
            None => verify(keys, token, now),
        };
        let session = session.and_then(|session| {
            if revocations.is_revoked(&session) { Err(InvalidToken::Revoked) } else { Ok(session) }
        });
        match (session, seen) {
            (Ok(session), None | Some((_, true))) => {
                self.verified.update(token.into(), |_| session);
            }
            (Err(_), Some(_)) => self.verified.remove(token),
            (Ok(_), Some((_, false))) | (Err(_), None) => {}
        }
        session
    }

    /// Forgets all, so that each token is verified anew.
    pub fn clear(&self) {
        self.verified.clear();
    }
}

/// Signs a token for the client application `client_id`, as applications and our own simulators
/// do; `None` if the secret is too short.
pub fn sign_client(client_id: &str, secret: &[u8], now: Timestamp) -> Option<String> {
    sign_application(client_id, AUDIENCE, secret, (now, CLIENT_TOKEN_SECONDS_MAX))
}

/// Signs the gateway's token for the bank service of `bank_code`, with the partner's key; `None` if
/// the key is too short.
pub fn sign_partner(bank_code: &str, key: &[u8], now: Timestamp) -> Option<String> {
    sign_application(ISSUER, bank_code, key, (now, PARTNER_TOKEN_SECONDS))
}

fn sign_application(
    issuer: &str,
    audience: &str,
    secret: &[u8],
    (now, seconds): (Timestamp, i64),
) -> Option<String> {
    if secret.len() < CLIENT_SECRET_MIN {
        return None;
    }
    let iat = now.seconds();
    let claims = ClientClaims {
        iss: issuer.to_owned(),
        aud: Audience::One(audience.to_owned()),
        iat,
        nbf: None,
        exp: iat.saturating_add(seconds),
    };
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret)).ok()
}

/// Verifies at `now` a token that the application `client_id` signed with its `secret`.
///
/// A short or empty secret verifies nothing: it could be guessed offline from one token.
pub fn verify_client(
    token: &str,
    now: Timestamp,
    secret: &[u8],
    client_id: &str,
) -> Result<(), InvalidToken> {
    verify_application(token, secret, (client_id, AUDIENCE), (now, CLIENT_TOKEN_SECONDS_MAX))
}

/// Verifies at `now` a token that the gateway signed for the bank service of `bank_code`, with the
/// partner's `key`. A user's token or one for another bank does not pass, whoever signed it.
pub fn verify_partner(
    token: &str,
    now: Timestamp,
    key: &[u8],
    bank_code: &str,
) -> Result<(), InvalidToken> {
    verify_application(token, key, (ISSUER, bank_code), (now, PARTNER_TOKEN_SECONDS))
}

fn verify_application(
    token: &str,
    secret: &[u8],
    (issuer, audience): (&str, &str),
    (now, seconds_max): (Timestamp, i64),
) -> Result<(), InvalidToken> {
    let parts = Parts::read(token)?;
    if secret.len() < CLIENT_SECRET_MIN {
        return Err(InvalidToken::InvalidSignature);
    }
    parts.verify(&DecodingKey::from_secret(secret))?;
    let claims: ClientClaims = parts.claims()?;
    if claims.iss != issuer || !claims.aud.contains(audience) {
        return Err(InvalidToken::Malformed);
    }
    Lifetime::new(claims.iat, claims.nbf, claims.exp, seconds_max)?.check(now)
}

/// The `iss` a token claims, to find the secret with. Proves nothing: [`verify_client`] does.
pub fn peek_issuer(token: &str) -> Result<String, InvalidToken> {
    #[derive(Deserialize)]
    struct Peeked {
        iss: String,
    }
    Parts::read(token)?.claims().map(|claims: Peeked| claims.iss)
}

#[cfg(test)]
mod tests;
