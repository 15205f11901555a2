//! Merchants: what administrators decide about them, and what a merchant sees to itself. A server
//! key is shown once.

use serde::{Deserialize, Serialize};

use super::Context;
use super::charges;
use super::proposals::Shown;
use super::qr;
use super::routes::{self, Route};
use super::wire::{self, ListView};
use crate::gateway::caller::Caller;
use crate::gateway::merchant::rows::{Addresses, Set, Terms};
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::ledger::merchant::Merchant;
use crate::ledger::money::BasisPoints;
use crate::ledger::text::Line;
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressesBody {
    notification_url: Option<String>,
    finish_url: Option<String>,
    unfinish_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsBody {
    methods: Vec<String>,
    fee_basis_points: u16,
    #[serde(default)]
    fee_fixed: u64,
    #[serde(default)]
    disabled: bool,
    urls: Option<AddressesBody>,
}

#[derive(Serialize)]
pub(super) struct MerchantView {
    username: String,
    client_key: String,
    server_keys: Vec<String>,
    notification_url: String,
    finish_url: String,
    unfinish_url: String,
    methods: Vec<String>,
    fee_basis_points: u16,
    fee_fixed: u64,
    disabled: bool,
    created_at: String,
}

#[derive(Serialize)]
struct SetView<'a> {
    #[serde(flatten)]
    row: MerchantView,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_key: Option<&'a str>,
    position: u64,
}

/// What merchants do, and administrators for them.
pub(super) async fn dispatch(
    route: Route,
    context: Context<'_>,
    caller: Caller,
) -> Result<Reply, ApiError> {
    match route {
        Route::MerchantQr => qr::own(context, &caller),
        Route::ReadQr => qr::read(context, &caller),
        Route::PayQr => qr::pay(context, &caller).await,
        Route::PayCharge => charges::pay(context, &caller).await,
        Route::Merchants => Ok(list(context)),
        Route::SetMerchant => set(context, &caller).await,
        Route::RemoveMerchant => remove(context, &caller).await,
        Route::Merchant => show(context, &caller),
        Route::ChangeMerchant => change(context, &caller).await,
        Route::RotateServerKey => rotate(context, &caller).await,
        Route::DropServerKey => drop_key(context, &caller).await,
        _ => Box::pin(routes::dispatch_public(route, context)).await,
    }
}

/// `GET /api/v1/admin/merchants`
fn list(context: Context<'_>) -> Reply {
    let rows = context.gateway.merchants();
    let data = rows.iter().map(|row| context.merchant(row)).collect();
    Reply::ok(&ListView::<MerchantView> { data, next_cursor: None })
}

/// `PUT /api/v1/admin/merchants/{username}`: new or not.
async fn set(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: TermsBody = context.request.json()?;
    let rate = BasisPoints::new(body.fee_basis_points);
    let method = |name: &String| wire::line("methods", name, limits::NAME_MAX);
    let terms = Terms {
        methods: body.methods.iter().map(method).collect::<Result<_, _>>()?,
        fee_basis_points: rate
            .ok_or_else(|| ApiError::field("fee_basis_points", "must be at most 10000"))?,
        fee_fixed: body.fee_fixed,
        disabled: body.disabled,
    };
    let addresses = body.urls.as_ref().map(addresses).transpose()?;
    let (by, username) = (caller.principal(), context.segment(4));
    let set = context.gateway.set_merchant(by, username, terms, addresses).await?;
    if let Some(proposed) = context.proposed(&set.recorded, &Shown::default()) {
        return Ok(proposed);
    }
    Ok(Reply::ok(&context.merchant_set(&set)))
}

/// `DELETE /api/v1/admin/merchants/{username}`
async fn remove(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let recorded = context.gateway.remove_merchant(caller.principal(), context.segment(4)).await?;
    Ok(wire::no_content(recorded.position))
}

/// `GET /api/v1/merchant`
fn show(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let row = context.gateway.merchant(caller.user.id)?;
    Ok(Reply::ok(&context.merchant(&row)))
}

/// `PUT /api/v1/merchant`
async fn change(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let addresses = addresses(&context.request.json()?)?;
    let (by, user) = (caller.principal(), caller.user.id);
    let set = context.gateway.set_addresses(by, user, addresses).await?;
    Ok(Reply::ok(&context.merchant_set(&set)))
}

/// `POST /api/v1/merchant/rotate-key`
async fn rotate(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let set = context.gateway.rotate_server_key(caller.principal(), caller.user.id).await?;
    Ok(Reply::ok(&context.merchant_set(&set)))
}

/// `DELETE /api/v1/merchant/previous-key`
async fn drop_key(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let set = context.gateway.drop_server_key(caller.principal(), caller.user.id).await?;
    Ok(Reply::ok(&context.merchant_set(&set)))
}

fn addresses(body: &AddressesBody) -> Result<Addresses, ApiError> {
    let line = |field: &'static str, text: &Option<String>| match text.as_deref() {
        None | Some("") => Ok(Line::empty()),
        Some(text) => wire::line(field, text, limits::URL_MAX),
    };
    Ok(Addresses {
        notify: line("notification_url", &body.notification_url)?,
        finish: line("finish_url", &body.finish_url)?,
        unfinish: line("unfinish_url", &body.unfinish_url)?,
    })
}

impl Context<'_> {
    fn merchant_set<'a>(&self, set: &'a Set) -> SetView<'a> {
        SetView {
            row: self.merchant(&set.row),
            server_key: set.key.as_ref().map(|key| key.expose().as_str()),
            position: set.recorded.position.get(),
        }
    }

    pub(super) fn merchant(&self, row: &Merchant) -> MerchantView {
        let user = self.gateway.view().user(row.user);
        let keys = std::iter::once(&row.key).chain(&row.previous);
        MerchantView {
            username: user.map(|user| user.username().to_owned()).unwrap_or_default(),
            client_key: row.client_key.to_string(),
            server_keys: keys.map(|key| format!("GB-server-{}-...", key.id)).collect(),
            notification_url: row.notify.to_string(),
            finish_url: row.finish.to_string(),
            unfinish_url: row.unfinish.to_string(),
            methods: row.methods.iter().map(ToString::to_string).collect(),
            fee_basis_points: row.fee_basis_points.get(),
            fee_fixed: row.fee_fixed,
            disabled: row.disabled,
            created_at: self.time(row.created),
        }
    }
}
