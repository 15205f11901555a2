//! HTTP/2, TLS and WebSockets.

use std::fs;
use std::path::Path;

use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::http;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::Message;

use super::*;

type Answer = http::Response<Bytes>;

async fn whole(answer: http::Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = answer.into_parts();
    http::Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

type H2 = http2::SendRequest<Full<Bytes>>;

async fn h2(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> H2 {
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut H2, request: http::request::Builder, body: &'static str) -> Answer {
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    whole(timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap()).await
}

#[tokio::test]
async fn http2_is_spoken_with_prior_knowledge() {
    let server = Server::calm().await;
    let mut sender = h2(server.connect().await).await;
    let answer = ask(
        &mut sender,
        http::Request::post("http://a/echo").header("x-request-id", "mine"),
        "hello",
    )
    .await;
    assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::OK, &b"hello"[..]));
    assert_eq!(answer.headers()["x-request-id"], "mine");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn http2_requests_are_checked_too() {
    let server = Server::calm().await;
    let mut sender = h2(server.connect().await).await;
    let get = || http::Request::get("http://a/");
    assert_eq!(ask(&mut sender, get().header("host", "b"), "").await.status(), 400);
    assert_eq!(ask(&mut sender, get().header("host", "a"), "").await.status(), 200);
    let method = |name| http::Request::builder().method(name).uri("http://a/");
    assert_eq!(ask(&mut sender, method("TRACE"), "").await.status(), 405);
    assert_eq!(ask(&mut sender, method("BREW"), "").await.status(), 501);
    assert_eq!(ask(&mut sender, http::Request::get("http://a/panic"), "").await.status(), 500);
    let twice = http::Request::post("http://a/echo")
        .header("content-length", "2")
        .header("content-length", "2");
    assert_eq!(ask(&mut sender, twice, "ab").await.status(), 400);
    let large = "x".repeat(ECHO_MAX + 1).leak();
    let answer = ask(&mut sender, http::Request::post("http://a/echo"), large).await;
    assert_eq!(answer.status(), 413);
    assert_eq!(ask(&mut sender, get(), "").await.status(), 200);
}

#[tokio::test]
async fn a_slow_body_is_answered_with_408_under_http2() {
    let server = Server::start(Options { body_timeout: SHORT, ..calm() }, None).await;
    let io = TokioIo::new(server.connect().await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    // A body of which nothing ever comes.
    let body = http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<hyper::body::Frame<Bytes>, std::convert::Infallible>,
    >());
    let request = http::Request::post("http://a/echo").body(body).unwrap();
    let answer = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
    assert_eq!(answer.status(), 408);
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed() {
    let server = Server::start(Options { idle_timeout: SHORT, ..calm() }, None).await;
    let io = TokioIo::new(server.connect().await);
    let (mut sender, connection) =
        http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    assert_eq!(ask(&mut sender, http::Request::get("http://a/"), "").await.status(), 200);
    timeout(PATIENCE, connection).await.expect("left open").unwrap().unwrap();
}

#[tokio::test]
async fn an_http2_client_that_does_not_read_is_closed() {
    for path in ["/huge", "/endless"] {
        let options = Options { idle_timeout: SHORT, drain_timeout: SHORT, ..calm() };
        let server = Server::start(options, None).await;
        let io = TokioIo::new(server.connect().await);
        let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(1_000)
            .handshake::<_, Full<Bytes>>(io)
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let request = http::Request::get(format!("http://a{path}"));
        let request = request.body(Full::default()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let _ = timeout(PATIENCE, connection).await.expect("left open").unwrap();
    }
}

#[tokio::test]
async fn draining_answers_http2_requests_in_flight() {
    let server = Server::calm().await;
    let mut sender = h2(server.connect().await).await;
    let asked =
        tokio::spawn(
            async move { ask(&mut sender, http::Request::get("http://a/wait"), "").await },
        );
    server.service.began.notified().await;
    server.stop.send_replace(true);
    server.service.go_on.notify_one();
    assert_eq!(asked.await.unwrap().body(), "waited");
    timeout(PATIENCE, server.task).await.expect("not drained").unwrap();
}

pub(super) struct Pair {
    pub(super) tls: tls::Reloadable,
    pub(super) certificate: CertificateDer<'static>,
}

pub(super) fn pair(directory: &Path) -> Pair {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    fs::write(&certificate, pair.cert.pem()).unwrap();
    fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let tls = tls::Reloadable::load(&certificate, &key, tls::Oldest::Tls12).unwrap();
    Pair { tls, certificate: pair.cert.der().clone() }
}

type Client = tokio_rustls::client::TlsStream<TcpStream>;

pub(super) fn client_config(
    certificate: &CertificateDer<'static>,
    alpn: &[&str],
) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

async fn tls_client(
    server: &Server,
    certificate: &CertificateDer<'static>,
    alpn: &[&str],
) -> std::io::Result<Client> {
    let config = client_config(certificate, alpn);
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await
}

#[tokio::test]
async fn under_tls_the_protocol_is_agreed_on() {
    let directory = tempfile::tempdir().unwrap();
    let Pair { tls, certificate } = pair(directory.path());
    let server = Server::start(calm(), Some(tls)).await;

    let client = tls_client(&server, &certificate, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut sender = h2(client).await;
    assert_eq!(ask(&mut sender, http::Request::get("https://localhost/"), "").await.status(), 200);

    for alpn in [&["http/1.1"][..], &[]] {
        let client = tls_client(&server, &certificate, alpn).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(client)).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::post("/echo").header("host", "localhost");
        let request = request.body(Full::new(Bytes::from("hello"))).unwrap();
        let answer = whole(sender.send_request(request).await.unwrap()).await;
        assert_eq!(&answer.body()[..], b"hello");
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    }
}

#[tokio::test]
async fn a_silent_client_under_tls_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let Pair { tls, certificate } = pair(directory.path());
    let options = Options { first_byte_timeout: SHORT, ..calm() };
    let server = Server::start(options, Some(tls)).await;
    assert_eq!(server.exchange(b"").await, "");
    assert_eq!(server.exchange(b"\x16\x03\x01").await, "");
    let mut silent = tls_client(&server, &certificate, &[]).await.unwrap();
    let end = timeout(PATIENCE, silent.read_to_end(&mut Vec::new())).await;
    end.expect("left open after the handshake").unwrap_err();
}

#[tokio::test]
async fn new_connections_get_the_new_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let Pair { tls, certificate: old } = pair(directory.path());
    let server = Server::start(calm(), Some(tls.clone())).await;
    let _open = tls_client(&server, &old, &[]).await.unwrap();
    let Pair { certificate: new, .. } = pair(directory.path());
    tls.reload().unwrap();
    assert!(tls_client(&server, &old, &[]).await.is_err());
    assert!(tls_client(&server, &new, &[]).await.is_ok());
}

/// Says back what it hears, until the client closes or the server stops.
pub(super) async fn echo_messages(mut socket: websocket::Socket, mut stop: watch::Receiver<bool>) {
    loop {
        let message = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            message = socket.next() => message,
        };
        match message {
            Some(Ok(message)) if message.is_text() => socket.send(message).await.unwrap(),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return,
        }
    }
    let _ = socket.close(None).await;
}

type ClientSocket = tokio_tungstenite::WebSocketStream<TcpStream>;

async fn open_socket(server: &Server) -> ClientSocket {
    let url = format!("ws://{}/socket", server.address);
    let stream = server.connect().await;
    let (socket, answer) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert!(answer.headers().contains_key("x-request-id"));
    socket
}

#[tokio::test]
async fn a_websocket_outlives_the_deadlines_of_http() {
    let options =
        Options { idle_timeout: SHORT, head_timeout: SHORT, body_timeout: SHORT, ..calm() };
    let server = Server::start(options, None).await;
    let mut socket = open_socket(&server).await;
    for _ in 0..2 {
        socket.send(Message::text("hello")).await.unwrap();
        let heard = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(heard, Message::text("hello"));
        assert!(timeout(SHORT * 2, socket.next()).await.is_err());
    }
}

#[tokio::test]
async fn a_websocket_message_has_a_bound() {
    let server = Server::calm().await;
    let mut socket = open_socket(&server).await;
    let large = "x".repeat(crate::limits::WEBSOCKET_MESSAGE_MAX + 1);
    // The server may close while this is being sent.
    let _ = socket.send(Message::text(large)).await;
    let heard = timeout(PATIENCE, socket.next()).await.expect("left open");
    assert!(!matches!(heard, Some(Ok(Message::Text(_)))), "{heard:?}");
}

#[tokio::test]
async fn draining_ends_websockets() {
    let server = Server::calm().await;
    let mut socket = open_socket(&server).await;
    server.stop.send_replace(true);
    let heard = timeout(PATIENCE, socket.next()).await.unwrap();
    assert!(matches!(heard, Some(Ok(Message::Close(_)))), "{heard:?}");
    drop(socket);
    timeout(PATIENCE, server.task).await.expect("not drained").unwrap();
}
