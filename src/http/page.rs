//! Pages for people: the headers that keep a browser from loading or doing anything else.

use std::fmt::{Display, Formatter, Result, Write as _};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};

use super::reply::Reply;

/// Only what this host serves, nothing inline, in nobody's frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A page, or a part of one, with the headers of pages. What a page holds is stored nowhere unless
/// the caller says so.
pub fn reply(media_type: &'static str, body: Bytes) -> Reply {
    with_headers(Reply::bytes(StatusCode::OK, body))
        .header(CONTENT_TYPE, HeaderValue::from_static(media_type))
}

/// An answer with the headers of pages.
pub fn with_headers(reply: Reply) -> Reply {
    reply
        .header(CONTENT_SECURITY_POLICY, POLICY)
        .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .header(REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
        .header(OPENER, HeaderValue::from_static("same-origin"))
        .header(RESOURCE, HeaderValue::from_static("same-origin"))
}

/// Text that stands for itself in HTML.
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}
