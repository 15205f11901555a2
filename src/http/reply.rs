//! Answers: a status, headers, and a body that is whole, streamed, or a WebSocket to come.
//!
//! A reply does not know which request it answers; the exchange adds the request's id.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;

use super::link::Busy;
use super::problem::{ApiError, Code};
use super::websocket::OnOpen;

/// An answer.
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Content,
}

/// What an answer carries.
pub(super) enum Content {
    /// Nothing, or nothing any more.
    Empty,
    /// All of it.
    Whole(Bytes),
    /// Pieces that are still being made.
    Streamed(mpsc::Receiver<Bytes>),
    /// The connection becomes a WebSocket.
    Upgrade(OnOpen),
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        // Room for what every answer gets, so that adding it does not allocate again.
        Self { status, headers: HeaderMap::with_capacity(8), body: Content::Empty }
    }

    /// 204.
    pub fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// An answer of bytes; the caller sets the content type.
    pub fn bytes(status: StatusCode, body: Bytes) -> Self {
        Self { body: Content::Whole(body), ..Self::empty(status) }
    }

    /// An answer in JSON. What does not serialise is our mistake and becomes `internal`.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::bytes(status, Bytes::from(body))
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json")),
            Err(_) => ApiError::new(Code::Internal).into(),
        }
    }

    /// 200 in JSON.
    pub fn ok(value: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, value)
    }

    /// 201 in JSON.
    pub fn created(value: &impl Serialize) -> Self {
        Self::json(StatusCode::CREATED, value)
    }

    /// 202 in JSON.
    pub fn accepted(value: &impl Serialize) -> Self {
        Self::json(StatusCode::ACCEPTED, value)
    }

    /// Plain text.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        Self::bytes(status, Bytes::from(text.into()))
            .header(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
    }

    /// An answer that is sent piece by piece while the sender makes it; dropping the sender ends
    /// it. `pieces` is how many may wait for a slow client before the sender has to.
    pub fn stream(status: StatusCode, content_type: HeaderValue, pieces: usize) -> (Sender, Self) {
        let (sender, receiver) = mpsc::channel(pieces.max(1));
        let reply = Self { body: Content::Streamed(receiver), ..Self::empty(status) };
        (Sender(sender), reply.header(CONTENT_TYPE, content_type))
    }

    /// 101, after which the connection is handed to `on_open`.
    pub(super) fn upgrade(on_open: OnOpen) -> Self {
        Self { body: Content::Upgrade(on_open), ..Self::empty(StatusCode::SWITCHING_PROTOCOLS) }
    }

    /// The same answer with one header set.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same answer as 201.
    #[must_use]
    pub fn with_status_created(self) -> Self {
        Self { status: StatusCode::CREATED, ..self }
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers set so far.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, if it is whole.
    pub fn body(&self) -> Option<&Bytes> {
        match &self.body {
            Content::Whole(body) => Some(body),
            Content::Empty | Content::Streamed(_) | Content::Upgrade(_) => None,
        }
    }

    /// The body as text, for tests and for remembering answers; empty if it is not whole.
    pub fn body_text(&self) -> &str {
        self.body().and_then(|body| str::from_utf8(body).ok()).unwrap_or_default()
    }

    /// Takes the handler of an upgrade out, if this is one.
    pub(super) fn take_upgrade(&mut self) -> Option<OnOpen> {
        match std::mem::replace(&mut self.body, Content::Empty) {
            Content::Upgrade(on_open) => Some(on_open),
            other => {
                self.body = other;
                None
            }
        }
    }

    /// For hyper; the request counts as busy until the body is sent or dropped.
    pub(super) fn into_response(self, busy: Busy) -> Response<Outgoing> {
        let mut response = Response::new(Outgoing { content: self.body, busy });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl From<Result<Self, ApiError>> for Reply {
    fn from(result: Result<Self, ApiError>) -> Self {
        result.unwrap_or_else(Self::from)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the body, which may hold a token.
        formatter.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

/// The sending end of a streamed answer.
#[derive(Debug)]
pub struct Sender(mpsc::Sender<Bytes>);

impl Sender {
    /// Sends a piece, when the client has room for it. False if the client has gone, whereupon
    /// there is no use in making more.
    pub async fn send(&self, piece: impl Into<Bytes>) -> bool {
        self.0.send(piece.into()).await.is_ok()
    }
}

/// The body as hyper takes it.
pub(super) struct Outgoing {
    content: Content,
    busy: Busy,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        this.busy.moved();
        match &mut this.content {
            Content::Empty | Content::Upgrade(_) => Poll::Ready(None),
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                this.content = Content::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Content::Streamed(pieces) => {
                pieces.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty | Content::Upgrade(_) => true,
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty | Content::Upgrade(_) => SizeHint::with_exact(0),
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Streamed(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_their_type() {
        let reply = Reply::created(&[1, 2]);
        assert_eq!(reply.status(), 201);
        assert_eq!(reply.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(reply.body_text(), "[1,2]");
        assert_eq!(Reply::no_content().body(), None);
    }

    #[test]
    fn what_cannot_be_written_as_json_becomes_our_error() {
        let bad = std::collections::HashMap::from([((1, 2), 3)]);
        assert_eq!(Reply::ok(&bad).status(), 500);
    }

    #[test]
    fn a_reply_does_not_print_its_body() {
        let reply = Reply::text(StatusCode::OK, "token");
        assert!(!format!("{reply:?}").contains("token"));
    }
}
