//! Changes of the boarding houses as an export shows them.

use serde_json::{Value, json};

use super::Names;
use crate::ledger::boarding::{BoardingChange, BoardingChanged, Method, Room, Tenant};
use crate::ledger::money::Amount;
use crate::ledger::time::BOOK_OFFSET_SECONDS;

/// The fields of the record's object: who changed which table, and the row as it is now.
pub(super) fn change(names: &Names, changed: &BoardingChanged) -> Value {
    let (change, row) = match &changed.change {
        BoardingChange::RoomSet(it) => ("room_set", room(names, it)),
        BoardingChange::RoomRemoved(room) => ("room_removed", json!({ "room": room.0 })),
        BoardingChange::TenantSet(it) => ("tenant_set", tenant(names, it)),
        BoardingChange::TenantDeleted { tenant, .. } => {
            ("tenant_deleted", json!({ "tenant": tenant.0 }))
        }
        BoardingChange::MethodSet(it) => ("method_set", method(it)),
        BoardingChange::MethodRemoved(id) => ("method_removed", json!({ "id": id.as_str() })),
        BoardingChange::TenantAgreed { tenant, rate, .. } => {
            ("tenant_agreed", json!({ "tenant": tenant.0, "rate": rate.get() }))
        }
    };
    json!({ "by": names.principal(changed.by), "change": change, "row": row })
}

fn room(names: &Names, room: &Room) -> Value {
    json!({
        "room": room.id.0,
        "issuer": names.user(room.issuer),
        "code": room.code.as_str(),
        "name": room.name.as_str(),
        "rate": room.rate.get(),
    })
}

fn tenant(names: &Names, tenant: &Tenant) -> Value {
    json!({
        "tenant": tenant.id.0,
        "issuer": names.user(tenant.issuer),
        "user": names.user(tenant.user),
        "name": tenant.name.as_str(),
        "room": tenant.room.0,
        "rate": tenant.rate.map(Amount::get),
        "agreed": tenant.agreed.map(|agreement| agreement.rate.get()),
        "start": tenant.start.date(BOOK_OFFSET_SECONDS).to_string(),
    })
}

fn method(method: &Method) -> Value {
    json!({
        "id": method.id.as_str(),
        "name": method.name.as_str(),
        "title": method.title.as_str(),
        "logo": method.logo.as_str(),
        "place": method.place,
        "active": method.active,
    })
}
