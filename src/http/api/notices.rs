//! What users are told of that moved none of their money: keys, terms and roles that others gave them,
//! and what shows one-time codes for them.

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::ledger::api_key::Scope;
use crate::ledger::code::CodeChange;
use crate::ledger::event::{Fact, UserChange};
use crate::ledger::id::Principal;
use crate::ledger::registry::{RegistryChange, RegistryChanged};

/// The kind of a message about `fact`, and what it says; nothing if nobody is told of it.
pub(super) fn of(gateway: &Gateway, fact: &Fact) -> Option<(&'static str, Value)> {
    match fact {
        Fact::RegistryChanged(changed) => {
            changed.told()?;
            registered(gateway, changed)
        }
        Fact::UserChanged(changed) => match &changed.change {
            UserChange::Codes(CodeChange::TotpConfirmed(_)) => {
                Some(("authenticator_added", json!({})))
            }
            UserChange::Codes(CodeChange::TotpRemoved) => {
                Some(("authenticator_removed", json!({})))
            }
            _ => None,
        },
        _ => None,
    }
}

fn registered(gateway: &Gateway, changed: &RegistryChanged) -> Option<(&'static str, Value)> {
    let by = who(gateway, changed.by);
    match &changed.change {
        RegistryChange::ApiKeySet(key) => {
            let scopes: Vec<&str> = key.scopes.iter().map(Scope::name).collect();
            let about = json!({
                "api_key": key.id.to_string(),
                "name": key.name.as_str(),
                "scopes": scopes,
                "otp_exempt": key.codes_exempt,
                "by": by,
            });
            Some(("api_key_made", about))
        }
        RegistryChange::MerchantSet(row) => {
            let about = json!({
                "fee_basis_points": row.fee_basis_points.get(),
                "fee_fixed": row.fee_fixed,
                "disabled": row.disabled,
                "by": by,
            });
            Some(("merchant_terms_set", about))
        }
        RegistryChange::RoleSet(_, role) => {
            Some(("role_changed", json!({ "role": role.name(), "by": by })))
        }
        _ => None,
    }
}

/// A user's name, `operator` or `system`.
pub(super) fn who(gateway: &Gateway, principal: Principal) -> String {
    match principal {
        Principal::System => "system".to_owned(),
        Principal::Operator => "operator".to_owned(),
        Principal::User(id) => {
            let user = gateway.view().user(id);
            user.map(|user| user.username().to_owned()).unwrap_or_default()
        }
    }
}
