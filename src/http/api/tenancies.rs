//! Where people live, or are invited to, from their own side.

use super::Context;
use super::boarding::ChangedView;
use super::wire::ListView;
use crate::gateway::boarding::tenant_id;
use crate::gateway::caller::Caller;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;

/// `GET /api/v1/tenancies`
pub(super) fn list(context: Context<'_>, caller: &Caller) -> Reply {
    let houses = context.gateway.view().boarding();
    let tenancies = context.gateway.tenancies(caller);
    let data = tenancies.iter().map(|tenant| context.tenant(&houses, tenant, None));
    Reply::ok(&ListView { data: data.collect(), next_cursor: None })
}

/// `POST /api/v1/tenancies/{id}/accept`
pub(super) async fn accept(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let id = context.segment(3);
    let recorded = context.gateway.agree(caller, id).await?;
    let houses = context.gateway.view().boarding();
    let tenant = houses.tenants.values().find(|tenant| tenant_id(tenant) == id);
    let tenant = tenant.ok_or_else(|| ApiError::new(Code::Internal))?;
    let row = context.tenant(&houses, tenant, None);
    Ok(Reply::ok(&ChangedView { row, position: recorded.position.get() }))
}

/// `DELETE /api/v1/tenancies/{id}`
pub(super) async fn decline(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    context.gateway.decline(caller, context.segment(3)).await?;
    Ok(Reply::no_content())
}
