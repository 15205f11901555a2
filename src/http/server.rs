//! Listens: accepts connections, bounds how many there are, and drains them at the end.
//!
//! Life of one connection is in `connection`. Nothing here knows a route.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::http::request::Parts;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

use super::crowd::{Crowd, Permit};
use super::reply::Reply;
use super::request::Request;
use super::{connection, tls};
use crate::limits;

/// What answers requests. Generic, so that tests call it in process.
///
/// The future of `call` is dropped if the client disconnects before it is done (always under
/// HTTP/2, on a failed write under HTTP/1.1), so what must not stop half-way belongs on a task of
/// its own. If it panics, this one request is answered `internal`.
pub trait Service: Send + Sync + 'static {
    /// Largest body this request may have; asked before the body is read.
    fn body_max(&self, head: &Parts) -> usize;

    /// How many connections are open now, told whenever one comes or goes.
    fn connections(&self, _open: usize) {}

    /// Whether this peer speaks for many others, as a proxy of ours does: it is not counted among
    /// those of which none may have all connections.
    fn is_many(&self, peer: IpAddr) -> bool {
        peer.to_canonical().is_loopback()
    }

    /// Answers a request.
    fn call(&self, request: Request) -> impl Future<Output = Reply> + Send;
}

/// Every bound of a listener. [`Options::standard`] is for production; tests shorten some.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Most connections at once.
    pub connections_max: usize,
    /// Of them, those of one address.
    pub connections_per_address_max: usize,
    /// Most KiB of bodies that have come in part.
    pub bodies_kib_max: usize,
    /// Until the first byte, and the end of the TLS handshake if there is one.
    pub first_byte_timeout: Duration,
    /// From a head's first byte to its last.
    pub head_timeout: Duration,
    /// From a head's last byte to its body's.
    pub body_timeout: Duration,
    /// Between requests.
    pub idle_timeout: Duration,
    /// While a write makes no progress.
    pub write_stall_timeout: Duration,
    /// Between pings under HTTP/2, and until each is answered.
    pub ping_interval: Duration,
    /// For requests in flight once a stop is asked for.
    pub drain_timeout: Duration,
    /// For what a client still sends after it was answered early.
    pub linger_timeout: Duration,
}

impl Options {
    /// The values of `limits`.
    pub const fn standard() -> Self {
        Self {
            connections_max: limits::CONNECTIONS_MAX,
            connections_per_address_max: per_address(limits::CONNECTIONS_MAX),
            bodies_kib_max: limits::BODIES_KIB_MAX,
            first_byte_timeout: limits::FIRST_BYTE_TIMEOUT,
            head_timeout: limits::HEAD_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            idle_timeout: limits::IDLE_TIMEOUT,
            write_stall_timeout: limits::WRITE_STALL_TIMEOUT,
            ping_interval: limits::H2_PING,
            drain_timeout: limits::DRAIN_TIMEOUT,
            linger_timeout: limits::LINGER_TIMEOUT,
        }
    }
}

/// The part of so many connections that one address may have.
pub const fn per_address(connections_max: usize) -> usize {
    let part = connections_max / limits::CONNECTIONS_PER_ADDRESS_PART;
    if part == 0 { 1 } else { part }
}

/// How far the listener's life has gone; connections watch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Everything is answered.
    Run,
    /// What is in flight is answered, and then connections close.
    Drain,
    /// Connections close as they are.
    Cut,
}

/// What the connections of one listener share.
pub(super) struct Shared<S> {
    pub(super) service: Arc<S>,
    pub(super) tls: Option<tls::Reloadable>,
    pub(super) handshakes: Semaphore,
    /// Room for bodies that have come in part, in KiB.
    pub(super) bodies: Semaphore,
    pub(super) stage: watch::Receiver<Stage>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) options: Options,
}

/// Serves `listener` until `stop` turns true or its sender is gone, then answers what is in
/// flight, and returns when all connections are closed.
pub async fn serve<S: Service>(
    listener: TcpListener,
    tls: Option<tls::Reloadable>,
    service: Arc<S>,
    stop: watch::Receiver<bool>,
    options: Options,
) {
    let (stage, watched) = watch::channel(Stage::Run);
    let handshakes = Semaphore::new(limits::TLS_HANDSHAKES_MAX);
    let bodies = Semaphore::new(options.bodies_kib_max);
    let stopping = stop.clone();
    let shared =
        Shared { service, tls, handshakes, bodies, stage: watched, stop: stopping, options };
    let permits = Arc::new(Semaphore::new(options.connections_max));
    accept_until(stop, &listener, &permits, &Arc::new(shared)).await;
    drop(listener);

    stage.send_replace(Stage::Drain);
    // All permits are back when the last connection is gone.
    let all = u32::try_from(options.connections_max).unwrap_or(u32::MAX);
    if timeout(options.drain_timeout, permits.acquire_many(all)).await.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
        stage.send_replace(Stage::Cut);
        let _ = permits.acquire_many(all).await;
    }
}

async fn accept_until<S: Service>(
    mut stop: watch::Receiver<bool>,
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    shared: &Arc<Shared<S>>,
) {
    let crowd = Crowd::new(shared.options.connections_per_address_max);
    let (mut calm, mut calm_of_crowds) = (Calm::default(), Calm::default());
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = accept(listener, permits) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let counted = !shared.service.is_many(peer.ip());
                let standing = counted.then(|| crowd.enter(peer.ip()));
                if matches!(standing, Some(None)) {
                    if calm_of_crowds.may_log(Instant::now()) {
                        tracing::warn!(address = %peer.ip(), "too many connections of one address");
                    }
                    continue;
                }
                let permit = Permit::new(permit, standing.flatten());
                prepare(&stream);
                let (shared, permits) = (Arc::clone(shared), Arc::clone(permits));
                let tell = move |shared: &Shared<S>| {
                    let open = shared.options.connections_max - permits.available_permits();
                    shared.service.connections(open);
                };
                tell(&shared);
                tokio::spawn(async move {
                    connection::run(Arc::clone(&shared), stream, peer, permit).await;
                    tell(&shared);
                });
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                if calm.may_log(Instant::now()) {
                    tracing::error!(%error, "cannot accept connections");
                }
                sleep(limits::ACCEPT_REST).await;
            }
        }
    }
}

/// Waits for room first: beyond the cap clients queue in the kernel, where they cost nothing.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// Errors of a client that left before it was accepted, as opposed to a lack of descriptors.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Lets one line through a second: a full log must not be what stops the server.
#[derive(Default)]
struct Calm {
    last: Option<Instant>,
}

impl Calm {
    fn may_log(&mut self, now: Instant) -> bool {
        let due = self.last.is_none_or(|last| now >= last + Duration::from_secs(1));
        if due {
            self.last = Some(now);
        }
        due
    }
}

/// Answers leave at once, and peers that vanished are noticed. Failing at it harms nobody.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let keepalive =
        socket2::TcpKeepalive::new().with_time(limits::IDLE_TIMEOUT).with_interval(limits::H2_PING);
    let _ = socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_descriptors_is_logged_once_a_second() {
        let mut calm = Calm::default();
        let start = Instant::now();
        let logged =
            (0..3_000).filter(|ms| calm.may_log(start + Duration::from_millis(*ms))).count();
        assert_eq!(logged, 3);
    }

    #[test]
    fn only_errors_of_the_process_make_accepting_rest() {
        const EMFILE: i32 = 24;
        assert!(!concerns_one_connection(&io::Error::from_raw_os_error(EMFILE)));
        assert!(concerns_one_connection(&io::ErrorKind::ConnectionAborted.into()));
    }
}
