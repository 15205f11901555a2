//! Rooms and tenants of landlords (KOST-4), and the ways to pay (KOST-3).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Context;
use super::session::detached;
use super::wire::{self, ListView};
use crate::gateway::boarding::{NewTenant, RoomRow, TenantRow, room_id, tenant_id};
use crate::gateway::caller::Caller;
use crate::gateway::tenancy::TenantChange;
use crate::http::amount::AmountField;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::journal::Recorded;
use crate::language::Language;
use crate::ledger::boarding::{Boarding, BoardingChange, Method, Room, Tenant};
use crate::ledger::event::{Fact, Role};
use crate::ledger::id::UserId;
use crate::ledger::money::Amount;
use crate::ledger::text::{Email, Line};
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoomBody {
    code: String,
    name: Option<String>,
    rate: AmountField,
    issuer: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantBody {
    name: String,
    email: String,
    start_date: String,
    room: String,
    rate: Option<AmountField>,
    username: Option<String>,
    issuer: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantChangeBody {
    name: String,
    email: String,
    room: String,
    rate: Option<AmountField>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodBody {
    name: String,
    title: String,
    #[serde(default)]
    logo: String,
    #[serde(default)]
    place: u16,
    #[serde(default = "yes")]
    active: bool,
}

const fn yes() -> bool {
    true
}

/// A row as it is, and where the change stands that made it so.
#[derive(Serialize)]
pub(super) struct ChangedView<T> {
    #[serde(flatten)]
    pub(super) row: T,
    pub(super) position: u64,
}

#[derive(Serialize)]
struct RoomView {
    id: String,
    code: String,
    name: String,
    rate: u64,
    formatted_rate: String,
    available: bool,
    tenant: Option<String>,
    issuer: String,
}

#[derive(Serialize)]
pub(super) struct TenantView {
    id: String,
    username: String,
    email: String,
    name: String,
    role: &'static str,
    start_date: String,
    room: String,
    rate: u64,
    formatted_rate: String,
    issuer: String,
    agreed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_password: Option<String>,
}

#[derive(Serialize)]
struct MethodView {
    id: String,
    name: String,
    title: String,
    logo: String,
    active: bool,
}

/// `GET /api/v1/admin/rooms`
pub(super) fn rooms(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let issuers = context.issuers(caller, &[])?;
    let houses = context.gateway.view().boarding();
    let rooms = issuers.iter().flat_map(|issuer| houses.rooms_of(*issuer));
    let data = rooms.map(|room| context.room(&houses, room)).collect::<Vec<_>>();
    Ok(Reply::ok(&ListView { data, next_cursor: None }))
}

/// `POST /api/v1/admin/rooms`
pub(super) async fn add_room(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: RoomBody = context.request.json()?;
    let issuer = context.issuer(caller, body.issuer.as_deref())?;
    let recorded = context.gateway.add_room(caller.principal(), issuer, body.row()?).await?;
    Ok(context.changed_room(&recorded)?.with_status_created())
}

/// `PUT /api/v1/admin/rooms/{id}`
pub(super) async fn change_room(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: RoomBody = context.request.json()?;
    if body.issuer.is_some() {
        return Err(ApiError::field("issuer", "stays as it is"));
    }
    let changed = context.gateway.change_room(caller, context.segment(4), body.row()?);
    context.changed_room(&changed.await?)
}

/// `DELETE /api/v1/admin/rooms/{id}`: bills for it stay.
pub(super) async fn remove_room(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let recorded = context.gateway.remove_room(caller, context.segment(4)).await?;
    Ok(wire::no_content(recorded.position))
}

/// `GET /api/v1/admin/tenants`
pub(super) fn tenants(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let issuers = context.issuers(caller, &[])?;
    let houses = context.gateway.view().boarding();
    let tenants = issuers.iter().flat_map(|issuer| houses.tenants_of(*issuer));
    let data = tenants.map(|tenant| context.tenant(&houses, tenant, None)).collect::<Vec<_>>();
    Ok(Reply::ok(&ListView { data, next_cursor: None }))
}

/// `POST /api/v1/admin/tenants`: with the first password of a user that was made for it.
pub(super) async fn add_tenant(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: TenantBody = context.request.json()?;
    let issuer = context.issuer(caller, body.issuer.as_deref())?;
    let (row, caller) = (body.row()?, caller.clone());
    let gateway = Arc::clone(context.gateway);
    // On a task of its own: a client that goes away does not leave a user without a room.
    let added = detached(async move { gateway.add_tenant(&caller, issuer, row).await }).await??;
    let NewTenant { recorded, password } = added;
    let BoardingChange::TenantSet(tenant) = change_of(&recorded)? else {
        return Err(ApiError::new(Code::Internal));
    };
    let password = password.map(|password| password.expose().clone());
    let row = context.tenant(&context.gateway.view().boarding(), tenant, password);
    Ok(Reply::created(&ChangedView { row, position: recorded.position.get() }))
}

/// `PUT /api/v1/admin/tenants/{id}`
pub(super) async fn change_tenant(
    context: Context<'_>,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    let body: TenantChangeBody = context.request.json()?;
    let row = TenantChange {
        name: wire::line("name", &body.name, limits::NAME_MAX)?,
        email: email(&body.email)?,
        room: body.room,
        rate: body.rate.map(rate).transpose()?,
    };
    let recorded = context.gateway.change_tenant(caller, context.segment(4), row).await?;
    let BoardingChange::TenantSet(tenant) = change_of(&recorded)? else {
        return Err(ApiError::new(Code::Internal));
    };
    let row = context.tenant(&context.gateway.view().boarding(), tenant, None);
    Ok(Reply::ok(&ChangedView { row, position: recorded.position.get() }))
}

/// `DELETE /api/v1/admin/tenants/{id}`: the user, their bills and their history stay.
pub(super) async fn delete_tenant(
    context: Context<'_>,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    let recorded = context.gateway.delete_tenant(caller, context.segment(4)).await?;
    Ok(wire::no_content(recorded.position))
}

/// `GET /api/v1/payment-methods`: those that are offered; administrators see all.
pub(super) fn methods(context: Context<'_>, caller: &Caller) -> Reply {
    let houses = context.gateway.view().boarding();
    let all = caller.user.role == Role::Admin;
    let mut methods: Vec<&Method> =
        houses.methods.values().filter(|method| all || method.active).collect();
    methods.sort_by_key(|method| method.place);
    let data = methods.into_iter().map(MethodView::of).collect::<Vec<_>>();
    Reply::ok(&ListView { data, next_cursor: None })
}

/// `PUT /api/v1/admin/payment-methods/{id}`: a new one, or a known one as it is from here on.
pub(super) async fn set_method(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: MethodBody = context.request.json()?;
    let method = Method {
        id: wire::line("id", context.segment(4), limits::METHOD_ID_MAX)?,
        name: wire::line("name", &body.name, limits::NAME_MAX)?,
        title: wire::line("title", &body.title, limits::NAME_MAX)?,
        logo: Line::parse(&body.logo, limits::ADDRESS_MAX)
            .map_err(|error| ApiError::field("logo", error.to_string()))?,
        place: body.place,
        active: body.active,
    };
    let row = MethodView::of(&method);
    let recorded = context.gateway.set_method(caller.principal(), method).await?;
    Ok(Reply::ok(&ChangedView { row, position: recorded.position.get() }))
}

/// `DELETE /api/v1/admin/payment-methods/{id}`
pub(super) async fn remove_method(
    context: Context<'_>,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    let recorded = context.gateway.remove_method(caller.principal(), context.segment(4)).await?;
    Ok(wire::no_content(recorded.position))
}

impl RoomBody {
    fn row(self) -> Result<RoomRow, ApiError> {
        let name = self.name.as_deref().unwrap_or(&self.code);
        Ok(RoomRow {
            code: wire::line("code", &self.code, limits::ROOM_CODE_MAX)?,
            name: wire::line("name", name, limits::NAME_MAX)?,
            rate: rate(self.rate)?,
        })
    }
}

impl TenantBody {
    fn row(self) -> Result<TenantRow, ApiError> {
        let username = self.username.as_deref();
        Ok(TenantRow {
            name: wire::line("name", &self.name, limits::NAME_MAX)?,
            email: email(&self.email)?,
            room: self.room,
            start: day("start_date", &self.start_date)?,
            rate: self.rate.map(rate).transpose()?,
            username: username.map(|name| wire::username("username", name)).transpose()?,
        })
    }
}

fn email(text: &str) -> Result<Email, ApiError> {
    Email::parse(text).map_err(|error| ApiError::field("email", error.to_string()))
}

pub(super) fn rate(field: AmountField) -> Result<Amount, ApiError> {
    Amount::new(field.get()).ok_or_else(|| ApiError::field("rate", "is out of range"))
}

/// `2026-11-21`: midnight of that day at the books' offset.
pub(super) fn day(field: &'static str, text: &str) -> Result<Timestamp, ApiError> {
    let shaped = text.len() == 10 && text.bytes().all(|c| c.is_ascii_digit() || c == b'-');
    let midnight = Timestamp::parse_rfc3339(&format!("{text}T00:00:00+07:00"));
    midnight
        .filter(|_| shaped)
        .ok_or_else(|| ApiError::field(field, "must be a day like 2026-11-21"))
}

fn change_of(recorded: &Recorded) -> Result<&BoardingChange, ApiError> {
    match &recorded.event.fact {
        Fact::BoardingChanged(changed) => Ok(&changed.change),
        _ => Err(ApiError::new(Code::Internal)),
    }
}

impl Context<'_> {
    /// The houses a list is about: the caller's, the one named, or for administrators all. The
    /// query may hold `also` beside `issuer`.
    pub(super) fn issuers(&self, caller: &Caller, also: &[&str]) -> Result<Vec<UserId>, ApiError> {
        let query = self.request.query()?.only(&[also, &["issuer"]].concat())?;
        match query.get("issuer") {
            None if caller.user.role == Role::Admin => Ok(self.gateway.landlords()),
            named => Ok(vec![self.issuer(caller, named)?]),
        }
    }

    fn issuer(&self, caller: &Caller, named: Option<&str>) -> Result<UserId, ApiError> {
        let named = named.map(|name| wire::username("issuer", name)).transpose()?;
        Ok(self.gateway.landlord(caller, named.as_ref())?.id)
    }

    fn changed_room(&self, recorded: &Recorded) -> Result<Reply, ApiError> {
        let BoardingChange::RoomSet(room) = change_of(recorded)? else {
            return Err(ApiError::new(Code::Internal));
        };
        let row = self.room(&self.gateway.view().boarding(), room);
        Ok(Reply::ok(&ChangedView { row, position: recorded.position.get() }))
    }

    fn room(&self, houses: &Boarding, room: &Room) -> RoomView {
        let tenant = houses.tenant_in(room.id);
        RoomView {
            id: room_id(room),
            code: room.code.to_string(),
            name: room.name.to_string(),
            rate: room.rate.get(),
            formatted_rate: self.rate(room.rate),
            available: tenant.is_none(),
            tenant: tenant.map(|tenant| self.username(tenant.user)),
            issuer: self.username(room.issuer),
        }
    }

    pub(super) fn tenant(
        &self,
        houses: &Boarding,
        tenant: &Tenant,
        initial_password: Option<String>,
    ) -> TenantView {
        let room = houses.rooms.get(&tenant.room);
        let rate = houses.rate(tenant);
        TenantView {
            id: tenant_id(tenant),
            username: self.username(tenant.user),
            email: tenant.email.to_string(),
            name: tenant.name.to_string(),
            role: "tenant",
            start_date: tenant.start.date(BOOK_OFFSET_SECONDS).to_string(),
            room: room.map(|room| room.code.to_string()).unwrap_or_default(),
            rate: rate.map_or(0, Amount::get),
            formatted_rate: rate.map(|rate| self.rate(rate)).unwrap_or_default(),
            issuer: self.username(tenant.issuer),
            agreed: houses.agreed(tenant),
            initial_password,
        }
    }

    fn rate(&self, rate: Amount) -> String {
        let currency = self.gateway.settings().currency;
        self.language().amount(currency, u128::from(rate.get()))
    }

    fn username(&self, user: UserId) -> String {
        let user = self.gateway.view().user(user);
        user.map(|user| user.username().to_owned()).unwrap_or_default()
    }

    /// The language the client wants to be answered in.
    pub(super) fn language(&self) -> Language {
        let headers = self.request.headers().get_all(hyper::header::ACCEPT_LANGUAGE);
        let texts: Vec<&str> = headers.iter().filter_map(|value| value.to_str().ok()).collect();
        Language::accepted(&texts.join(","))
    }
}

impl MethodView {
    fn of(method: &Method) -> Self {
        Self {
            id: method.id.to_string(),
            name: method.name.to_string(),
            title: method.title.to_string(),
            logo: method.logo.to_string(),
            active: method.active,
        }
    }
}
