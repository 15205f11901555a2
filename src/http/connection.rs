//! The life of a connection: handshake, which protocol, requests, and how it ends.
//!
//! Each way of doing nothing has a deadline: here until the first byte, in the guard after it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::BytesMut;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::server::Acceptor;

use super::crowd::Permit;
use super::exchange::Edge;
use super::guard::Guard;
use super::link::Link;
use super::server::{Options, Service, Shared, Stage};
use super::tls;
use crate::limits::{H2_STREAMS_MAX, HEAD_MAX, TLS_TURN_TIMEOUT};

/// How HTTP/2 with prior knowledge begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// hyper's buffer for reading: several heads, or a good piece of a body.
const READ_MAX: usize = 4 * HEAD_MAX;
/// Room for what a client sends first; mostly the first request.
const FIRST_READ: usize = 2048;

/// A connection of which the first bytes are known.
struct Opened<T> {
    io: T,
    first: BytesMut,
    http2: bool,
}

/// Serves a connection to its end.
pub(super) async fn run<S: Service>(
    shared: Arc<Shared<S>>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: Permit,
) {
    let limit = shared.options.first_byte_timeout;
    let mut stage = shared.stage.clone();
    let stopping = async move { stage.wait_for(|stage| *stage != Stage::Run).await.is_ok() };
    if let Some(tls) = &shared.tls {
        let opened = tokio::select! {
            biased;
            _ = stopping => return,
            opened = timeout(limit, open_tls(tls, &shared, &permit, stream)) => opened,
        };
        if let Ok(Ok(opened)) = opened {
            speak(shared, opened, peer, permit).await;
        }
    } else {
        let opened = tokio::select! {
            biased;
            _ = stopping => return,
            opened = timeout(limit, sniff(stream, None)) => opened,
        };
        if let Ok(Ok(opened)) = opened {
            speak(shared, opened, peer, permit).await;
        }
    }
}

async fn open_tls<S>(
    tls: &tls::Reloadable,
    shared: &Shared<S>,
    permit: &Permit,
    stream: TcpStream,
) -> io::Result<Opened<Box<tls::Stream>>> {
    // Whoever says nothing, or begins to and stops, takes no turn from those who go on: a turn is
    // for the arithmetic, which begins when the client's hello is whole.
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    // Among those of its own address first, so that no address takes the turns of all.
    let own = permit.handshakes();
    let own = match &own {
        None => None,
        Some(own) => Some(own.acquire().await.map_err(io::Error::other)?),
    };
    let turn = shared.handshakes.acquire().await.map_err(io::Error::other)?;
    let stream = timeout(TLS_TURN_TIMEOUT, hello.into_stream(tls.config())).await??;
    drop((turn, own));
    let stream = Box::new(stream);
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    sniff(stream, Some(http2)).await
}

/// Waits for the first bytes, and for enough of them to tell the protocol if it is not `known`.
async fn sniff<T: AsyncRead + Unpin>(mut io: T, known: Option<bool>) -> io::Result<Opened<T>> {
    let mut first = BytesMut::with_capacity(FIRST_READ);
    loop {
        if io.read_buf(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let seen = first.len().min(PREFACE.len());
        let http2 = known.unwrap_or_else(|| first[..seen] == PREFACE[..seen]);
        if known.is_some() || !http2 || seen == PREFACE.len() {
            return Ok(Opened { io, first, http2 });
        }
    }
}

async fn speak<S: Service, T>(
    shared: Arc<Shared<S>>,
    opened: Opened<T>,
    peer: SocketAddr,
    permit: Permit,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Opened { io, first, http2 } = opened;
    let options = shared.options;
    let link = Arc::new(Link::default());
    let edge = Arc::new(Edge {
        shared: Arc::clone(&shared),
        link: Arc::clone(&link),
        peer,
        permit: Arc::new(permit),
        http2,
    });
    let service = service_fn(move |request| {
        let edge = Arc::clone(&edge);
        async move { Ok::<_, Infallible>(edge.answer(request).await) }
    });
    if http2 {
        let guard = Guard::http2(io, first, Arc::clone(&link), options);
        let connection = http2_builder(options).serve_connection(TokioIo::new(guard), service);
        drive(connection, |it| it.graceful_shutdown(), &shared, Some(&link)).await;
    } else {
        let guard = Guard::http1(io, first, Arc::clone(&link), options);
        let connection = http1_builder().serve_connection(TokioIo::new(guard), service);
        let connection = connection.with_upgrades();
        drive(connection, |it| it.graceful_shutdown(), &shared, None).await;
    }
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The guard keeps all deadlines; this one would not tell an idle client from a slow one,
        // and takes a timer for every request.
        .header_read_timeout(None)
        .max_header_size(HEAD_MAX)
        .max_buf_size(READ_MAX)
        // A client that has said all it wants to say may still listen.
        .half_close(true);
    builder
}

fn http2_builder(options: Options) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(options.ping_interval)
        .keep_alive_timeout(options.ping_interval)
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_MAX).unwrap_or(u32::MAX));
    builder
}

/// Drives a connection to its end. With `idle`, also ends it when it has been without a request
/// for a while; under HTTP/1.1 the guard sees to that.
async fn drive<S, C: Future>(
    connection: C,
    finish: impl Fn(Pin<&mut C>),
    shared: &Shared<S>,
    idle: Option<&Link>,
) {
    let mut connection = Box::pin(connection);
    let mut stage = shared.stage.clone();
    let options = shared.options;
    let mut ending = false;
    let mut moves = 0;
    let mut next_look = Instant::now() + options.idle_timeout;
    loop {
        tokio::select! {
            biased;
            // Errors are the client's: it left, or broke the protocol and was told so.
            _ = connection.as_mut() => return,
            changed = stage.changed() => {
                let cut = changed.is_err() || *stage.borrow_and_update() == Stage::Cut;
                if cut {
                    return;
                }
                finish(connection.as_mut());
            }
            () = sleep_until(next_look), if idle.is_some() => {
                let Some(link) = idle else { continue };
                if ending {
                    return;
                }
                if link.is_busy() || link.moves() != moves {
                    moves = link.moves();
                    next_look = Instant::now() + options.idle_timeout;
                } else {
                    // A client that does not read its last answers is not waited for any longer.
                    ending = true;
                    next_look = Instant::now() + options.drain_timeout;
                    finish(connection.as_mut());
                }
            }
        }
    }
}
