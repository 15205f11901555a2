//! Random commands: all kinds of them, mostly sensible, some absurd.

mod awaited;
mod payouts;
mod refunds;

use gerbang::ledger::command::Command;
use gerbang::ledger::event::{Fact, Fee, FreezeSet, Hold, HoldReleased, Movement, MovementKind};
use gerbang::ledger::event::{Origin, TopUpRejected, TopUpRequested};
use gerbang::ledger::id::{AccountId, Position, Principal};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::payout::PayoutStep;
use gerbang::ledger::text::Line;
use gerbang::ledger::time::Timestamp;

use crate::random::Random;
use crate::world::{
    ADMINS, ANI, ANI_USD, CITRA, CITRA_USD, CLEARING, CLEARING_USD, FEES, FEES_USD, PEOPLE, amount,
    movement, origin, usd,
};

/// How many of each thing are remembered to come back to.
const KNOWN_MAX: usize = 48;

/// What was answered so far, as far as later commands refer to it.
#[derive(Clone, Default, Debug)]
pub(crate) struct Known {
    payments: Vec<(Position, AccountId, AccountId, Amount)>,
    holds: Vec<(Position, AccountId, Amount)>,
    requests: Vec<(Position, AccountId, Amount)>,
    payouts: Vec<Sent>,
    bills: Vec<(Position, AccountId, AccountId, Amount)>,
    charges: Vec<awaited::Charge>,
    late: Vec<awaited::Late>,
    givings: Vec<refunds::Giving>,
}

/// A payout as far as answers told.
#[derive(Clone, Debug)]
struct Sent {
    payout: Position,
    account: AccountId,
    amount: Amount,
    fee: Option<Amount>,
    attempt: u8,
}

impl Known {
    /// Notes what stands at `position`.
    pub(crate) fn learn(&mut self, position: Position, fact: &Fact) {
        match fact {
            Fact::Moved(m) if m.kind == MovementKind::Payment && m.currency == Currency::IDR => {
                remember(&mut self.payments, (position, m.debit, m.credit, m.amount));
            }
            Fact::Moved(_) | Fact::BillIssued(_) | Fact::ChargeStarted(_) => {
                awaited::learn(self, position, fact);
            }
            Fact::Held(hold) => remember(&mut self.holds, (position, hold.account, hold.amount)),
            Fact::TopUpRequested(request) => {
                remember(&mut self.requests, (position, request.account, request.amount));
            }
            Fact::PayoutStarted(started) => {
                let (account, amount, fee) = (started.account, started.amount, started.route.fee);
                let sent = Sent { payout: position, account, amount, fee, attempt: 1 };
                remember(&mut self.payouts, sent);
            }
            Fact::RefundStarted(started) => {
                let (payment, account, amount) = (started.payment, started.account, started.amount);
                let giving = refunds::Giving { refund: position, payment, account, amount };
                remember(&mut self.givings, giving);
            }
            Fact::PayoutAdvanced(advanced) => {
                let known = self.payouts.iter_mut().find(|p| p.payout == advanced.payout);
                if let (Some(sent), PayoutStep::NextTry { route, .. }) = (known, &advanced.step) {
                    (sent.fee, sent.attempt) = (route.fee, advanced.attempt + 1);
                }
            }
            _ => {}
        }
    }
}

fn remember<T>(things: &mut Vec<T>, thing: T) {
    if things.len() == KNOWN_MAX {
        things.remove(0);
    }
    things.push(thing);
}

/// Who asks, under which reference, and when.
pub(crate) struct Asked<'a> {
    pub(crate) by: Principal,
    pub(crate) reference: &'a str,
    pub(crate) at: Timestamp,
}

impl Asked<'_> {
    /// The digest is of the kind only: what the numbers are, the reference says.
    fn origin(&self, kind: &str) -> Origin {
        origin(self.by, self.reference, kind)
    }
}

/// The next command.
pub(crate) fn command(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Command {
    match random.below(100) {
        0..24 => Command::Move(payment(random, asked)),
        24..40 => Command::Move(top_up(random, asked)),
        40..46 => requested(random, asked),
        46..55 => answer_request(random, known, asked),
        55..64 => refund(random, known, asked),
        64..71 => hold(random, asked),
        71..80 => end_hold(random, known, asked),
        80..87 => payouts::command(random, known, asked),
        87..94 => awaited::command(random, known, asked),
        94..97 => Command::Move(adjustment(random, asked)),
        _ => freeze(random, asked),
    }
}

fn payment(random: &mut Random, asked: &Asked<'_>) -> Movement {
    let between = (person(random), person(random));
    let mut payment = movement(asked.origin("pay"), MovementKind::Payment, between, units(random));
    if random.percent(6) {
        (payment.debit, payment.credit, payment.currency) = (ANI_USD, CITRA_USD, usd());
    }
    if random.percent(25) {
        payment.fee = fee(random, &payment);
    }
    if random.percent(4) {
        confuse(random, &mut payment);
    }
    payment
}

/// Mixes up currencies or parties.
fn confuse(random: &mut Random, movement: &mut Movement) {
    match random.below(5) {
        0 => movement.currency = usd(),
        1 => movement.credit = CITRA_USD,
        2 => movement.debit = ANI_USD,
        3 => movement.credit = movement.debit,
        _ => {
            if let Some(fee) = &mut movement.fee {
                fee.account = if movement.currency == usd() { FEES } else { FEES_USD };
            }
        }
    }
}

fn fee(random: &mut Random, movement: &Movement) -> Option<Fee> {
    let account = if movement.currency == usd() { FEES_USD } else { FEES };
    let most = movement.amount.get().checked_sub(1).filter(|most| *most > 0)?;
    let units = if random.percent(10) { most } else { random.range(1, most.min(500)) };
    Some(Fee { account, amount: amount(units) })
}

fn top_up(random: &mut Random, asked: &Asked<'_>) -> Movement {
    let kind = MovementKind::TopUp { request: None, by: admin(random) };
    let mut top_up =
        movement(asked.origin("top-up"), kind, (CLEARING, person(random)), units(random));
    if random.percent(10) {
        (top_up.debit, top_up.credit, top_up.currency) = (CLEARING_USD, ANI_USD, usd());
    }
    if random.percent(3) {
        top_up.debit = if top_up.currency == usd() { CLEARING } else { CLEARING_USD };
    }
    top_up
}

fn requested(random: &mut Random, asked: &Asked<'_>) -> Command {
    Command::RequestTopUp(TopUpRequested {
        origin: asked.origin("request"),
        account: if random.percent(50) { ANI } else { CITRA },
        amount: amount(units(random)),
        currency: Currency::IDR,
        bank: Line::parse("014", 3).unwrap(),
        sender: Line::empty(),
    })
}

fn answer_request(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Command {
    let Some(&(request, mut account, amount)) = random.pick(&known.requests) else {
        return requested(random, asked);
    };
    if random.percent(5) {
        account = person(random);
    }
    if random.percent(30) {
        let reason = Line::empty();
        let origin = asked.origin("reject");
        return Command::RejectTopUp(TopUpRejected { origin, request, account, reason });
    }
    let by = if random.percent(30) { asked.by } else { admin(random) };
    let kind = MovementKind::TopUp { request: Some(request), by };
    let giver = if random.percent(15) { person(random) } else { CLEARING };
    Command::Move(movement(asked.origin("approve"), kind, (giver, account), amount.get()))
}

fn refund(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Command {
    let Some(&(payment, payer, payee, paid)) = random.pick(&known.payments) else {
        return Command::Move(payment(random, asked));
    };
    if random.percent(40)
        && let Some(command) = refunds::command(random, known, asked)
    {
        return command;
    }
    let kind = MovementKind::Refund { payment, paid };
    let units = match random.below(4) {
        0 => paid.get(),
        1 => units(random),
        _ => random.range(1, paid.get()),
    };
    Command::Move(movement(asked.origin("refund"), kind, (payee, payer), units))
}

fn hold(random: &mut Random, asked: &Asked<'_>) -> Command {
    let confused = random.percent(3);
    Command::Hold(Hold {
        origin: asked.origin("hold"),
        account: if random.percent(3) { CLEARING } else { person(random) },
        amount: amount(units(random)),
        currency: if confused { usd() } else { Currency::IDR },
        expires: asked.at.plus_seconds(i64::try_from(random.below(120)).unwrap()),
    })
}

fn end_hold(random: &mut Random, known: &Known, asked: &Asked<'_>) -> Command {
    let Some(&(hold, mut account, held)) = random.pick(&known.holds) else {
        return hold(random, asked);
    };
    if random.percent(5) {
        account = person(random);
    }
    if random.percent(40) {
        let expired = random.percent(30);
        let origin = asked.origin("release");
        return Command::Release(HoldReleased { origin, hold, account, expired });
    }
    let units = match random.below(4) {
        0 => held.get(),
        1 => random.range(1, held.get()),
        2 => (held.get() + random.range(1, 5_000)).min(Amount::MAX),
        _ => units(random),
    };
    let kind = MovementKind::HoldPosted { hold };
    let between = (account, person(random));
    let mut posted = movement(asked.origin("post"), kind, between, units);
    if random.percent(20) {
        posted.fee = fee(random, &posted);
    }
    Command::Move(posted)
}

fn adjustment(random: &mut Random, asked: &Asked<'_>) -> Movement {
    let kind = MovementKind::Adjustment { by: admin(random) };
    let between =
        if random.percent(50) { (CLEARING, person(random)) } else { (person(random), CLEARING) };
    let mut adjustment = movement(asked.origin("adjust"), kind, between, units(random));
    match random.below(20) {
        0 => adjustment.credit = CLEARING_USD,
        1 => (adjustment.debit, adjustment.credit) = (CLEARING, FEES),
        2 => (adjustment.debit, adjustment.credit) = (FEES, FEES),
        _ => {}
    }
    adjustment
}

fn freeze(random: &mut Random, asked: &Asked<'_>) -> Command {
    Command::Freeze(FreezeSet {
        origin: asked.origin("freeze"),
        account: if random.percent(90) { person(random) } else { CLEARING },
        frozen: random.percent(40),
        reason: Line::empty(),
    })
}

fn person(random: &mut Random) -> AccountId {
    // Two of them meet each other all the time.
    if random.percent(40) {
        PEOPLE[usize::from(random.percent(50))]
    } else {
        *random.pick(&PEOPLE).unwrap()
    }
}

fn admin(random: &mut Random) -> Principal {
    *random.pick(&ADMINS).unwrap()
}

/// Mostly small and round, so that limits are met exactly; seldom the largest there is.
fn units(random: &mut Random) -> u64 {
    match random.below(40) {
        0 => Amount::MAX,
        1 => 1,
        2..6 => random.range(1, 150_000),
        6..20 => random.range(1, 20) * 1_000,
        _ => random.range(1, 60) * 1_000,
    }
}
