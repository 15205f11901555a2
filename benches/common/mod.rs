//! What the benchmarks share: people, and payments between them from a fixed seed.
//!
//! Everybody has a credit line and nobody a ceiling, so that no payment is refused and the first
//! task that is asked decides alone, as for payments to merchants.

use gerbang::identity::password::PasswordHash;
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{
    AccountKind, AccountOpened, Credential, Digest, Event, Fact, Movement, MovementKind, Origin,
    Role, UserCreated,
};
use gerbang::ledger::id::{AccountId, Principal, UserId};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::text::{Email, Line, Reference, Username};
use gerbang::ledger::time::Timestamp;

/// When everything here happens.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// Small under `--test`, where only that it runs is asked.
pub(crate) fn sized(full: u32) -> u32 {
    if std::env::args().any(|argument| argument == "--test") { full / 100 } else { full }
}

/// Texts and amounts below are well formed.
pub(crate) fn good<T, E: std::fmt::Debug>(made: Result<T, E>) -> T {
    made.expect("a benchmark's inputs are well formed")
}

/// xorshift64*: the same numbers on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from((self.next() >> 16) % u64::from(bound)).expect("below a u32")
    }
}

/// The user with this number and their account of the same number.
pub(crate) fn user(number: u32) -> Fact {
    let name = format!("user{number:08}");
    Fact::UserCreated(Box::new(UserCreated {
        user: UserId(number),
        username: good(Username::parse(&name)),
        email: good(Email::parse(&format!("{name}@contoh.id"))),
        name: good(Line::parse("Ani Wijaya", 100)),
        phone: None,
        role: Role::Merchant,
        // As long as a password's hash is.
        credential: Credential([7; PasswordHash::BYTES].into()),
        must_change_password: false,
        account: AccountOpened {
            account: AccountId(number),
            kind: AccountKind::Merchant,
            currency: Currency::IDR,
            owner: Some(UserId(number)),
            floor: -1_000_000_000_000_000,
            by: Principal::System,
        },
    }))
}

/// A payment between two of so many users.
pub(crate) fn movement(random: &mut Random, users: u32) -> Movement {
    let payer = random.below(users);
    let payee = (payer + 1 + random.below(users - 1)) % users;
    let mut digest = [0; 16];
    digest[..8].copy_from_slice(&random.next().to_le_bytes());
    digest[8..].copy_from_slice(&random.next().to_le_bytes());
    Movement {
        origin: Origin {
            principal: Principal::User(UserId(payer)),
            reference: good(Reference::parse(&format!("FDP{:016x}", random.next()))),
            digest: Digest(digest),
        },
        kind: MovementKind::Payment,
        debit: AccountId(payer),
        credit: AccountId(payee),
        amount: Amount::new(1_000 + random.next() % 1_000).expect("within bounds"),
        currency: Currency::IDR,
        fee: None,
        note: good(Line::parse("Nasi goreng", 255)),
    }
}

/// So many payments as commands.
pub(crate) fn commands(random: &mut Random, users: u32, count: usize) -> Vec<Command> {
    (0..count).map(|_| Command::Move(movement(random, users))).collect()
}

/// A fact decided now.
pub(crate) const fn event(fact: Fact) -> Event {
    Event { at: NOW, fact }
}
