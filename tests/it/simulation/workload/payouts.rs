//! Random commands about payouts: begun, tried again, unknown, ended, by whom it may be and by whom
//! it may not.

use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Fee, MovementKind};
use gerbang::ledger::id::Principal;
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::payout::{
    Beneficiary, PayoutAdvanced, PayoutFailed, PayoutStarted, PayoutStep, Purpose, Try, with_fee,
};
use gerbang::ledger::registry::BankCode;
use gerbang::ledger::text::Line;

use super::{Asked, Known, Sent, admin, person, units};
use crate::random::Random;
use crate::world::{CLEARING, FEES, amount, movement, usd};

pub(super) fn command(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Command {
    let sent = random.pick(&known.payouts).cloned();
    match sent {
        Some(sent) if random.percent(70) => go_on(random, sent, asked),
        _ => start(random, asked),
    }
}

fn start(random: &mut Random, asked: &Asked<'_>) -> Command {
    let challenged = random.percent(20);
    let currency = if random.percent(3) { usd() } else { Currency::IDR };
    Command::StartPayout(Box::new(PayoutStarted {
        origin: asked.origin("payout"),
        account: person(random),
        amount: amount(units(random)),
        currency,
        purpose: if random.percent(50) { Purpose::Transfer } else { Purpose::Withdrawal },
        sender: Line::empty(),
        beneficiary: Beneficiary {
            bank: bank("014"),
            number: line("888801000157508"),
            name: Line::empty(),
        },
        remark: Line::empty(),
        route: route(random),
        rule: Line::empty(),
        challenged_until: challenged.then(|| asked.at.plus_seconds(60)),
        callback: random.percent(30),
        fee_max: None,
    }))
}

fn go_on(random: &mut Random, mut sent: Sent, asked: &Asked<'_>) -> Command {
    if random.percent(4) {
        sent.account = person(random);
    }
    if random.percent(5) {
        sent.attempt = sent.attempt.wrapping_add(1);
    }
    let step = match random.below(10) {
        0..2 => PayoutStep::Released { by: admin(random), reason: Line::empty() },
        2..4 => PayoutStep::NextTry { route: route(random), reason: Line::empty() },
        4..6 => PayoutStep::Unknown { reason: Line::empty() },
        6..8 => return paid(random, &sent, asked),
        _ => {
            return Command::FailPayout(Box::new(PayoutFailed {
                origin: asked.origin("fail"),
                payout: sent.payout,
                account: sent.account,
                by: settler(random),
                code: line("4041711"),
                reason: Line::empty(),
            }));
        }
    };
    Command::AdvancePayout(Box::new(PayoutAdvanced {
        origin: asked.origin("advance"),
        payout: sent.payout,
        account: sent.account,
        attempt: sent.attempt,
        step,
    }))
}

fn paid(random: &mut Random, sent: &Sent, asked: &Asked<'_>) -> Command {
    let kind = MovementKind::PaidOut { payout: sent.payout, by: settler(random) };
    let fee = if random.percent(5) { None } else { sent.fee };
    let all = with_fee(sent.amount, fee).unwrap_or(sent.amount);
    let mut paid = movement(asked.origin("paid"), kind, (sent.account, CLEARING), all.get());
    paid.fee = fee.map(|amount| Fee { account: FEES, amount });
    Command::Move(paid)
}

fn route(random: &mut Random) -> Try {
    let fee = random.percent(50).then(|| amount(random.range(1, 6_500)));
    let fee = if random.percent(1) { Amount::new(Amount::MAX) } else { fee };
    Try { bank: bank("009"), interbank: fee.is_some(), fee, why: Line::empty() }
}

fn settler(random: &mut Random) -> Principal {
    if random.percent(75) { Principal::System } else { admin(random) }
}

fn line(text: &str) -> Line {
    Line::parse(text, 32).unwrap()
}

fn bank(code: &str) -> BankCode {
    BankCode::parse(code).unwrap()
}
