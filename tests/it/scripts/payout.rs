//! The lines of a script about payouts.

use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Movement, MovementKind, Origin};
use gerbang::ledger::payout::{
    Beneficiary, PayoutAdvanced, PayoutFailed, PayoutStarted, PayoutStep, Purpose, Try,
};
use gerbang::ledger::registry::BankCode;
use gerbang::ledger::text::Line;

use super::{Words, World};
use crate::world::amount;

/// The script's line as a command; none if its verb is not about payouts.
pub(super) fn command(
    world: &World,
    origin: &Origin,
    words: &Words<'_>,
) -> Result<Option<Command>, String> {
    let origin = origin.clone();
    let by = world.principal(words, "by");
    // Other verbs name the account a fee goes to.
    let fee = words.options.get("fee").and_then(|fee| fee.parse().ok()).map(amount);
    let route = Try { bank: bank("009"), interbank: fee.is_some(), fee, why: Line::empty() };
    let reason = Line::empty();
    let step = match words.word(0)? {
        "payout" => return start(world, origin, words, route).map(Some),
        "paid" => {
            let (payout, account) = (world.labelled(words.word(1)?)?, world.account(words, 2)?);
            let fee = fee.map(|amount| world.fee(amount));
            return Ok(Some(Command::Move(Movement {
                origin,
                kind: MovementKind::PaidOut { payout, by },
                debit: account,
                credit: world.names["clearing"],
                amount: words.amount(3)?,
                currency: world.currency(account, words)?,
                fee,
                note: Line::empty(),
            })));
        }
        "fail" => {
            let (payout, account) = (world.labelled(words.word(1)?)?, world.account(words, 2)?);
            let (code, failed) = (line("4041711"), reason);
            return Ok(Some(Command::FailPayout(Box::new(PayoutFailed {
                origin,
                payout,
                account,
                by,
                code,
                reason: failed,
            }))));
        }
        "next" => PayoutStep::NextTry { route, reason },
        "unknown" => PayoutStep::Unknown { reason },
        "let-go" => PayoutStep::Released { by, reason },
        _ => return Ok(None),
    };
    let (payout, account) = (world.labelled(words.word(1)?)?, world.account(words, 2)?);
    let attempt = words.options.get("try").map_or(1, |attempt| attempt.parse().unwrap());
    Ok(Some(Command::AdvancePayout(Box::new(PayoutAdvanced {
        origin,
        payout,
        account,
        attempt,
        step,
    }))))
}

fn start(world: &World, origin: Origin, words: &Words<'_>, route: Try) -> Result<Command, String> {
    let account = world.account(words, 1)?;
    let wait = words.options.get("challenge").map(|seconds| seconds.parse().unwrap());
    Ok(Command::StartPayout(Box::new(PayoutStarted {
        origin,
        account,
        amount: words.amount(2)?,
        currency: world.currency(account, words)?,
        purpose: Purpose::Transfer,
        sender: line("0847652590"),
        beneficiary: Beneficiary {
            bank: bank("009"),
            number: line("0115471119"),
            name: line("ERRY JULIO"),
        },
        remark: Line::empty(),
        route,
        rule: Line::empty(),
        challenged_until: wait.map(|seconds| world.now.plus_seconds(seconds)),
        callback: words.options.contains_key("callback"),
        fee_max: None,
    })))
}

fn line(text: &str) -> Line {
    Line::parse(text, 64).unwrap()
}

fn bank(code: &str) -> BankCode {
    BankCode::parse(code).unwrap()
}
