//! The API: which request is which use case, and how answers look on the wire.
//!
//! ```text
//! GET    /health/live, /health/ready            operations
//! GET    /metrics                               operations (operations listener)
//! POST   /api/v1/auth/signup, login, logout     session
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
//! *      /api/v1/admin/...                      admin
//! ```
//!
//! A handler parses, makes one call, and renders; it decides nothing.

mod admin;
mod batch;
mod history;
mod operations;
mod payments;
pub mod routes;
mod session;
mod stream;
mod topups;
mod wallet;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::Method;

use self::routes::{Access, Route};
use super::problem::{ApiError, Code};
use super::reply::Reply;
use super::request::Request;
use super::server::Service;
use crate::gateway::Gateway;
use crate::gateway::caller::Caller;
use crate::ledger::event::Role;
use crate::limits;
use crate::telemetry::{Began, Metrics};

/// The service behind a listener.
pub struct Api {
    gateway: Arc<Gateway>,
    metrics: Arc<Metrics>,
    options: Options,
    ready: AtomicBool,
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
    /// Origins whose pages may open a WebSocket, like `https://kasir.example`.
    pub origins: Vec<String>,
}

/// What a handler has at hand.
#[derive(Clone, Copy)]
struct Context<'a> {
    api: &'a Api,
    gateway: &'a Arc<Gateway>,
    request: &'a Request,
}

impl Api {
    /// An API over `gateway`, ready at once.
    pub const fn new(gateway: Arc<Gateway>, metrics: Arc<Metrics>, options: Options) -> Self {
        Self { gateway, metrics, options, ready: AtomicBool::new(true) }
    }

    /// From here on `/health/ready` says no: a stop has begun.
    pub fn drain(&self) {
        self.ready.store(false, Ordering::Relaxed);
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
        let context = Context { api: self, gateway: &self.gateway, request };
        let caller = match route.access() {
            Access::Anyone => return routes::dispatch_public(route, context).await,
            Access::AnyUser => context.caller()?,
            Access::Roles(roles) => {
                let caller = context.caller()?;
                if !roles.contains(&caller.user.role) {
                    return Err(ApiError::new(Code::Forbidden));
                }
                caller
            }
        };
        routes::dispatch(route, context, caller).await
    }
}

impl Context<'_> {
    fn caller(&self) -> Result<Caller, ApiError> {
        let token = self
            .request
            .bearer()?
            .ok_or_else(|| ApiError::with_detail(Code::InvalidToken, "jwt malformed"))?;
        Ok(self.gateway.authenticate(token)?)
    }
}

impl Service for Api {
    fn body_max(&self, method: &Method, path: &str) -> usize {
        if method == Method::POST && path == "/api/v1/payments/batch" {
            limits::BATCH_BODY_MAX
        } else {
            limits::BODY_MAX
        }
    }

    fn connections(&self, open: usize) {
        self.metrics.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    async fn call(&self, request: Request) -> Reply {
        let began = Began::now();
        let (name, result) = match self.find(request.method(), request.segments().as_slice()) {
            Ok(route) => (route.name(), self.answer(route, &request).await),
            Err(error) => ("none", Err(error)),
        };
        let reply = Reply::from(result);
        self.metrics.answered(name, reply.status().as_u16(), began);
        let status = reply.status().as_u16();
        tracing::debug!(request = %request.id(), route = name, status, peer = %request.peer().ip());
        reply
    }
}

/// Whether a role may do what administrators do.
const ADMINS: &[Role] = &[Role::Admin];
/// Who may send batches.
const TRUSTED: &[Role] = &[Role::Client, Role::Admin];
