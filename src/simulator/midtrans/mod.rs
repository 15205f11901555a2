//! Midtrans: charges, numbers to pay to, notifications, and what goes wrong with all of them.
//!
//! ```text
//!  merchant ──▶ cut ──▶ http::server ──▶ Midtrans ──▶ http::midtrans ──▶ House ──▶ desk ──▶ book
//!             closes                       │ faults      the API           │
//!             within an answer ◀───────────┘                               ▼
//!  merchant ◀── courier ◀────────────────────────────────────────────── notices
//!               again and again                                          faults
//! ```
//!
//! The API is [`http::midtrans`](crate::http::midtrans), the same code as the gateway's own merchant
//! API; a simulation in one process asks the same house by [`Direct`]. Payers are at `/simulator`: `POST /simulator/pay` and its like, and a page for people.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use rustls::ClientConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::cut::{self, Cuts};
use crate::clock::Clock;
use crate::connector::midtrans::key::ServerKey;
use crate::http::midtrans::{Server, is_ours};
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::http::server;
use crate::limits;

mod book;
mod counter;
mod courier;
mod desk;
mod direct;
pub mod faults;
mod house;
mod notices;
mod numbers;
mod page;

use courier::Courier;
pub use desk::Event;
pub use direct::Direct;
use faults::{Faults, Kind};
pub use house::House;
pub use notices::Notice;

/// The provider and its one merchant. It cannot be printed.
pub struct Options {
    /// The merchant's key: it asks with it, and is told with it.
    pub server_key: ServerKey,
    /// The merchant's key in browsers.
    pub client_key: String,
    /// Where the merchant is told; nowhere if not given.
    pub notify: Option<String>,
    /// From which ids, numbers and faults follow.
    pub seed: u64,
    /// Where the book is kept; in memory only if not given.
    pub book: Option<PathBuf>,
}

/// A simulated provider: serves requests, and is the handle to it. Clones are the same provider.
#[derive(Clone)]
pub struct Midtrans {
    house: House,
    server: Server<House>,
    cuts: Arc<Cuts>,
    seed: u64,
}

impl Midtrans {
    /// Opens the provider. Fails if the file of its book cannot be read or written. Without `tls`
    /// nobody is told over `https`. Notifications are sent from the runtime it is used in.
    pub fn open(
        options: Options,
        clock: Clock,
        faults: Faults,
        tls: Option<Arc<ClientConfig>>,
    ) -> io::Result<Self> {
        let seed = options.seed;
        let courier = Courier::new(tls, seed);
        let house = House::open(options, clock, faults, move |notice| courier.take(notice))?;
        Ok(Self { server: Server::new(house.clone()), house, cuts: Arc::default(), seed })
    }

    /// What stands behind the API, for what nobody does over HTTP.
    pub const fn house(&self) -> &House {
        &self.house
    }

    /// What is told to the proxy of [`Midtrans::serve`].
    pub fn cuts(&self) -> &Cuts {
        &self.cuts
    }

    /// Serves `listener` until `stop` turns true or its sender is gone. Connections pass through a
    /// proxy that can cut them; only so can an answer be cut at any byte.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        if !self.house.knows_its_address() {
            self.house.listens_at(format!("http://{}", listener.local_addr()?));
        }
        let inner = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let target = inner.local_addr()?;
        let service = Arc::new(self.clone());
        let bounds = server::Options::standard();
        let server = tokio::spawn(server::serve(inner, None, service, stop.clone(), bounds));
        let expiring = tokio::spawn(expire(self.house.clone(), stop.clone()));
        cut::forward(listener, target, Arc::clone(&self.cuts), stop).await;
        expiring.await.map_err(io::Error::other)?;
        server.await.map_err(io::Error::other)
    }

    /// Answers a call of the API, with the fault that was drawn for it.
    async fn answer(&self, request: Request) -> Reply {
        let (faults, kind, word) = self.house.begin();
        let peer = request.peer();
        sleep(faults.latency).await;
        match kind {
            Some(Kind::Outage) => return broken(503, "Service Unavailable"),
            Some(Kind::ErrorBefore) => return broken(500, "Internal Server Error"),
            Some(Kind::HoldBefore) => {
                sleep(faults.hold).await;
                return broken(504, "Gateway Time-out");
            }
            Some(Kind::Slow) => sleep(faults.slow).await,
            None | Some(Kind::ErrorAfter | Kind::HoldAfter | Kind::Lost | Kind::Garbage) => {}
        }
        let reply = self.server.answer(&request).await;
        match kind {
            Some(Kind::ErrorAfter) => broken(500, "Internal Server Error"),
            Some(Kind::Garbage) => broken(200, "OK"),
            Some(Kind::Lost) => self.lost(peer, reply, word),
            Some(Kind::HoldAfter) => {
                sleep(faults.hold).await;
                reply
            }
            None | Some(Kind::Slow | Kind::ErrorBefore | Kind::HoldBefore | Kind::Outage) => reply,
        }
    }

    /// An answer that ends within: at any byte through the proxy, else within its body.
    fn lost(&self, peer: SocketAddr, reply: Reply, word: u64) -> Reply {
        let body = reply.body().cloned().unwrap_or_default();
        let length = (body.len() + HEAD_BYTES) as u64;
        if self.cuts.cut_answer(peer, word % length) {
            return reply;
        }
        let end = usize::try_from(word).unwrap_or_default() % body.len().max(1);
        Reply::bytes(reply.status(), body.slice(..end))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }
}

/// A head of an answer has at least so many bytes.
const HEAD_BYTES: usize = 150;
/// Between two looks at what has expired.
const LOOK: Duration = Duration::from_secs(1);

/// Ends what has not been paid in time, also while nobody asks.
async fn expire(house: House, mut stop: watch::Receiver<bool>) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            _ = looks.tick() => house.look(),
        }
    }
}

/// What stands before the provider's own machines answers in HTML.
fn broken(status: u16, words: &str) -> Reply {
    let status = status.try_into().expect("every status here is valid");
    let body = format!("<html><head><title>{words}</title></head><body>{words}</body></html>\n");
    Reply::bytes(status, Bytes::from(body))
        .header(CONTENT_TYPE, HeaderValue::from_static("text/html"))
}

impl server::Service for Midtrans {
    fn body_max(&self, _: &Parts) -> usize {
        limits::BODY_MAX
    }

    async fn call(&self, request: Request) -> Reply {
        let segments = request.segments();
        if is_ours(segments.as_slice()) {
            return self.answer(request).await;
        }
        match counter::answer(&self.house, &request) {
            Some(reply) => reply,
            // The API says in its own words that there is nothing.
            None => self.server.answer(&request).await,
        }
    }
}

impl std::fmt::Debug for Midtrans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Midtrans").field("seed", &self.seed).finish_non_exhaustive()
    }
}
