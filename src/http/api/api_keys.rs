//! Applications' keys: made, listed, revoked. A key is shown once.

use serde::{Deserialize, Serialize};

use super::Context;
use super::proposals::Shown;
use super::wire::{self, ListView};
use crate::gateway::api_keys::KeyWanted;
use crate::gateway::caller::Caller;
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::ledger::api_key::{ApiKey, Scope, Scopes};
use crate::ledger::event::Role;
use crate::ledger::text::Username;
use crate::ledger::time::Timestamp;
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminBody {
    owner: String,
    name: String,
    scopes: Vec<String>,
    expires: Option<String>,
    #[serde(default)]
    otp_exempt: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnBody {
    name: String,
    scopes: Vec<String>,
    expires: Option<String>,
}

#[derive(Serialize)]
pub(super) struct KeyView {
    id: String,
    owner: String,
    name: String,
    scopes: Vec<&'static str>,
    otp_exempt: bool,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

#[derive(Serialize)]
struct MadeView<'a> {
    #[serde(flatten)]
    row: KeyView,
    key: &'a str,
    position: u64,
}

/// `POST /api/v1/admin/api-keys`
pub(super) async fn make(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: AdminBody = context.request.json()?;
    let owner = wire::username("owner", &body.owner)?;
    let wanted = wanted(&body.name, &body.scopes, body.expires.as_deref(), body.otp_exempt)?;
    context.make_key(caller, &owner, wanted).await
}

/// `POST /api/v1/api-keys`: a merchant's own.
pub(super) async fn make_own(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: OwnBody = context.request.json()?;
    let owner = wire::username("owner", caller.user.username())?;
    let wanted = wanted(&body.name, &body.scopes, body.expires.as_deref(), false)?;
    context.make_key(caller, &owner, wanted).await
}

/// `GET /api/v1/api-keys` and `/api/v1/admin/api-keys`, where `owner` may be named.
pub(super) fn list(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let is_admin = caller.user.role == Role::Admin;
    let known: &[&str] = if is_admin { &["owner"] } else { &[] };
    let query = context.request.query()?.only(known)?;
    let owner = if is_admin { query.get("owner") } else { Some(caller.user.username()) };
    let keys = context.gateway.keys(owner)?;
    let data = keys.iter().map(|key| context.key_view(key)).collect();
    Ok(Reply::ok(&ListView { data, next_cursor: None }))
}

/// `DELETE /api/v1/api-keys/{id}` and `/api/v1/admin/api-keys/{id}`
pub(super) async fn revoke(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let segments = context.request.segments();
    let id = segments.as_slice().last().copied().unwrap_or_default();
    let recorded = context.gateway.revoke_key(caller, id).await?;
    Ok(wire::no_content(recorded.position))
}

fn wanted(
    name: &str,
    scopes: &[String],
    expires: Option<&str>,
    codes_exempt: bool,
) -> Result<KeyWanted, ApiError> {
    let known = "must each be read, charge, payout or batch";
    let scope = |text: &String| Scope::parse(text).ok_or_else(|| ApiError::field("scopes", known));
    let time = |text: &str| {
        Timestamp::parse_rfc3339(text)
            .ok_or_else(|| ApiError::field("expires", "must be a time as in RFC 3339"))
    };
    Ok(KeyWanted {
        name: wire::line("name", name, limits::NAME_MAX)?,
        scopes: scopes.iter().map(scope).collect::<Result<Scopes, _>>()?,
        expires: expires.map(time).transpose()?,
        codes_exempt,
    })
}

impl Context<'_> {
    async fn make_key(
        &self,
        caller: &Caller,
        owner: &Username,
        wanted: KeyWanted,
    ) -> Result<Reply, ApiError> {
        let made = self.gateway.make_key(caller.principal(), owner, wanted).await?;
        let shown = Shown { api_key: Some(made.key.expose()), ..Shown::default() };
        if let Some(proposed) = self.proposed(&made.recorded, &shown) {
            return Ok(proposed);
        }
        let row = self.key_view(&made.row);
        let position = made.recorded.position.get();
        Ok(Reply::created(&MadeView { row, key: made.key.expose(), position }))
    }

    pub(super) fn key_view(&self, key: &ApiKey) -> KeyView {
        let owner = self.gateway.view().user(key.owner);
        KeyView {
            id: key.id.to_string(),
            owner: owner.map(|owner| owner.username().to_owned()).unwrap_or_default(),
            name: key.name.to_string(),
            scopes: key.scopes.iter().map(Scope::name).collect(),
            otp_exempt: key.codes_exempt,
            created_at: self.time(key.created),
            expires_at: key.expires.map(|time| self.time(time)),
            last_used_at: key.last_used.map(|time| self.time(time)),
        }
    }
}
