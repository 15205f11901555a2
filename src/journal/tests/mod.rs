//! Tests of the journal, and the small world whose entries they write.

mod api_keys;
mod boarding;
mod charges;
mod codec;
mod codes;
mod contract;
mod copies;
mod export;
mod files;
mod registry;
mod store;

use crate::journal::{Batch, BatchBuilder, Hash};
use crate::ledger::book::Book;
use crate::ledger::event::{
    AccountKind, AccountOpened, Credential, Digest, Event, Fact, Fee, FreezeSet, Hold,
    HoldReleased, Movement, MovementKind, Origin, Refusal, Role, SessionRevoked, TopUpRejected,
    TopUpRequested, UserChange, UserChanged, UserCreated,
};
use crate::ledger::id::{AccountId, Position, Principal, UserId};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::payout::{
    self, Beneficiary, CallbackTried, PayoutAdvanced, PayoutFailed, PayoutStarted, PayoutStep,
    Purpose, Try,
};
use crate::ledger::registry::BankCode;
use crate::ledger::rejection::Rejection;
use crate::ledger::text::{Email, Line, Reference, Username};
use crate::ledger::time::Timestamp;

/// The house's account that money comes from, and the one fees go to.
pub(super) const CLEARING: AccountId = AccountId(0);
pub(super) const FEES: AccountId = AccountId(1);

/// Writes batches whose links are right, and keeps the book they lead to.
pub(super) struct World {
    pub(super) book: Book,
    pub(super) hash: Hash,
    pub(super) time: Timestamp,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            book: Book::new(),
            hash: Hash::GENESIS,
            time: Timestamp::from_seconds(1_790_000_000),
        }
    }

    /// The next batch, of `facts`, one second after the last.
    pub(super) fn batch(&mut self, facts: impl IntoIterator<Item = Fact>) -> Batch {
        self.time = self.time.plus_seconds(1);
        let mut builder = BatchBuilder::new(self.book.next(), self.time, self.hash);
        for fact in facts {
            let event = Event { at: self.time, fact };
            let links = self.book.apply(self.book.next(), &event);
            builder.push(&event, &links);
        }
        let batch = builder.finish();
        self.hash = batch.hash();
        batch
    }

    /// Genesis, the house's accounts, and `users` of them with money; three batches.
    pub(super) fn begin(&mut self, users: u32) -> Vec<Batch> {
        let house = |account, kind| {
            let (currency, owner, floor, by) = (Currency::IDR, None, 0, Principal::System);
            Fact::AccountOpened(AccountOpened { account, kind, currency, owner, floor, by })
        };
        let opened = [house(CLEARING, AccountKind::Clearing), house(FEES, AccountKind::Fees)];
        let genesis = self.batch([Fact::Genesis]);
        let people = self.batch(opened.into_iter().chain((0..users).map(user)));
        let money = self.batch((0..users).map(|number| top_up(number, 1_000_000_000)));
        vec![genesis, people, money]
    }
}

pub(super) fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(super) fn line(text: &str) -> Line {
    Line::parse(text, 255).unwrap()
}

/// The account of user `number`.
pub(super) fn account(number: u32) -> AccountId {
    AccountId(number + 2)
}

pub(super) fn origin(user: u32, reference: &str) -> Origin {
    let digest = *blake3::hash(reference.as_bytes()).as_bytes().first_chunk().unwrap();
    Origin {
        principal: Principal::User(UserId(user)),
        reference: Reference::parse(reference).unwrap(),
        digest: Digest(digest),
    }
}

pub(super) fn user(number: u32) -> Fact {
    Fact::UserCreated(Box::new(UserCreated {
        user: UserId(number),
        username: Username::parse(&format!("user{number}")).unwrap(),
        email: Email::parse(&format!("user{number}@contoh.id")).unwrap(),
        name: line("Ani Wijaya"),
        phone: Some(line("+6281200000000")),
        role: Role::Buyer,
        credential: Credential((*b"never to be printed").into()),
        must_change_password: false,
        account: AccountOpened {
            account: account(number),
            kind: AccountKind::Wallet,
            currency: Currency::IDR,
            owner: Some(UserId(number)),
            floor: 0,
            by: Principal::User(UserId(number)),
        },
    }))
}

fn movement(origin: Origin, kind: MovementKind, from: AccountId, to: AccountId) -> Movement {
    let (amount, currency) = (amount(10_000), Currency::IDR);
    Movement { origin, kind, debit: from, credit: to, amount, currency, fee: None, note: line("") }
}

pub(super) fn top_up(number: u32, units: u64) -> Fact {
    let mut origin = origin(0, &format!("TOPUP-{number}"));
    origin.principal = Principal::Operator;
    let kind = MovementKind::TopUp { request: None, by: Principal::Operator };
    let top_up = movement(origin, kind, CLEARING, account(number));
    Fact::Moved(Movement { amount: amount(units), ..top_up })
}

/// The payment under `number`, from one of `users` users to the next.
pub(super) fn payment(number: u32, users: u32) -> Fact {
    let payer = number % users;
    let origin = origin(payer, &format!("FDP2977{number:08}"));
    let to = account((payer + 1) % users);
    Fact::Moved(movement(origin, MovementKind::Payment, account(payer), to))
}

/// One fact of every variant, on a world begun with two users; the first stands at position 8.
pub(super) fn every_fact() -> Vec<Fact> {
    let position = |place| Position::new(place).unwrap();
    let fee = Fee { account: FEES, amount: amount(70) };
    let payment = movement(origin(0, "PAY"), MovementKind::Payment, account(0), account(1));
    let refund = MovementKind::Refund { payment: position(8), paid: amount(10_000) };
    let posted = MovementKind::HoldPosted { hold: position(10) };
    let approved =
        MovementKind::TopUp { request: Some(position(14)), by: Principal::User(UserId(1)) };
    let adjustment = MovementKind::Adjustment { by: Principal::Operator };
    let hold = |reference| Hold {
        origin: origin(0, reference),
        account: account(0),
        amount: amount(20_000),
        currency: Currency::IDR,
        expires: Timestamp::from_seconds(1_800_000_000),
    };
    let request = |reference| TopUpRequested {
        origin: origin(0, reference),
        account: account(0),
        amount: amount(50_000),
        currency: Currency::IDR,
        bank: line("014"),
        sender: line("ANI"),
    };
    let from_house = |reference, kind| movement(origin(1, reference), kind, CLEARING, account(0));
    let money = [
        Fact::Moved(Movement { fee: Some(fee), note: line("=1+1, \"soto\""), ..payment }),
        Fact::Moved(movement(origin(1, "REFUND"), refund, account(1), account(0))),
        Fact::Held(hold("HOLD-1")),
        Fact::Moved(movement(origin(0, "CAPTURE"), posted, account(0), account(1))),
        Fact::Held(hold("HOLD-2")),
        Fact::HoldReleased(HoldReleased {
            origin: origin(0, "VOID"),
            hold: position(12),
            account: account(0),
            expired: false,
        }),
        Fact::TopUpRequested(request("REQUEST-1")),
        Fact::Moved(from_house("APPROVE", approved)),
        Fact::TopUpRequested(request("REQUEST-2")),
        Fact::TopUpRejected(TopUpRejected {
            origin: origin(1, "REJECT"),
            request: position(16),
            account: account(0),
            reason: line("not found"),
        }),
        Fact::Moved(from_house("ADJUST", adjustment)),
        Fact::FreezeSet(FreezeSet {
            origin: origin(1, "FREEZE"),
            account: account(0),
            frozen: true,
            reason: line("+asked"),
        }),
        Fact::Refused(Refusal {
            origin: origin(0, "REFUSED"),
            account: Some(account(0)),
            amount: Some(amount(1)),
            rejection: Rejection::AccountFrozen,
            note: line("rule-7"),
        }),
    ];
    let rest = facts_about_users().into_iter().chain(facts_about_payouts());
    let all = money.into_iter().chain(rest).chain(charges::facts());
    all.chain(facts_about_passwords()).collect()
}

/// They begin at position 26.
fn facts_about_payouts() -> [Fact; 10] {
    let started = |reference, challenged_until| {
        Fact::PayoutStarted(Box::new(PayoutStarted {
            origin: origin(0, reference),
            account: account(0),
            amount: amount(20_000),
            currency: Currency::IDR,
            purpose: Purpose::Withdrawal,
            sender: line("0847652590"),
            beneficiary: Beneficiary {
                bank: bank("009"),
                number: line("0115471119"),
                name: line("ERRY JULIO"),
            },
            remark: line("Paylater"),
            route: Try { bank: bank("014"), interbank: false, fee: None, why: line("own bank") },
            rule: line("new beneficiary"),
            challenged_until,
            callback: true,
            fee_max: Some(6_500),
        }))
    };
    let advanced = |place, attempt, step| {
        let payout = Position::new(place).unwrap();
        let mut origin = origin(0, payout::step_reference(payout, attempt, &step).as_str());
        origin.principal = Principal::System;
        let account = account(0);
        Fact::PayoutAdvanced(Box::new(PayoutAdvanced { origin, payout, account, attempt, step }))
    };
    let told = |payout, attempt, status: Option<u16>, done| {
        let mut origin = origin(0, payout::callback_reference(payout, attempt).as_str());
        origin.principal = Principal::System;
        let note = line(if status.is_none() { "the connection was refused" } else { "" });
        let account = account(0);
        let tried = CallbackTried { origin, payout, account, attempt, status, note, done };
        Fact::CallbackTried(Box::new(tried))
    };
    let route =
        Try { bank: bank("009"), interbank: true, fee: Some(amount(6_500)), why: line("fallback") };
    let next = PayoutStep::NextTry { route, reason: line("connection refused") };
    let (first, second) = (Position::new(26).unwrap(), Position::new(30).unwrap());
    let paid = MovementKind::PaidOut { payout: first, by: Principal::System };
    let paid = movement(origin(0, "PAID-OUT"), paid, account(0), CLEARING);
    let fee = Some(Fee { account: FEES, amount: amount(6_500) });
    [
        started("PAYOUT-1", None),
        advanced(26, 1, next),
        advanced(26, 2, PayoutStep::Unknown { reason: line("timeout") }),
        Fact::Moved(Movement { amount: amount(26_500), fee, ..paid }),
        started("PAYOUT-2", Some(Timestamp::from_seconds(1_800_000_000))),
        advanced(
            30,
            1,
            PayoutStep::Released { by: Principal::User(UserId(1)), reason: line("known") },
        ),
        Fact::PayoutFailed(Box::new(PayoutFailed {
            origin: origin(1, "FAILED"),
            payout: second,
            account: account(0),
            by: Principal::User(UserId(1)),
            code: line("4041711"),
            reason: line("no such account"),
        })),
        started("PAYOUT-3", None),
        told(first, 1, None, false),
        told(first, 2, Some(204), true),
    ]
}

fn change(change: UserChange) -> Fact {
    Fact::UserChanged(UserChanged { user: UserId(0), by: Principal::Operator, change })
}

/// They end at position 60.
fn facts_about_passwords() -> [Fact; 3] {
    [
        change(UserChange::KnownFailed),
        change(UserChange::KnownCleared),
        change(UserChange::PasswordGiven(Credential((*b"never that").into()))),
    ]
}

fn facts_about_users() -> [Fact; 5] {
    [
        Fact::SessionRevoked(SessionRevoked {
            user: UserId(0),
            token: [7; 16],
            expires: Timestamp::from_seconds(1_790_086_400),
        }),
        change(UserChange::Role(Role::Admin)),
        change(UserChange::Credential {
            credential: Credential((*b"never either").into()),
            sessions_end: true,
        }),
        change(UserChange::LoginFailed),
        change(UserChange::LoginCleared),
    ]
}

fn bank(code: &str) -> BankCode {
    BankCode::parse(code).unwrap()
}
