//! Changes of the registry as an export shows them: everything but the keys; and tries to tell
//! clients and endpoints something.

use serde_json::{Value, json};

use super::Names;
use crate::ledger::api_key::{ApiKey, Scope};
use crate::ledger::decision::Decision;
use crate::ledger::delivery::DeliveryTried;
use crate::ledger::endpoint::{Endpoint, Format};
use crate::ledger::merchant::Merchant;
use crate::ledger::money::Amount;
use crate::ledger::payout::CallbackTried;
use crate::ledger::proposal::Proposal;
use crate::ledger::registry::{
    Client, Keys, Partner, RegistryChange, RegistryChanged, Route, Window,
};

/// The fields of the record's object: who changed which table, and the row as it is now.
pub(super) fn change(names: &Names, changed: &RegistryChanged) -> Value {
    let (change, row) = row_of(names, &changed.change);
    json!({ "by": names.principal(changed.by), "change": change, "row": row })
}

/// The word for a change, and its row.
fn row_of(names: &Names, change: &RegistryChange) -> (&'static str, Value) {
    match change {
        RegistryChange::PartnerSet(it) => ("partner_set", partner(it)),
        RegistryChange::PartnerRemoved(bank) => {
            ("partner_removed", json!({ "code": bank.as_str() }))
        }
        RegistryChange::RouteSet(it) => ("route_set", route(it)),
        RegistryChange::RouteRemoved(bank, usage) => {
            ("route_removed", json!({ "bank": bank.as_str(), "usage": usage.name() }))
        }
        RegistryChange::ClientSet(it) => ("client_set", client(names, it)),
        RegistryChange::ClientRemoved(id) => ("client_removed", json!({ "id": id.as_str() })),
        RegistryChange::ApiKeySet(it) => ("api_key_set", api_key(names, it)),
        RegistryChange::ApiKeyRemoved(id) => ("api_key_removed", json!({ "id": id.to_string() })),
        RegistryChange::ApiKeyUsed(id, at) => {
            ("api_key_used", json!({ "id": id.to_string(), "at": at.to_string() }))
        }
        RegistryChange::EndpointSet(it) => ("endpoint_set", endpoint(names, it)),
        RegistryChange::EndpointRemoved(owner, id) => {
            ("endpoint_removed", json!({ "owner": names.user(*owner), "id": id.0.get() }))
        }
        RegistryChange::MerchantSet(it) => ("merchant_set", merchant(names, it)),
        RegistryChange::MerchantRemoved(user, _) => {
            ("merchant_removed", json!({ "user": names.user(*user) }))
        }
        RegistryChange::Proposed(it) => ("proposed", proposal(names, it)),
        RegistryChange::Approved(id) => ("approved", json!({ "proposal": id.0.get() })),
        RegistryChange::ProposalRefused(id, why) => {
            ("proposal_refused", json!({ "proposal": id.0.get(), "reason": why.as_str() }))
        }
        RegistryChange::Decided(it) => ("decided", decision(names, it)),
        RegistryChange::RoleSet(user, role) => {
            ("role_set", json!({ "user": names.user(*user), "role": role.name() }))
        }
    }
}

fn proposal(names: &Names, proposal: &Proposal) -> Value {
    let (change, row) = row_of(names, &proposal.change.clone().into());
    json!({
        "proposal": proposal.id.0.get(),
        "until": proposal.until.to_string(),
        "change": change,
        "row": row,
    })
}

fn decision(names: &Names, decision: &Decision) -> Value {
    let account = decision.wish.account().map(|account| names.account(account));
    json!({
        "about": decision.about.get(),
        "until": decision.until.to_string(),
        "wish": decision.wish.name(),
        "account": account,
        "reason": decision.reason.as_str(),
    })
}

fn partner(partner: &Partner) -> Value {
    let window = |window: Window| json!({ "from": window.from, "until": window.until });
    json!({
        "code": partner.code.as_str(),
        "name": partner.name.as_str(),
        "priority": partner.priority,
        "keys": keys(&partner.keys),
        "base_url": partner.base_url.as_str(),
        "maintenance": partner.maintenance.map(window),
        "disabled": partner.disabled,
    })
}

fn route(route: &Route) -> Value {
    json!({
        "bank": route.bank.as_str(),
        "usage": route.usage.name(),
        "local": route.local.as_str(),
        "external": route.external.as_str(),
        "fee_fixed": route.fee_fixed,
        "fee_basis_points": route.fee_basis_points.get(),
    })
}

fn client(names: &Names, client: &Client) -> Value {
    let allow: Vec<&str> = client.allow.iter().map(|entry| entry.as_str()).collect();
    json!({
        "id": client.id.as_str(),
        "name": client.name.as_str(),
        "user": names.user(client.user),
        "account_number": client.account_number.as_str(),
        "account_name": client.account_name.as_str(),
        "allow": allow,
        "keys": keys(&client.keys),
        "per_transfer_max": client.per_transfer_max.map(Amount::get),
        "per_day_max": client.per_day_max.map(Amount::get),
        "requests_per_second": client.requests_per_second,
        "allow_interbank_fallback": client.allow_interbank_fallback,
        "callback": client.callback.as_ref().map(|callback| callback.url.as_str()),
        "disabled": client.disabled,
    })
}

fn api_key(names: &Names, key: &ApiKey) -> Value {
    let scopes: Vec<&str> = key.scopes.iter().map(Scope::name).collect();
    json!({
        "id": key.id.to_string(),
        "owner": names.user(key.owner),
        "name": key.name.as_str(),
        "scopes": scopes,
        "codes_exempt": key.codes_exempt,
        "created": key.created.to_string(),
        "expires": key.expires.map(|at| at.to_string()),
        "last_used": key.last_used.map(|at| at.to_string()),
    })
}
fn endpoint(names: &Names, endpoint: &Endpoint) -> Value {
    let events: Vec<&str> = endpoint.events.iter().map(|kind| kind.name()).collect();
    let format = match endpoint.format {
        Format::Standard => "standard",
        Format::Midtrans => "midtrans",
    };
    json!({
        "id": endpoint.id.0.get(),
        "owner": names.user(endpoint.owner),
        "url": endpoint.url.as_str(),
        "description": endpoint.description.as_str(),
        "secrets": keys(&endpoint.secrets),
        "events": events,
        "format": format,
        "disabled": endpoint.disabled,
    })
}

fn merchant(names: &Names, merchant: &Merchant) -> Value {
    let methods: Vec<&str> = merchant.methods.iter().map(|method| method.as_str()).collect();
    json!({
        "user": names.user(merchant.user),
        "endpoint": merchant.endpoint.0.get(),
        "created": merchant.created.to_string(),
        "keys": 1 + usize::from(merchant.previous.is_some()),
        "notify": merchant.notify.as_str(),
        "finish": merchant.finish.as_str(),
        "unfinish": merchant.unfinish.as_str(),
        "methods": methods,
        "fee_basis_points": merchant.fee_basis_points.get(),
        "fee_fixed": merchant.fee_fixed,
        "disabled": merchant.disabled,
    })
}

/// The fields of a try to tell a client how a payout ended.
pub(super) fn callback_tried(names: &Names, tried: &CallbackTried) -> Value {
    json!({
        "payout": tried.payout.get(),
        "account": names.account(tried.account),
        "attempt": tried.attempt,
        "status": tried.status,
        "note": tried.note.as_str(),
        "done": tried.done,
    })
}

/// The fields of a try to tell an endpoint something.
pub(super) fn delivery_tried(names: &Names, tried: &DeliveryTried) -> Value {
    json!({
        "endpoint": tried.delivery.endpoint.0.get(),
        "event": tried.delivery.event.get(),
        "owner": names.user(tried.owner),
        "attempt": tried.attempt,
        "status": tried.status,
        "note": tried.note.as_str(),
        "done": tried.done,
        "gone": tried.gone,
    })
}

/// How many are good, and no more.
fn keys(keys: &Keys) -> usize {
    1 + usize::from(keys.previous.is_some())
}
