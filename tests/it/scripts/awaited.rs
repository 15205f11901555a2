//! The lines of a script about bills, charges and late money.

use gerbang::ledger::bill::{BillCancelled, BillIssued, BillSource};
use gerbang::ledger::charge::{
    ChargeAdvanced, ChargeEnd, ChargePurpose, ChargeSource, ChargeStarted, ChargeStep,
};
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Debt, Movement, MovementKind, Origin};
use gerbang::ledger::id::{AccountId, Position};
use gerbang::ledger::order::Order;
use gerbang::ledger::text::Line;

use super::{Words, World};
use crate::world::amount;

/// The script's line as a command; none if its verb is not about these.
pub(super) fn command(
    world: &World,
    origin: &Origin,
    words: &Words<'_>,
) -> Result<Option<Command>, String> {
    let origin = origin.clone();
    let verb = words.word(0)?;
    let bill = words.options.get("bill").map(|label| world.labelled(label)).transpose()?;
    let bill = bill.map(|bill| Debt { bill, payer: payer(world, bill) });
    Ok(Some(match verb {
        "issue" => {
            let (account, payer) = (world.account(words, 1)?, world.account(words, 2)?);
            Command::IssueBill(Box::new(BillIssued {
                origin,
                account,
                payer,
                amount: words.amount(3)?,
                currency: world.currency(account, words)?,
                name: Line::empty(),
                description: Line::empty(),
                due: None,
                source: BillSource::Issuer,
            }))
        }
        "cancel" => {
            let (bill, account) = (world.labelled(words.word(1)?)?, world.account(words, 2)?);
            let payer = payer(world, bill);
            let reason = Line::empty();
            let cancelled = BillCancelled { origin, bill, account, payer, reason };
            Command::CancelBill(Box::new(cancelled))
        }
        "await" => start(world, origin, words, bill)?,
        "opened" | "lost" | "ended" => {
            let (charge, account) = (world.labelled(words.word(1)?)?, world.account(words, 2)?);
            let step = step(world, words, verb);
            let payer = match world.book.orders.get(&charge) {
                Some(Order::Charge(charge)) => charge.purpose.payer(),
                _ => None,
            };
            let advanced = ChargeAdvanced { origin, charge, account, payer, step };
            Command::AdvanceCharge(Box::new(advanced))
        }
        "pay-bill" | "pay-charge" | "suspend" | "resolve" => {
            Command::Move(movement(world, origin, words, bill)?)
        }
        _ => return Ok(None),
    }))
}

fn start(
    world: &World,
    origin: Origin,
    words: &Words<'_>,
    bill: Option<Debt>,
) -> Result<Command, String> {
    let account = world.account(words, 1)?;
    let wallet = words.options.get("source") == Some(&"wallet");
    Ok(Command::StartCharge(Box::new(ChargeStarted {
        origin,
        account,
        amount: words.amount(2)?,
        currency: world.currency(account, words)?,
        purpose: purpose(words, bill),
        source: if wallet { ChargeSource::Wallet } else { ChargeSource::Provider },
        fee: words.options.get("keeps").map(|fee| amount(fee.parse().unwrap())),
        method: Line::empty(),
        expires: world.now.plus_seconds(60),
        details: Line::empty(),
    })))
}

/// Who owes a bill: one that is closed, as an open charge for it says. What is none is nobody's.
fn payer(world: &World, bill: Position) -> AccountId {
    match world.book.orders.get(&bill) {
        Some(Order::Bill(bill)) => bill.payer,
        _ => {
            let of = |order: &Order| match order {
                Order::Charge(charge) if charge.purpose.bill() == Some(bill) => {
                    charge.purpose.payer()
                }
                _ => None,
            };
            let payer = world.book.orders.iter().find_map(|(_, order)| of(order));
            payer.unwrap_or(AccountId(0))
        }
    }
}

fn purpose(words: &Words<'_>, bill: Option<Debt>) -> ChargePurpose {
    match (bill, words.options.get("for")) {
        (Some(Debt { bill, payer }), _) => ChargePurpose::Bill { bill, payer },
        (None, Some(&"order")) => ChargePurpose::Order,
        (None, _) => ChargePurpose::TopUp,
    }
}

fn step(world: &World, words: &Words<'_>, verb: &str) -> ChargeStep {
    let nothing = Line::empty;
    match verb {
        "opened" => ChargeStep::Opened {
            number: nothing(),
            instructions: nothing(),
            expires: world.now.plus_seconds(120),
        },
        "lost" => ChargeStep::Unknown { reason: nothing() },
        _ => {
            let by = world.principal(words, "by");
            ChargeStep::Ended { end: ChargeEnd::Expired, by, reason: nothing() }
        }
    }
}

/// `<verb> @label <giver> -> <receiver> <amount>`.
fn movement(
    world: &World,
    origin: Origin,
    words: &Words<'_>,
    bill: Option<Debt>,
) -> Result<Movement, String> {
    let subject = world.labelled(words.word(1)?)?;
    let (debit, credit) = (world.account(words, 2)?, world.account(words, 3)?);
    let kind = match words.word(0)? {
        "pay-bill" => MovementKind::BillPaid { bill: subject },
        "pay-charge" => MovementKind::ChargePaid { charge: subject, purpose: purpose(words, bill) },
        "suspend" => {
            MovementKind::Suspended { charge: subject, deadline: world.now.plus_seconds(60) }
        }
        _ => MovementKind::Resolved { late: subject, bill, by: world.principal(words, "by") },
    };
    let fee = words.options.get("keeps").map(|fee| world.fee(amount(fee.parse().unwrap())));
    Ok(Movement {
        origin,
        kind,
        debit,
        credit,
        amount: words.amount(4)?,
        currency: world.currency(debit, words)?,
        fee,
        note: Line::empty(),
    })
}
