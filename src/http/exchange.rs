//! One request and its answer: the checks that need a parsed head, the body, the call, and the
//! headers that every answer gets.
//!
//! It decides nothing a service could decide.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue,
    STRICT_TRANSPORT_SECURITY, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Response, Version};
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::crowd::Permit;
use super::link::{self, Busy, Link};
use super::problem::{ApiError, Code};
use super::reply::{Outgoing, Reply};
use super::request::{Request, RequestId};
use super::server::{Service, Shared};
use super::websocket;

/// The methods any route may have, for answers that name no route.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// What room for bodies is counted in.
const KIB: usize = 1024;

/// What the requests of one connection share.
pub(super) struct Edge<S> {
    pub(super) shared: Arc<Shared<S>>,
    pub(super) link: Arc<Link>,
    pub(super) peer: SocketAddr,
    /// Held for as long as the connection is, also as a WebSocket.
    pub(super) permit: Arc<Permit>,
    pub(super) http2: bool,
}

impl<S: Service> Edge<S> {
    /// Answers a request, whatever happens.
    pub(super) async fn answer(&self, mut request: hyper::Request<Incoming>) -> Response<Outgoing> {
        let busy = Busy::start(&self.link);
        let id = RequestId::of(request.headers());
        let upgrade =
            request.headers().contains_key(UPGRADE).then(|| hyper::upgrade::on(&mut request));
        let log = tracing::enabled!(tracing::Level::DEBUG)
            .then(|| (request.method().clone(), without_long_numbers(request.uri().path())));
        let mut reply = self.reply(request, id).await.unwrap_or_else(Reply::from);
        if let Some(on_open) = reply.take_upgrade() {
            reply = self.upgrade(reply, upgrade, on_open);
        }
        if let Some((method, path)) = log {
            // Without the query, which may hold a secret.
            tracing::debug!(%id, %method, path, status = reply.status().as_u16(), "answered");
        }
        self.finish(reply, id, busy)
    }

    async fn reply(
        &self,
        request: hyper::Request<Incoming>,
        id: RequestId,
    ) -> Result<Reply, ApiError> {
        if !self.http2
            && let Some(refusal) = link::refusal(request.uri().path())
        {
            let (code, detail) = refusal.told();
            return Err(match code {
                Code::MethodNotAllowed => ApiError::method_not_allowed(METHODS).closing(),
                code => ApiError::with_detail(code, detail).closing(),
            });
        }
        let (parts, body) = request.into_parts();
        check_host(&parts)?;
        if self.http2 {
            check_http2(&parts)?;
        }
        let max = self.shared.service.body_max(&parts);
        let body = self.read_body(body, max).await?;
        let request = Request::new(parts, body, self.peer, id)?;
        self.call(request, id).await
    }

    async fn read_body(&self, body: Incoming, max: usize) -> Result<Bytes, ApiError> {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        if self.http2 {
            // Under HTTP/1.1 the guard keeps this deadline, at no cost per request.
            let read = timeout(self.shared.options.body_timeout, self.collect(body, max));
            return read.await.unwrap_or_else(|_| Err(too_slow()));
        }
        self.collect(body, max).await
    }

    /// Reads a body of at most `max` bytes. While more of it is to come than its first piece, what has
    /// come takes part of the room that all such bodies have together: no head can claim it.
    async fn collect(&self, mut body: Incoming, max: usize) -> Result<Bytes, ApiError> {
        let too_large = || ApiError::new(Code::PayloadTooLarge).closing();
        let told = body.size_hint().lower();
        if told > max as u64 {
            return Err(too_large());
        }
        let whole = next_piece(&mut body).await?.unwrap_or_default();
        if whole.len() > max {
            return Err(too_large());
        }
        if body.is_end_stream() {
            // Mostly all there is, and then nothing is copied.
            return Ok(whole);
        }
        let mut room = self.room(whole.len())?;
        let mut pieces = BytesMut::with_capacity(whole.len().next_multiple_of(KIB));
        pieces.extend_from_slice(&whole);
        drop(whole);
        while let Some(piece) = next_piece(&mut body).await? {
            if pieces.len() + piece.len() > max {
                return Err(too_large());
            }
            if pieces.len() + piece.len() > pieces.capacity() {
                // As much again as there is, so that each byte is copied a time or two.
                let more = pieces.len().max(piece.len()).next_multiple_of(KIB);
                room.merge(self.room(more)?);
                pieces.reserve(more);
            }
            pieces.extend_from_slice(&piece);
        }
        Ok(pieces.freeze())
    }

    /// Room for so many bytes of a body.
    fn room(&self, bytes: usize) -> Result<SemaphorePermit<'_>, ApiError> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX);
        let room = self.shared.bodies.try_acquire_many(kib);
        room.map_err(|_| ApiError::new(Code::Busy).retry_after(1).closing())
    }

    /// Calls the service; a panic in it fails this request only.
    async fn call(&self, request: Request, id: RequestId) -> Result<Reply, ApiError> {
        // `call` is given a body of its own, so that a panic before its first await counts too.
        let mut call = pin!(async { self.shared.service.call(request).await });
        std::future::poll_fn(move |cx| {
            // Nothing of a request that panicked is used again, but for shared state, which has
            // to survive panics anyway.
            match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
                Ok(polled) => polled.map(Ok),
                Err(_) => {
                    tracing::error!(%id, "a handler panicked");
                    Poll::Ready(Err(ApiError::new(Code::Internal)))
                }
            }
        })
        .await
    }

    /// Lets the connection become a WebSocket once `reply` is sent.
    fn upgrade(
        &self,
        reply: Reply,
        upgrade: Option<OnUpgrade>,
        on_open: websocket::OnOpen,
    ) -> Reply {
        let Some(upgrade) = upgrade.filter(|_| !self.http2) else {
            return ApiError::new(Code::Internal).into();
        };
        self.link.become_tunnel();
        let stage = self.shared.stage.clone();
        let stop = self.shared.stop.clone();
        let permit = Arc::clone(&self.permit);
        tokio::spawn(async move {
            websocket::open(upgrade, on_open, stage, stop).await;
            drop(permit);
        });
        reply
    }

    fn finish(&self, reply: Reply, id: RequestId, mut busy: Busy) -> Response<Outgoing> {
        const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
        if self.http2 {
            busy.only_moves();
        }
        let mut response = reply.into_response(busy);
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, id.header_value());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if self.shared.tls.is_some() {
            // A year (ASVS 3.4.1). Browsers heed it under TLS only.
            let year = HeaderValue::from_static("max-age=31536000");
            headers.insert(STRICT_TRANSPORT_SECURITY, year);
        }
        if self.http2 {
            headers.remove(CONNECTION);
        }
        response
    }
}

fn too_slow() -> ApiError {
    ApiError::with_detail(Code::RequestTimeout, "the body took too long").closing()
}

/// The next bytes of a body; trailers mean nothing here.
async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, ApiError> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| body_error(&error))?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

fn body_error(error: &hyper::Error) -> ApiError {
    let late = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|source| source.kind() == io::ErrorKind::TimedOut);
    if late {
        return too_slow();
    }
    ApiError::with_detail(Code::InvalidRequest, "the body is cut short or malformed").closing()
}

/// A path as it is logged: a number as long as a card's is not, whatever it is.
fn without_long_numbers(path: &str) -> String {
    const CARD_DIGITS_MIN: usize = 12;
    let mut kept = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, number) = rest.split_at(start);
        let end = number.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(number.len());
        let (number, behind) = number.split_at(end);
        kept.push_str(before);
        kept.push_str(if end < CARD_DIGITS_MIN { number } else { "(number)" });
        rest = behind;
    }
    kept.push_str(rest);
    kept
}

/// What the guard refuses under HTTP/1.1 already.
fn check_http2(parts: &Parts) -> Result<(), ApiError> {
    if parts.headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        return Err(ApiError::with_detail(Code::InvalidRequest, "the length is given twice"));
    }
    match parts.method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => Ok(()),
        Method::TRACE | Method::CONNECT => Err(ApiError::method_not_allowed(METHODS)),
        _ => Err(ApiError::new(Code::NotImplemented)),
    }
}

/// Exactly one host, however often it is said (RFC 9112, 3.2 and RFC 9113, 8.3.1).
fn check_host(parts: &Parts) -> Result<(), ApiError> {
    let bad = |detail| Err(ApiError::with_detail(Code::InvalidRequest, detail).closing());
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return bad("more than one host is named");
    }
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let needed = parts.version != Version::HTTP_10;
    match (host.map(HeaderValue::as_bytes), authority) {
        (None, None) if needed => bad("no host is named"),
        (None, Some(_)) if parts.version == Version::HTTP_11 => bad("no host is named"),
        (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            bad("two different hosts are named")
        }
        (host, authority) if !host.into_iter().chain(authority).all(is_host) => {
            bad("the host is malformed")
        }
        _ => Ok(()),
    }
}

/// A name or an address, and a port perhaps; no user, no path, no list.
fn is_host(host: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
    !host.is_empty() && host.len() <= 255 && host.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_card_s_number_is_logged() {
        for (path, logged) in [
            ("/v2/point_inquiry/4811111111111114", "/v2/point_inquiry/(number)"),
            ("/v2/48111111-1114-80d5df78/status", "/v2/48111111-1114-80d5df78/status"),
            (
                "/api/v1/payments/12345678901/a/123456789012",
                "/api/v1/payments/12345678901/a/(number)",
            ),
            ("/", "/"),
        ] {
            assert_eq!(without_long_numbers(path), logged);
        }
    }
}
