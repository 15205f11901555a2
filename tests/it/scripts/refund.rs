//! The lines of a script about refunds through the provider.

use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Movement, MovementKind, Origin};
use gerbang::ledger::id::Principal;
use gerbang::ledger::refund::{RefundAdvanced, RefundStarted, RefundStep};
use gerbang::ledger::text::Line;

use super::{Words, World};

/// The script's line as a command; none if its verb is not about such refunds.
pub(super) fn command(
    world: &World,
    origin: &Origin,
    words: &Words<'_>,
) -> Result<Option<Command>, String> {
    let origin = origin.clone();
    let payment = words.options.get("payment").map(|label| world.labelled(label)).transpose()?;
    let reason = Line::empty();
    let by = match words.options.get("by") {
        Some(&"operator") => Principal::Operator,
        _ => Principal::System,
    };
    let step = match words.word(0)? {
        "give-back" => {
            let (account, amount) = (world.account(words, 1)?, words.amount(2)?);
            let payment = payment.ok_or("of which payment?")?;
            return Ok(Some(Command::StartRefund(Box::new(RefundStarted {
                origin,
                payment,
                charge: payment,
                paid: world.paid(payment)?,
                account,
                amount,
                currency: world.currency(account, words)?,
                note: Line::empty(),
            }))));
        }
        "given" => {
            let (refund, debit) = (world.labelled(words.word(1)?)?, world.account(words, 2)?);
            return Ok(Some(Command::Move(Movement {
                origin,
                kind: MovementKind::GivenBack { refund, by },
                debit,
                credit: world.names["clearing"],
                amount: words.amount(3)?,
                currency: world.currency(debit, words)?,
                fee: None,
                note: Line::empty(),
            })));
        }
        "not-heard" => RefundStep::Unknown { reason },
        "not-given" => RefundStep::Failed { by, code: Line::empty(), reason },
        _ => return Ok(None),
    };
    let (refund, account) = (world.labelled(words.word(1)?)?, world.account(words, 2)?);
    let payment = payment.ok_or("of which payment?")?;
    let advanced = RefundAdvanced { origin, refund, payment, account, step };
    Ok(Some(Command::AdvanceRefund(Box::new(advanced))))
}
