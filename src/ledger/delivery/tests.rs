//! The outbox as a table: what goes in, what comes out, and by which fact.

use super::*;
use crate::ledger::book::Book;
use crate::ledger::event::{
    AccountKind, AccountOpened, Credential, Digest, Event, Fact, FreezeSet, Movement, MovementKind,
    Role, UserCreated,
};
use crate::ledger::id::{AccountId, Principal};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::registry::{Keys, RegistryChange, RegistryChanged, SealedKey};
use crate::ledger::text::{Email, Username};

const START: Timestamp = Timestamp::from_seconds(1_790_000_000);

fn line(text: &str) -> Line {
    Line::parse(text, 255).unwrap()
}

fn origin(principal: Principal, text: &str) -> Origin {
    let reference = Reference::parse(text).unwrap();
    Origin { principal, reference, digest: Digest([0; 16]) }
}

fn at(position: Position) -> Timestamp {
    START.plus_seconds(i64::try_from(position.get()).unwrap())
}

/// A book and how it goes on, an entry a second.
struct Story {
    book: Book,
}

impl Story {
    /// Two users, each with an account.
    fn new() -> Self {
        let mut story = Self { book: Book::new() };
        story.tell(Fact::Genesis);
        for (number, name) in [(0, "ani"), (1, "warung")] {
            let account = AccountOpened {
                account: AccountId(number),
                kind: AccountKind::Wallet,
                currency: Currency::IDR,
                owner: Some(UserId(number)),
                floor: -1_000_000,
                by: Principal::System,
            };
            story.tell(Fact::UserCreated(Box::new(UserCreated {
                user: UserId(number),
                username: Username::parse(name).unwrap(),
                email: Email::parse(&format!("{name}@contoh.id")).unwrap(),
                name: line(name),
                phone: None,
                role: Role::Buyer,
                credential: Credential((*b"none").into()),
                must_change_password: false,
                account,
            })));
        }
        story
    }

    fn tell(&mut self, fact: Fact) -> Position {
        let position = self.book.next();
        self.book.apply(position, &Event { at: at(position), fact });
        position
    }

    fn time(&self) -> Timestamp {
        at(self.book.position.unwrap())
    }

    fn change(&mut self, change: RegistryChange) {
        self.tell(Fact::RegistryChanged(Box::new(RegistryChanged {
            by: Principal::System,
            change,
        })));
    }

    fn pay(&mut self) -> Position {
        let reference = format!("PAY-{}", self.book.next());
        self.tell(Fact::Moved(Movement {
            origin: origin(Principal::User(UserId(0)), &reference),
            kind: MovementKind::Payment,
            debit: AccountId(0),
            credit: AccountId(1),
            amount: Amount::new(10).unwrap(),
            currency: Currency::IDR,
            fee: None,
            note: Line::empty(),
        }))
    }

    fn attempt(&mut self, delivery: Delivery, attempt: u16, status: Option<u16>) {
        let owner = UserId(1);
        self.tell(Fact::DeliveryTried(Box::new(DeliveryTried {
            origin: Origin {
                reference: reference(delivery, attempt),
                ..origin(Principal::System, "x")
            },
            delivery,
            owner,
            attempt,
            status,
            note: Line::empty(),
            done: Format::Standard.ends(attempt, status),
            gone: status == Some(410),
        })));
    }

    fn pending(&self) -> Vec<(u64, u64, u16)> {
        let pending = self.book.outbox.pending();
        pending.map(|(d, p)| (d.endpoint.0.get(), d.event.get(), p.tried)).collect()
    }
}

fn number(id: u64) -> EndpointId {
    EndpointId(Position::new(id).unwrap())
}

fn endpoint(id: u64, owner: u32, events: &[EventKind]) -> Endpoint {
    Endpoint {
        id: number(id),
        owner: UserId(owner),
        created: START,
        url: line("https://warung.contoh.id/told"),
        description: Line::empty(),
        secrets: Keys { current: SealedKey((*b"never").into()), previous: None },
        rotated: None,
        events: events.to_vec(),
        format: Format::Standard,
        disabled: false,
    }
}

fn set(id: u64, owner: u32, events: &[EventKind]) -> RegistryChange {
    RegistryChange::EndpointSet(endpoint(id, owner, events))
}

#[test]
fn an_event_is_pending_for_those_who_want_it() {
    let mut story = Story::new();
    story.pay();
    assert!(story.pending().is_empty(), "nobody has an endpoint");
    story.change(set(1, 1, &[]));
    story.change(set(2, 1, &[EventKind::PaymentReceived]));
    story.change(set(3, 1, &[EventKind::PaymentSent]));
    story.change(set(4, 0, &[EventKind::PaymentSent]));
    let first = story.pay().get();
    assert_eq!(story.pending(), [(1, first, 0), (2, first, 0), (4, first, 0)]);
    let frozen = story.tell(Fact::FreezeSet(FreezeSet {
        origin: origin(Principal::Operator, "FREEZE"),
        account: AccountId(1),
        frozen: true,
        reason: line("asked"),
    }));
    assert_eq!(story.pending().len(), 4);
    let delivery = Delivery { endpoint: number(1), event: frozen };
    assert_eq!(story.book.outbox.get(delivery).unwrap().kind, EventKind::AccountFrozen);
}

#[test]
fn tries_count_until_one_is_heard_or_the_last() {
    let mut story = Story::new();
    story.change(set(1, 1, &[]));
    let event = story.pay();
    let delivery = Delivery { endpoint: number(1), event };
    for attempt in 1..=9 {
        story.attempt(delivery, attempt, Some(500));
        assert_eq!(story.pending(), [(1, event.get(), attempt)]);
        let pending = story.book.outbox.get(delivery).unwrap();
        assert_eq!(pending.since, story.time());
    }
    story.attempt(delivery, 10, None);
    assert!(story.pending().is_empty(), "the schedule is used up");
    let event = story.pay();
    story.attempt(Delivery { endpoint: number(1), event }, 1, Some(204));
    assert!(story.pending().is_empty());
    // Told by hand afterwards: nothing follows from it.
    story.attempt(Delivery { endpoint: number(1), event }, 2, Some(500));
    assert!(story.pending().is_empty());
    assert_eq!(story.book.outbox.backlog(number(1)), Backlog::default());
}

#[test]
fn what_is_gone_disabled_or_removed_has_nothing_pending() {
    let cases: [fn(&mut Story, Delivery); 3] = [
        |story, delivery| story.attempt(delivery, 1, Some(410)),
        |story, _| {
            let disabled = Endpoint { disabled: true, ..endpoint(1, 1, &[]) };
            story.change(RegistryChange::EndpointSet(disabled));
        },
        |story, _| story.change(RegistryChange::EndpointRemoved(UserId(1), number(1))),
    ];
    for case in cases {
        let mut story = Story::new();
        story.change(set(1, 1, &[]));
        story.change(set(2, 1, &[]));
        let (first, second) = (story.pay(), story.pay());
        case(&mut story, Delivery { endpoint: number(1), event: first });
        assert_eq!(story.pending(), [(2, first.get(), 0), (2, second.get(), 0)]);
        let third = story.pay();
        assert_eq!(story.pending().last(), Some(&(2, third.get(), 0)));
        assert_eq!(story.pending().len(), 3, "nothing more is told to it");
    }
}

#[test]
fn a_dead_endpoint_keeps_so_much_and_counts_the_rest() {
    let mut story = Story::new();
    story.change(set(1, 1, &[]));
    let most = u64::from(limits::DELIVERIES_PENDING_MAX);
    for _ in 0..most.checked_add(3).unwrap() {
        story.pay();
    }
    let backlog = story.book.outbox.backlog(number(1));
    assert_eq!(backlog, Backlog { pending: limits::DELIVERIES_PENDING_MAX, missed: 3 });
    assert_eq!(u64::try_from(story.pending().len()).unwrap(), most);
    story.change(RegistryChange::EndpointRemoved(UserId(1), number(1)));
    assert_eq!(story.book.outbox, Outbox::default());
}

#[test]
fn a_thousand_dead_endpoints_hold_up_nobody_while_a_checkpoint_is_written() {
    let mut story = Story::new();
    for id in 1..=1_000 {
        story.change(set(id, 1, &[]));
    }
    let first = story.pay();
    for _ in 1..1_000 {
        story.pay();
    }
    assert_eq!(story.book.outbox.pending().count(), 1_000_000);
    let written = story.book.outbox.clone();
    let tried = Delivery { endpoint: number(500), event: first };
    story.attempt(tried, 1, Some(500));
    assert_eq!(written.get(tried).unwrap().tried, 0);
    assert_eq!(story.book.outbox.get(tried).unwrap().tried, 1);
    let now = &story.book.outbox.pending;
    let copied = written.pending.iter().filter(|(id, queue)| !Arc::ptr_eq(queue, &now[id]));
    assert_eq!(copied.map(|(id, _)| *id).collect::<Vec<_>>(), [number(500)]);
}

#[test]
fn waits_grow_and_spread_and_stay_the_same() {
    let delivery = |event| Delivery { endpoint: number(1), event: Position::new(event).unwrap() };
    let pending = |tried| Pending {
        owner: UserId(1),
        kind: EventKind::PaymentReceived,
        format: Format::Standard,
        tried,
        since: START,
    };
    let waits = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for (tried, wait) in waits.into_iter().enumerate() {
        let pending = pending(u16::try_from(tried).unwrap());
        let mut seen = std::collections::BTreeSet::new();
        for event in 1..=100 {
            let due = pending.due(delivery(event));
            assert_eq!(due, pending.due(delivery(event)));
            let micros = due.micros_since(START);
            assert!((wait * 1_000_000..=wait * 1_250_000).contains(&micros), "{tried}: {micros}");
            seen.insert(micros);
        }
        assert!(wait == 0 || seen.len() > 90, "{tried}: {} of 100 differ", seen.len());
    }
}
