//! Tables of tokens, good and bad, each with the answer it must get.

use std::cell::Cell;

use serde_json::{Value, json};

use super::InvalidToken::{Expired, InvalidSignature, Malformed, Revoked};
use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const IAT: i64 = 1_800_000_000;
const DAY: i64 = 24 * 3600;
const SECRET: &[u8] = b"a client's secret of 32 bytes ..";
const OTHER: &[u8] = b"another client's, also 32 bytes.";

fn keys() -> SigningKeys {
    SigningKeys::in_memory(1)
}

fn user() -> Subject {
    Subject::new("usr_01hzy3v7").unwrap()
}

fn base64(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token with exactly this header and these claims, HS256 whatever the header says.
fn sign_raw(header: &str, claims: &str, key: &EncodingKey) -> String {
    let signed = format!("{}.{}", base64(header), base64(claims));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), key, Algorithm::HS256).unwrap();
    format!("{signed}.{signature}")
}

fn good_header() -> Value {
    json!({"alg": "HS256", "typ": "JWT", "kid": keys().newest().kid})
}

fn good_claims() -> Value {
    json!({
        "iss": "gerbang", "aud": "gerbang", "sub": "usr_01hzy3v7", "jti": base64([7; 16]),
        "iat": IAT, "exp": IAT + DAY,
    })
}

/// `base` with `changes` merged in; null takes a field out.
fn with(mut base: Value, changes: Value) -> Value {
    let fields = base.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => fields.remove(name),
            _ => fields.insert(name.clone(), value.clone()),
        };
    }
    base
}

fn header(changes: Value) -> String {
    let header = with(good_header(), changes).to_string();
    sign_raw(&header, &good_claims().to_string(), &keys().newest().encoding)
}

fn claims(changes: Value) -> String {
    let claims = with(good_claims(), changes).to_string();
    sign_raw(&good_header().to_string(), &claims, &keys().newest().encoding)
}

fn signed_with(secret: &[u8]) -> String {
    let key = EncodingKey::from_secret(secret);
    sign_raw(&good_header().to_string(), &good_claims().to_string(), &key)
}

fn not_revoked(_: &Session) -> bool {
    false
}

/// Every token goes through `verify`, and twice through a cache, which must agree.
fn assert_verdicts(table: &[(&str, String, Result<(), InvalidToken>)], now: Timestamp) {
    let (keys, cache) = (keys(), TokenCache::new());
    for (name, token, expected) in table {
        assert_eq!(verify(&keys, token, now).map(drop), *expected, "{name}");
        for round in ["first", "again"] {
            let verdict = cache.verify(&keys, token, now, &not_revoked).map(drop);
            assert_eq!(verdict, *expected, "{name}, {round} through the cache");
        }
    }
}

#[test]
fn what_is_issued_verifies() {
    let (keys, id) = (keys(), TokenId::random());
    let issued = issue(&keys, &user(), id, NOW);
    let session = verify(&keys, &issued.token, NOW).unwrap();
    assert_eq!((session.user, session.id), (user(), id));
    assert_eq!((session.issued(), session.expires()), (NOW, NOW.plus_seconds(DAY)));
    assert_eq!(issued.expires, session.expires());
    assert!(issued.token.len() < 400, "{} bytes", issued.token.len());
    let payload = issued.token.split('.').nth(1).unwrap();
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let names: Vec<&str> = payload.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["aud", "exp", "iat", "iss", "jti", "sub"], "and no role");
}

#[test]
fn headers() {
    let other_key = EncodingKey::from_secret(OTHER);
    let jwk = json!({"kty": "oct", "k": base64(OTHER)});
    let injected = with(good_header(), json!({"jwk": jwk, "jku": "https://evil.example/k.json"}));
    assert_verdicts(
        &[
            ("good", header(json!({})), Ok(())),
            ("no typ", header(json!({"typ": null})), Ok(())),
            ("typ in lower case", header(json!({"typ": "jwt"})), Ok(())),
            ("typ of another use", header(json!({"typ": "at+jwt"})), Err(Malformed)),
            ("typ a number", header(json!({"typ": 1})), Err(Malformed)),
            ("unknown crit", header(json!({"crit": ["exp2"]})), Err(Malformed)),
            ("empty crit", header(json!({"crit": []})), Err(Malformed)),
            ("b64 with crit", header(json!({"crit": ["b64"], "b64": false})), Err(Malformed)),
            ("alg none", header(json!({"alg": "none"})), Err(InvalidSignature)),
            ("alg NONE", header(json!({"alg": "NONE"})), Err(InvalidSignature)),
            ("alg HS512", header(json!({"alg": "HS512"})), Err(InvalidSignature)),
            ("alg RS256 over an HMAC", header(json!({"alg": "RS256"})), Err(InvalidSignature)),
            ("alg hs256", header(json!({"alg": "hs256"})), Err(InvalidSignature)),
            ("no alg", header(json!({"alg": null})), Err(Malformed)),
            ("alg a list", header(json!({"alg": ["HS256"]})), Err(Malformed)),
            ("kid unknown", header(json!({"kid": "zzz"})), Err(InvalidSignature)),
            ("kid a path", header(json!({"kid": "../../dev/null"})), Err(InvalidSignature)),
            ("kid an injection", header(json!({"kid": "' OR 1=1"})), Err(InvalidSignature)),
            ("no kid", header(json!({"kid": null})), Err(InvalidSignature)),
            ("kid a number", header(json!({"kid": 1})), Err(Malformed)),
            ("own key and jku", header(json!({"jku": "https://evil.example/k.json"})), Ok(())),
            (
                "foreign key in jwk and jku",
                sign_raw(&injected.to_string(), &good_claims().to_string(), &other_key),
                Err(InvalidSignature),
            ),
            (
                "foreign key in x5u",
                sign_raw(
                    &with(good_header(), json!({"x5u": "https://evil.example/c"})).to_string(),
                    &good_claims().to_string(),
                    &other_key,
                ),
                Err(InvalidSignature),
            ),
        ],
        NOW,
    );
}

#[test]
fn keys_and_texts() {
    let good = claims(json!({}));
    let cut = |bytes: usize| good[..good.len() - bytes].to_owned();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (first, payload) = signed.split_once('.').unwrap();
    let none = format!("{}.{payload}.", base64(r#"{"alg":"none"}"#));
    let stretched = claims(json!({"pad": "x".repeat(5 * 1024)}));
    let key = keys().newest();
    let twice = format!(r#"{{"alg":"HS256","alg":"none","kid":"{}"}}"#, key.kid);
    assert_verdicts(
        &[
            ("empty secret", signed_with(b""), Err(InvalidSignature)),
            ("wrong secret", signed_with(OTHER), Err(InvalidSignature)),
            ("its kid as secret", signed_with(key.kid.as_bytes()), Err(InvalidSignature)),
            ("none without signature", none, Err(InvalidSignature)),
            ("signature of zeros", format!("{signed}.{}", "A".repeat(43)), Err(InvalidSignature)),
            ("signature missing", format!("{signed}."), Err(Malformed)),
            ("truncated by one", cut(1), Err(Malformed)),
            ("truncated by ten", cut(10), Err(Malformed)),
            ("without the third part", signed.to_owned(), Err(Malformed)),
            ("a dot in front", format!(".{good}"), Err(Malformed)),
            ("a dot behind", format!("{good}."), Err(Malformed)),
            ("five parts", format!("{good}.a.b"), Err(Malformed)),
            ("two dots", format!("{first}..{signature}"), Err(InvalidSignature)),
            ("empty", String::new(), Err(Malformed)),
            ("dots only", "..".to_owned(), Err(Malformed)),
            ("not base64", format!("{first}.%%%.{signature}"), Err(Malformed)),
            ("base64 with padding", format!("{good}="), Err(Malformed)),
            ("standard alphabet", format!("{first}.+/+/.{signature}"), Err(Malformed)),
            ("a space behind", format!("{good} "), Err(Malformed)),
            ("not ASCII", format!("{good}\u{e9}"), Err(Malformed)),
            ("5 KB", stretched, Err(Malformed)),
            ("the payload of another", swapped(&good), Err(InvalidSignature)),
            (
                "header not JSON",
                sign_raw("{", &good_claims().to_string(), &key.encoding),
                Err(Malformed),
            ),
            (
                "header a list",
                sign_raw(r#"["HS256"]"#, &good_claims().to_string(), &key.encoding),
                Err(Malformed),
            ),
            (
                "alg twice",
                sign_raw(&twice, &good_claims().to_string(), &key.encoding),
                Err(Malformed),
            ),
            (
                "claims not JSON",
                sign_raw(&good_header().to_string(), "hello", &key.encoding),
                Err(Malformed),
            ),
            (
                "claims a list",
                sign_raw(
                    &good_header().to_string(),
                    &json!(["gerbang", "gerbang", "usr_1", base64([7; 16]), IAT, null, IAT + 60])
                        .to_string(),
                    &key.encoding,
                ),
                Err(Malformed),
            ),
        ],
        NOW,
    );
}

/// `token` with the claims of another user, and the old signature.
fn swapped(token: &str) -> String {
    let other = claims(json!({"sub": "usr_other"}));
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[1] = other.split('.').nth(1).unwrap();
    parts.join(".")
}

#[test]
fn claim_by_claim() {
    let long_id = "x".repeat(SUBJECT_MAX + 1);
    let malformed = [
        ("no aud", json!({"aud": null})),
        ("wrong aud", json!({"aud": "other"})),
        ("aud in another case", json!({"aud": "Gerbang"})),
        ("aud an empty list", json!({"aud": []})),
        ("aud a number", json!({"aud": 5})),
        ("no iss", json!({"iss": null})),
        ("wrong iss", json!({"iss": "someone"})),
        ("iss a list", json!({"iss": ["gerbang"]})),
        ("no sub", json!({"sub": null})),
        ("sub a number", json!({"sub": 42})),
        ("sub empty", json!({"sub": ""})),
        ("sub too long", json!({"sub": long_id})),
        ("sub with a line break", json!({"sub": "usr\n1"})),
        ("no jti", json!({"jti": null})),
        ("jti too short", json!({"jti": base64([7; 15])})),
        ("jti not base64", json!({"jti": "!".repeat(22)})),
        ("no iat", json!({"iat": null})),
        ("negative iat", json!({"iat": -1})),
        ("iat a string", json!({"iat": IAT.to_string()})),
        ("iat in 6 s", json!({"iat": IAT + 6})),
        ("no exp", json!({"exp": null})),
        ("exp a string", json!({"exp": (IAT + 60).to_string()})),
        ("exp a float", json!({"exp": 1_800_000_060.5})),
        ("exp a whole float", json!({"exp": 1_800_000_060.0})),
        ("exp over 64 bits", json!({"exp": u64::MAX})),
        ("exp at the end of 64 bits", json!({"exp": i64::MAX})),
        ("exp in the year 3000", json!({"exp": 32_503_680_000_i64})),
        ("a second over a day", json!({"exp": IAT + DAY + 1})),
        ("exp before iat", json!({"exp": IAT - 1})),
        ("exp at iat", json!({"exp": IAT})),
        ("nbf tomorrow", json!({"nbf": IAT + DAY})),
        ("nbf in 6 s", json!({"nbf": IAT + 6})),
        ("nbf a string", json!({"nbf": "now"})),
        ("nbf negative", json!({"nbf": -5})),
    ];
    let mut table: Vec<_> = malformed
        .into_iter()
        .map(|(name, changes)| (name, claims(changes), Err(Malformed)))
        .collect();
    let ok = [
        ("aud a list", json!({"aud": ["x", "gerbang"]})),
        ("iat in 5 s", json!({"iat": IAT + 5})),
        ("nbf in 5 s", json!({"nbf": IAT + 5})),
        ("nbf in the past", json!({"nbf": IAT - 5})),
        ("a claim we do not know", json!({"role": "admin"})),
        ("4 s past exp", json!({"iat": IAT - DAY, "exp": IAT - 4})),
    ];
    table.extend(ok.into_iter().map(|(name, changes)| (name, claims(changes), Ok(()))));
    let expired = [
        ("5 s past exp", json!({"iat": IAT - DAY, "exp": IAT - 5})),
        ("30 s past exp", json!({"iat": IAT - DAY, "exp": IAT - 30})),
        ("of the year 2001", json!({"iat": 1_000_000_000, "exp": 1_000_000_060})),
    ];
    table.extend(expired.into_iter().map(|(name, changes)| (name, claims(changes), Err(Expired))));
    assert_verdicts(&table, NOW);
}

#[test]
fn our_clock_is_the_only_one() {
    let table = [
        (Timestamp::EPOCH, Err(Malformed)),
        (Timestamp::from_micros(i64::MIN), Err(Malformed)),
        (NOW.plus_seconds(-6), Err(Malformed)),
        (NOW.plus_seconds(-5), Ok(())),
        (NOW, Ok(())),
        (NOW.plus_seconds(DAY + 4), Ok(())),
        (NOW.plus_seconds(DAY + 5), Err(Expired)),
        (NOW.plus_seconds(400 * DAY), Err(Expired)),
        (Timestamp::from_micros(i64::MAX), Err(Expired)),
    ];
    for (now, expected) in table {
        assert_verdicts(&[("by our clock", claims(json!({})), expected)], now);
    }
}

#[test]
fn a_cached_token_expires_and_is_revoked() {
    let (keys, cache) = (keys(), TokenCache::new());
    let token = issue(&keys, &user(), TokenId([7; 16]), NOW).token;
    let dead = Cell::new(false);
    let revocations = |session: &Session| dead.get() && session.id == TokenId([7; 16]);
    let verify = |now| cache.verify(&keys, &token, now, &revocations).map(drop);
    assert_eq!(verify(NOW), Ok(()));
    assert_eq!(verify(NOW), Ok(()));
    assert_eq!(verify(Timestamp::EPOCH), Err(Malformed));
    assert_eq!(verify(NOW), Ok(()));
    assert_eq!(verify(NOW.plus_seconds(DAY + 5)), Err(Expired));
    assert_eq!(verify(NOW), Ok(()));
    dead.set(true);
    assert_eq!(verify(NOW), Err(Revoked));
    assert_eq!(verify(NOW), Err(Revoked), "and not only once");
    assert_eq!(cache.verified.len(), 0);
}

#[test]
fn a_hit_does_not_verify_again() {
    let (cache, asked) = (TokenCache::new(), Cell::new(0));
    let revocations = |_: &Session| {
        asked.set(asked.get() + 1);
        false
    };
    let token = issue(&keys(), &user(), TokenId::random(), NOW).token;
    assert!(cache.verify(&keys(), &token, NOW, &revocations).is_ok());
    // Strange keys would refuse it; only the cache can recognise it.
    let strange = SigningKeys::in_memory(2);
    assert!(cache.verify(&strange, &token, NOW, &revocations).is_ok());
    assert_eq!(asked.get(), 2);
    cache.clear();
    assert_eq!(cache.verify(&strange, &token, NOW, &revocations), Err(InvalidSignature));
}

#[test]
fn bad_tokens_are_not_kept_and_good_ones_are_bounded() {
    let (keys, cache) = (keys(), TokenCache::new());
    for number in 0..1_000 {
        let forged = format!("{}{number}", signed_with(OTHER));
        assert!(cache.verify(&keys, &forged, NOW, &not_revoked).is_err());
    }
    assert_eq!(cache.verified.len(), 0);
    assert!(cache.verified.bound() <= TOKEN_CACHE_MAX);
}

#[test]
fn tokens_outlive_a_rotation_of_keys() {
    let keys = keys();
    let before = issue(&keys, &user(), TokenId::random(), NOW).token;
    keys.rotate(NOW).unwrap();
    let after = issue(&keys, &user(), TokenId::random(), NOW).token;
    let end = NOW.plus_seconds(DAY + 4);
    assert!(verify(&keys, &before, end).is_ok());
    assert!(verify(&keys, &after, end).is_ok());
    // A stolen old key cannot go on signing once its last token has ended.
    let later = NOW.plus_seconds(2 * DAY);
    let changes = json!({"iat": IAT + 2 * DAY, "exp": IAT + 3 * DAY});
    assert_eq!(verify(&keys, &claims(changes), later), Err(InvalidSignature));
}

#[test]
fn the_details_are_the_contract() {
    let table = [
        (InvalidSignature, "invalid signature"),
        (Expired, "jwt expired"),
        (Malformed, "jwt malformed"),
        (Revoked, "token revoked"),
    ];
    for (error, detail) in table {
        assert_eq!(error.to_string(), detail);
    }
}

fn client(header: Value, changes: Value, secret: &[u8]) -> String {
    let base = json!({"iss": "toko", "aud": "gerbang", "iat": IAT, "exp": IAT + 300});
    let key = EncodingKey::from_secret(secret);
    sign_raw(&header.to_string(), &with(base, changes).to_string(), &key)
}

#[test]
fn clients() {
    let plain = || json!({"alg": "HS256"});
    let of = |changes: Value| client(plain(), changes, SECRET);
    let table = [
        ("good", of(json!({})), Ok(())),
        ("our own", sign_client("toko", SECRET, NOW).unwrap(), Ok(())),
        ("aud a list", of(json!({"aud": ["x", "gerbang"]})), Ok(())),
        ("kid ignored", client(json!({"alg": "HS256", "kid": "x"}), json!({}), SECRET), Ok(())),
        ("no iss", of(json!({"iss": null})), Err(Malformed)),
        ("the secret of another", client(plain(), json!({}), OTHER), Err(InvalidSignature)),
        ("own secret, iss of another", of(json!({"iss": "warung"})), Err(Malformed)),
        ("no aud", of(json!({"aud": null})), Err(Malformed)),
        ("aud of a bank", of(json!({"aud": "bank"})), Err(Malformed)),
        ("no iat", of(json!({"iat": null})), Err(Malformed)),
        ("no exp", of(json!({"exp": null})), Err(Malformed)),
        ("301 s", of(json!({"exp": IAT + 301})), Err(Malformed)),
        ("a day, backdated", of(json!({"iat": IAT - DAY})), Err(Malformed)),
        ("30 s past exp", of(json!({"iat": IAT - 300, "exp": IAT - 30})), Err(Expired)),
        ("iat in 6 s", of(json!({"iat": IAT + 6})), Err(Malformed)),
        ("nbf in 60 s", of(json!({"nbf": IAT + 60})), Err(Malformed)),
        ("alg none", client(json!({"alg": "none"}), json!({}), SECRET), Err(InvalidSignature)),
        ("alg HS384", client(json!({"alg": "HS384"}), json!({}), SECRET), Err(InvalidSignature)),
        ("crit", client(json!({"alg": "HS256", "crit": ["x"]}), json!({}), SECRET), Err(Malformed)),
        (
            "typ",
            client(json!({"alg": "HS256", "typ": "at+jwt"}), json!({}), SECRET),
            Err(Malformed),
        ),
    ];
    for (name, token, expected) in table {
        assert_eq!(verify_client(&token, NOW, SECRET, "toko"), expected, "{name}");
    }
}

#[test]
fn short_secrets_verify_and_sign_nothing() {
    for length in [0, 1, 31] {
        let secret = &SECRET[..length];
        let token = client(json!({"alg": "HS256"}), json!({}), secret);
        let verdict = verify_client(&token, NOW, secret, "toko");
        assert_eq!(verdict, Err(InvalidSignature), "{length} bytes");
        assert!(sign_client("toko", secret, NOW).is_none());
    }
}

#[test]
fn neither_kind_of_token_passes_for_the_other() {
    let token = sign_client("gerbang", SECRET, NOW).unwrap();
    assert_eq!(verify(&keys(), &token, NOW), Err(InvalidSignature));
    let token = issue(&keys(), &user(), TokenId::random(), NOW).token;
    assert_eq!(verify_client(&token, NOW, SECRET, "gerbang"), Err(InvalidSignature));
}

#[test]
fn the_issuer_is_peeked_at() {
    let token = client(json!({"alg": "HS256"}), json!({}), OTHER);
    assert_eq!(peek_issuer(&token).as_deref(), Ok("toko"));
    let bad = [
        client(json!({"alg": "HS256"}), json!({"iss": null}), OTHER),
        client(json!({"alg": "HS256"}), json!({"iss": 5}), OTHER),
        client(json!({"alg": "HS256"}), json!({"pad": "x".repeat(5_000)}), OTHER),
        "a.b".to_owned(),
        String::new(),
    ];
    for token in bad {
        assert_eq!(peek_issuer(&token), Err(Malformed), "{token}");
    }
}

#[test]
fn subjects_are_short_visible_text() {
    assert_eq!(Subject::new("usr_1").unwrap().as_str(), "usr_1");
    let longest = "x".repeat(SUBJECT_MAX);
    assert_eq!(Subject::new(&longest).unwrap().as_str(), longest);
    for bad in ["", "a b", "a\0", "é", &"x".repeat(SUBJECT_MAX + 1), &"x".repeat(400)] {
        assert_eq!(Subject::new(bad), None, "{bad:?}");
    }
}
