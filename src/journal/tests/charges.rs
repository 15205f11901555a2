//! Facts about bills, charges and late money, as the tests of the format want them.

use super::{CLEARING, FEES, account, amount, line, movement, origin};
use crate::ledger::bill::{BillCancelled, BillIssued, BillSource};
use crate::ledger::charge::{
    ChargeAdvanced, ChargeEnd, ChargePurpose, ChargeSource, ChargeStarted, ChargeStep, Notified,
};
use crate::ledger::event::{Debt, Fact, Fee, Movement, MovementKind};
use crate::ledger::id::{Position, Principal, UserId};
use crate::ledger::money::Currency;
use crate::ledger::odd::{Odd, OddHeard, OddSettled};
use crate::ledger::refund::{RefundAdvanced, RefundStarted, RefundStep};
use crate::ledger::time::{Month, Timestamp};

/// They begin at position 36. The second user has issued the bills, the first is to pay them.
pub(super) fn facts() -> Vec<Fact> {
    bills_and_charges().into_iter().chain(refunds()).chain(odd()).collect()
}

fn bills_and_charges() -> [Fact; 15] {
    let (bill, other) = (at(38), at(43));
    let opened = ChargeStep::Opened {
        number: line("9aed5972-5b6a-401e-894b-a32c91ed1a3a"),
        instructions: line("{\"bill_key\":\"778347787706\",\"biller_code\":\"70012\"}"),
        expires: Timestamp::from_seconds(1_800_000_000),
    };
    let unknown = ChargeStep::Unknown { reason: line("timeout") };
    let ended =
        ChargeStep::Ended { end: ChargeEnd::Expired, by: Principal::System, reason: line("407") };
    let purpose = ChargePurpose::Bill { bill, payer: account(0) };
    let paid = MovementKind::ChargePaid { charge: at(39), purpose };
    let late = MovementKind::Suspended {
        charge: at(45),
        deadline: Timestamp::from_seconds(1_800_100_000),
    };
    let debt = Some(Debt { bill: at(49), payer: account(0) });
    let resolved =
        MovementKind::Resolved { late: at(48), bill: debt, by: Principal::User(UserId(1)) };
    let fee = Some(Fee { account: FEES, amount: amount(100) });
    let paid = movement(origin(0, "CHARGE-PAID"), paid, CLEARING, account(1));
    [
        issued("BILL-1", BillSource::Issuer),
        Fact::BillCancelled(Box::new(BillCancelled {
            origin: origin(1, "CANCEL"),
            bill: at(36),
            account: account(1),
            payer: account(0),
            reason: line("a mistake"),
        })),
        issued("BILL-2", BillSource::Rent { tenant: 3, month: october() }),
        started("CHARGE-1", purpose),
        advanced("OPENED", 39, opened),
        Fact::Notified(Box::new(Notified {
            origin: origin(0, "NOTIFIED"),
            charge: at(39),
            status: line("settlement"),
            amount: line("10000.00"),
        })),
        Fact::Moved(Movement { fee, ..paid }),
        issued("BILL-3", BillSource::Issuer),
        pay("BILL-PAID", MovementKind::BillPaid { bill: other }, (0, 1)),
        started("CHARGE-2", ChargePurpose::TopUp),
        advanced("UNKNOWN", 45, unknown),
        advanced("ENDED", 45, ended),
        Fact::Moved(movement(origin(0, "LATE"), late, CLEARING, FEES)),
        issued("BILL-4", BillSource::Issuer),
        Fact::Moved(movement(origin(0, "RESOLVED"), resolved, FEES, account(1))),
    ]
}

/// They begin at position 51. The second user gives back what the charge at 39 brought.
fn refunds() -> [Fact; 5] {
    let step = |reference, refund, step| {
        let (payment, account) = (at(42), account(1));
        let origin = origin(1, reference);
        let advanced = RefundAdvanced { origin, refund: at(refund), payment, account, step };
        Fact::RefundAdvanced(Box::new(advanced))
    };
    let started = |reference| {
        Fact::RefundStarted(Box::new(RefundStarted {
            origin: origin(1, reference),
            payment: at(42),
            charge: at(39),
            paid: amount(10_000),
            account: account(1),
            amount: amount(10_000),
            currency: Currency::IDR,
            note: line("{\"key\":\"satu\"}"),
        }))
    };
    let given = MovementKind::GivenBack { refund: at(51), by: Principal::System };
    let failed =
        RefundStep::Failed { by: Principal::System, code: line("414"), reason: line("too much") };
    [
        started("REFUND-1"),
        step("REFUND-UNKNOWN", 51, RefundStep::Unknown { reason: line("timeout") }),
        Fact::Moved(movement(origin(1, "GIVEN-BACK"), given, account(1), CLEARING)),
        started("REFUND-2"),
        step("REFUND-FAILED", 54, failed),
    ]
}

/// They begin at position 56: the charge at 39 is said to be taken back.
fn odd() -> [Fact; 2] {
    let heard = OddHeard {
        origin: origin(0, "ODD"),
        charge: at(39),
        odd: Odd::TakenBack,
        status: line("chargeback"),
        amount: line("10000 IDR"),
    };
    let (by, reason) = (Principal::User(UserId(1)), line("claimed"));
    let settled = OddSettled { origin: origin(0, "ODD-SETTLED"), heard: at(56), by, reason };
    [Fact::OddHeard(Box::new(heard)), Fact::OddSettled(Box::new(settled))]
}

fn at(place: u64) -> Position {
    Position::new(place).unwrap()
}

fn october() -> Month {
    Timestamp::from_seconds(1_791_500_000).month()
}

fn pay(reference: &str, kind: MovementKind, (from, to): (u32, u32)) -> Fact {
    Fact::Moved(movement(origin(from, reference), kind, account(from), account(to)))
}

fn issued(reference: &str, source: BillSource) -> Fact {
    Fact::BillIssued(Box::new(BillIssued {
        origin: origin(1, reference),
        account: account(1),
        payer: account(0),
        amount: amount(10_000),
        currency: Currency::IDR,
        name: line("Sewa kamar"),
        description: line("Oktober"),
        due: Some(Timestamp::from_seconds(1_792_000_000)),
        source,
    }))
}

fn started(reference: &str, purpose: ChargePurpose) -> Fact {
    let owner = if purpose == ChargePurpose::TopUp { 0 } else { 1 };
    Fact::ChargeStarted(Box::new(ChargeStarted {
        origin: origin(owner, reference),
        account: account(owner),
        amount: amount(10_000),
        currency: Currency::IDR,
        purpose,
        source: ChargeSource::Provider,
        fee: (owner == 1).then(|| amount(100)),
        method: line("echannel"),
        expires: Timestamp::from_seconds(1_790_086_400),
        details: line("{\"payment_type\":\"echannel\"}"),
    }))
}

fn advanced(reference: &str, charge: u64, step: ChargeStep) -> Fact {
    let owner = if charge == 39 { 1 } else { 0 };
    Fact::ChargeAdvanced(Box::new(ChargeAdvanced {
        origin: origin(owner, reference),
        charge: at(charge),
        account: account(owner),
        payer: (owner == 1).then(|| account(0)),
        step,
    }))
}
