//! Where people live, or are invited to, from their own side; and which handler sees to what of
//! boarding houses.

use serde::Deserialize;

use super::boarding::{self, ChangedView};
use super::routes::Route;
use super::wire::{self, ListView};
use super::{Context, desks};
use crate::gateway::boarding::tenant_called;
use crate::gateway::caller::Caller;
use crate::http::amount::AmountField;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::ledger::boarding::TenantId;

/// What somebody agrees to, as they saw it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptBody {
    rate: AmountField,
    start_date: String,
}

/// Rooms, tenants, and the ways to pay.
pub(super) async fn dispatch(
    route: Route,
    context: Context<'_>,
    caller: Caller,
) -> Result<Reply, ApiError> {
    match route {
        Route::PaymentMethods => Ok(boarding::methods(context, &caller)),
        Route::SetMethod => boarding::set_method(context, &caller).await,
        Route::RemoveMethod => boarding::remove_method(context, &caller).await,
        Route::Rooms => boarding::rooms(context, &caller),
        Route::AddRoom => boarding::add_room(context, &caller).await,
        Route::ChangeRoom => boarding::change_room(context, &caller).await,
        Route::RemoveRoom => boarding::remove_room(context, &caller).await,
        Route::Tenants => boarding::tenants(context, &caller),
        Route::AddTenant => boarding::add_tenant(context, &caller).await,
        Route::ChangeTenant => boarding::change_tenant(context, &caller).await,
        Route::Tenancies => list(context, &caller),
        Route::AcceptTenancy => accept(context, &caller).await,
        Route::DeclineTenancy => decline(context, &caller).await,
        Route::DeleteTenant => boarding::delete_tenant(context, &caller).await,
        _ => Box::pin(desks::dispatch(route, context, caller)).await,
    }
}

/// `GET /api/v1/tenancies`
pub(super) fn list(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let query = context.request.query()?.only(&["limit", "cursor"])?;
    let limit = wire::limit(&query)?;
    // Rows are numbered from 0.
    let after = query.get("cursor").map(|text| {
        let digits = text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let row = u32::from_str_radix(text, 16).ok().filter(|_| digits);
        row.map(TenantId).ok_or_else(|| ApiError::field("cursor", "is not one we gave out"))
    });
    let houses = context.gateway.view().boarding();
    let mut tenancies = context.gateway.tenancies(caller, limit + 1, after.transpose()?);
    let more = tenancies.len() > limit;
    tenancies.truncate(limit);
    let next = tenancies.last().filter(|_| more).map(|tenant| format!("{:x}", tenant.id.0));
    let data = tenancies.iter().map(|tenant| context.tenant(&houses, tenant, None));
    Ok(Reply::ok(&ListView { data: data.collect(), next_cursor: next }))
}

/// `POST /api/v1/tenancies/{id}/accept`
pub(super) async fn accept(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let id = context.segment(3);
    let body: AcceptBody = context.request.json()?;
    let (rate, start) =
        (boarding::rate(body.rate)?, boarding::day("start_date", &body.start_date)?);
    let recorded = context.gateway.agree(caller, id, rate, start).await?;
    let houses = context.gateway.view().boarding();
    let tenant = tenant_called(&houses, id).ok_or_else(|| ApiError::new(Code::Internal))?;
    let row = context.tenant(&houses, tenant, None);
    Ok(Reply::ok(&ChangedView { row, position: recorded.position.get() }))
}

/// `DELETE /api/v1/tenancies/{id}`
pub(super) async fn decline(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let recorded = context.gateway.decline(caller, context.segment(3)).await?;
    Ok(wire::no_content(recorded.position))
}
