//! Partners, routes and clients (EDR-2): shown without keys, changed one row at a time.

use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::Context;
use super::proposals::Shown;
use super::transfer::account;
use super::wire::{self, ListView};
use crate::gateway::caller::Caller;
use crate::gateway::routing;
use crate::gateway::tables::{ClientRow, Holder, Issued, PartnerRow};
use crate::http::amount::AmountField;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::journal::Recorded;
use crate::ledger::event::Fact;
use crate::ledger::money::{Amount, BasisPoints};
use crate::ledger::registry::{
    BankCode, Client, Keys, Partner, RegistryChange, Route, Usage, Window,
};
use crate::ledger::text::{ClientId, Line};
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartnerBody {
    code: Option<String>,
    name: String,
    priority: u16,
    base_url: String,
    maintenance: Option<WindowBody>,
    #[serde(default)]
    disabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowBody {
    from: String,
    until: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteBody {
    bank: String,
    usage: String,
    local: String,
    external: String,
    #[serde(default)]
    fee_fixed: u64,
    #[serde(default)]
    fee_basis_points: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientBody {
    id: Option<String>,
    user: Option<String>,
    name: String,
    account_number: String,
    account_name: String,
    allow: Vec<String>,
    per_transfer_max: Option<AmountField>,
    per_day_max: Option<AmountField>,
    requests_per_second: Option<u32>,
    #[serde(default = "yes")]
    allow_interbank_fallback: bool,
    #[serde(default)]
    disabled: bool,
}

const fn yes() -> bool {
    true
}

/// A change that was made: the row as it is now, and the key token if one was made.
#[derive(Serialize)]
struct ChangedView<T> {
    #[serde(flatten)]
    row: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_token: Option<String>,
    position: u64,
}

#[derive(Serialize)]
pub(super) struct PartnerView {
    code: String,
    name: String,
    priority: u16,
    base_url: String,
    maintenance: Option<WindowView>,
    disabled: bool,
    keys: usize,
}

#[derive(Serialize)]
struct WindowView {
    from: String,
    until: String,
}

#[derive(Serialize)]
pub(super) struct RouteRow {
    bank: String,
    usage: &'static str,
    method: &'static str,
    local: String,
    external: String,
    fee_fixed: u64,
    fee_basis_points: u16,
}

#[derive(Serialize)]
pub(super) struct ClientView {
    id: String,
    name: String,
    user: String,
    account_number: String,
    account_name: String,
    allow: Vec<String>,
    per_transfer_max: Option<u64>,
    per_day_max: Option<u64>,
    requests_per_second: Option<u32>,
    allow_interbank_fallback: bool,
    /// Where it is told how its transfers end.
    callback: Option<String>,
    disabled: bool,
    keys: usize,
}

/// `GET /api/v1/admin/partners`
pub(super) fn partners(context: Context<'_>) -> Reply {
    let registry = context.gateway.view().registry();
    let data: Vec<_> = registry.partners.values().map(PartnerView::of).collect();
    Reply::ok(&ListView { data, next_cursor: None })
}

/// `GET /api/v1/admin/routes`
pub(super) fn routes(context: Context<'_>) -> Reply {
    let registry = context.gateway.view().registry();
    let data: Vec<_> = registry.routes.values().map(RouteRow::of).collect();
    Reply::ok(&ListView { data, next_cursor: None })
}

/// `GET /api/v1/admin/clients`
pub(super) fn clients(context: Context<'_>) -> Reply {
    let registry = context.gateway.view().registry();
    let data: Vec<_> = registry.clients.values().map(|row| context.client(row)).collect();
    Reply::ok(&ListView { data, next_cursor: None })
}

/// `POST /api/v1/admin/partners`
pub(super) async fn add_partner(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: PartnerBody = context.request.json()?;
    let code = body.code.as_deref().ok_or_else(|| ApiError::field("code", "is required"))?;
    let code = routing::bank_code("code", code)?;
    let row = body.row(code)?;
    let issued = context.gateway.add_partner(caller.principal(), row).await?;
    context.issued(issued, true)
}

/// `PUT /api/v1/admin/partners/{code}`
pub(super) async fn change_partner(
    context: Context<'_>,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    let body: PartnerBody = context.request.json()?;
    same("code", body.code.as_deref(), context.segment(4))?;
    let row = body.row(context.bank()?)?;
    context.changed(&context.gateway.change_partner(caller.principal(), row).await?, None)
}

/// `POST /api/v1/admin/clients`
pub(super) async fn add_client(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: ClientBody = context.request.json()?;
    let id = body.id.as_deref().ok_or_else(|| ApiError::field("id", "is required"))?;
    let id = client_id(id)
        .ok_or_else(|| ApiError::field("id", "must be 1 to 36 letters, digits, or - _ ."))?;
    let user = body.user.clone().unwrap_or_else(|| format!("app-{}", id.as_str()));
    let user = wire::username("user", &user)?;
    let issued = context.gateway.add_client(caller.principal(), body.row(id)?, user).await?;
    context.issued(issued, true)
}

/// `PUT /api/v1/admin/clients/{id}`
pub(super) async fn change_client(
    context: Context<'_>,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    let body: ClientBody = context.request.json()?;
    same("id", body.id.as_deref(), context.segment(4))?;
    if body.user.is_some() {
        return Err(ApiError::field("user", "stays as it is"));
    }
    let row = body.row(context.client_id()?)?;
    context.changed(&context.gateway.change_client(caller.principal(), row).await?, None)
}

/// `POST /api/v1/admin/routes`: a new route, or a known one as it is from here on.
pub(super) async fn set_route(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: RouteBody = context.request.json()?;
    let usage = Usage::parse(&body.usage)
        .ok_or_else(|| ApiError::field("usage", "must be TRANSFER or TRANSFER INTERBANK"))?;
    let too_much = || ApiError::field("fee_basis_points", "is above 10000");
    let route = Route {
        bank: routing::bank_code("bank", &body.bank)?,
        usage,
        local: wire::line("local", &body.local, limits::ADDRESS_MAX)?,
        external: wire::line("external", &body.external, limits::ADDRESS_MAX)?,
        fee_fixed: body.fee_fixed,
        fee_basis_points: BasisPoints::new(body.fee_basis_points).ok_or_else(too_much)?,
    };
    context.set(caller, RegistryChange::RouteSet(route)).await
}

/// `DELETE /api/v1/admin/routes/{bank}/{usage}`
pub(super) async fn remove_route(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let not_found = || ApiError::new(Code::NotFound);
    let usage = Usage::parse(context.segment(5)).ok_or_else(not_found)?;
    context.remove(caller, RegistryChange::RouteRemoved(context.bank()?, usage)).await
}

/// `DELETE /api/v1/admin/partners/{code}`
pub(super) async fn remove_partner(
    context: Context<'_>,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    context.remove(caller, RegistryChange::PartnerRemoved(context.bank()?)).await
}

/// `DELETE /api/v1/admin/clients/{id}`: its user and the money stay.
pub(super) async fn remove_client(
    context: Context<'_>,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    context.remove(caller, RegistryChange::ClientRemoved(context.client_id()?)).await
}

/// `POST .../{id}/rotate-key` of a partner or a client.
pub(super) async fn rotate_key(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let issued = context.gateway.rotate_key(caller.principal(), context.holder()?).await?;
    context.issued(issued, false)
}

/// `DELETE .../{id}/previous-key` of a partner or a client.
pub(super) async fn drop_key(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let holder = context.holder()?;
    let recorded = context.gateway.drop_previous_key(caller.principal(), holder).await?;
    context.changed(&recorded, None)
}

/// A client's id that can stand in a path.
fn client_id(text: &str) -> Option<ClientId> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    ClientId::parse(text).ok().filter(|_| text.bytes().all(plain))
}

fn same(field: &'static str, in_body: Option<&str>, in_path: &str) -> Result<(), ApiError> {
    match in_body {
        Some(text) if text != in_path => Err(ApiError::field(field, "differs from the path")),
        _ => Ok(()),
    }
}

fn maximum(field: Option<AmountField>) -> Result<Option<Amount>, ApiError> {
    field.map(wire::amount).transpose()
}

/// `23:30` as minutes since midnight.
fn minute(field: &'static str, text: &str) -> Result<u16, ApiError> {
    let two = |text: &str| match text.len() == 2 && text.bytes().all(|c| c.is_ascii_digit()) {
        true => text.parse::<u16>().ok(),
        false => None,
    };
    let parsed = text.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
    match parsed {
        Some((hour @ 0..24, minute @ 0..60)) => Ok(hour * 60 + minute),
        _ => Err(ApiError::field(field, "must be a time of day like 23:30")),
    }
}

fn keys(keys: &Keys) -> usize {
    1 + usize::from(keys.previous.is_some())
}

impl PartnerBody {
    fn row(self, code: BankCode) -> Result<PartnerRow, ApiError> {
        let window = |window: WindowBody| -> Result<Window, ApiError> {
            let from = minute("maintenance.from", &window.from)?;
            Ok(Window { from, until: minute("maintenance.until", &window.until)? })
        };
        Ok(PartnerRow {
            code,
            name: wire::line("name", &self.name, limits::NAME_MAX)?,
            priority: self.priority,
            base_url: wire::line("base_url", &self.base_url, limits::ADDRESS_MAX)?,
            maintenance: self.maintenance.map(window).transpose()?,
            disabled: self.disabled,
        })
    }
}

impl ClientBody {
    fn row(self, id: ClientId) -> Result<ClientRow, ApiError> {
        let entry = |entry: &String| wire::line("allow", entry, limits::NAME_MAX);
        Ok(ClientRow {
            id,
            name: wire::line("name", &self.name, limits::NAME_MAX)?,
            account_number: account("account_number", &self.account_number)?,
            account_name: wire::line("account_name", &self.account_name, limits::NAME_MAX)?,
            allow: self.allow.iter().map(entry).collect::<Result<Vec<Line>, _>>()?,
            per_transfer_max: maximum(self.per_transfer_max)?,
            per_day_max: maximum(self.per_day_max)?,
            requests_per_second: self.requests_per_second,
            allow_interbank_fallback: self.allow_interbank_fallback,
            disabled: self.disabled,
        })
    }
}

impl Context<'_> {
    fn bank(&self) -> Result<BankCode, ApiError> {
        BankCode::parse(self.segment(4)).ok_or_else(|| ApiError::new(Code::NotFound))
    }

    fn client_id(&self) -> Result<ClientId, ApiError> {
        client_id(self.segment(4)).ok_or_else(|| ApiError::new(Code::NotFound))
    }

    fn holder(&self) -> Result<Holder, ApiError> {
        match self.segment(3) {
            "partners" => Ok(Holder::Partner(self.bank()?)),
            _ => Ok(Holder::Client(self.client_id()?)),
        }
    }

    async fn set(&self, caller: &Caller, change: RegistryChange) -> Result<Reply, ApiError> {
        self.changed(&self.gateway.change_registry(caller.principal(), change).await?, None)
    }

    async fn remove(&self, caller: &Caller, change: RegistryChange) -> Result<Reply, ApiError> {
        self.changed(&self.gateway.change_registry(caller.principal(), change).await?, None)
    }

    /// The one answer in which a key token stands.
    fn issued(&self, issued: Issued, created: bool) -> Result<Reply, ApiError> {
        let is_made = |reply: &Reply| created && reply.status() != StatusCode::ACCEPTED;
        let reply = self.changed(&issued.recorded, Some(issued.token.expose().clone()))?;
        Ok(if is_made(&reply) { reply.with_status_created() } else { reply })
    }

    fn changed(&self, recorded: &Recorded, key_token: Option<String>) -> Result<Reply, ApiError> {
        let shown = Shown { key_token: key_token.as_deref(), ..Shown::default() };
        if let Some(proposed) = self.proposed(recorded, &shown) {
            return Ok(proposed);
        }
        let Fact::RegistryChanged(changed) = &recorded.event.fact else {
            return Err(ApiError::new(Code::Internal));
        };
        let position = recorded.position.get();
        match &changed.change {
            RegistryChange::PartnerSet(row) => {
                Ok(Reply::ok(&ChangedView { row: PartnerView::of(row), key_token, position }))
            }
            RegistryChange::RouteSet(row) => {
                Ok(Reply::ok(&ChangedView { row: RouteRow::of(row), key_token, position }))
            }
            RegistryChange::ClientSet(row) => {
                Ok(Reply::ok(&ChangedView { row: self.client(row), key_token, position }))
            }
            RegistryChange::PartnerRemoved(_)
            | RegistryChange::RouteRemoved(..)
            | RegistryChange::ClientRemoved(_)
            | RegistryChange::ApiKeySet(_)
            | RegistryChange::ApiKeyRemoved(_)
            | RegistryChange::ApiKeyUsed(..)
            | RegistryChange::EndpointSet(_)
            | RegistryChange::EndpointRemoved(..)
            | RegistryChange::MerchantSet(_)
            | RegistryChange::MerchantRemoved(..)
            | RegistryChange::Proposed(_)
            | RegistryChange::Approved(_)
            | RegistryChange::ProposalRefused(..)
            | RegistryChange::Decided(_)
            | RegistryChange::RoleSet(..) => Ok(wire::no_content(recorded.position)),
        }
    }

    pub(super) fn client(&self, row: &Client) -> ClientView {
        let user = self.gateway.view().user(row.user);
        ClientView {
            id: row.id.as_str().to_owned(),
            name: row.name.to_string(),
            user: user.map(|user| user.username().to_owned()).unwrap_or_default(),
            account_number: row.account_number.to_string(),
            account_name: row.account_name.to_string(),
            allow: row.allow.iter().map(Line::to_string).collect(),
            per_transfer_max: row.per_transfer_max.map(Amount::get),
            per_day_max: row.per_day_max.map(Amount::get),
            requests_per_second: row.requests_per_second,
            allow_interbank_fallback: row.allow_interbank_fallback,
            callback: row.callback.as_ref().map(|callback| callback.url.to_string()),
            disabled: row.disabled,
            keys: keys(&row.keys),
        }
    }
}

impl PartnerView {
    pub(super) fn of(row: &Partner) -> Self {
        let text = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let window =
            |window: Window| WindowView { from: text(window.from), until: text(window.until) };
        Self {
            code: row.code.to_string(),
            name: row.name.to_string(),
            priority: row.priority,
            base_url: row.base_url.to_string(),
            maintenance: row.maintenance.map(window),
            disabled: row.disabled,
            keys: keys(&row.keys),
        }
    }
}

impl RouteRow {
    pub(super) fn of(row: &Route) -> Self {
        Self {
            bank: row.bank.to_string(),
            usage: row.usage.name(),
            method: "POST",
            local: row.local.to_string(),
            external: row.external.to_string(),
            fee_fixed: row.fee_fixed,
            fee_basis_points: row.fee_basis_points.get(),
        }
    }
}
