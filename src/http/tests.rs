//! The edge over real sockets: a service that does little, and clients that do what they should not.

mod crowds;
mod deadlines;
mod floods;
mod frames;
mod protocols;
mod refusals;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::problem::ApiError;
use super::reply::Reply;
use super::request::Request;
use super::server::{Options, Service, serve};
use super::{tls, websocket};

/// Far longer than anything here takes, and still soon enough for a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// Short enough to wait for, long enough for a busy machine to do the right thing in time.
const SHORT: Duration = Duration::from_millis(150);

/// Largest body that `/echo` takes.
const ECHO_MAX: usize = 1000;

#[derive(Default)]
struct Echo {
    /// Counts every address, loopback too.
    counts_everybody: bool,
    /// Requests for `/wait` that have begun.
    waiting: AtomicUsize,
    /// `/wait` tells that it began, and ends when told so.
    began: Notify,
    go_on: Notify,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Greeting {
    name: String,
}

impl Service for Echo {
    fn body_max(&self, head: &hyper::http::request::Parts) -> usize {
        let path = head.uri.path();
        if path == "/echo" { ECHO_MAX } else { 100_000 }
    }

    fn is_many(&self, peer: IpAddr) -> bool {
        !self.counts_everybody && peer.is_loopback()
    }

    async fn call(&self, request: Request) -> Reply {
        self.route(&request).await.into()
    }
}

impl Echo {
    async fn route(&self, request: &Request) -> Result<Reply, ApiError> {
        match request.segments().as_slice() {
            [""] => Ok(Reply::text(StatusCode::OK, "ok")),
            ["echo" | "large"] => Ok(Reply::bytes(StatusCode::OK, request.body().clone())),
            ["id", id] => Ok(Reply::text(StatusCode::OK, *id)),
            ["json"] => request.json().map(|body: Greeting| Reply::ok(&body.name)),
            ["panic"] => panic!("told to"),
            ["wait"] => {
                self.began.notify_one();
                self.waiting.fetch_add(1, Ordering::Relaxed);
                self.go_on.notified().await;
                Ok(Reply::text(StatusCode::OK, "waited"))
            }
            ["huge"] => Ok(Reply::bytes(StatusCode::OK, Bytes::from(vec![b'x'; 64 * 1024 * 1024]))),
            ["stream"] => {
                let kind = HeaderValue::from_static("text/plain");
                let (sender, reply) = Reply::stream(StatusCode::OK, kind, 1);
                tokio::spawn(async move {
                    for piece in ["one ", "", "two ", "three"] {
                        sender.send(piece).await;
                    }
                });
                Ok(reply)
            }
            ["endless"] => {
                let kind = HeaderValue::from_static("text/plain");
                let (sender, reply) = Reply::stream(StatusCode::OK, kind, 1);
                tokio::spawn(async move { while sender.send("more").await {} });
                Ok(reply)
            }
            ["socket"] => websocket::accept(
                request,
                |_| true,
                Box::new(|socket, stop| Box::pin(protocols::echo_messages(socket, stop))),
            ),
            _ => Err(ApiError::new(super::problem::Code::NotFound)),
        }
    }
}

struct Server {
    address: SocketAddr,
    service: Arc<Echo>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// With deadlines that no test reaches.
    async fn calm() -> Self {
        Self::start(calm(), None).await
    }

    async fn start(options: Options, tls: Option<tls::Reloadable>) -> Self {
        Self::of(Echo::default(), options, tls).await
    }

    async fn of(service: Echo, options: Options, tls: Option<tls::Reloadable>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Arc::new(service);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, tls, Arc::clone(&service), stopped, options));
        Self { address, service, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_close(&mut stream).await
    }
}

fn calm() -> Options {
    let mut options = Options::standard();
    options.first_byte_timeout = PATIENCE * 2;
    options.head_timeout = PATIENCE * 2;
    options.body_timeout = PATIENCE * 2;
    options.idle_timeout = PATIENCE * 2;
    options
}

/// All that comes until the server closes, which it must.
async fn read_to_close(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("never closed").unwrap();
    String::from_utf8(bytes).unwrap()
}

/// What comes until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("never came").unwrap();
        text.push(char::from(byte));
    }
    text
}

/// The statuses of the answers in a text.
fn statuses(text: &str) -> Vec<u16> {
    let starts = text.split("HTTP/1.").skip(1);
    starts.map(|answer| answer[2..5].parse().unwrap()).collect()
}
