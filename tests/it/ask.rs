//! A request in one line, and an answer that is held to what is documented.

use bytes::Bytes;
use gerbang::http::reply::Reply;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Method, http};
use serde_json::{Value, json};

/// A request to be sent.
pub(crate) struct Ask(http::request::Builder, Bytes);

pub(crate) fn ask(method: &str, path: &str) -> Ask {
    Ask(http::Request::builder().method(method).uri(path), Bytes::new())
}

pub(crate) fn get(path: &str) -> Ask {
    ask("GET", path)
}

pub(crate) fn post(path: &str, body: &Value) -> Ask {
    raw(path, "application/json", body.to_string())
}

pub(crate) fn put(path: &str, body: &Value) -> Ask {
    post(path, body).method(Method::PUT)
}

pub(crate) fn raw(path: &str, media_type: &str, body: impl Into<Bytes>) -> Ask {
    Ask(ask("POST", path).0.header("content-type", media_type), body.into())
}

pub(crate) fn login_of(login: &str, password: &str) -> Ask {
    post("/api/v1/auth/login", &json!({"login": login, "password": password}))
}

impl Ask {
    pub(crate) fn request(self) -> http::Request<Bytes> {
        self.0.body(self.1).unwrap()
    }

    /// With another method.
    pub(crate) fn method(self, method: Method) -> Self {
        Self(self.0.method(method), self.1)
    }

    /// With this token.
    pub(crate) fn by(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With this `Idempotency-Key`.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, HeaderValue::from_str(value).unwrap()), self.1)
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn of(reply: &Reply) -> Self {
        Self {
            status: reply.status().as_u16(),
            headers: reply.headers().clone(),
            text: reply.body_text().to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/json"));
        self.json()
    }

    /// Exactly this body, with this status.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, body: &Value) {
        assert_eq!(&self.expect(status), body);
    }

    /// A problem with this status and code, in exactly the documented shape.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let body = self.json();
        assert_eq!(body["code"], code, "{}", self.text);
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], format!("/docs/errors#{code}"));
        assert!(
            body["title"].is_string() && body["detail"].is_string() && body["errors"].is_array()
        );
        let known = ["type", "title", "status", "detail", "code", "errors", "position"];
        let keys = body.as_object().unwrap().keys();
        keys.for_each(|key| assert!(known.contains(&key.as_str()), "{key}"));
        let waits = matches!(status, 429 | 503);
        assert_eq!(self.header("retry-after").is_some(), waits, "Retry-After");
        body
    }

    /// A 400 that names this field.
    #[track_caller]
    pub(crate) fn names(&self, field: &str) {
        let body = self.refused(400, "invalid_request");
        assert_eq!(body["errors"][0]["field"], field, "{}", self.text);
        assert!(!body["errors"][0]["message"].as_str().unwrap().is_empty());
    }

    /// Where the answer stands in the journal.
    #[track_caller]
    pub(crate) fn position(&self) -> u64 {
        self.json()["position"].as_u64().unwrap_or_else(|| panic!("no position: {}", self.text))
    }

    /// The first answer again, marked.
    #[track_caller]
    pub(crate) fn replays(&self, first: &Self) {
        assert_eq!((self.status, &self.text), (first.status, &first.text));
        assert_eq!(first.header("idempotency-replayed"), None, "the first is no replay");
        assert_eq!(self.header("idempotency-replayed"), Some("true"));
    }
}
