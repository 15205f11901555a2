//! A small world to test in: two currencies, a house, six people, limits, and a first batch.

use gerbang::journal::{BatchBuilder, Hash, Journal};
use gerbang::ledger::book::Book;
use gerbang::ledger::event::{AccountKind, AccountOpened, Credential, Event, Fact, Movement};
use gerbang::ledger::event::{MovementKind, Origin, Role, UserCreated};
use gerbang::ledger::id::{AccountId, Principal, UserId};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::policy::{Policies, Policy};
use gerbang::ledger::reference::DigestBuilder;
use gerbang::ledger::rejection::Rejection;
use gerbang::ledger::text::{Email, Line, Reference, Username};
use gerbang::ledger::time::Timestamp;

pub(crate) const CLEARING: AccountId = AccountId(0);
pub(crate) const FEES: AccountId = AccountId(1);
pub(crate) const CLEARING_USD: AccountId = AccountId(2);
pub(crate) const FEES_USD: AccountId = AccountId(3);
pub(crate) const ANI: AccountId = AccountId(4);
pub(crate) const BUDI: AccountId = AccountId(5);
pub(crate) const CITRA: AccountId = AccountId(6);
pub(crate) const WARUNG: AccountId = AccountId(7);
pub(crate) const DEWI: AccountId = AccountId(8);
pub(crate) const EKO: AccountId = AccountId(9);
pub(crate) const ANI_USD: AccountId = AccountId(10);
pub(crate) const CITRA_USD: AccountId = AccountId(11);
/// Keeps 1,000 at least.
pub(crate) const ESCROW: AccountId = AccountId(12);
/// May owe 50,000.
pub(crate) const LINE: AccountId = AccountId(13);
/// Money whose owner is not known.
pub(crate) const SUSPENSE: AccountId = AccountId(14);

/// Everybody who can refuse, in rupiah.
pub(crate) const PEOPLE: [AccountId; 8] = [ANI, BUDI, CITRA, WARUNG, DEWI, EKO, ESCROW, LINE];
/// Administrators: who approves, adjusts and freezes.
pub(crate) const ADMINS: [Principal; 2] = [user(4), user(5)];
/// Refusals by what the gateway knows of names, banks and rules, before an account is asked.
pub(crate) const NOT_THE_LEDGERS: [Rejection; 6] = [
    Rejection::RecipientNotFound,
    Rejection::BeneficiaryNotFound,
    Rejection::RouteNotFound,
    Rejection::ScreenedOut,
    Rejection::TransferLimit,
    Rejection::AlreadyPaid,
];
/// What a wallet may hold, and take in within a month, in rupiah.
pub(crate) const CEILING: u64 = 100_000;
/// See [`CEILING`].
pub(crate) const MONTHLY: u64 = 250_000;

pub(crate) const fn user(number: u32) -> Principal {
    Principal::User(UserId(number))
}

pub(crate) fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

pub(crate) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

/// Where time begins: half an hour before a month ends in Jakarta.
pub(crate) fn dawn() -> Timestamp {
    Timestamp::parse_rfc3339("2026-10-31T23:30:00+07:00").unwrap()
}

/// Wallets in rupiah have both limits; nobody else has any.
pub(crate) fn policies() -> Policies {
    let limits =
        Policy { ceiling: Some(amount(CEILING)), incoming_per_month: Some(amount(MONTHLY)) };
    Policies(vec![(AccountKind::Wallet, Currency::IDR, limits)])
}

/// A key and a digest of `request`.
pub(crate) fn origin(principal: Principal, reference: &str, request: &str) -> Origin {
    Origin {
        principal,
        reference: Reference::parse(reference).unwrap(),
        digest: DigestBuilder::new("test").text(request).finish(),
    }
}

/// A movement in rupiah without a fee.
pub(crate) fn movement(
    origin: Origin,
    kind: MovementKind,
    between: (AccountId, AccountId),
    units: u64,
) -> Movement {
    let (debit, credit) = between;
    Movement {
        origin,
        kind,
        debit,
        credit,
        amount: amount(units),
        currency: Currency::IDR,
        fee: None,
        note: Line::empty(),
    }
}

/// An account as it opens.
pub(crate) fn opened(
    account: AccountId,
    kind: AccountKind,
    currency: Currency,
    owner: Option<u32>,
) -> AccountOpened {
    AccountOpened {
        account,
        kind,
        currency,
        owner: owner.map(UserId),
        floor: 0,
        by: Principal::System,
    }
}

/// A user with their first account.
pub(crate) fn signed_up(number: u32, name: &str, role: Role, account: AccountId) -> Fact {
    Fact::UserCreated(Box::new(UserCreated {
        user: UserId(number),
        username: Username::parse(name).unwrap(),
        email: Email::parse(&format!("{name}@contoh.id")).unwrap(),
        name: Line::parse(name, 100).unwrap(),
        phone: None,
        role,
        credential: Credential(Box::from(*b"hash")),
        must_change_password: false,
        account: opened(account, role.account_kind(), Currency::IDR, Some(number)),
    }))
}

/// How the world comes to be.
pub(crate) fn bootstrap() -> Vec<Event> {
    let account =
        |id, kind, currency, owner| Fact::AccountOpened(opened(id, kind, currency, owner));
    let idr = Currency::IDR;
    let escrow = |account, floor| {
        let opened = opened(account, AccountKind::Escrow, idr, None);
        Fact::AccountOpened(AccountOpened { floor, ..opened })
    };
    let facts = [
        Fact::Genesis,
        account(CLEARING, AccountKind::Clearing, idr, None),
        account(FEES, AccountKind::Fees, idr, None),
        account(CLEARING_USD, AccountKind::Clearing, usd(), None),
        account(FEES_USD, AccountKind::Fees, usd(), None),
        signed_up(0, "ani", Role::Buyer, ANI),
        signed_up(1, "budi", Role::Buyer, BUDI),
        signed_up(2, "citra", Role::Buyer, CITRA),
        signed_up(3, "warung", Role::Merchant, WARUNG),
        signed_up(4, "dewi", Role::Admin, DEWI),
        signed_up(5, "eko", Role::Admin, EKO),
        account(ANI_USD, AccountKind::Wallet, usd(), Some(0)),
        account(CITRA_USD, AccountKind::Wallet, usd(), Some(2)),
        escrow(ESCROW, 1_000),
        escrow(LINE, -50_000),
        account(SUSPENSE, AccountKind::Suspense, idr, None),
        // A floor above nothing begins above nothing.
        Fact::Moved(movement(
            origin(Principal::System, "seed-escrow", "seed"),
            MovementKind::TopUp { request: None, by: Principal::System },
            (CLEARING, ESCROW),
            1_000,
        )),
    ];
    facts.into_iter().map(|fact| Event { at: dawn(), fact }).collect()
}

/// Writes `events` as the first batch of an empty journal.
pub(crate) fn begin(journal: &mut dyn Journal, events: &[Event]) {
    let mut book = Book::new();
    let mut batch = BatchBuilder::new(book.next(), dawn(), Hash::GENESIS);
    for event in events {
        let links = book.apply(book.next(), event);
        batch.push(event, &links);
    }
    journal.append(&batch.finish()).unwrap();
}
