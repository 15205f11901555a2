//! The paper's partners and routes, one client, and money in its escrow account.

use gerbang::identity::secret::Secret;
use gerbang::identity::vault::Vault;
use gerbang::journal::MemoryJournal;
use gerbang::ledger::event::{AccountKind, Event, Fact, MovementKind, Role};
use gerbang::ledger::id::{AccountId, Principal, UserId};
use gerbang::ledger::money::{BasisPoints, Currency};
use gerbang::ledger::registry::{
    BankCode, Client, Keys, Partner, RegistryChange, RegistryChanged, Route, Usage,
};
use gerbang::ledger::text::{ClientId, Line};
use gerbang::ledger::time::Timestamp;

use crate::world::{movement, opened, origin, signed_up};

pub(crate) const CLEARING: AccountId = AccountId(0);
pub(crate) const FEES: AccountId = AccountId(1);
pub(crate) const ESCROW: AccountId = AccountId(2);
/// What the escrow account begins with.
pub(crate) const FUNDS: u64 = 30_000_000;
/// What an interbank transfer costs.
pub(crate) const FEE: u64 = 6_500;

pub(crate) fn dawn() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-02T09:00:00+07:00").unwrap()
}

/// A journal in which all of it stands.
pub(crate) fn begin() -> MemoryJournal {
    let idr = Currency::IDR;
    let account = |id, kind| Fact::AccountOpened(opened(id, kind, idr, None));
    let top_up = MovementKind::TopUp { request: None, by: Principal::Operator };
    let funding = origin(Principal::Operator, "FUND", "fund");
    let mut facts = vec![
        Fact::Genesis,
        account(CLEARING, AccountKind::Clearing),
        account(FEES, AccountKind::Fees),
        signed_up(0, "iki-ppob", Role::Client, ESCROW),
        Fact::Moved(movement(funding, top_up, (CLEARING, ESCROW), FUNDS)),
        signed_up(1, "admin", Role::Admin, AccountId(3)),
    ];
    facts.extend(registry().into_iter().map(|change| {
        Fact::RegistryChanged(Box::new(RegistryChanged { by: Principal::Operator, change }))
    }));
    let events: Vec<Event> = facts.into_iter().map(|fact| Event { at: dawn(), fact }).collect();
    let mut journal = MemoryJournal::new();
    crate::world::begin(&mut journal, &events);
    journal
}

/// The tables, with a client for the first user.
pub(crate) fn registry() -> Vec<RegistryChange> {
    let mut changes = Vec::new();
    for (priority, code) in [(1, "009"), (2, "014"), (3, "008")] {
        changes.push(RegistryChange::PartnerSet(Partner {
            code: bank(code),
            name: line(code),
            priority,
            keys: keys(),
            base_url: line("http://127.0.0.1:1"),
            maintenance: None,
            disabled: false,
        }));
        changes.push(route(code, Usage::Transfer, 0));
    }
    changes.push(route("009", Usage::Interbank, FEE));
    changes.push(route("014", Usage::Interbank, FEE + 1_000));
    changes.push(RegistryChange::ClientSet(client(UserId(0))));
    changes
}

pub(crate) fn client(user: UserId) -> Client {
    Client {
        id: ClientId::parse("1").unwrap(),
        name: line("IKI PPOB"),
        user,
        account_number: line("0847652590"),
        account_name: line("IKIMODAL"),
        allow: vec![line("127.0.0.1")],
        keys: keys(),
        per_transfer_max: None,
        per_day_max: None,
        requests_per_second: None,
        allow_interbank_fallback: true,
        callback: None,
        disabled: false,
    }
}

fn route(code: &str, usage: Usage, fee_fixed: u64) -> RegistryChange {
    RegistryChange::RouteSet(Route {
        bank: bank(code),
        usage,
        local: line("/api/bank/transfer"),
        external: line("https://bank.example"),
        fee_fixed,
        fee_basis_points: BasisPoints::new(0).unwrap(),
    })
}

fn keys() -> Keys {
    let secret = Secret::new("never opened here".to_owned());
    Keys { current: Vault::in_memory(1).seal("test", &secret), previous: None }
}

fn bank(code: &str) -> BankCode {
    BankCode::parse(code).unwrap()
}

fn line(text: &str) -> Line {
    Line::parse(text, 64).unwrap()
}
