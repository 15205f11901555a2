//! Requests to one host, whose result says exactly what may be concluded.
//!
//! ```text
//!   resolve ─▶ connect ─▶ [TLS] ─▶ handed over ─▶ head of the answer ─▶ whole answer
//!   └──────── Failure::NothingSent ────────┘└──────── Failure::PossiblySent ────────┘
//! ```
//!
//! # Invariants
//!
//! - `NothingSent` means that no byte of the request was given to a connection. From the moment
//!   one may have been, every failure is `PossiblySent`. One exception is as certain: a TLS server
//!   that refuses our certificate has, by the protocol, not looked at anything behind it.
//! - A request is handed over once. A kept connection that turns out closed gives the request back
//!   untouched, and only then is another connection used; one that breaks after that is a failure.
//! - Nothing follows a redirect: an answer is an answer, whatever its status.
//! - Every step has a deadline and every answer a largest size.
//! - No header and no body, of request or answer, is in a failure.
//!
//! Connections are kept for the next request, a bounded number for a bounded time.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Response, http};
use hyper_util::rt::TokioIo;
use rustls::{AlertDescription, ClientConfig};
use rustls_pki_types::{IpAddr, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::outcome::{Outcome, Reason};
use crate::limits;
use crate::outbound::{Host, Resolve, Unresolved, Url};

/// Every bound of a client. [`Options::standard`] is for production; tests shorten some.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Until a connection is accepted, the name looked up included.
    pub connect: Duration,
    /// Until TLS is agreed on.
    pub tls: Duration,
    /// From handing a request over to the end of the answer's head.
    pub head: Duration,
    /// From handing a request over to the end of the answer.
    pub answer: Duration,
    /// Largest body of an answer.
    pub body_max: usize,
    /// Connections kept for the next request.
    pub idle_max: usize,
    /// How long each is kept.
    pub idle: Duration,
}

impl Options {
    /// The values of `limits`.
    pub const fn standard() -> Self {
        Self {
            connect: limits::CONNECT_TIMEOUT,
            tls: limits::CLIENT_TLS_TIMEOUT,
            head: limits::ANSWER_HEAD_TIMEOUT,
            answer: limits::ANSWER_TIMEOUT,
            body_max: limits::ANSWER_BODY_MAX,
            idle_max: limits::POOL_IDLE_MAX,
            idle: limits::POOL_IDLE_TIMEOUT,
        }
    }
}

/// What came back, whole.
pub struct Answer {
    /// The status, as a number.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer, and whether the request may have arrived.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// No byte of the request left.
    #[error("nothing was sent: {0}")]
    NothingSent(Cause),
    /// Some of the request may have arrived, perhaps all of it.
    #[error("possibly sent: {0}")]
    PossiblySent(Cause),
}

/// What went wrong. It never tells what was sent or received.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Cause {
    /// The host has no address that we may use.
    #[error("{0}")]
    Unresolved(#[from] Unresolved),
    /// None of its addresses accepts a connection.
    #[error("no connection: {0}")]
    Connect(io::ErrorKind),
    /// None did in time.
    #[error("no connection in time")]
    ConnectTimeout,
    /// There is no agreement on TLS, or its certificate is not the host's, or ours is refused.
    #[error("no TLS: {0}")]
    Tls(String),
    /// There was none in time.
    #[error("no TLS in time")]
    TlsTimeout,
    /// The connection ended.
    #[error("the connection broke off")]
    BrokenOff,
    /// What came is not HTTP.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// No head of an answer came in time.
    #[error("no answer in time")]
    HeadTimeout,
    /// The answer did not end in time.
    #[error("the answer did not end in time")]
    AnswerTimeout,
    /// The answer is larger than it may be.
    #[error("the answer is too large")]
    TooLarge,
}

impl Cause {
    /// A word for reasons, logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unresolved(Unresolved::NotFound) => "host_not_found",
            Self::Unresolved(Unresolved::Forbidden) => "host_forbidden",
            Self::Connect(_) => "no_connection",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls(_) => "no_tls",
            Self::TlsTimeout => "tls_timeout",
            Self::BrokenOff => "broken_off",
            Self::NotHttp => "not_http",
            Self::HeadTimeout | Self::AnswerTimeout => "timeout",
            Self::TooLarge => "too_large",
        }
    }
}

impl Failure {
    /// What went wrong.
    pub const fn cause(&self) -> &Cause {
        match self {
            Self::NothingSent(cause) | Self::PossiblySent(cause) => cause,
        }
    }

    /// What may be concluded about the request that met it.
    pub fn into_outcome<T>(self) -> Outcome<T> {
        let reason = Reason::new(self.cause().code(), self.cause().to_string());
        match self {
            Self::NothingSent(_) => Outcome::NotSent(reason),
            Self::PossiblySent(_) => Outcome::Unknown(reason),
        }
    }
}

/// Requests to one host, over connections that are kept.
pub struct Client {
    secure: bool,
    host: Host,
    port: u16,
    authority: HeaderValue,
    resolve: Arc<dyn Resolve>,
    tls: Option<TlsConnector>,
    options: Options,
    idle: Mutex<Vec<Idle>>,
}

type Body = Full<Bytes>;
type Sender = http1::SendRequest<Body>;

/// A connection without a request.
struct Idle {
    sender: Sender,
    since: Instant,
}

/// How handing a request over a connection ended, if not with an answer.
enum Unanswered {
    /// It was not begun: here it is again.
    GivenBack(Box<http::Request<Body>>),
    /// It may have arrived.
    Lost(Cause),
    /// The server refused our certificate, so it read nothing.
    CertificateRefused(Cause),
}

impl Client {
    /// A client of the host of `url`, whose target means nothing here. `tls` is needed for
    /// `https`, and not used for `http`.
    ///
    /// # Panics
    /// If `url` is `https` and there is no `tls`.
    pub fn new(
        url: &Url,
        resolve: Arc<dyn Resolve>,
        tls: Option<Arc<ClientConfig>>,
        options: Options,
    ) -> Self {
        assert!(!url.secure || tls.is_some(), "https needs a configuration of TLS");
        let authority = url.authority().try_into().expect("a host is visible ASCII");
        Self {
            secure: url.secure,
            host: url.host.clone(),
            port: url.port,
            authority,
            resolve,
            tls: tls.map(TlsConnector::from),
            options,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Sends `request`, whose URI is path and query, and waits for the whole answer. `Host` and
    /// `Content-Length` are added.
    ///
    /// Dropping the future closes the connection it uses; the request may have arrived.
    ///
    /// # Errors
    /// What went wrong, and whether the request may have arrived.
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<Answer, Failure> {
        let mut request = Box::new(self.completed(request));
        while let Some(sender) = self.take_idle().await {
            match self.exchange(sender, request).await {
                Ok(answer) => return Ok(answer),
                Err(Unanswered::GivenBack(untouched)) => request = untouched,
                // A server that has answered before has taken our certificate.
                Err(Unanswered::Lost(cause) | Unanswered::CertificateRefused(cause)) => {
                    return Err(Failure::PossiblySent(cause));
                }
            }
        }
        let sender = self.connect().await.map_err(Failure::NothingSent)?;
        self.exchange(sender, request).await.map_err(|unanswered| match unanswered {
            Unanswered::GivenBack(_) => Failure::NothingSent(Cause::BrokenOff),
            Unanswered::CertificateRefused(cause) => Failure::NothingSent(cause),
            Unanswered::Lost(cause) => Failure::PossiblySent(cause),
        })
    }

    /// How many connections are kept now.
    pub fn idle(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn completed(&self, request: http::Request<Bytes>) -> http::Request<Body> {
        let mut request = request.map(Full::new);
        request.headers_mut().insert(HOST, self.authority.clone());
        let agent = HeaderValue::from_static(concat!("gerbang/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().entry(USER_AGENT).or_insert(agent);
        request
    }

    /// Hands the request over and reads the answer. Every failure from here on but the first kind
    /// means that the request may have arrived.
    async fn exchange(
        &self,
        mut sender: Sender,
        request: Box<http::Request<Body>>,
    ) -> Result<Answer, Unanswered> {
        let handed_over = Instant::now();
        let sent = sender.try_send_request(*request);
        let response = match timeout_at(handed_over + self.options.head, sent).await {
            Err(_) => return Err(Unanswered::Lost(Cause::HeadTimeout)),
            Ok(Ok(response)) => response,
            Ok(Err(mut error)) => {
                return Err(match error.take_message() {
                    Some(request) => Unanswered::GivenBack(Box::new(request)),
                    None => unanswered(&error.into_error()),
                });
            }
        };
        let whole = self.read(response);
        match timeout_at(handed_over + self.options.answer, whole).await {
            Err(_) => Err(Unanswered::Lost(Cause::AnswerTimeout)),
            Ok(Err(cause)) => Err(Unanswered::Lost(cause)),
            Ok(Ok(answer)) => {
                self.keep(sender);
                Ok(answer)
            }
        }
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Answer, Cause> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.options.body_max).collect().await;
        let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => Cause::TooLarge,
            None => Cause::BrokenOff,
        })?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
    }

    /// A kept connection that is open as far as we know.
    async fn take_idle(&self) -> Option<Sender> {
        loop {
            let Idle { mut sender, since } = self.pop_idle()?;
            let ready = timeout(limits::POOL_READY_TIMEOUT, sender.ready());
            if since.elapsed() < self.options.idle && matches!(ready.await, Ok(Ok(()))) {
                return Some(sender);
            }
        }
    }

    fn pop_idle(&self) -> Option<Idle> {
        // The list is whole at any time, so a panic elsewhere does not spoil it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < self.options.idle);
        if idle.len() < self.options.idle_max {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }

    /// A new connection, ready for a request.
    async fn connect(&self) -> Result<Sender, Cause> {
        let stream = match timeout(self.options.connect, self.reach()).await {
            Err(_) => return Err(Cause::ConnectTimeout),
            Ok(stream) => stream?,
        };
        // What is sent leaves at once; failing at it harms nobody.
        let _ = stream.set_nodelay(true);
        let Some(connector) = self.tls.as_ref().filter(|_| self.secure) else {
            return speak(stream).await;
        };
        let shaken = timeout(self.options.tls, connector.connect(self.server_name()?, stream));
        match shaken.await {
            Err(_) => Err(Cause::TlsTimeout),
            Ok(Err(error)) => Err(Cause::Tls(about_tls(&error))),
            Ok(Ok(stream)) => speak(stream).await,
        }
    }

    /// A socket to the first address that accepts one.
    async fn reach(&self) -> Result<TcpStream, Cause> {
        let addresses: Vec<SocketAddr> = self.resolve.resolve(&self.host, self.port).await?;
        let mut last = io::ErrorKind::AddrNotAvailable;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.kind(),
            }
        }
        Err(Cause::Connect(last))
    }

    fn server_name(&self) -> Result<ServerName<'static>, Cause> {
        match &self.host {
            Host::Address(address) => Ok(ServerName::IpAddress(IpAddr::from(*address))),
            Host::Name(name) => ServerName::try_from(name.clone())
                .map_err(|_| Cause::Tls("the host is no name for a certificate".to_owned())),
        }
    }
}

/// Speaks HTTP on a stream; a task drives it until it ends or nobody wants it any more.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Sender, Cause> {
    let (sender, connection) = http1::Builder::new()
        .max_header_size(limits::HEAD_MAX)
        .max_headers(limits::HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Cause::BrokenOff)?;
    // How it ends is told to whoever has a request on it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// What an error after handing over means.
fn unanswered(error: &hyper::Error) -> Unanswered {
    match tls_error(error) {
        Some(rustls::Error::AlertReceived(alert)) if refuses_certificate(*alert) => {
            let text = format!("the server refuses our certificate ({alert:?})");
            Unanswered::CertificateRefused(Cause::Tls(text))
        }
        _ if error.is_parse() => Unanswered::Lost(Cause::NotHttp),
        _ => Unanswered::Lost(Cause::BrokenOff),
    }
}

/// Under TLS 1.3 the server judges a client's certificate after the client has begun to send. It
/// reads what was sent only if its own handshake succeeds, which these alerts say it did not.
const fn refuses_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
    )
}

fn tls_error(error: &hyper::Error) -> Option<&rustls::Error> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.get_ref().and_then(|inner| inner.downcast_ref());
        }
        source = error.source();
    }
    None
}

/// The text of rustls, which is about certificates and protocols and holds nothing that was sent.
fn about_tls(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    inner.map_or_else(|| error.kind().to_string(), ToString::to_string)
}
