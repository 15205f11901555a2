//! Sends one message to an address that somebody else chose.
//!
//! It goes only where the operator lets it go: to `https` and to public addresses, unless the
//! configuration says otherwise. It reads nothing of an answer but its status; only what is told as
//! Midtrans tells it follows a redirect, and wherever that leads is checked like the first address.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request};
use rustls::ClientConfig;

use crate::connector::http::{Answer, Client, Options};
use crate::connector::midtrans::delivery::HOPS_MAX;
use crate::connector::tls;
use crate::connector::webhook::{self, Key};
use crate::identity::secret::Secret;
use crate::ledger::time::Timestamp;
use crate::limits;
use crate::outbound::{Guard, Host, NotAUrl, Resolve, Url, is_public};

/// What an operator decides about messages to others.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whether `http` will do; else it is `https` only.
    pub http: bool,
    /// Private addresses that may be called nonetheless.
    pub private: Vec<crate::identity::allow::Range>,
}

/// How others are reached.
pub struct Messenger {
    settings: Settings,
    resolve: Arc<dyn Resolve>,
    loaded: OnceLock<Arc<ClientConfig>>,
}

/// Why an address may not be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotToBeTold {
    /// It is no URL, or none of the kind that is allowed.
    #[error(transparent)]
    Url(#[from] NotAUrl),
    /// It leads where a URL from outside may not lead.
    #[error("must lead to a public address")]
    Private,
}

/// One message, signed.
pub struct Message<'a> {
    /// The same for all tries.
    pub id: &'a str,
    /// Its secrets: the present one, and the former one while it changes.
    pub secrets: &'a [Secret<Vec<u8>>],
    /// When it is sent.
    pub sent: Timestamp,
    /// What it says.
    pub body: &'a [u8],
}

impl Messenger {
    /// A messenger to hosts that `resolve` finds.
    pub fn new(settings: Settings, resolve: Arc<dyn Resolve>) -> Self {
        let private = settings.private.clone();
        let allowed = move |address: IpAddr| private.iter().any(|range| range.contains(address));
        let resolve: Arc<dyn Resolve> = Arc::new(Guard::new(resolve, Arc::new(allowed)));
        Self { settings, resolve, loaded: OnceLock::new() }
    }

    /// The address of a receiver, if it is one that may be told. A name is looked up only when a
    /// message is sent; what it then leads to is checked again.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn url(&self, text: &str) -> Result<Url, NotToBeTold> {
        let url = if self.settings.http { Url::parse(text)? } else { Url::parse_secure(text)? };
        let is_allowed = |address: IpAddr| {
            is_public(address) || self.settings.private.iter().any(|range| range.contains(address))
        };
        match url.host {
            Host::Address(address) if !is_allowed(address) => Err(NotToBeTold::Private),
            Host::Address(_) | Host::Name(_) => Ok(url),
        }
    }

    /// Sends a message as Standard Webhooks has it; the status of the answer.
    ///
    /// # Errors
    /// Why it was not sent, or not answered.
    pub async fn send(&self, url: &str, message: Message<'_>) -> Result<u16, String> {
        let url = self.url(url).map_err(|error| error.to_string())?;
        let keys = message.secrets.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<&Key> = keys.iter().collect();
        let Message { id, sent, body, .. } = message;
        let signature = webhook::sign(&keys, id, sent, body).map_err(|error| error.to_string())?;
        let timestamp = sent.seconds().to_string();
        let mut request = Request::new(Bytes::copy_from_slice(body));
        let headers = [
            (webhook::ID_HEADER, id),
            (webhook::TIMESTAMP_HEADER, &timestamp),
            (webhook::SIGNATURE_HEADER, &signature),
        ];
        for (name, value) in headers {
            let value: HeaderValue = value.parse().map_err(|_| "not a header".to_owned())?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        self.post(&url, request).await.map(|answer| answer.status)
    }

    /// Sends `body` as it is, by `agent`, as many places on as answers say 307 or 308; the status of
    /// the last answer.
    ///
    /// # Errors
    /// Why it was not sent, or not answered.
    pub async fn notify(&self, url: &str, agent: &'static str, body: &[u8]) -> Result<u16, String> {
        let mut url = self.url(url).map_err(|error| error.to_string())?;
        let mut hops = 0;
        loop {
            let mut request = Request::new(Bytes::copy_from_slice(body));
            request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(agent));
            let answer = self.post(&url, request).await?;
            let moved = matches!(answer.status, 307 | 308) && hops < HOPS_MAX;
            let Some(place) = answer.headers.get(LOCATION).filter(|_| moved) else {
                return Ok(answer.status);
            };
            url = self.moved(&url, place).map_err(|error| format!("moved to where it {error}"))?;
            hops += 1;
        }
    }

    /// Where `place` leads from `url`: another URL, or another path of the same host.
    fn moved(&self, url: &Url, place: &HeaderValue) -> Result<Url, NotToBeTold> {
        let place = place.to_str().unwrap_or_default();
        if place.starts_with('/') && !place.starts_with("//") {
            let scheme = if url.secure { "https" } else { "http" };
            return self.url(&format!("{scheme}://{}{place}", url.authority()));
        }
        self.url(place)
    }

    async fn post(&self, url: &Url, mut request: Request<Bytes>) -> Result<Answer, String> {
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.target.parse().map_err(|_| "the URL has no path".to_owned())?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let tls = url.secure.then(|| self.tls()).transpose()?;
        let client = Client::new(url, Arc::clone(&self.resolve), tls, OPTIONS);
        client.send(request).await.map_err(|failure| failure.to_string())
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(Arc::clone(loaded));
        }
        let loaded = tls::load(&TLS).map_err(|error| error.to_string())?;
        Ok(Arc::clone(self.loaded.get_or_init(|| loaded)))
    }
}

fn key(secret: &Secret<Vec<u8>>) -> Result<Key, String> {
    let text = std::str::from_utf8(secret.expose()).map_err(|error| error.to_string())?;
    Key::parse(text).map_err(|error| error.to_string())
}

/// One connection, one message, and no interest in what the answer says.
const OPTIONS: Options = Options {
    head: limits::CALLBACK_TIMEOUT,
    answer: limits::CALLBACK_TIMEOUT,
    idle_max: 0,
    ..Options::standard()
};

/// Receivers are anybody on the internet: the system's roots, and no certificate of ours.
const TLS: tls::Settings = tls::Settings { oldest: tls::Oldest::Tls12, roots: None, client: None };
