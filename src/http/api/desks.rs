//! Which handler does what administrators ask for about banks, their clients and late money.

use super::Context;
use super::routes::Route;
use super::{
    api_keys, callbacks, late, merchants, payouts, previews, proposals, provider_day, refunds,
    tables,
};
use crate::gateway::caller::Caller;
use crate::http::problem::ApiError;
use crate::http::reply::Reply;

/// What administrators do about banks and their clients. That no route is without a handler is what
/// the authorization matrix finds out.
pub(super) async fn dispatch(
    route: Route,
    context: Context<'_>,
    caller: Caller,
) -> Result<Reply, ApiError> {
    match route {
        Route::MyKeys | Route::Keys => api_keys::list(context, &caller),
        Route::MakeMyKey => api_keys::make_own(context, &caller).await,
        Route::MakeKey => api_keys::make(context, &caller).await,
        Route::RevokeMyKey | Route::RevokeKey => api_keys::revoke(context, &caller).await,
        Route::OpenPayouts => payouts::open(context, &caller).await,
        Route::ReleasePayout => payouts::decide(context, &caller, true).await,
        Route::DenyPayout => payouts::decide(context, &caller, false).await,
        Route::SettlePayout => payouts::settle(context, &caller).await,
        Route::OpenRefunds => refunds::open(context).await,
        Route::SettleRefund => refunds::settle(context, &caller).await,
        Route::LateMoney => late::list(context, &caller).await,
        Route::SettleOdd => late::settle_odd(context, &caller).await,
        Route::ResolveLate => late::resolve(context, &caller).await,
        Route::Partners => Ok(tables::partners(context)),
        Route::AddPartner => tables::add_partner(context, &caller).await,
        Route::ChangePartner => tables::change_partner(context, &caller).await,
        Route::RemovePartner => tables::remove_partner(context, &caller).await,
        Route::Routes => Ok(tables::routes(context)),
        Route::SetRoute => tables::set_route(context, &caller).await,
        Route::RemoveRoute => tables::remove_route(context, &caller).await,
        Route::Clients => Ok(tables::clients(context)),
        Route::AddClient => tables::add_client(context, &caller).await,
        Route::ChangeClient => tables::change_client(context, &caller).await,
        Route::RemoveClient => tables::remove_client(context, &caller).await,
        Route::RotatePartnerKey | Route::RotateClientKey => {
            tables::rotate_key(context, &caller).await
        }
        Route::DropPartnerKey | Route::DropClientKey => tables::drop_key(context, &caller).await,
        Route::SetCallback => callbacks::set(context, &caller).await,
        Route::RemoveCallback => callbacks::remove(context, &caller).await,
        Route::CallbackLog => callbacks::log(context, &caller),
        Route::Redeliver => callbacks::redeliver(context, &caller).await,
        Route::PreviewRoute => previews::route(context),
        Route::PreviewScreening => previews::screen(context),
        Route::Reconcile => previews::reconcile(context).await,
        Route::ReconcileDay => provider_day::reconcile(context).await,
        Route::Proposals | Route::ApproveProposal | Route::RefuseProposal => {
            proposals::dispatch(route, context, &caller).await
        }
        _ => Box::pin(merchants::dispatch(route, context, caller)).await,
    }
}
