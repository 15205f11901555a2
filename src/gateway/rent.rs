//! The months' bills (KOST-9): every tenant is billed for every month, by itself and once.
//!
//! A rent's reference is `rent/<tenant>/<year>-<month>` in the system's own name space, so that a
//! month can be billed once only, whoever tries it how often and after which restart. Bills of a
//! tenant are made oldest first: where one stands, all before it do.
//!
//! Time is that of the engine's clock. A clock that jumps makes nothing until it has agreed with
//! running time for a while, also at a start long after the last entry: a bill for next year would
//! be hard to explain.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Error, Gateway, boarding};
use crate::engine::{Outcome, Wall};
use crate::language::Language;
use crate::ledger::bill::{BillIssued, BillSource};
use crate::ledger::boarding::{Boarding, Rent, Tenant, TenantId};
use crate::ledger::command::Command;
use crate::ledger::event::Origin;
use crate::ledger::id::Principal;
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::{Line, Reference};
use crate::ledger::time::{Month, Timestamp};
use crate::limits;

/// Runs until `stop` turns true.
pub async fn run(gateway: Arc<Gateway>, mut stop: watch::Receiver<bool>) {
    let clock = gateway.engine.clock().clone();
    let mut wall = Wall::new(clock.now());
    let mut rents = Rents::default();
    loop {
        // Its own look, since the clock may have jumped since the engine's.
        let now = wall.trusted(clock.now(), Instant::now());
        if let Some(now) = now.filter(|_| gateway.engine.is_clock_trusted()) {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                () = rents.look(&gateway, now) => {}
            }
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = gateway.moved_in.notified() => {}
            () = tokio::time::sleep(limits::RENT_LOOK) => {}
        }
    }
}

/// What is known to be billed, so that a look at a quiet month costs nothing.
#[derive(Default)]
pub struct Rents {
    /// The latest month of each tenant.
    billed: HashMap<TenantId, Month>,
}

impl Rents {
    /// Makes the bills that are due at `now` and not there yet, one after the other. What cannot be
    /// made now is made by a later look.
    pub async fn look(&mut self, gateway: &Gateway, now: Timestamp) {
        let houses = gateway.view().boarding();
        let mut left = limits::RENT_BILLS_PER_LOOK;
        for tenant in houses.tenants.values() {
            for rent in self.missing(gateway, &houses, tenant, now) {
                // Deleted since we began to look.
                if left == 0 || gateway.view().boarding().tenant(tenant.id).is_err() {
                    break;
                }
                left -= 1;
                match gateway.issue_rent(&houses, tenant, rent).await {
                    Ok(_) => drop(self.billed.insert(tenant.id, rent.month)),
                    Err(error) => {
                        let month = rent.month;
                        tracing::warn!(tenant = tenant.id.0, %month, %error, "not billed yet");
                        break;
                    }
                }
            }
        }
    }

    /// The months of a tenant that are due and not billed, oldest first.
    fn missing(
        &self,
        gateway: &Gateway,
        houses: &Boarding,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Vec<Rent> {
        if self.billed.get(&tenant.id).is_some_and(|month| *month >= now.month()) {
            return Vec::new();
        }
        let mut due: Vec<Rent> = houses.rents(tenant, now).collect();
        let last = due.iter().rposition(|rent| match self.billed.get(&tenant.id) {
            Some(month) => rent.month <= *month,
            None => gateway.is_billed(*rent),
        });
        due.drain(..last.map_or(0, |last| last + 1));
        due
    }
}

impl Gateway {
    fn is_billed(&self, rent: Rent) -> bool {
        // One that cannot be read is tried again, and its reference finds out.
        matches!(self.engine.known(&origin(rent)), Ok(Some(_)))
    }

    async fn issue_rent(
        &self,
        houses: &Boarding,
        tenant: &Tenant,
        rent: Rent,
    ) -> Result<Outcome, Error> {
        let currency = self.settings.currency;
        let account = |user| {
            let user = self.view().user(user).ok_or(Error::NotFound)?;
            self.view().account_of(&user, currency).ok_or(Error::NotFound)
        };
        let (account, payer) = (account(tenant.issuer)?, account(tenant.user)?);
        if account == payer {
            return Err(Error::Conflict("the landlord is the tenant"));
        }
        let code = boarding::room_of_tenant(houses, tenant.id).map(|room| room.code.as_str());
        let (code, month) = (code.unwrap_or_default(), Language::Indonesian.month(rent.month));
        let issued = BillIssued {
            origin: origin(rent),
            account,
            payer,
            amount: rent.amount,
            currency,
            name: Line::cut(&format!("Sewa kamar {code}"), limits::NAME_MAX),
            description: Line::cut(&format!("Sewa kamar {code}, {month}"), limits::NOTE_MAX),
            due: due(tenant, rent.month),
            source: BillSource::Rent { tenant: tenant.id.0, month: rent.month },
        };
        self.submit(Command::IssueBill(Box::new(issued))).await
    }
}

/// Once for a tenant and a month. The amount is no part of the digest: another rate makes no
/// second bill.
fn origin(rent: Rent) -> Origin {
    let reference = format!("rent/{}/{}", rent.tenant.0, rent.month);
    Origin {
        principal: Principal::System,
        reference: Reference::parse(&reference).expect("short and visible"),
        digest: DigestBuilder::new("rent").text(&reference).finish(),
    }
}

/// The end of the month's tenth day, or of the stay's, whichever is later.
fn due(tenant: &Tenant, month: Month) -> Option<Timestamp> {
    let days = |days: i64| days.saturating_mul(86_400).saturating_sub(1);
    let first = Timestamp::parse_rfc3339(&format!("{month}-01T00:00:00+07:00"))?;
    let begins = first.max(tenant.start);
    Some(begins.plus_seconds(days(limits::RENT_DUE_DAYS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::boarding::tests::tenant;

    #[test]
    fn rent_is_due_ten_days_after_the_month_or_the_stay_began() {
        let month = |text: &str| Timestamp::parse_rfc3339(text).unwrap().month();
        let due = |text| due(&tenant(0, 7, 0), month(text)).unwrap().to_rfc3339(7 * 3_600);
        assert_eq!(due("2026-09-25T00:00:00Z"), "2026-09-29T23:59:59.000000+07:00");
        assert_eq!(due("2026-10-25T00:00:00Z"), "2026-10-10T23:59:59.000000+07:00");
        assert_eq!(due("2027-02-25T00:00:00Z"), "2027-02-10T23:59:59.000000+07:00");
    }

    #[test]
    fn a_reference_names_tenant_and_month() {
        let month = Timestamp::parse_rfc3339("2026-11-21T00:00:00Z").unwrap().month();
        let amount = crate::ledger::money::Amount::new(1).unwrap();
        let rent = Rent { tenant: TenantId(7), month, amount };
        assert_eq!(origin(rent).reference.as_str(), "rent/7/2026-11");
    }
}
