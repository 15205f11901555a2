//! Registers what a demo consists of, through the API as anybody would.
//!
//! What only an operator may do, on the machine itself, is done as one: making the administrator,
//! and saying where a bank service listens now.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use hyper::http;
use serde_json::{Value, json};

use super::banks::{NOWHERE, text, write};
use super::{Failure, PASSWORD};
use crate::app::App;
use crate::config::Config;
use crate::gateway::identity::SignUp;
use crate::gateway::tables::PartnerRow;
use crate::http::api::{self, Api};
use crate::http::request::Request;
use crate::http::server::Service;
use crate::identity::secret::Secret;
use crate::ledger::boarding::Boarding;
use crate::ledger::event::Role;
use crate::ledger::id::Principal;
use crate::ledger::registry::{BankCode, Partner, Usage};
use crate::ledger::text::{ClientId, Email, Line, Username};
use crate::limits;

/// Makes rows that are not there yet.
pub(super) struct Registrar<'a> {
    app: &'a App,
    api: Api,
    /// The administrator's token, once one was needed: a demo in which nothing is missing starts
    /// although somebody has locked the administrator out in the meantime.
    admin: Option<String>,
}

impl<'a> Registrar<'a> {
    pub(super) fn new(app: &'a App, config: &Config) -> Self {
        let shown = api::Options {
            offset_seconds: config.offset_seconds,
            public_url: config.public_url.clone(),
            metrics: false,
            api: true,
            proxies: Vec::new(),
            origins: Vec::new(),
        };
        let api = Api::new(Arc::clone(&app.gateway), Arc::clone(&app.metrics), shown);
        Self { app, api, admin: None }
    }

    /// Makes a user of a role that nobody can sign up for.
    pub(super) async fn operator_user(&self, username: &str, role: Role) -> Result<(), Failure> {
        if self.app.gateway.look_up(username).is_ok() {
            return Ok(());
        }
        let wanted = SignUp {
            username: Username::parse(username).map_err(Failure::failed)?,
            name: Line::parse(username, limits::NAME_MAX).map_err(Failure::failed)?,
            email: Email::parse(&format!("{username}@contoh.id")).map_err(Failure::failed)?,
            phone: None,
            password: Secret::new(PASSWORD.to_owned()),
            role,
        };
        self.app.gateway.sign_up(wanted).await.map(drop).map_err(Failure::failed)
    }

    pub(super) async fn sign_up(
        &self,
        username: &str,
        name: &str,
        role: &str,
    ) -> Result<(), Failure> {
        if self.app.gateway.look_up(username).is_ok() {
            return Ok(());
        }
        let body = json!({
            "username": username, "name": name, "email": format!("{username}@contoh.id"),
            "password": PASSWORD, "role": role,
        });
        self.post("/api/v1/auth/signup", None, &body).await.map(drop)
    }

    /// Gives somebody what they begin with, once.
    pub(super) async fn fund(&mut self, username: &str, amount: u64) -> Result<(), Failure> {
        if self.has_funds(username) {
            return Ok(());
        }
        let body = json!({
            "to": username, "amount": amount, "note": "saldo awal",
            "reference": format!("demo-{username}"),
        });
        self.post_as_admin("/api/v1/admin/topups", &body).await.map(drop)
    }

    fn has_funds(&self, username: &str) -> bool {
        let gateway = &self.app.gateway;
        let account = gateway.look_up(username).ok();
        let account = account.and_then(|user| gateway.view().account(user.account));
        account.is_some_and(|account| account.credits.units() > 0)
    }

    /// Adds a row of partners or clients, whose key token goes into `file`. The token, if it was
    /// made just now. A row without its file was left behind by a start that was cut off, and gets
    /// another key.
    pub(super) async fn keyed(
        &mut self,
        table: &str,
        row: &Value,
        file: &Path,
    ) -> Result<Option<String>, Failure> {
        let registry = self.app.gateway.view().registry();
        let (code, id) = (BankCode::parse(&text(row, "code")), ClientId::parse(&text(row, "id")));
        let is_partner = code.is_some_and(|code| registry.partners.contains_key(&code));
        let is_known = is_partner || id.as_ref().is_ok_and(|id| registry.clients.contains_key(id));
        if is_known && file.exists() {
            return Ok(None);
        }
        let id = code.map(|code| code.to_string()).unwrap_or_else(|| text(row, "id"));
        let answer = if is_known {
            self.post_as_admin(&format!("/api/v1/admin/{table}/{id}/rotate-key"), &json!({})).await
        } else {
            self.post_as_admin(&format!("/api/v1/admin/{table}"), row).await
        };
        let token = text(&answer?, "key_token");
        write(file, &token)?;
        Ok(Some(token))
    }

    /// Adds a route.
    pub(super) async fn route(&mut self, row: &Value) -> Result<(), Failure> {
        let registry = self.app.gateway.view().registry();
        let bank = BankCode::parse(&text(row, "bank"));
        let known = bank.zip(Usage::parse(&text(row, "usage")));
        if known.is_some_and(|known| registry.routes.contains_key(&known)) {
            return Ok(());
        }
        self.post_as_admin("/api/v1/admin/routes", row).await.map(drop)
    }

    /// Says where a partner's bank service listens now. A new partner is taken into use with it.
    pub(super) async fn point(&self, bank: &str, service: SocketAddr) -> Result<(), Failure> {
        let gateway = &self.app.gateway;
        let registry = gateway.view().registry();
        let row = BankCode::parse(bank).and_then(|code| registry.partners.get(&code));
        let Some(Partner { code, name, priority, base_url, maintenance, disabled, .. }) = row
        else {
            // Somebody has removed it.
            return Ok(());
        };
        let url = format!("http://{service}");
        if base_url.as_str() == url {
            return Ok(());
        }
        let row = PartnerRow {
            code: *code,
            name: name.clone(),
            priority: *priority,
            base_url: Line::parse(&url, limits::ADDRESS_MAX).map_err(Failure::failed)?,
            maintenance: *maintenance,
            disabled: *disabled && base_url.as_str() != NOWHERE,
        };
        let changed = gateway.change_partner(Principal::Operator, row).await;
        changed.map(drop).map_err(Failure::failed)
    }

    /// What there is of boarding houses.
    pub(super) fn houses(&self) -> Arc<Boarding> {
        self.app.gateway.view().boarding()
    }

    async fn post_as_admin(&mut self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.as_admin("POST", path, body).await
    }

    /// One call of the API by the administrator.
    pub(super) async fn as_admin(
        &mut self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let token = match &self.admin {
            Some(token) => token.clone(),
            None => {
                let login = json!({"login": "admin", "password": PASSWORD});
                let token = text(&self.post("/api/v1/auth/login", None, &login).await?, "token");
                self.admin.insert(token).clone()
            }
        };
        self.call(method, path, Some(&token), body).await
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Value, Failure> {
        self.call("POST", path, token, body).await
    }

    /// One call of the API, in process.
    async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Result<Value, Failure> {
        let request = http::Request::builder().method(method).uri(path);
        let mut request = request.header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Bytes::from(body.to_string())).map_err(Failure::failed)?;
        let peer = SocketAddr::from(([127, 0, 0, 1], 0));
        let request =
            Request::in_process(request, peer).map_err(|error| Failure::failed(error.detail()))?;
        let reply = self.api.call(request).await;
        if !reply.status().is_success() {
            return Err(Failure::failed(format!(
                "the demo's {path} failed: {}",
                reply.body_text()
            )));
        }
        serde_json::from_str(reply.body_text()).map_err(Failure::failed)
    }
}
