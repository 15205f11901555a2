//! An order as a merchant is told of it: a transaction in Midtrans' words.
//!
//! | what became of it | `transaction_status` |
//! |---|---|
//! | it can be paid, or nobody knows yet | `pending` |
//! | paid | `settlement`; `partial_refund`, `refund` as far as it went back |
//! | ended unpaid | `expire`, `cancel`, `deny`, `failure` |
//! | paid, but its account could not take it: the money is in suspense | `pending`: paid to nobody yet, and never to be paid again |
//! | money in suspense placed with the merchant | `settlement`, also after `expire` and the like |
//! | money in suspense that went elsewhere, or back | `deny`, as where a bank takes back what was paid; what had ended stays so |
//!
//! So nothing that is told as settled is not the merchant's, and what waits for a person gets its
//! last word from that person.

use serde_json::{Map, Value};

use super::details::Details;
use super::qr;
use super::refunds::{Made, Refunds};
use crate::connector::midtrans::answer::Begun;
use crate::connector::midtrans::charge::Charge;
use crate::connector::midtrans::method::Method;
use crate::connector::midtrans::status::Status;
use crate::connector::midtrans::text;
use crate::connector::midtrans::transaction::{
    Action, Instructions, RefundPart, Refunded, Transaction, VaNumber,
};
use crate::engine::View;
use crate::gateway::Error;
use crate::gateway::charge::standing::{Placed, Standing, State, placed};
use crate::identity::vault::Vault;
use crate::ledger::charge::{ChargeEnd, ChargeSource};
use crate::ledger::event::Fact;
use crate::ledger::id::{Position, Principal};

/// An order in Midtrans' words.
#[derive(Clone, Debug)]
pub struct Told {
    /// The transaction, with everything there is to tell.
    pub transaction: Transaction,
    /// How it is paid.
    pub method: Method,
}

const TRANSACTIONS: &str = "gerbang transaction ids v1";

/// Our name for the order that began at `charge`: a UUID that nobody else can make, and that we
/// find the order by.
pub fn transaction_id(vault: &Vault, charge: Position) -> String {
    proved(vault, TRANSACTIONS, charge.get())
}

/// Where the order of such a name began, if it is one of ours.
pub fn place_of(vault: &Vault, id: &str) -> Option<Position> {
    Position::new(number_in(vault, TRANSACTIONS, id)?)
}

/// A UUID for a number below 2^48, which nobody can make without the vault.
pub(super) fn proved(vault: &Vault, purpose: &str, number: u64) -> String {
    let number = number.to_be_bytes();
    let proof = vault.keyed_hash(purpose, &[&number]);
    let mut bytes = [0; 16];
    let (head, tail) = bytes.split_at_mut(6);
    // The places of more entries than there will ever be.
    head.copy_from_slice(&number[2..]);
    tail.copy_from_slice(&proof[..10]);
    text::uuid(bytes)
}

/// The number in such a UUID; `None` if it is not one of ours for this purpose.
pub(super) fn number_in(vault: &Vault, purpose: &str, id: &str) -> Option<u64> {
    let digits: String = id.get(..14)?.replace('-', "");
    let number = u64::from_str_radix(digits.get(..12)?, 16).ok()?;
    (proved(vault, purpose, number) == id).then_some(number)
}

/// An order as it stands, or as it stood right after the entry `until`.
///
/// # Errors
/// [`Error::NotFound`] if it is no order of a merchant; the journal cannot be read.
pub fn told(
    view: &View,
    vault: &Vault,
    standing: &Standing,
    until: Option<Position>,
) -> Result<Told, Error> {
    let started = standing.started();
    let details = Details::of(started)?;
    let id = transaction_id(vault, standing.recorded.position);
    let mut charge = Charge::new(details.order_id.clone(), started.amount, details.method);
    charge.echo = details.echo.clone();
    let begun = Begun {
        merchant_id: merchant_id(started.origin.principal),
        time: standing.recorded.time,
        instructions: instructions(view, standing, &details, &id),
        transaction_id: id,
    };
    let mut transaction = Transaction::begun(&charge, begun);
    transaction.expires = Some(standing.expires());
    let is_past = |position: Position| until.is_none_or(|until| position <= until);
    match &standing.state {
        State::Paid { position } if is_past(*position) => {
            transaction.status = Status::Settlement;
            transaction.settled = Some(view.record(*position)?.time);
            let refunds = Refunds::of(view, standing)?.made;
            let past = refunds.into_iter().filter(|refund| is_past(refund.entry.position));
            refunded(&mut transaction, past);
        }
        State::Ended { end, position, .. } => {
            let placed = placed(view, standing)?.filter(|placed| is_past(placed.entry.position));
            if let Some(placed) = placed {
                settle(&mut transaction, *end, &placed);
            } else if is_past(*position) {
                transaction.status = ended(*end);
            }
        }
        State::Asked | State::Pending | State::Unknown | State::Paid { .. } => {}
    }
    Ok(Told { transaction, method: details.method })
}

/// An order whose money was placed.
fn settle(transaction: &mut Transaction, end: ChargeEnd, placed: &Placed) {
    if placed.with_owner {
        transaction.status = Status::Settlement;
        transaction.settled = Some(placed.entry.time);
    } else {
        transaction.status = match end {
            ChargeEnd::Suspended => Status::Deny,
            end => ended(end),
        };
    }
}

/// Money in suspense is nobody's yet, and a person decides: nothing has ended.
const fn ended(end: ChargeEnd) -> Status {
    match end {
        ChargeEnd::Failed => Status::Failure,
        ChargeEnd::Denied => Status::Deny,
        ChargeEnd::Cancelled => Status::Cancel,
        ChargeEnd::Expired => Status::Expire,
        ChargeEnd::Suspended => Status::Pending,
    }
}

fn merchant_id(principal: Principal) -> String {
    match principal {
        Principal::User(user) => format!("G{:09}", user.0),
        Principal::System | Principal::Operator => "G0".to_owned(),
    }
}

fn refunded(transaction: &mut Transaction, refunds: impl Iterator<Item = Made>) {
    let parts: Vec<RefundPart> = refunds
        .filter_map(|refund| part(&refund))
        .enumerate()
        .map(|(place, part)| RefundPart { chargeback_id: place as u64 + 1, ..part })
        .collect();
    let sum: u64 = parts.iter().map(|part| part.amount).sum();
    if sum == 0 {
        return;
    }
    let all = sum >= transaction.amount.get();
    transaction.status = if all { Status::Refund } else { Status::PartialRefund };
    transaction.refunded = Refunded { amount: Some(sum), parts, ..Refunded::default() };
}

/// A refund as it is told; its number is the caller's to say.
pub(super) fn part(Made { entry, words }: &Made) -> Option<RefundPart> {
    let Fact::Moved(movement) = &entry.event.fact else { return None };
    let note: Value = serde_json::from_str(words.as_str()).unwrap_or_default();
    let words = |name: &str| note.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    Some(RefundPart {
        chargeback_id: 0,
        amount: movement.amount.get(),
        created: entry.time,
        reason: words("reason"),
        key: words("key"),
        method: None,
        confirmed: Some(entry.time),
        others: Map::new(),
    })
}

/// What the payer needs: from the provider's answer, or a QR of our own.
fn instructions(view: &View, standing: &Standing, details: &Details, id: &str) -> Instructions {
    let started = standing.started();
    if started.source == ChargeSource::Wallet {
        let owner = view.owner(started.account).and_then(|owner| view.user(owner));
        let name = owner.map_or_else(String::new, |owner| owner.name().to_owned());
        return Instructions {
            qr_string: qr::write(&name, started.amount, id),
            acquirer: acquirer(details.method),
            ..Instructions::default()
        };
    }
    let Some(opened) = &standing.opened else { return Instructions::default() };
    let kept = &opened.instructions;
    let words = |name: &str| kept.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let list = |name: &str| kept.get(name).and_then(Value::as_array).into_iter().flatten();
    let text = |item: &Value, name: &str| Some(item.get(name)?.as_str()?.to_owned());
    Instructions {
        va_numbers: list("va_numbers")
            .filter_map(|va| {
                Some(VaNumber { bank: text(va, "bank")?, number: text(va, "va_number")? })
            })
            .collect(),
        permata_va_number: words("permata_va_number"),
        biller_code: words("biller_code"),
        bill_key: words("bill_key"),
        store: words("store"),
        payment_code: words("payment_code"),
        qr_string: words("qr_string"),
        acquirer: words("acquirer"),
        // What is called with the provider's keys is not for others.
        actions: list("actions")
            .filter(|action| {
                action.get("name").and_then(Value::as_str) == Some("deeplink-redirect")
            })
            .filter_map(|action| {
                let (name, method) = (text(action, "name")?, text(action, "method")?);
                Some(Action { name, method, url: text(action, "url")?, fields: None })
            })
            .collect(),
    }
}

fn acquirer(method: Method) -> Option<String> {
    match method {
        Method::Qris(acquirer) => Some(acquirer.name().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_by_a_name_that_only_we_can_make() {
        let (vault, other) = (Vault::in_memory(1), Vault::in_memory(2));
        for place in [1, 2, 255, 65_536, (1 << 48) - 1] {
            let position = Position::new(place).unwrap();
            let id = transaction_id(&vault, position);
            assert_eq!((id.len(), place_of(&vault, &id)), (36, Some(position)), "{id}");
            assert_eq!(place_of(&other, &id), None);
            let mut wrong = id.clone().into_bytes();
            wrong[35] = if wrong[35] == b'0' { b'1' } else { b'0' };
            assert_eq!(place_of(&vault, &String::from_utf8(wrong).unwrap()), None);
        }
        for bad in ["", "order-1", "00000000-0000-4000-8000-000000000000", "é".repeat(20).as_str()]
        {
            assert_eq!(place_of(&vault, bad), None, "{bad}");
        }
    }
}
