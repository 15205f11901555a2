//! Random commands about bills, charges and late money: paid twice, by the wrong one, too late.

use gerbang::ledger::bill::{BillCancelled, BillIssued, BillSource};
use gerbang::ledger::charge::{
    ChargeAdvanced, ChargeEnd, ChargePurpose, ChargeSource, ChargeStarted, ChargeStep,
};
use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Debt, Fact, Fee, MovementKind};
use gerbang::ledger::id::{AccountId, Position, Principal};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::text::Line;

use super::{Asked, Known, admin, person, remember, units};
use crate::random::Random;
use crate::world::{CLEARING, FEES, SUSPENSE, amount, movement, usd};

/// A charge as far as answers told.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    charge: Position,
    account: AccountId,
    amount: Amount,
    fee: Option<Amount>,
    purpose: ChargePurpose,
}

/// Late money, and the bill it was to pay, with its issuer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Late {
    late: Position,
    amount: Amount,
    /// With who owes it, and who is to get the money.
    bill: Option<(Position, AccountId, AccountId)>,
    fee: Option<Amount>,
}

/// Notes what stands at `position`.
pub(super) fn learn(known: &mut Known, position: Position, fact: &Fact) {
    match fact {
        Fact::BillIssued(issued) => {
            let bill = (position, issued.account, issued.payer, issued.amount);
            remember(&mut known.bills, bill);
        }
        Fact::ChargeStarted(started) => {
            let (account, amount) = (started.account, started.amount);
            let (fee, purpose) = (started.fee, started.purpose);
            remember(
                &mut known.charges,
                Charge { charge: position, account, amount, fee, purpose },
            );
        }
        Fact::Moved(moved) => {
            if let MovementKind::Suspended { charge, .. } = moved.kind {
                let known_charge = known.charges.iter().find(|it| it.charge == charge);
                let bill = known_charge
                    .and_then(|it| Some((it.purpose.bill()?, it.purpose.payer()?, it.account)));
                let fee = known_charge.and_then(|it| it.fee);
                let late = Late { late: position, amount: moved.amount, bill, fee };
                remember(&mut known.late, late);
            }
        }
        _ => {}
    }
}

pub(super) fn command(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Command {
    match random.below(10) {
        0..2 => issue(random, asked),
        2..4 => about_a_bill(random, known, asked),
        4..6 => start(random, known, asked),
        6..9 => about_a_charge(random, known, asked),
        _ => resolve(random, known, asked),
    }
}

fn issue(random: &mut Random, asked: &Asked<'_>) -> Command {
    Command::IssueBill(Box::new(BillIssued {
        origin: asked.origin("issue"),
        account: person(random),
        payer: person(random),
        amount: amount(units(random)),
        currency: Currency::IDR,
        name: Line::empty(),
        description: Line::empty(),
        due: None,
        source: BillSource::Issuer,
    }))
}

fn about_a_bill(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Command {
    let Some(&(bill, mut account, mut payer, units)) = random.pick(&known.bills) else {
        return issue(random, asked);
    };
    if random.percent(5) {
        account = person(random);
    }
    if random.percent(25) {
        let (origin, reason) = (asked.origin("cancel"), Line::empty());
        return Command::CancelBill(Box::new(BillCancelled {
            origin,
            bill,
            account,
            payer,
            reason,
        }));
    }
    if random.percent(5) {
        payer = person(random);
    }
    let units = if random.percent(4) { random.range(1, units.get()) } else { units.get() };
    let kind = MovementKind::BillPaid { bill };
    Command::Move(movement(asked.origin("pay-bill"), kind, (payer, account), units))
}

fn start(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Command {
    let bill = random.pick(&known.bills).copied().filter(|_| random.percent(60));
    let (account, units, purpose) = match bill {
        Some((bill, account, mut payer, units)) => {
            if random.percent(3) {
                payer = person(random);
            }
            (account, units, ChargePurpose::Bill { bill, payer })
        }
        None if random.percent(50) => (person(random), amount(units(random)), ChargePurpose::TopUp),
        None => (person(random), amount(units(random)), ChargePurpose::Order),
    };
    let wallet = random.percent(30);
    let fee = random.percent(30).then(|| random.range(1, 500)).filter(|fee| *fee < units.get());
    Command::StartCharge(Box::new(ChargeStarted {
        origin: asked.origin("charge"),
        account: if random.percent(4) { person(random) } else { account },
        amount: units,
        currency: if random.percent(3) { usd() } else { Currency::IDR },
        purpose,
        source: if wallet { ChargeSource::Wallet } else { ChargeSource::Provider },
        fee: fee.map(amount),
        method: Line::empty(),
        // In time for a wallet that pays soon.
        expires: asked.at.plus_seconds(i64::try_from(random.below(6_000)).unwrap()),
        details: Line::empty(),
    }))
}

fn about_a_charge(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Command {
    let Some(mut charge) = random.pick(&known.charges).cloned() else {
        return start(random, known, asked);
    };
    if random.percent(4) {
        charge.account = person(random);
    }
    let step = match random.below(12) {
        0..2 => ChargeStep::Opened {
            number: Line::empty(),
            instructions: Line::empty(),
            expires: asked.at.plus_seconds(120),
        },
        2..4 => ChargeStep::Unknown { reason: Line::empty() },
        4..6 => ChargeStep::Ended {
            end: ChargeEnd::Expired,
            by: Principal::System,
            reason: Line::empty(),
        },
        6..8 => return suspend(asked, &charge),
        _ => return pay(random, &charge, asked),
    };
    let Charge { charge, account, purpose, .. } = charge;
    let origin = asked.origin("advance-charge");
    let payer = if random.percent(3) { Some(person(random)) } else { purpose.payer() };
    Command::AdvanceCharge(Box::new(ChargeAdvanced { origin, charge, account, payer, step }))
}

fn pay(random: &mut Random, charge: &Charge, asked: &Asked<'_>) -> Command {
    let payer = if random.percent(50) { CLEARING } else { person(random) };
    let purpose = if random.percent(4) { ChargePurpose::TopUp } else { charge.purpose };
    let kind = MovementKind::ChargePaid { charge: charge.charge, purpose };
    let between = (payer, charge.account);
    let mut paid = movement(asked.origin("pay-charge"), kind, between, charge.amount.get());
    paid.fee = charge.fee.map(|amount| Fee { account: FEES, amount });
    if random.percent(4) {
        paid.fee = None;
    }
    Command::Move(paid)
}

fn suspend(asked: &Asked<'_>, charge: &Charge) -> Command {
    let deadline = asked.at.plus_seconds(600);
    let kind = MovementKind::Suspended { charge: charge.charge, deadline };
    let between = (CLEARING, SUSPENSE);
    Command::Move(movement(asked.origin("suspend"), kind, between, charge.amount.get()))
}

fn resolve(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Command {
    let Some(&Late { late, amount: units, bill, fee }) = random.pick(&known.late) else {
        return about_a_charge(random, known, asked);
    };
    let (bill, credit) = match bill {
        Some((bill, payer, account)) if random.percent(60) => {
            let payer = if random.percent(3) { person(random) } else { payer };
            (Some(Debt { bill, payer }), account)
        }
        _ if random.percent(50) => (None, CLEARING),
        _ => (None, person(random)),
    };
    let units = if random.percent(4) { random.range(1, units.get()) } else { units.get() };
    let kind = MovementKind::Resolved { late, bill, by: admin(random) };
    let mut resolved = movement(asked.origin("resolve"), kind, (SUSPENSE, credit), units);
    resolved.fee = fee.map(|amount| Fee { account: FEES, amount });
    Command::Move(resolved)
}
