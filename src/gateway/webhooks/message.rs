//! What a message says: the same bytes at every try.

use serde_json::{Map, Value, json};

use crate::engine::View;
use crate::gateway::Error;
use crate::gateway::charge::public_id;
use crate::gateway::history::{Category, change_of};
use crate::journal::Recorded;
use crate::ledger::bill::BillIssued;
use crate::ledger::endpoint::{EventKind, events_of};
use crate::ledger::event::{Fact, Movement, MovementKind};
use crate::ledger::id::{AccountId, Position, PublicId, UserId};
use crate::ledger::time::BOOK_OFFSET_SECONDS;

/// The id of the messages about an event: the same for all endpoints and tries.
pub fn message_id(event: &Recorded) -> String {
    PublicId::new(event.time, event.position.get()).text("msg")
}

/// The account of `owner` that `event` is of this kind to, if any.
pub(super) fn account_in(
    view: &View,
    event: &Recorded,
    owner: UserId,
    kind: EventKind,
) -> Option<AccountId> {
    let is_theirs =
        |(account, of): &(AccountId, EventKind)| *of == kind && view.owner(*account) == Some(owner);
    events_of(&event.event.fact).iter().find(|event| is_theirs(event)).map(|(account, _)| *account)
}

/// The body of a standard message. The longest text in it is far below what a receiver has to take:
/// every text of the ledger is bounded.
///
/// # Errors
/// [`Error::NotFound`] if the event is none of theirs; the journal cannot be read.
pub(super) fn standard(
    view: &View,
    event: &Recorded,
    owner: UserId,
    kind: EventKind,
) -> Result<Vec<u8>, Error> {
    let account = account_in(view, event, owner, kind).ok_or(Error::NotFound)?;
    let mut data = about(view, event, account)?;
    data.insert("position".to_owned(), event.position.get().into());
    let message = json!({
        "type": kind.name(),
        "timestamp": event.time.to_rfc3339(BOOK_OFFSET_SECONDS),
        "data": data,
    });
    Ok(serde_json::to_vec(&message).expect("strings and numbers become JSON"))
}

/// What a message says beside its kind and time.
fn about(view: &View, event: &Recorded, account: AccountId) -> Result<Map<String, Value>, Error> {
    let about = match &event.event.fact {
        Fact::Moved(movement) => moved(view, event, movement, account)?,
        Fact::TopUpRejected(rejected) => json!({
            "id": id_of(view, "top", rejected.request)?,
            "reason": rejected.reason.as_str(),
        }),
        Fact::PayoutFailed(failed) => {
            let mut about = payout(view, failed.payout)?;
            about["code"] = failed.code.as_str().into();
            about["reason"] = failed.reason.as_str().into();
            about
        }
        Fact::ChargeStarted(_) => charge(view, event.position)?,
        Fact::ChargeAdvanced(advanced) => charge(view, advanced.charge)?,
        Fact::BillIssued(issued) => bill(view, event.position, issued)?,
        Fact::BillCancelled(cancelled) => {
            let recorded = view.record(cancelled.bill)?;
            let Fact::BillIssued(issued) = &recorded.event.fact else {
                return Err(Error::NotFound);
            };
            let mut about = bill(view, cancelled.bill, issued)?;
            about["reason"] = cancelled.reason.as_str().into();
            about
        }
        Fact::FreezeSet(set) => json!({ "reason": set.reason.as_str() }),
        _ => json!({}),
    };
    match about {
        Value::Object(about) => Ok(about),
        _ => Ok(Map::new()),
    }
}

fn moved(
    view: &View,
    event: &Recorded,
    movement: &Movement,
    account: AccountId,
) -> Result<Value, Error> {
    if let MovementKind::PaidOut { payout: began, .. } = movement.kind {
        let mut about = payout(view, began)?;
        about["bank_reference"] = movement.note.as_str().into();
        return Ok(about);
    }
    let debt = movement.debt();
    let (prefix, amount, counterparty) = match (change_of(account, event.clone()), debt) {
        // Whoever brought the money.
        (Some(change), Some(debt)) if change.incoming => {
            (Category::Bill.prefix(), change.amount, debt.payer)
        }
        (Some(change), _) => (change.category.prefix(), change.amount, change.counterparty),
        // It is not their money that paid what they owed.
        (None, Some(_)) => (Category::Bill.prefix(), movement.amount, movement.credit),
        (None, None) => return Err(Error::NotFound),
    };
    let mut about = json!({
        "id": PublicId::new(event.time, event.position.get()).text(prefix),
        "amount": amount.get(),
        "fee": movement.fee.map_or(0, |fee| fee.amount.get()),
        "currency": movement.currency.code(),
        "counterparty": name_of(view, counterparty),
        "note": movement.note.as_str(),
        "reference": movement.origin.reference.as_str(),
    });
    if let Some(debt) = debt {
        about["bill"] = id_of(view, "bil", debt.bill)?.into();
    }
    if let MovementKind::Refund { payment, .. } = movement.kind {
        about["payment"] = id_of(view, "pay", payment)?.into();
    }
    if let MovementKind::GivenBack { refund, .. } = movement.kind
        && let Fact::RefundStarted(started) = view.record(refund)?.event.fact
    {
        about["payment"] = id_of(view, "pay", started.payment)?.into();
    }
    if let MovementKind::TopUp { request: Some(request), .. } = movement.kind {
        about["request"] = id_of(view, "top", request)?.into();
    }
    Ok(about)
}

fn payout(view: &View, began: Position) -> Result<Value, Error> {
    let recorded = view.record(began)?;
    let Fact::PayoutStarted(started) = &recorded.event.fact else { return Err(Error::NotFound) };
    Ok(json!({
        "id": id_of(view, "out", began)?,
        "amount": started.amount.get(),
        "currency": started.currency.code(),
        "bank_code": started.beneficiary.bank.as_str(),
        "account_number": started.beneficiary.number.as_str(),
        "account_name": started.beneficiary.name.as_str(),
        "reference": started.origin.reference.as_str(),
    }))
}

fn charge(view: &View, began: Position) -> Result<Value, Error> {
    let recorded = view.record(began)?;
    let Fact::ChargeStarted(started) = &recorded.event.fact else { return Err(Error::NotFound) };
    Ok(json!({
        "id": public_id(&recorded),
        "amount": started.amount.get(),
        "currency": started.currency.code(),
        "purpose": started.purpose.name(),
        "method": started.method.as_str(),
        "reference": started.origin.reference.as_str(),
    }))
}

fn bill(view: &View, began: Position, issued: &BillIssued) -> Result<Value, Error> {
    Ok(json!({
        "id": id_of(view, "bil", began)?,
        "name": issued.name.as_str(),
        "description": issued.description.as_str(),
        "from": name_of(view, issued.account),
        "to": name_of(view, issued.payer),
        "amount": issued.amount.get(),
        "currency": issued.currency.code(),
        "due": issued.due.map(|due| due.to_rfc3339(BOOK_OFFSET_SECONDS)),
        "reference": issued.origin.reference.as_str(),
    }))
}

fn id_of(view: &View, prefix: &str, position: Position) -> Result<String, Error> {
    Ok(PublicId::new(view.record(position)?.time, position.get()).text(prefix))
}

/// Who the other side is, as clients see it.
fn name_of(view: &View, account: AccountId) -> String {
    match view.owner(account).and_then(|owner| view.user(owner)) {
        Some(user) => user.username().to_owned(),
        None => {
            view.kind(account).map_or_else(String::new, |kind| format!("gerbang:{}", kind.name()))
        }
    }
}
