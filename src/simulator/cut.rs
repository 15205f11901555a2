//! A proxy that forwards TCP byte for byte and closes a connection where it is told to.
//!
//! Counting bytes is all it does, so a cut can fall anywhere: within a head, a body, a length.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::limits;

/// Which bytes are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the client.
    Request,
    /// To the client.
    Answer,
}

/// Where a connection ends: both sides are closed when so many bytes have passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// Which bytes are counted.
    pub direction: Direction,
    /// How many pass, from the connection's first.
    pub after: u64,
}

/// What a proxy is told about its connections.
#[derive(Debug, Default)]
pub struct Cuts {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// For every connection that comes.
    plan: Option<Cut>,
    /// Open connections, by our address on the far side.
    lines: HashMap<SocketAddr, Arc<Line>>,
}

/// How many bytes may still pass each way.
#[derive(Debug)]
struct Line {
    request: AtomicU64,
    answer: AtomicU64,
}

/// No cut.
const ENDLESS: u64 = u64::MAX;

impl Cuts {
    /// Every connection from now on is cut like this; or none is.
    pub fn plan(&self, cut: Option<Cut>) {
        self.state().plan = cut;
    }

    /// Closes a connection that is open after so many more bytes of answer. `peer` is whom the
    /// server believes to speak to. False if it is none of this proxy's.
    pub fn cut_answer(&self, peer: SocketAddr, after: u64) -> bool {
        let line = self.state().lines.get(&peer).map(Arc::clone);
        line.is_some_and(|line| {
            line.answer.store(after, Ordering::SeqCst);
            true
        })
    }

    fn open(&self, peer: SocketAddr) -> Arc<Line> {
        let mut state = self.state();
        let allowed = |direction| match state.plan {
            Some(cut) if cut.direction == direction => cut.after,
            _ => ENDLESS,
        };
        let line = Arc::new(Line {
            request: AtomicU64::new(allowed(Direction::Request)),
            answer: AtomicU64::new(allowed(Direction::Answer)),
        });
        state.lines.insert(peer, Arc::clone(&line));
        line
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forwards what connects to `listener` to `target` until `stop` turns true or its sender is gone;
/// then waits for the connections that are open to end.
pub async fn forward(
    listener: TcpListener,
    target: SocketAddr,
    cuts: Arc<Cuts>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = accepted else {
            sleep(limits::ACCEPT_REST).await;
            continue;
        };
        let cuts = Arc::clone(&cuts);
        connections.spawn(async move {
            // A side that breaks ends the connection, which is all there is to do.
            let _ = connection(client, target, &cuts).await;
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(client: TcpStream, target: SocketAddr, cuts: &Cuts) -> io::Result<()> {
    let server = TcpStream::connect(target).await?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let peer = server.local_addr()?;
    let line = cuts.open(peer);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let ended = tokio::try_join!(
        pump(from_client, to_server, &line.request),
        pump(from_server, to_client, &line.answer),
    );
    cuts.state().lines.remove(&peer);
    ended.map(drop)
}

/// Forwards one way until the end of it. A cut is an error, so that the other way ends too.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, left: &AtomicU64) -> io::Result<()> {
    let cut = || io::Error::from(io::ErrorKind::ConnectionAborted);
    if left.load(Ordering::SeqCst) == 0 {
        return Err(cut());
    }
    let mut buffer = vec![0; limits::SOCKET_BUFFER_BYTES];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let allowed = left.load(Ordering::SeqCst);
        let passing = usize::try_from(allowed).map_or(read, |allowed| allowed.min(read));
        to.write_all(&buffer[..passing]).await?;
        if allowed == ENDLESS {
            continue;
        }
        let rest = allowed - passing as u64;
        left.store(rest, Ordering::SeqCst);
        if rest == 0 {
            return Err(cut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A proxy before a server that answers `pong` to `ping`, and the address of the former.
    async fn ping_pong(cuts: &Arc<Cuts>) -> (SocketAddr, watch::Sender<bool>) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = server.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                let mut ping = [0; 4];
                if stream.read_exact(&mut ping).await.is_ok() && &ping == b"ping" {
                    let _ = stream.write_all(b"pong").await;
                }
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(forward(listener, target, Arc::clone(cuts), stopped));
        (address, stop)
    }

    /// What comes back to `ping` until the connection ends.
    async fn ping(address: SocketAddr) -> Vec<u8> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answer = Vec::new();
        if stream.write_all(b"ping").await.is_ok() {
            // A connection that is cut may end in a reset: what came before it counts.
            let _ = stream.read_to_end(&mut answer).await;
        }
        answer
    }

    #[tokio::test]
    async fn without_a_plan_everything_passes() {
        let cuts = Arc::new(Cuts::default());
        let (address, _stop) = ping_pong(&cuts).await;
        assert_eq!(ping(address).await, b"pong");
    }

    #[tokio::test]
    async fn an_answer_ends_at_every_byte_it_is_told_to() {
        let cuts = Arc::new(Cuts::default());
        let (address, _stop) = ping_pong(&cuts).await;
        for after in 0..=4 {
            cuts.plan(Some(Cut { direction: Direction::Answer, after }));
            assert_eq!(ping(address).await, &b"pong"[..usize::try_from(after).unwrap()]);
        }
        cuts.plan(None);
        assert_eq!(ping(address).await, b"pong");
    }

    #[tokio::test]
    async fn a_request_that_is_cut_has_no_answer() {
        let cuts = Arc::new(Cuts::default());
        let (address, _stop) = ping_pong(&cuts).await;
        for after in 0..=4 {
            cuts.plan(Some(Cut { direction: Direction::Request, after }));
            assert_eq!(ping(address).await, b"");
        }
        cuts.plan(Some(Cut { direction: Direction::Request, after: 5 }));
        assert_eq!(ping(address).await, b"pong");
    }

    #[tokio::test]
    async fn a_stranger_s_connection_cannot_be_cut() {
        let cuts = Cuts::default();
        assert!(!cuts.cut_answer(SocketAddr::from(([127, 0, 0, 1], 9)), 0));
    }

    #[tokio::test]
    async fn a_proxy_that_stops_takes_no_more_and_ends() {
        let cuts = Arc::new(Cuts::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let proxy = tokio::spawn(forward(listener, address, cuts, stopped));
        stop.send_replace(true);
        proxy.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
