//! The WebSocket handshake (RFC 6455, 4.2), and handing the open socket to whoever asked for it.
//!
//! What is said over the socket, and who may open how many, is decided elsewhere.

use std::pin::Pin;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Version};
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::problem::{ApiError, Code};
use super::reply::Reply;
use super::request::Request;
use super::server::Stage;
use crate::limits::{SOCKET_BUFFER_BYTES, WEBSOCKET_MESSAGE_MAX};

/// An open socket.
pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What runs once the socket is open. It should end soon after the receiver turns true.
pub type OnOpen = Box<
    dyn FnOnce(Socket, watch::Receiver<bool>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send,
>;

/// The subprotocol under which a token may be offered, as browsers can set no header.
const BEARER: &str = "bearer";

/// Accepts the handshake in `request`, or says why not. A browser's `Origin` must be allowed;
/// other clients send none. `on_open` runs on a task of its own.
pub fn accept(
    request: &Request,
    origin_allowed: impl FnOnce(&str) -> bool,
    on_open: OnOpen,
) -> Result<Reply, ApiError> {
    let is_handshake = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has_token(request, &CONNECTION, "upgrade")
        && has_token(request, &UPGRADE, "websocket");
    if !is_handshake {
        return Err(bad("a WebSocket handshake over HTTP/1.1 is expected"));
    }
    if request.header(&SEC_WEBSOCKET_VERSION)? != Some("13") {
        return Err(bad("the WebSocket version must be 13"));
    }
    let key = request.header(&SEC_WEBSOCKET_KEY)?.unwrap_or_default();
    if STANDARD.decode(key).ok().is_none_or(|key| key.len() != 16) {
        return Err(bad("the WebSocket key is malformed"));
    }
    if let Some(origin) = request.header(&ORIGIN)?
        && !origin_allowed(origin)
    {
        return Err(ApiError::with_detail(Code::Forbidden, "the origin is not allowed"));
    }
    let accept = HeaderValue::from_str(&accept_value(key)).map_err(|_| internal())?;
    let mut reply = Reply::upgrade(on_open)
        .header(CONNECTION, HeaderValue::from_static("upgrade"))
        .header(UPGRADE, HeaderValue::from_static("websocket"))
        .header(SEC_WEBSOCKET_ACCEPT, accept);
    if has_token(request, &SEC_WEBSOCKET_PROTOCOL, BEARER) {
        reply = reply.header(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(BEARER));
    }
    Ok(reply)
}

/// The token offered as `Sec-WebSocket-Protocol: bearer, <token>`, if there is one.
pub fn offered_token(request: &Request) -> Result<Option<&str>, ApiError> {
    let Some(offered) = request.header(&SEC_WEBSOCKET_PROTOCOL)? else { return Ok(None) };
    let mut parts = offered.split(',').map(str::trim);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(BEARER), token, None) => Ok(token.filter(|token| !token.is_empty())),
        _ => Ok(None),
    }
}

fn bad(detail: &'static str) -> ApiError {
    ApiError::with_detail(Code::InvalidRequest, detail)
}

fn internal() -> ApiError {
    ApiError::new(Code::Internal)
}

/// Whether a header that is a list of tokens has this one.
fn has_token(request: &Request, name: &HeaderName, token: &str) -> bool {
    let values = request.headers().get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|each| each.trim().eq_ignore_ascii_case(token))
}

fn accept_value(key: &str) -> String {
    // The text that RFC 6455, 1.3 appends, so that no server accepts without knowing why.
    const SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(SUFFIX).finalize())
}

/// Waits until the answer to the handshake is sent, then runs `on_open` until it ends or the
/// listener cuts its connections.
pub(super) async fn open(
    upgrade: OnUpgrade,
    on_open: OnOpen,
    mut stage: watch::Receiver<Stage>,
    stop: watch::Receiver<bool>,
) {
    let work = async {
        // Failing here means that the client has gone.
        let Ok(upgraded) = upgrade.await else { return };
        let config = WebSocketConfig::default()
            // What a client sends is small; the default holds 128 KiB for every socket.
            .read_buffer_size(SOCKET_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * WEBSOCKET_MESSAGE_MAX)
            .max_message_size(Some(WEBSOCKET_MESSAGE_MAX))
            .max_frame_size(Some(WEBSOCKET_MESSAGE_MAX));
        let io = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        on_open(socket, stop).await;
    };
    tokio::select! {
        biased;
        () = work => {}
        _ = stage.wait_for(|stage| *stage == Stage::Cut) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use bytes::Bytes;
    use hyper::http;

    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut builder = http::Request::get("/stream");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let request = builder.body(Bytes::new()).unwrap();
        Request::in_process(request, SocketAddr::from(([127, 0, 0, 1], 1))).unwrap()
    }

    fn handshake(request: &Request) -> Result<Reply, ApiError> {
        accept(request, |origin| origin == "https://ok", Box::new(|_, _| Box::pin(async {})))
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        let reply = handshake(&request(&GOOD)).unwrap();
        assert_eq!(reply.status(), 101);
        assert_eq!(reply.headers()[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!reply.headers().contains_key(SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn a_handshake_that_lacks_something_is_refused() {
        for missing in GOOD {
            let headers: Vec<_> = GOOD.into_iter().filter(|header| *header != missing).collect();
            assert!(handshake(&request(&headers)).is_err(), "{missing:?}");
        }
        for (place, value) in [(2, "8"), (3, "c2hvcnQ="), (3, "!"), (1, "h2c")] {
            let mut headers = GOOD;
            headers[place].1 = value;
            assert!(handshake(&request(&headers)).is_err(), "{value}");
        }
    }

    #[test]
    fn only_allowed_origins_may_open() {
        let with = |origin| request(&[&GOOD[..], &[("origin", origin)]].concat());
        assert!(handshake(&with("https://ok")).is_ok());
        assert_eq!(handshake(&with("https://evil")).unwrap_err().code(), Code::Forbidden);
    }

    #[test]
    fn a_token_may_come_as_a_subprotocol_and_is_not_echoed() {
        let with = |offer| request(&[&GOOD[..], &[("sec-websocket-protocol", offer)]].concat());
        let taken = with("bearer, a.b.c");
        assert_eq!(offered_token(&taken), Ok(Some("a.b.c")));
        let reply = handshake(&taken).unwrap();
        assert_eq!(reply.headers()[SEC_WEBSOCKET_PROTOCOL], "bearer");
        assert_eq!(offered_token(&with("chat")), Ok(None));
        assert_eq!(offered_token(&with("bearer")), Ok(None));
    }
}
