//! Tables: who may approve what, and what ends a proposal.

use super::*;
use crate::ledger::id::UserId;
use crate::ledger::registry::tests::{bank, client, papers_rows, partner, route};
use RegistryChange::{Approved, ProposalRefused, Proposed};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const ANI: Principal = Principal::User(UserId(10));
const BUDI: Principal = Principal::User(UserId(11));

fn id(number: u64) -> ProposalId {
    ProposalId(Position::new(number).unwrap())
}

/// What ani proposes `after` seconds, for an hour.
fn proposal(number: u64, after: i64, change: TableChange) -> Proposal {
    let at = NOW.plus_seconds(after);
    Proposal { id: id(number), by: ANI, at, until: at.plus_seconds(3_600), change }
}

fn proposed(number: u64, after: i64, change: TableChange) -> RegistryChange {
    Proposed(Box::new(proposal(number, after, change)))
}

fn first(priority: u16) -> TableChange {
    TableChange::PartnerSet(partner("009", priority))
}

fn done(registry: &mut Registry, change: RegistryChange) {
    assert_eq!(registry.decide(&change), Ok(()), "{change:?}");
    registry.apply(&change);
}

fn waiting(registry: &Registry) -> Vec<u64> {
    registry.proposals.keys().map(|id| id.0.get()).collect()
}

#[test]
fn another_approves_in_time_and_it_happens() {
    let mut registry = papers_rows();
    done(&mut registry, proposed(1, 0, first(7)));
    assert_eq!(registry.partners.get(&bank("009")).unwrap().priority, 1, "it waits");
    // (which, by whom, after how many seconds, the answer)
    let cases = [
        (1, BUDI, 3_599, Ok(())),
        (1, Principal::Operator, 0, Ok(())),
        (1, ANI, 0, Err(RegistryError::OwnProposal)),
        (1, BUDI, 3_600, Err(RegistryError::ProposalExpired)),
        (1, ANI, 3_600, Err(RegistryError::ProposalExpired)),
        (2, BUDI, 0, Err(RegistryError::NoSuchProposal)),
    ];
    for (number, by, after, expected) in cases {
        let answer = registry.approvable(id(number), by, NOW.plus_seconds(after)).map(drop);
        assert_eq!(answer, expected, "{number}, {by:?}, {after}");
    }
    done(&mut registry, Approved(id(1)));
    assert_eq!(registry.partners.get(&bank("009")).unwrap().priority, 7);
    assert_eq!(waiting(&registry), [0; 0]);
    for gone in [Approved(id(1)), ProposalRefused(id(1), crate::ledger::text::Line::empty())] {
        assert_eq!(registry.decide(&gone), Err(RegistryError::NoSuchProposal));
    }
}

#[test]
fn what_is_refused_never_happens() {
    let mut registry = papers_rows();
    let before = registry.clone();
    done(&mut registry, proposed(1, 0, first(7)));
    done(&mut registry, ProposalRefused(id(1), crate::ledger::text::Line::empty()));
    assert_eq!(registry, before);
}

#[test]
fn a_row_that_changes_ends_what_was_proposed_for_it_and_nothing_else() {
    let mut registry = papers_rows();
    let transfer = route("009", Usage::Transfer);
    for (number, change) in [
        (1, first(7)),
        (2, first(8)),
        (3, TableChange::RouteSet(transfer)),
        (4, TableChange::ClientRemoved(client("1", 0).id)),
        (5, TableChange::PartnerSet(partner("014", 9))),
    ] {
        done(&mut registry, proposed(number, 0, change));
    }
    done(&mut registry, Approved(id(2)));
    assert_eq!(waiting(&registry), [3, 4, 5], "two wanted the same row");
    done(&mut registry, RegistryChange::ClientSet(client("1", 0)));
    assert_eq!(waiting(&registry), [3, 5]);
    done(&mut registry, RegistryChange::RouteRemoved(bank("009"), Usage::Transfer));
    assert_eq!(waiting(&registry), [5]);
    done(&mut registry, RegistryChange::PartnerSet(partner("008", 3)));
    assert_eq!(waiting(&registry), [5]);
}

#[test]
fn it_is_decided_when_it_is_proposed_and_when_it_is_approved() {
    let mut registry = papers_rows();
    let interbank = TableChange::RouteSet(route("200", Usage::Interbank));
    let early = registry.decide(&proposed(1, 0, interbank.clone()));
    assert_eq!(early, Err(RegistryError::NoSuchPartner));
    done(&mut registry, RegistryChange::PartnerSet(partner("200", 9)));
    done(&mut registry, proposed(1, 0, interbank));
    done(&mut registry, RegistryChange::PartnerRemoved(bank("200")));
    assert_eq!(registry.decide(&Approved(id(1))), Err(RegistryError::NoSuchPartner));
}

#[test]
fn there_is_room_for_some_and_time_makes_more() {
    let mut registry = papers_rows();
    let most = u64::try_from(limits::PROPOSALS_MAX).unwrap();
    for number in 1..=most {
        done(&mut registry, proposed(number, 0, first(7)));
    }
    let more = |after| proposed(most + 1, after, first(7));
    assert_eq!(registry.decide(&more(3_599)), Err(RegistryError::TooManyProposals));
    assert_eq!(registry.open_proposals(NOW.plus_seconds(3_600)).count(), 0);
    done(&mut registry, more(3_600));
    assert_eq!(waiting(&registry), [most + 1], "those that are over are forgotten");
}

#[test]
fn its_changes_make_it_again() {
    let mut registry = papers_rows();
    // The later one has the smaller number of the two that wait.
    done(&mut registry, proposed(2, 0, first(7)));
    done(&mut registry, proposed(1, 3_599, TableChange::PartnerSet(partner("014", 9))));
    let again = registry.changes().fold(Registry::default(), |mut again, change| {
        again.apply(&change);
        again
    });
    assert_eq!(again, registry);
}
