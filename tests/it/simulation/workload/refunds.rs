//! Random commands about refunds through the provider: too much, by the wrong one, twice.

use gerbang::ledger::command::Command;
use gerbang::ledger::event::MovementKind;
use gerbang::ledger::id::{AccountId, Position, Principal};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::refund::{RefundAdvanced, RefundStarted, RefundStep};
use gerbang::ledger::text::Line;

use super::{Asked, Known, person, units};
use crate::random::Random;
use crate::world::{CLEARING, amount, movement, usd};

/// A refund as far as answers told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Giving {
    pub(super) refund: Position,
    pub(super) payment: Position,
    pub(super) account: AccountId,
    pub(super) amount: Amount,
}

pub(super) fn command(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Option<Command> {
    if random.percent(45) {
        return start(random, known, asked);
    }
    let mut giving = *random.pick(&known.givings)?;
    if random.percent(4) {
        giving.account = person(random);
    }
    if random.percent(4) {
        giving.payment = giving.refund;
    }
    let Giving { refund, payment, account, amount } = giving;
    let reason = Line::empty();
    let by = if random.percent(20) { Principal::Operator } else { Principal::System };
    let step = match random.below(4) {
        0 => RefundStep::Unknown { reason },
        1 => RefundStep::Failed { by, code: Line::empty(), reason },
        _ => {
            let units =
                if random.percent(5) { random.range(1, amount.get()) } else { amount.get() };
            let kind = MovementKind::GivenBack { refund, by };
            let given = movement(asked.origin("given"), kind, (account, CLEARING), units);
            return Some(Command::Move(given));
        }
    };
    let origin = asked.origin("advance-refund");
    let advanced = RefundAdvanced { origin, refund, payment, account, step };
    Some(Command::AdvanceRefund(Box::new(advanced)))
}

fn start(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Option<Command> {
    let &(payment, _, payee, paid) = random.pick(&known.payments)?;
    let most = if random.percent(10) { units(random) } else { random.range(1, paid.get()) };
    Some(Command::StartRefund(Box::new(RefundStarted {
        origin: asked.origin("start-refund"),
        payment,
        charge: payment,
        paid,
        account: payee,
        amount: amount(most),
        currency: if random.percent(3) { usd() } else { Currency::IDR },
        note: Line::empty(),
    })))
}
