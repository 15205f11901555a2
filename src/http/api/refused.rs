//! What was refused and by whom it was tried: every request of an administrator, and whatever somebody
//! was not allowed to do, as one line in the log. Nothing of it is in the journal, since nothing
//! happened.

use std::sync::Arc;

use hyper::header::AUTHORIZATION;

use super::{API_KEY, Api, Context};
use crate::http::problem::{ApiError, Code};
use crate::http::request::Request;
use crate::ledger::event::Role;
use crate::ledger::user::User;

impl Api {
    /// Logs a refused request if it is one that people look for.
    pub(super) fn note_refused(&self, route: &'static str, request: &Request, error: &ApiError) {
        let code = error.code();
        let user = self.acting(request);
        let is_admin = user.as_ref().is_some_and(|user| user.role == Role::Admin);
        let is_forbidden = matches!(code, Code::Forbidden | Code::IpNotAllowed);
        if !is_admin && !is_forbidden {
            return;
        }
        let context = Context { api: self, user: None, gateway: &self.gateway, request };
        tracing::info!(
            who = user.as_ref().map_or("", |user| user.username()),
            role = user.as_ref().map_or("", |user| user.role.name()),
            route,
            code = code.name(),
            status = code.status().as_u16(),
            from = %context.address(),
            request = %request.id(),
            "refused"
        );
    }

    /// Whose token or key a request has, if it is a live one.
    fn acting(&self, request: &Request) -> Option<Arc<User>> {
        let headers = request.headers();
        if let Some(key) = headers.get(&API_KEY) {
            return self.gateway.owner_of_key(key.to_str().ok()?);
        }
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (_, token) = value.split_once(' ')?;
        self.gateway.authenticate(token).ok().map(|caller| caller.user)
    }
}
