//! A request as handlers see it: whole, bounded, and decoded strictly.
//!
//! It offers what the client sent and refuses what has no single meaning. Who the client is and
//! what it may do is decided elsewhere; forwarding headers are not looked at here.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::{self, Write};
use std::net::SocketAddr;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri, http};
use serde::de::DeserializeOwned;

use super::json;
use super::problem::{ApiError, Code};
use crate::limits::{REFERENCE_MAX, REQUEST_ID_MAX, SEGMENTS_MAX};

/// A request.
pub struct Request {
    parts: http::request::Parts,
    /// The segments, if one of them had to be decoded.
    decoded: Option<Vec<String>>,
    body: Bytes,
    peer: SocketAddr,
    id: RequestId,
}

impl Request {
    /// Puts a request together and decodes its path.
    pub(super) fn new(
        parts: http::request::Parts,
        body: Bytes,
        peer: SocketAddr,
        id: RequestId,
    ) -> Result<Self, ApiError> {
        let path = parts.uri.path();
        if path.split('/').count() > SEGMENTS_MAX + 1 {
            return Err(ApiError::new(Code::NotFound));
        }
        let decoded = if path.contains('%') { Some(decode_path(path)?) } else { None };
        Ok(Self { parts, decoded, body, peer, id })
    }

    /// A request that came through no socket, for tests of handlers. Fails on a bad path.
    pub fn in_process(request: http::Request<Bytes>, peer: SocketAddr) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let id = RequestId::of(&parts.headers);
        Self::new(parts, body, peer, id)
    }

    /// The method.
    pub const fn method(&self) -> &Method {
        &self.parts.method
    }

    pub(super) const fn version(&self) -> http::Version {
        self.parts.version
    }

    /// The path as it was sent, still encoded.
    pub fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// The target as it was sent: the path, and the query if there is one.
    pub const fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// The segments of the path, decoded: `/a/b` has `a` and `b`, `/a/` has `a` and an empty one.
    pub fn segments(&self) -> Segments<'_> {
        let mut segments = Segments { parts: [""; SEGMENTS_MAX], len: 0 };
        match &self.decoded {
            Some(decoded) => decoded.iter().for_each(|segment| segments.push(segment)),
            None => self.path().split('/').skip(1).for_each(|segment| segments.push(segment)),
        }
        segments
    }

    /// The parameters of the query, decoded.
    pub fn query(&self) -> Result<Query<'_>, ApiError> {
        Query::parse(self.parts.uri.query().unwrap_or_default())
    }

    /// The headers.
    pub const fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// A header that may be given once at most, and only in visible ASCII and spaces.
    pub fn header(&self, name: &HeaderName) -> Result<Option<&str>, ApiError> {
        let mut values = self.parts.headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        match value.to_str() {
            Ok(text) if values.next().is_none() => Ok(Some(text)),
            Ok(_) => Err(ApiError::field(name.as_str(), "must be given once")),
            Err(_) => Err(ApiError::field(name.as_str(), "must be visible ASCII")),
        }
    }

    /// The body as it was sent.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body, which must be JSON of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        json::check_media_type(&self.parts.headers)?;
        json::decode(&self.body)
    }

    /// The `Idempotency-Key`, if there is one: 1 to 255 visible ASCII characters, no spaces.
    pub fn idempotency_key(&self) -> Result<Option<&str>, ApiError> {
        const NAME: HeaderName = HeaderName::from_static("idempotency-key");
        let Some(key) = self.header(&NAME)? else { return Ok(None) };
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=REFERENCE_MAX).contains(&key.len()) {
            Ok(Some(key))
        } else {
            Err(ApiError::field("Idempotency-Key", "must be 1 to 255 visible characters"))
        }
    }

    /// The bearer token, if there is an `Authorization` header. What is not a bearer token, or
    /// not given exactly once, is refused as one that is malformed.
    pub fn bearer(&self) -> Result<Option<&str>, ApiError> {
        let mut values = self.parts.headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            let fits = scheme.eq_ignore_ascii_case("bearer")
                && !token.is_empty()
                && token.bytes().all(|byte| byte.is_ascii_graphic());
            fits.then_some(token)
        });
        match token {
            Some(token) if values.next().is_none() => Ok(Some(token)),
            _ => Err(ApiError::with_detail(Code::InvalidToken, "jwt malformed")),
        }
    }

    /// The address the connection came from: never what a header says.
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The id that the answer carries as `X-Request-Id`.
    pub const fn id(&self) -> &RequestId {
        &self.id
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without headers, query and body, which may hold secrets.
        formatter
            .debug_struct("Request")
            .field("id", &self.id)
            .field("method", self.method())
            .finish_non_exhaustive()
    }
}

/// The segments of a path; a slice of `&str` to match on.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    parts: [&'a str; SEGMENTS_MAX],
    len: usize,
}

impl<'a> Segments<'a> {
    fn push(&mut self, segment: &'a str) {
        // `Request::new` let no more in than there is room for.
        if let Some(part) = self.parts.get_mut(self.len) {
            *part = segment;
            self.len += 1;
        }
    }

    /// The segments, living as long as the request.
    pub fn as_slice(&self) -> &[&'a str] {
        &self.parts[..self.len]
    }
}

/// The parameters of a query, each with at most one value.
#[derive(Debug, Default)]
pub struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    fn parse(query: &'a str) -> Result<Self, ApiError> {
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text| percent_decode(text, true);
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(ApiError::with_detail(Code::InvalidRequest, "the query is malformed"));
            };
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(ApiError::field(name, "must be given once"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Refuses every parameter that is not among `names`.
    pub fn only(self, names: &[&str]) -> Result<Self, ApiError> {
        match self.0.iter().find(|(name, _)| !names.contains(&&**name)) {
            Some((name, _)) => {
                let message = format!("is not a known parameter; known are {}", names.join(", "));
                Err(ApiError::field(&**name, message))
            }
            None => Ok(self),
        }
    }

    /// All parameters, in the order sent.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

fn decode_path(path: &str) -> Result<Vec<String>, ApiError> {
    let bad = || ApiError::with_detail(Code::InvalidRequest, "the path is malformed");
    path.split('/')
        .skip(1)
        .map(|segment| match percent_decode(segment, false) {
            // An encoded slash would make two readers see different segments.
            Some(text) if !text.contains('/') => Ok(text.into_owned()),
            _ => Err(bad()),
        })
        .collect()
}

/// Decodes percent encoding. None for a percent sign without two hexadecimal digits, for what is
/// not UTF-8 then, and for control characters.
fn percent_decode(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || (plus_is_space && byte == b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    let text = String::from_utf8(decoded).ok()?;
    (!text.chars().any(char::is_control)).then_some(Cow::Owned(text))
}

/// What ties an answer, the log and a client's report together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    text: [u8; REQUEST_ID_MAX],
    len: usize,
}

impl RequestId {
    /// The client's own id if it is sane, else a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        headers.get("x-request-id").and_then(Self::of_client).unwrap_or_else(Self::made)
    }

    fn of_client(value: &HeaderValue) -> Option<Self> {
        let value = value.as_bytes();
        let sane = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if value.is_empty() || value.len() > REQUEST_ID_MAX || !value.iter().all(sane) {
            return None;
        }
        let mut text = [0; REQUEST_ID_MAX];
        text[..value.len()].copy_from_slice(value);
        Some(Self { text, len: value.len() })
    }

    /// A random number per thread, and a counter behind it: unique, and nearly free. It is not a
    /// secret and grants nothing.
    fn made() -> Self {
        thread_local! {
            static NEXT: Cell<Option<u128>> = const { Cell::new(None) };
        }
        let number = NEXT.get().unwrap_or_else(|| {
            let mut random = [0; 16];
            // Without randomness ids may repeat after a restart, which is no reason to stop.
            let _ = getrandom::fill(&mut random);
            u128::from_ne_bytes(random)
        });
        NEXT.set(Some(number.wrapping_add(1)));
        let mut id = Self { text: [0; REQUEST_ID_MAX], len: 32 };
        for (place, digit) in id.text[..32].iter_mut().enumerate() {
            let nibble = (number >> (124 - 4 * place)) & 0xf;
            *digit = b"0123456789abcdef"[nibble as usize];
        }
        id
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.text[..self.len]).expect("only ASCII was let in")
    }

    pub(super) fn header_value(&self) -> HeaderValue {
        HeaderValue::from_str(self.as_str()).expect("only visible ASCII was let in")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_char('"')?;
        formatter.write_str(self.as_str())?;
        formatter.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&str, &str)]) -> Result<Request, ApiError> {
        let mut builder = http::Request::get(target);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let request = builder.body(Bytes::new()).unwrap();
        Request::in_process(request, SocketAddr::from(([127, 0, 0, 1], 1)))
    }

    fn plain(headers: &[(&str, &str)]) -> Request {
        request("/", headers).unwrap()
    }

    #[test]
    fn paths_are_cut_first_and_decoded_then() {
        let segments = |target| request(target, &[]).unwrap().segments().as_slice().join("|");
        assert_eq!(segments("/api/v1/users/budi"), "api|v1|users|budi");
        assert_eq!(segments("/a/caf%C3%A9%20b"), "a|caf\u{e9} b");
        assert_eq!(segments("/a/"), "a|");
        assert_eq!(segments("/"), "");
        for bad in ["/%", "/%4", "/%zz", "/%ff", "/a%2Fb", "/%00", "/%0a", "/%+1"] {
            assert_eq!(request(bad, &[]).unwrap_err().code(), Code::InvalidRequest, "{bad}");
        }
        let deep = "/a".repeat(SEGMENTS_MAX + 1);
        assert_eq!(request(&deep, &[]).unwrap_err().code(), Code::NotFound);
        assert_eq!(segments(&deep[2..]).len(), 2 * SEGMENTS_MAX - 1);
    }

    #[test]
    fn a_query_names_each_parameter_once() {
        let taken = request("/?limit=5&q=a+b%26c&flag&&", &[]).unwrap();
        let query = taken.query().unwrap();
        assert_eq!(query.get("limit"), Some("5"));
        assert_eq!(query.get("q"), Some("a b&c"));
        assert_eq!(query.get("flag"), Some(""));
        assert_eq!(query.get("none"), None);
        assert_eq!(query.pairs().count(), 3);
        let error = query.only(&["limit", "q"]).unwrap_err();
        assert_eq!(error.fields()[0].field, "flag");
        for bad in ["/?a=1&a=2", "/?a=1&%61=2", "/?a=%", "/?%ff=1", "/?a=%00"] {
            assert!(request(bad, &[]).unwrap().query().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_idempotency_key_is_visible_short_and_single() {
        let name = "Idempotency-Key";
        let longest = "k".repeat(REFERENCE_MAX);
        assert_eq!(plain(&[]).idempotency_key(), Ok(None));
        assert_eq!(plain(&[(name, &longest)]).idempotency_key(), Ok(Some(&*longest)));
        let too_long = "k".repeat(REFERENCE_MAX + 1);
        for bad in ["", "a b", "a\tb", "\u{e9}", &too_long] {
            assert!(plain(&[(name, bad)]).idempotency_key().is_err(), "{bad:?}");
        }
        assert!(plain(&[(name, "a"), (name, "a")]).idempotency_key().is_err());
    }

    #[test]
    fn a_bearer_token_is_given_once_and_whole() {
        let name = "Authorization";
        assert_eq!(plain(&[]).bearer(), Ok(None));
        assert_eq!(plain(&[(name, "bEaReR a.b.c")]).bearer(), Ok(Some("a.b.c")));
        for bad in ["Bearer", "Bearer ", "Bearer  a", "Bearer a b", "Basic a", "a.b.c", "\u{e9}"] {
            assert_eq!(plain(&[(name, bad)]).bearer().unwrap_err().detail(), "jwt malformed");
        }
        assert!(plain(&[(name, "Bearer a"), (name, "Bearer a")]).bearer().is_err());
    }

    #[test]
    fn sane_ids_are_kept_and_others_replaced() {
        let longest = "x".repeat(REQUEST_ID_MAX);
        for sane in ["a", "A-1_b.c", &longest] {
            assert_eq!(plain(&[("X-Request-Id", sane)]).id().as_str(), sane);
        }
        let too_long = "x".repeat(REQUEST_ID_MAX + 1);
        for other in ["", "a b", "<script>", "\u{e9}", &too_long] {
            let made = *plain(&[("X-Request-Id", other)]).id();
            assert_eq!(made.as_str().len(), 32);
            assert_ne!(made.as_str(), plain(&[]).id().as_str());
        }
    }
}
