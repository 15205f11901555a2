//! Follows recorded entries through the ledger and holds it to what was recorded.
//!
//! The ledger's `apply` cannot fail, so an entry is first asked whether it fits the book: a broken
//! journal ends in a position and a reason, not in a panic. Limits and floors are no question here;
//! they were decided when the entry was written, and `verify` looks at them.

mod charges;

use super::codec::Recorded;
use super::error::{Error, Flaw};
use crate::ledger::account::Account;
use crate::ledger::boarding::BoardingChange;
use crate::ledger::book::Book;
use crate::ledger::delivery::DeliveryTried;
use crate::ledger::event::{AccountOpened, Event, Fact, HoldReleased, Movement, MovementKind};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::money::Amount;
use crate::ledger::order::Order;
use crate::ledger::payout::{self, Payout, PayoutAdvanced, PayoutStep};
use crate::ledger::registry::{RegistryChange, RegistryChanged};
use crate::ledger::time::Timestamp;

/// Applies the next entry and compares its links with those recorded.
///
/// # Errors
/// [`Flaw::Misfit`] if it does not fit the book, which is then unchanged; [`Flaw::Links`] if the
/// ledger arrives at other links.
pub fn follow(book: &mut Book, recorded: &Recorded) -> Result<(), Error> {
    let position = recorded.position;
    if book.next() != position {
        return Err(Error::broken(book.next(), Flaw::Hole));
    }
    misfit(book, position, &recorded.event)
        .map_or(Ok(()), |why| Err(Error::broken(position, Flaw::Misfit(why))))?;
    if book.apply(position, &recorded.event) != recorded.links {
        return Err(Error::broken(position, Flaw::Links));
    }
    Ok(())
}

/// Why `event` cannot stand at `position`, if it cannot.
fn misfit(book: &Book, position: Position, event: &Event) -> Option<&'static str> {
    let Event { at, fact } = event;
    if (position == Position::FIRST) != matches!(fact, Fact::Genesis) {
        return Some("a journal begins with genesis, once");
    }
    match fact {
        Fact::Genesis | Fact::SessionRevoked(_) | Fact::Refused(_) => None,
        Fact::AccountOpened(opened) => opening(book, opened),
        Fact::UserCreated(created) => {
            if usize::try_from(created.user.0) != Ok(book.users.len()) {
                return Some("users are numbered in order");
            }
            opening(book, &created.account)
        }
        Fact::UserChanged(changed) => {
            book.user(changed.user).is_none().then_some("there is no such user")
        }
        Fact::Moved(movement) => moving(book, movement, *at),
        Fact::Held(hold) => about(book, hold.account, |account| {
            account.currency == hold.currency && in_bounds(hold.amount)
        }),
        Fact::HoldReleased(HoldReleased { hold, account, .. }) => {
            open_hold(book, *hold, *account, None)
        }
        Fact::TopUpRequested(request) => about(book, request.account, |account| {
            account.currency == request.currency && in_bounds(request.amount)
        }),
        Fact::TopUpRejected(rejected) => about(book, rejected.account, |_| {
            matches!(book.orders.get(&rejected.request), Some(Order::TopUp { .. }))
        }),
        Fact::FreezeSet(set) => about(book, set.account, |_| true),
        Fact::PayoutStarted(started) => about(book, started.account, |account| {
            account.currency == started.currency
                && payout::with_fee(started.amount, started.route.fee).is_some_and(in_bounds)
        }),
        Fact::PayoutAdvanced(advanced) => {
            match open_payout(book, advanced.payout, advanced.account) {
                Some(payout) => advance(&payout, advanced),
                None => Some("there is no such payout"),
            }
        }
        Fact::CallbackTried(tried) => match book.orders.get(&tried.payout) {
            Some(Order::Callback(callback)) if callback.account == tried.account => None,
            // Told again by hand, when it was told before.
            None => about(book, tried.account, |_| tried.payout < position),
            Some(_) => Some("there is nothing to tell"),
        },
        Fact::DeliveryTried(tried) => delivering(book, position, tried),
        Fact::PayoutFailed(failed) => match open_payout(book, failed.payout, failed.account) {
            Some(payout) if payout.decide_failure(failed.by).is_ok() => None,
            _ => Some("there is no such payout, or it cannot fail so"),
        },
        Fact::RegistryChanged(changed) => registering(book, changed),
        Fact::BoardingChanged(changed) => boarding(book, &changed.change),
        Fact::BillIssued(_)
        | Fact::BillCancelled(_)
        | Fact::ChargeStarted(_)
        | Fact::ChargeAdvanced(_)
        | Fact::Notified(_)
        | Fact::RefundStarted(_)
        | Fact::RefundAdvanced(_)
        | Fact::OddHeard(_)
        | Fact::OddSettled(_) => charges::misfit(book, fact),
    }
}

fn delivering(book: &Book, position: Position, tried: &DeliveryTried) -> Option<&'static str> {
    let fits = match book.outbox.get(tried.delivery) {
        Some(pending) => {
            pending.owner == tried.owner && pending.tried.checked_add(1) == Some(tried.attempt)
        }
        // Told again by hand, when it was told before.
        None => book.user(tried.owner).is_some() && tried.delivery.event < position,
    };
    (!fits).then_some("there is no such message, or it is not so far")
}

fn opening(book: &Book, opened: &AccountOpened) -> Option<&'static str> {
    let in_order = usize::try_from(opened.account.0) == Ok(book.accounts_len());
    (!in_order).then_some("accounts are numbered in order")
}

pub(super) fn about(
    book: &Book,
    id: AccountId,
    fits: impl Fn(&Account) -> bool,
) -> Option<&'static str> {
    match book.account(id) {
        None => Some("there is no such account"),
        Some(account) => (!fits(&account)).then_some("the account cannot be meant"),
    }
}

fn moving(book: &Book, movement: &Movement, at: Timestamp) -> Option<&'static str> {
    let same_currency = |account: &Account| account.currency == movement.currency;
    if movement.debit == movement.credit {
        return Some("giver and receiver are the same account");
    }
    if !in_bounds(movement.amount) || movement.fee.is_some_and(|fee| fee.amount >= movement.amount)
    {
        return Some("its amount or its fee is out of bounds");
    }
    about(book, movement.debit, same_currency)
        .or_else(|| about(book, movement.credit, same_currency))
        .or_else(|| about(book, movement.fee?.account, same_currency))
        .or_else(|| match movement.kind {
            MovementKind::HoldPosted { hold } => {
                open_hold(book, hold, movement.debit, Some(movement.amount))
            }
            MovementKind::PaidOut { payout, by } => match open_payout(book, payout, movement.debit)
            {
                Some(payout)
                    if payout.held() == movement.amount
                        && payout.fee == movement.fee.map(|fee| fee.amount)
                        && payout.decide_success(by).is_ok() =>
                {
                    None
                }
                _ => Some("there is no such payout"),
            },
            MovementKind::ChargePaid { .. }
            | MovementKind::BillPaid { .. }
            | MovementKind::Resolved { .. }
            | MovementKind::GivenBack { .. }
            | MovementKind::Suspended { .. } => charges::moving(book, movement, at),
            MovementKind::Payment
            | MovementKind::Refund { .. }
            | MovementKind::TopUp { .. }
            | MovementKind::Adjustment { .. } => None,
        })
}

/// Only what later entries stand on; which changes are wise was decided when they were written.
fn registering(book: &Book, changed: &RegistryChanged) -> Option<&'static str> {
    let registry = &book.registry;
    match &changed.change {
        RegistryChange::Approved(id) => match registry.proposals.get(id) {
            None => Some("there is no such proposal"),
            Some(proposal) if proposal.by == changed.by => Some("nobody approves their own"),
            Some(proposal) => {
                let change = proposal.change.clone().into();
                registering(book, &RegistryChanged { by: changed.by, change })
            }
        },
        RegistryChange::RouteSet(route) => {
            (!registry.partners.contains_key(&route.bank)).then_some("a route has a partner")
        }
        RegistryChange::PartnerRemoved(bank) => {
            registry.routes.keys().any(|(of, _)| of == bank).then_some("the partner has routes")
        }
        RegistryChange::ClientSet(client) => {
            book.user(client.user).is_none().then_some("there is no such user")
        }
        RegistryChange::ApiKeySet(key) => {
            book.user(key.owner).is_none().then_some("there is no such user")
        }
        RegistryChange::EndpointSet(endpoint) => {
            book.user(endpoint.owner).is_none().then_some("there is no such user")
        }
        RegistryChange::MerchantSet(merchant) => {
            book.user(merchant.user).is_none().then_some("there is no such user")
        }
        RegistryChange::RoleSet(user, _) => {
            book.user(*user).is_none().then_some("there is no such user")
        }
        RegistryChange::PartnerSet(_)
        | RegistryChange::RouteRemoved(..)
        | RegistryChange::ClientRemoved(_)
        | RegistryChange::ApiKeyRemoved(_)
        | RegistryChange::ApiKeyUsed(..)
        | RegistryChange::EndpointRemoved(..)
        | RegistryChange::MerchantRemoved(..)
        | RegistryChange::Proposed(_)
        | RegistryChange::ProposalRefused(..)
        | RegistryChange::Decided(_) => None,
    }
}

fn boarding(book: &Book, change: &BoardingChange) -> Option<&'static str> {
    match change {
        BoardingChange::RoomSet(room) if book.user(room.issuer).is_none() => {
            Some("there is no such landlord")
        }
        BoardingChange::TenantSet(tenant) if book.user(tenant.user).is_none() => {
            Some("there is no such user")
        }
        _ => book.boarding.decide(change).err().map(|_| "the houses cannot follow it"),
    }
}

fn open_hold(
    book: &Book,
    hold: Position,
    owner: AccountId,
    posted: Option<Amount>,
) -> Option<&'static str> {
    match book.orders.get(&hold) {
        Some(Order::Hold { account, amount, .. })
            if *account == owner && posted.is_none_or(|posted| posted <= *amount) =>
        {
            None
        }
        _ => Some("there is no such hold"),
    }
}

fn open_payout(book: &Book, payout: Position, owner: AccountId) -> Option<Payout> {
    payout::open(book.orders.get(&payout), owner).ok().copied()
}

fn advance(payout: &Payout, advanced: &PayoutAdvanced) -> Option<&'static str> {
    if payout.decide_step(advanced).is_err() {
        return Some("the payout is not where this follows");
    }
    match &advanced.step {
        PayoutStep::NextTry { route, .. } => {
            let held = payout::with_fee(payout.amount, route.fee);
            (!held.is_some_and(in_bounds)).then_some("its fee is out of bounds")
        }
        PayoutStep::Released { .. } | PayoutStep::Unknown { .. } => None,
    }
}

pub(super) fn in_bounds(amount: Amount) -> bool {
    amount.get() <= Amount::MAX
}
