//! Two people with wallets that fill up, a merchant, and the house.

use gerbang::journal::MemoryJournal;
use gerbang::ledger::event::{AccountKind, Event, Fact, MovementKind, Role};
use gerbang::ledger::id::{AccountId, Principal};
use gerbang::ledger::money::Currency;
use gerbang::ledger::policy::{Policies, Policy};
use gerbang::ledger::time::Timestamp;

use crate::world::{amount, movement, opened, origin, signed_up};

pub(super) const CLEARING: AccountId = AccountId(0);
pub(super) const SUSPENSE: AccountId = AccountId(2);
pub(super) const ANI: AccountId = AccountId(3);
pub(super) const BUDI: AccountId = AccountId(4);
pub(super) const WARUNG: AccountId = AccountId(5);
/// What each wallet begins with.
pub(super) const FUNDS: u64 = 300_000;

pub(super) fn dawn() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-02T09:00:00+07:00").unwrap()
}

/// A wallet is full before long.
pub(super) fn policies() -> Policies {
    let policy = Policy { ceiling: Some(amount(900_000)), incoming_per_month: None };
    Policies(vec![(AccountKind::Wallet, Currency::IDR, policy)])
}

/// A journal in which all of it stands.
pub(super) fn begin() -> MemoryJournal {
    let idr = Currency::IDR;
    let account = |id, kind| Fact::AccountOpened(opened(AccountId(id), kind, idr, None));
    let top_up = MovementKind::TopUp { request: None, by: Principal::Operator };
    let fund = |name: &str, to| {
        let funding = origin(Principal::Operator, name, "fund");
        Fact::Moved(movement(funding, top_up, (CLEARING, to), FUNDS))
    };
    let facts = vec![
        Fact::Genesis,
        account(0, AccountKind::Clearing),
        account(1, AccountKind::Fees),
        account(2, AccountKind::Suspense),
        signed_up(0, "ani", Role::Buyer, ANI),
        signed_up(1, "budi", Role::Buyer, BUDI),
        signed_up(2, "warung", Role::Merchant, WARUNG),
        fund("FUND-1", ANI),
        fund("FUND-2", BUDI),
    ];
    let events: Vec<Event> = facts.into_iter().map(|fact| Event { at: dawn(), fact }).collect();
    let mut journal = MemoryJournal::new();
    crate::world::begin(&mut journal, &events);
    journal
}
