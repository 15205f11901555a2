//! The registry in the journal: its bytes, its lines in an export, its way through a checkpoint.

use super::{World, line};
use crate::journal::checkpoint::Checkpoint;
use crate::journal::export::ndjson;
use crate::journal::replay;
use crate::journal::sidefile::Mark;
use crate::journal::{Batch, Error, Flaw, History};
use crate::ledger::book::Book;
use crate::ledger::decision::{Decision, Wish};
use crate::ledger::delivery::{self, Delivery, DeliveryTried};
use crate::ledger::endpoint::{Endpoint, EndpointId, EventKind, Format};
use crate::ledger::event::{Digest, Fact, Origin, Role};
use crate::ledger::id::{Position, Principal, UserId};
use crate::ledger::merchant::Merchant;
use crate::ledger::money::BasisPoints;
use crate::ledger::proposal::{Proposal, ProposalId, TableChange};
use crate::ledger::registry::tests::{bank, client, merchant, partner, route};
use crate::ledger::registry::{
    Callback, Client, Keys, Partner, RegistryChange, RegistryChanged, Route, SealedKey, Usage,
    Window,
};
use crate::ledger::text::ClientId;
use crate::ledger::time::Timestamp;

const EVERY_CHANGE: &str = "7ff1863052da8480a65745070c0a8f824f5ab95c40632750f11936be28aeb126";

fn changed(change: RegistryChange) -> Fact {
    let by = Principal::User(UserId(0));
    Fact::RegistryChanged(Box::new(RegistryChanged { by, change }))
}

fn sealed(bytes: &[u8]) -> SealedKey {
    SealedKey(bytes.into())
}

/// One change of every kind, with everything in them that may be absent.
fn every_change() -> Vec<Fact> {
    let keys = || Keys { current: sealed(b"never"), previous: Some(sealed(b"never either")) };
    let full_partner = Partner {
        keys: keys(),
        maintenance: Some(Window { from: 1_380, until: 30 }),
        disabled: true,
        ..partner("008", 3)
    };
    let full_route = Route {
        fee_fixed: 6_500,
        fee_basis_points: BasisPoints::new(10).unwrap(),
        ..route("009", Usage::Interbank)
    };
    let full_client = Client {
        allow: vec![line("103.74.212.111"), line("10.0.0.0/8")],
        keys: keys(),
        per_transfer_max: Some(super::amount(25_000_000)),
        per_day_max: Some(super::amount(500_000_000)),
        requests_per_second: Some(50),
        allow_interbank_fallback: false,
        callback: Some(Callback {
            url: line("https://iki.contoh.id/hook"),
            secret: sealed(b"never that"),
        }),
        disabled: true,
        ..client("2", 1)
    };
    let changes = [
        RegistryChange::PartnerSet(partner("009", 1)),
        RegistryChange::PartnerSet(partner("014", 2)),
        RegistryChange::PartnerSet(full_partner),
        RegistryChange::RouteSet(full_route),
        RegistryChange::RouteSet(route("014", Usage::Transfer)),
        RegistryChange::ClientSet(client("1", 0)),
        RegistryChange::ClientSet(full_client),
        RegistryChange::RouteRemoved(bank("014"), Usage::Transfer),
        RegistryChange::PartnerRemoved(bank("014")),
        RegistryChange::ClientRemoved(ClientId::parse("1").unwrap()),
    ];
    let mut facts: Vec<Fact> = changes.map(changed).into();
    facts.extend(every_change_of_endpoints());
    facts.extend(every_proposal());
    facts
}

/// The first is approved by another, the second refused, the last done by another; the others wait.
fn every_proposal() -> Vec<Fact> {
    let id = |number| ProposalId(Position::new(number).unwrap());
    let at = Timestamp::from_seconds(1_790_000_000);
    let proposed = |number, change| {
        let (by, until) = (Principal::User(UserId(1)), at.plus_seconds(3_600));
        let proposal = Proposal { id: id(number), by, at, until, change };
        changed(RegistryChange::Proposed(Box::new(proposal)))
    };
    let decided = |about, wish| {
        let (by, until) = (Principal::User(UserId(0)), at.plus_seconds(3_600));
        let (about, reason) = (Position::new(about).unwrap(), line("found in the statement"));
        let decision = Decision { about, by, at, until, wish, reason };
        changed(RegistryChange::Decided(Box::new(decision)))
    };
    let gone = ClientId::parse("2").unwrap();
    let interbank = route("009", Usage::Interbank);
    vec![
        proposed(27, TableChange::PartnerSet(partner("014", 4))),
        changed(RegistryChange::Approved(id(27))),
        proposed(29, TableChange::RouteRemoved(bank("009"), Usage::Interbank)),
        changed(RegistryChange::ProposalRefused(id(29), line("not now"))),
        proposed(31, TableChange::RouteSet(interbank)),
        proposed(32, TableChange::ClientSet(client("3", 0))),
        proposed(33, TableChange::ClientRemoved(gone)),
        proposed(34, TableChange::PartnerRemoved(bank("014"))),
        decided(30, Wish::LateToAccount(super::account(1))),
        decided(31, Wish::PayoutReleased),
        proposed(37, TableChange::RoleSet(UserId(1), Role::Buyer)),
        changed(RegistryChange::RoleSet(UserId(1), Role::Buyer)),
    ]
}

/// They begin at position 18: an event is told to one endpoint in vain and to another not yet.
fn every_change_of_endpoints() -> Vec<Fact> {
    let number = |place| EndpointId(Position::new(place).unwrap());
    let plain = Endpoint {
        id: number(17),
        owner: UserId(1),
        created: Timestamp::from_seconds(1_790_000_000),
        url: line("https://warung.contoh.id/told"),
        description: line("kasir"),
        secrets: Keys { current: sealed(b"never"), previous: None },
        rotated: None,
        events: Vec::new(),
        format: Format::Standard,
        disabled: false,
    };
    let full = Endpoint {
        id: number(18),
        secrets: Keys { current: sealed(b"never"), previous: Some(sealed(b"never either")) },
        rotated: Some(Timestamp::from_seconds(1_790_000_001)),
        events: vec![EventKind::PaymentReceived, EventKind::WithdrawalFailed],
        format: Format::Midtrans,
        ..plain.clone()
    };
    let delivery = Delivery { endpoint: number(17), event: Position::new(21).unwrap() };
    let tried = DeliveryTried {
        origin: Origin {
            principal: Principal::System,
            reference: delivery::reference(delivery, 1),
            digest: Digest([3; 16]),
        },
        delivery,
        owner: UserId(1),
        attempt: 1,
        status: Some(503),
        note: line("busy"),
        done: false,
        gone: false,
    };
    let third = Endpoint { id: number(19), disabled: true, ..plain.clone() };
    vec![
        changed(RegistryChange::EndpointSet(plain)),
        changed(RegistryChange::EndpointSet(full)),
        changed(RegistryChange::EndpointSet(third)),
        super::payment(0, 2),
        Fact::DeliveryTried(Box::new(tried)),
        changed(RegistryChange::EndpointRemoved(UserId(1), number(19))),
        changed(RegistryChange::MerchantSet(Box::new(merchant(1)))),
        changed(RegistryChange::MerchantSet(Box::new(Merchant {
            previous: None,
            disabled: true,
            ..merchant(0)
        }))),
        changed(RegistryChange::MerchantRemoved(UserId(0), number(20))),
    ]
}

fn sample() -> (World, Vec<Batch>) {
    let mut world = World::new();
    let mut batches = world.begin(2);
    batches.push(world.batch(every_change()));
    (world, batches)
}

#[test]
fn every_change_has_the_bytes_it_always_had() {
    let (_, batches) = sample();
    let batch = batches.last().unwrap();
    assert_eq!(batch.hash().to_string(), EVERY_CHANGE);
    let again = Batch::decode(batch.bytes()).unwrap();
    let facts: Vec<Fact> = again.records().map(|record| record.unwrap().event.fact).collect();
    assert_eq!(facts, every_change());
}

#[test]
fn an_export_shows_all_but_the_keys() {
    let (_, batches) = sample();
    let history = History::new();
    batches.into_iter().for_each(|batch| history.push(batch));
    let mut out = Vec::new();
    assert_eq!(ndjson(&history, Position::new(8).unwrap(), &mut out).unwrap(), 31);
    let text = String::from_utf8(out).unwrap();
    let parsed = |text: &str| -> Vec<serde_json::Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(parsed(&text), parsed(include_str!("registry.ndjson")), "{text}");
    assert!(!text.contains("never"), "keys stay in the house");
}

#[test]
fn a_checkpoint_holds_it() {
    let directory = tempfile::tempdir().unwrap();
    let (world, _) = sample();
    assert_eq!(world.book.registry.partners.len(), 3);
    assert_eq!(world.book.registry.proposals.len(), 4);
    assert_eq!(world.book.registry.decisions.len(), 2);
    assert_eq!(world.book.registry.endpoints.len(), 3);
    assert_eq!(world.book.registry.merchants.len(), 1);
    let pending = world.book.outbox.pending().map(|(_, pending)| pending.tried);
    assert_eq!(pending.collect::<Vec<_>>(), [1, 0]);
    let mark = Mark { position: world.book.position.unwrap(), hash: world.hash };
    let checkpoint = Checkpoint { mark, time: world.time, book: world.book };
    checkpoint.write(directory.path()).unwrap();
    assert_eq!(Checkpoint::newest(directory.path()).unwrap(), Some(checkpoint));
}

#[test]
fn replay_refuses_what_later_entries_cannot_stand_on() {
    let cases = [
        (RegistryChange::RouteSet(route("200", Usage::Transfer)), "a route has a partner"),
        (RegistryChange::PartnerRemoved(bank("009")), "the partner has routes"),
        (RegistryChange::ClientSet(client("3", 9)), "there is no such user"),
        (RegistryChange::Approved(ProposalId(Position::FIRST)), "there is no such proposal"),
    ];
    for (change, why) in cases {
        let (mut world, batches) = sample();
        let mut book = Book::new();
        for record in batches.iter().flat_map(Batch::records) {
            replay::follow(&mut book, &record.unwrap()).unwrap();
        }
        assert_eq!(book, world.book);
        let batch = world.batch([changed(change)]);
        let record = batch.record(batch.first()).unwrap().unwrap();
        match replay::follow(&mut book, &record) {
            Err(Error::Broken { flaw: Flaw::Misfit(found), .. }) => assert_eq!(found, why),
            other => panic!("{why}: {other:?}"),
        }
    }
}
