//! The API: which request is which use case, and how answers look on the wire.
//!
//! ```text
//! GET    /health/live, /health/ready            operations
//! GET    /metrics                               operations (operations listener)
//! POST   /api/transfer                          transfer (applications)
//! GET    /api/transfer/{transactionId}          transfer (applications)
//! POST   /api/v1/auth/signup, login, logout     session
//! PUT    /api/v1/auth/password                  session
//! *      /api/v1/auth/otp, /auth/totp           codes
//! GET    /api/v1/me, /users/{username}          session
//! GET    /api/v1/balance                        wallet
//! POST   /api/v1/payments                       payments
//! GET    /api/v1/payments/{id}                  payments
//! POST   /api/v1/payments/{id}/refund           payments
//! POST   /api/v1/payments/batch                 batch
//! GET    /api/v1/transactions, /cash-flow       history
//! GET    /api/v1/notifications                  history
//! GET    /api/v1/stream                         stream (WebSocket)
//! GET    /api/v1/topups                         topups
//! POST   /api/v1/topups/bank-transfer           topups
//! POST   /api/v1/topups/virtual-account         charges
//! GET    /api/v1/charges/{id}, /invoices/{id}   charges
//! POST   /api/v1/notifications/midtrans         charges (the provider)
//! *      /api/v1/admin/late, /admin/odd         late
//! *      /api/v1/admin/refunds                  refunds
//! *      /api/v1/withdrawals, /admin/payouts    payouts
//! *      /api/v1/api-keys, /admin/api-keys      api_keys
//! *      /api/v1/merchant, /admin/merchants     merchants
//! *      /api/v1/qr, /merchant/qr               qr
//! *      /v2, /snap, /pay                       http::merchant (merchants and payers)
//! *      /api/v1/webhooks, /admin/users/{}/webhooks  webhooks
//! *      /api/v1/bills, /admin/bills            bills
//! *      /api/v1/admin/rooms, tenants           boarding
//! *      /api/v1/tenancies                      tenancies
//! *      /api/v1/payment-methods                boarding
//! GET    /assets/methods/{name}                 logos
//! *      /api/v1/admin/partners, routes, clients  tables
//! POST   /api/v1/admin/...-preview, reconcile   previews
//! POST   /api/v1/admin/reconcile/midtrans       provider_day
//! *      /api/v1/admin/...                      admin
//! GET    /openapi.json, /docs                   documents
//! ```
//!
//! A handler parses, makes one call, and renders; it decides nothing.

mod admin;
mod api_keys;
mod batch;
mod bills;
mod boarding;
mod callbacks;
mod charges;
mod codes;
mod desks;
mod documents;
mod history;
mod late;
mod logos;
mod merchants;
mod notices;
mod operations;
mod pattern;
mod payments;
mod payouts;
mod previews;
mod proposals;
mod provider_day;
mod qr;
mod refunds;
mod refused;
pub mod routes;
mod session;
mod stream;
mod tables;
mod tenancies;
mod topups;
mod transfer;
mod walkers;
mod wallet;
mod webhooks;
mod wire;
mod words;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, EXPECT, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use tokio::sync::Semaphore;

use self::routes::{Access, Route};
use self::walkers::Walkers;
use super::merchant::MerchantApi;
use super::problem::{ApiError, Code};
use super::proxy;
use super::reply::Reply;
use super::request::Request;
use super::server::Service;
use crate::gateway::Gateway;
use crate::gateway::caller::Caller;
use crate::gateway::client::Application;
use crate::identity::allow::Range;
use crate::ledger::api_key::Scope;
use crate::ledger::event::Role;
use crate::ledger::id::UserId;
use crate::limits;
use crate::telemetry::{Began, Metrics};

/// The service behind a listener.
pub struct Api {
    gateway: Arc<Gateway>,
    metrics: Arc<Metrics>,
    merchants: MerchantApi,
    options: Options,
    ready: Arc<AtomicBool>,
    /// Turns at reading history, which may read files.
    walks: Semaphore,
    /// Those who read it, or wait.
    walkers: Arc<Walkers>,
}

/// How a listener presents the API.
#[derive(Clone, Debug)]
pub struct Options {
    /// The offset from UTC of times in answers, in seconds.
    pub offset_seconds: i32,
    /// Whether `/metrics` is answered: on the operations listener, and in the demo.
    pub metrics: bool,
    /// Whether anything but health and metrics is answered.
    pub api: bool,
    /// Proxies whose word about a client's address is believed.
    pub proxies: Vec<Range>,
    /// Where merchants and payers reach us, as `https://bayar.example`.
    pub public_url: String,
    /// Origins whose pages may open a WebSocket, like `https://kasir.example`.
    pub origins: Vec<String>,
}

/// What a handler has at hand.
#[derive(Clone, Copy)]
struct Context<'a> {
    api: &'a Api,
    /// Who asks, once that is known.
    user: Option<UserId>,
    gateway: &'a Arc<Gateway>,
    request: &'a Request,
}

impl Api {
    /// An API over `gateway`, ready at once.
    pub fn new(gateway: Arc<Gateway>, metrics: Arc<Metrics>, options: Options) -> Self {
        let ready = Arc::new(AtomicBool::new(true));
        let walks = Semaphore::new(limits::WALKS_MAX);
        let merchants = MerchantApi::new(Arc::clone(&gateway), &options.public_url);
        let walkers = Arc::default();
        Self { gateway, metrics, merchants, options, ready, walks, walkers }
    }

    /// The same gateway on another listener; both say together whether they are ready.
    #[must_use]
    pub fn beside(&self, options: Options) -> Self {
        let ready = Arc::clone(&self.ready);
        let new = Self::new(Arc::clone(&self.gateway), Arc::clone(&self.metrics), options);
        Self { ready, ..new }
    }

    /// From here on `/health/ready` says no: a stop has begun.
    pub fn drain(&self) {
        self.ready.store(false, Ordering::Relaxed);
    }

    /// Whether the request's token is one of a user with one of these roles, or its key one of
    /// theirs for batches.
    fn is_one_of(&self, roles: &[Role], head: &Parts) -> bool {
        if let Some(key) = head.headers.get(&API_KEY).and_then(|value| value.to_str().ok()) {
            return self.gateway.is_key_of(key, roles, Scope::Batch);
        }
        let value = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.split_once(' ')).map(|(_, token)| token);
        let caller = token.and_then(|token| self.gateway.authenticate(token).ok());
        caller.is_some_and(|caller| roles.contains(&caller.user.role))
    }

    fn find(&self, method: &Method, segments: &[&str]) -> Result<Route, ApiError> {
        let route = Route::find(method, segments)?;
        let shown = match route {
            Route::Metrics => self.options.metrics,
            Route::Live | Route::Ready => true,
            _ => self.options.api,
        };
        if shown { Ok(route) } else { Err(ApiError::new(Code::NotFound)) }
    }

    async fn answer(&self, route: Route, request: &Request) -> Result<Reply, ApiError> {
        let context = Context { api: self, user: None, gateway: &self.gateway, request };
        let caller = match route.access() {
            Access::Anyone => return Box::pin(routes::dispatch_public(route, context)).await,
            Access::Application => return Ok(Box::pin(transfer::answer(route, context)).await),
            Access::AnyUser => context.caller(route)?,
            Access::Roles(roles) => {
                let caller = context.caller(route)?;
                if !roles.contains(&caller.user.role) {
                    return Err(ApiError::new(Code::Forbidden));
                }
                caller
            }
        };
        let context = Context { user: Some(caller.user.id), ..context };
        let admin = (caller.user.role == Role::Admin && route.method() != "GET")
            .then(|| caller.user.username().to_owned());
        let result = routes::dispatch(route, context, caller).await;
        if let Some(user) = admin {
            let (request, address) = (request.id(), context.address());
            let status = match &result {
                Ok(reply) => reply.status().as_u16(),
                Err(error) => error.code().status().as_u16(),
            };
            tracing::info!(%request, route = route.name(), user, %address, status, "asked by an administrator");
        }
        result
    }
}

impl Context<'_> {
    /// Where the request comes from.
    fn address(&self) -> IpAddr {
        let peer = self.request.peer().ip();
        proxy::client(peer, self.request.headers(), &self.api.options.proxies)
    }

    /// Who asks: a user with a token, or an application with a key that is for this route.
    fn caller(&self, route: Route) -> Result<Caller, ApiError> {
        let Some(key) = self.request.header(&API_KEY)? else {
            let caller = self.gateway.authenticate(self.token()?)?;
            if self.gateway.owes_app(&caller) && !route.leads_to_app() {
                let detail = "an administrator needs an authenticator: POST /api/v1/auth/totp";
                return Err(ApiError::with_detail(Code::Forbidden, detail));
            }
            if !route.comes_before_password() {
                caller.require_own_password()?;
            }
            return Ok(caller);
        };
        if self.request.headers().contains_key(AUTHORIZATION) {
            return Err(ApiError::field("x-api-key", "does not go with Authorization"));
        }
        Ok(self.gateway.authenticate_key(key, self.address(), route.scopes())?)
    }

    /// The application that asks. Where its address cannot be told for certain, it may not.
    fn application(&self) -> Result<Application, ApiError> {
        let token = self.token()?;
        let peer = self.request.peer().ip();
        let address = proxy::vouched(peer, self.request.headers(), &self.api.options.proxies)
            .ok_or_else(|| ApiError::new(Code::IpNotAllowed))?;
        Ok(self.gateway.authenticate_client(token, address)?)
    }

    fn token(&self) -> Result<&str, ApiError> {
        let missing = || ApiError::with_detail(Code::InvalidToken, "jwt malformed");
        self.request.bearer()?.ok_or_else(missing)
    }
}

impl Service for Api {
    fn body_max(&self, head: &Parts) -> usize {
        // Large bodies are collected only for those who may send them.
        let large = match (&head.method, head.uri.path()) {
            (&Method::POST, "/api/v1/payments/batch") => self.is_one_of(TRUSTED, head),
            (&Method::POST, "/api/v1/admin/reconcile" | "/api/v1/admin/reconcile/midtrans") => {
                self.is_one_of(ADMINS, head)
            }
            _ => false,
        };
        if large { limits::BATCH_BODY_MAX } else { limits::BODY_MAX }
    }

    fn connections(&self, open: usize) {
        if self.options.api {
            self.metrics.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
        }
    }

    fn is_many(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        peer.is_loopback() || self.options.proxies.iter().any(|range| range.contains(peer))
    }

    async fn call(&self, request: Request) -> Reply {
        let began = Began::now();
        if let Err(error) = understood(request.headers()) {
            let reply = Reply::from(Err(error));
            self.metrics.answered("none", reply.status().as_u16(), began);
            return reply;
        }
        if self.options.api && MerchantApi::is_ours(request.segments().as_slice()) {
            let reply = self.merchants.answer(&request).await;
            self.metrics.answered("midtrans", reply.status().as_u16(), began);
            return reply;
        }
        let (name, result) = match self.find(request.method(), request.segments().as_slice()) {
            Ok(route) => (route.name(), self.answer(route, &request).await),
            Err(error) => ("none", Err(error)),
        };
        if let Err(error) = &result {
            self.note_refused(name, &request, error);
        }
        let reply = Reply::from(result);
        self.metrics.answered(name, reply.status().as_u16(), began);
        let status = reply.status().as_u16();
        tracing::debug!(request = %request.id(), route = name, status, peer = %request.peer().ip());
        reply
    }
}

/// Refuses what would change the meaning of a request and is not done here: an encoded body would be
/// read as it stands, and an expectation not met.
fn understood(headers: &HeaderMap) -> Result<(), ApiError> {
    let is =
        |value: &HeaderValue, word: &str| value.as_bytes().eq_ignore_ascii_case(word.as_bytes());
    if headers.get_all(CONTENT_ENCODING).iter().any(|value| !is(value, "identity")) {
        let detail = "bodies are not encoded: leave out Content-Encoding";
        return Err(ApiError::with_detail(Code::UnsupportedMediaType, detail));
    }
    if headers.get_all(EXPECT).iter().any(|value| !is(value, "100-continue")) {
        return Err(ApiError::new(Code::ExpectationFailed));
    }
    Ok(())
}

/// The key of an application that acts for a user.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Who may do what administrators do.
const ADMINS: &[Role] = &[Role::Admin];
/// Who may make keys for themselves.
const MERCHANTS: &[Role] = &[Role::Merchant];
/// Who may have webhooks: whoever acts through a token of their own. Applications have callbacks.
const OWNERS: &[Role] = &[Role::Buyer, Role::Merchant, Role::Admin];
/// Who may see to a house: its landlord, and administrators.
const LANDLORDS: &[Role] = &[Role::Admin, Role::Merchant];
/// Who may send batches.
const TRUSTED: &[Role] = &[Role::Client];
