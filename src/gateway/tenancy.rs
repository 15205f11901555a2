//! Tenants from their own side: who is invited agrees, or does not; and what a landlord changes about
//! them.
//!
//! A room is kept for who is invited. Months are billed from the first day on once they agree, so
//! whoever agrees says that day and the rate which they saw: to others they have not agreed.
//!
//! Who is to pay more than they agreed to is invited again, by a dearer row or room or another room.
//! An administrator's word about a tenant who agreed stands for theirs.

use std::ops::Bound;

use super::boarding::{is_called, tenant_called, tenant_of};
use super::caller::Caller;
use super::{Error, Gateway};
use crate::journal::Recorded;
use crate::ledger::boarding::{Agreement, Boarding, BoardingChange, Tenant, TenantId};
use crate::ledger::event::Role;
use crate::ledger::money::Amount;
use crate::ledger::text::{Email, Line};
use crate::ledger::time::Timestamp;

/// What a landlord may change about a tenant.
#[derive(Clone, Debug)]
pub struct TenantChange {
    /// For display.
    pub name: Line,
    /// Where they can be written to.
    pub email: Email,
    /// The room: its id or its code.
    pub room: String,
    /// What a month costs them, if not what it costs others.
    pub rate: Option<Amount>,
}

impl Gateway {
    /// A tenant's row is so from here on: another room, another rate. Bills that are there stay. To
    /// more than they agreed to they have to agree again, unless an administrator says so.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a room that is none of the house's;
    /// [`Error::Conflict`] if somebody has it.
    pub async fn change_tenant(
        &self,
        caller: &Caller,
        id: &str,
        row: TenantChange,
    ) -> Result<Recorded, Error> {
        let now = self.engine.clock().now();
        let change = |houses: &Boarding| {
            let before = tenant_of(houses, caller, id)?.clone();
            let room = houses.rooms_of(before.issuer).find(|room| is_called(room, &row.room));
            let room = room.ok_or_else(|| Error::invalid("room", "there is no such room"))?.id;
            let TenantChange { name, email, rate, .. } = row;
            let mut tenant = Tenant { name, email, room, rate, ..before };
            let word = caller.user.role == Role::Admin && tenant.agreed.is_some();
            if word && !houses.agreed(&tenant) {
                tenant.agreed = houses.rate(&tenant).map(|rate| Agreement { at: now, rate });
            }
            Ok(BoardingChange::TenantSet(tenant))
        };
        self.change_boarding(caller.principal(), change).await
    }

    /// Where the caller lives, or is invited to, oldest first: at most `limit`, those after `after`.
    pub fn tenancies(&self, caller: &Caller, limit: usize, after: Option<TenantId>) -> Vec<Tenant> {
        let houses = self.view().boarding();
        let theirs =
            |tenant: &&Tenant| tenant.user == caller.user.id && tenant.deleted_at.is_none();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = houses.tenants.range((from, Bound::Unbounded)).map(|(_, tenant)| tenant);
        rows.filter(theirs).take(limit).cloned().collect()
    }

    /// The caller agrees to live where they were invited to, from the midnight `start` on, for `rate`
    /// a month.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if they have agreed, or if the row says something
    /// else.
    pub async fn agree(
        &self,
        caller: &Caller,
        id: &str,
        rate: Amount,
        start: Timestamp,
    ) -> Result<Recorded, Error> {
        let at = self.engine.clock().now();
        let change = |houses: &Boarding| {
            let tenant = own(houses, caller, id)?;
            if tenant.start != start {
                return Err(Error::Conflict("start_date: it is another, look again"));
            }
            Ok(BoardingChange::TenantAgreed { tenant: tenant.id, at, rate })
        };
        let recorded = self.change_boarding(caller.principal(), change).await?;
        self.moved_in.notify_one();
        Ok(recorded)
    }

    /// The caller does not want to live where they were invited to.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if they have agreed.
    pub async fn decline(&self, caller: &Caller, id: &str) -> Result<Recorded, Error> {
        let at = self.engine.clock().now();
        let change = |houses: &Boarding| {
            let tenant = own(houses, caller, id)?;
            if houses.agreed(tenant) {
                return Err(Error::Conflict("you have agreed already: your landlord ends it"));
            }
            Ok(BoardingChange::TenantDeleted { tenant: tenant.id, at })
        };
        self.change_boarding(caller.principal(), change).await
    }
}

/// The caller's own tenancy of this id.
fn own<'a>(houses: &'a Boarding, caller: &Caller, id: &str) -> Result<&'a Tenant, Error> {
    let own =
        tenant_called(houses, id).filter(|it| it.user == caller.user.id && it.deleted_at.is_none());
    own.ok_or(Error::NotFound)
}
