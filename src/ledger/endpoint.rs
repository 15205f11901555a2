//! Where a user wants to be told of what happens: one row of the registry for each address.
//!
//! # Invariants
//!
//! - An endpoint keeps its owner and its number as long as it exists, and no other ever has them:
//!   the number is the place of the latest entry when it was made.
//! - Its secrets stand here sealed.

use arrayvec::ArrayVec;

use super::charge::{ChargeEnd, ChargePurpose, ChargeSource, ChargeStep};
use super::event::{Fact, MovementKind};
use super::id::{AccountId, Position, UserId};
use super::registry::Keys;
use super::text::Line;
use super::time::Timestamp;
use crate::limits;

/// What can be told. Stable numbers: they are in the journal.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[repr(u8)]
pub enum EventKind {
    /// Somebody paid the owner.
    PaymentReceived = 0,
    /// The owner paid.
    PaymentSent = 1,
    /// A payment came back to the owner.
    RefundReceived = 2,
    /// The owner gave a payment back.
    RefundSent = 3,
    /// Money from outside arrived.
    TopUpCredited = 4,
    /// Announced money was not found.
    TopUpRejected = 5,
    /// An administrator put money in.
    BalanceIncreased = 6,
    /// An administrator took money out.
    BalanceDecreased = 7,
    /// Money arrived at a bank.
    WithdrawalSucceeded = 8,
    /// Money did not go to a bank; it is free again.
    WithdrawalFailed = 9,
    /// The account may no longer be debited.
    AccountFrozen = 10,
    /// It may be again.
    AccountReleased = 11,
    /// A bill was paid, to the owner or one that the owner owed.
    BillPaid = 12,
    /// A charge that the owner asked for can be paid.
    ChargePending = 13,
    /// An order of the owner is paid.
    ChargePaid = 14,
    /// A charge was called off.
    ChargeCancelled = 15,
    /// A charge's time is over.
    ChargeExpired = 16,
    /// A charge was refused by the payer's bank.
    ChargeDenied = 17,
    /// A charge was never made.
    ChargeFailed = 18,
    /// A bill was issued, by the owner or to the owner.
    BillIssued = 19,
    /// A bill is not to be paid any more.
    BillCancelled = 20,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 21] = [
        Self::PaymentReceived,
        Self::PaymentSent,
        Self::RefundReceived,
        Self::RefundSent,
        Self::TopUpCredited,
        Self::TopUpRejected,
        Self::BalanceIncreased,
        Self::BalanceDecreased,
        Self::WithdrawalSucceeded,
        Self::WithdrawalFailed,
        Self::AccountFrozen,
        Self::AccountReleased,
        Self::BillPaid,
        Self::ChargePending,
        Self::ChargePaid,
        Self::ChargeCancelled,
        Self::ChargeExpired,
        Self::ChargeDenied,
        Self::ChargeFailed,
        Self::BillIssued,
        Self::BillCancelled,
    ];

    /// The `type` of its messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaymentReceived => "payment.received",
            Self::PaymentSent => "payment.sent",
            Self::RefundReceived => "refund.received",
            Self::RefundSent => "refund.sent",
            Self::TopUpCredited => "top_up.credited",
            Self::TopUpRejected => "top_up.rejected",
            Self::BalanceIncreased => "balance.increased",
            Self::BalanceDecreased => "balance.decreased",
            Self::WithdrawalSucceeded => "withdrawal.succeeded",
            Self::WithdrawalFailed => "withdrawal.failed",
            Self::AccountFrozen => "account.frozen",
            Self::AccountReleased => "account.released",
            Self::BillPaid => "bill.paid",
            Self::ChargePending => "charge.pending",
            Self::ChargePaid => "charge.paid",
            Self::ChargeCancelled => "charge.cancelled",
            Self::ChargeExpired => "charge.expired",
            Self::ChargeDenied => "charge.denied",
            Self::ChargeFailed => "charge.failed",
            Self::BillIssued => "bill.issued",
            Self::BillCancelled => "bill.cancelled",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Events of one fact: at most one for each side of it.
pub type Events = ArrayVec<(AccountId, EventKind), 2>;

/// What a fact is to the owners of the accounts it touches. Another event is another line here.
pub fn events_of(fact: &Fact) -> Events {
    use EventKind as Kind;
    let mut events = Events::new();
    match fact {
        Fact::Moved(movement) => {
            // Who owed a bill is told that it is paid, whoever's money it was.
            let debtor = movement.debt().map(|debt| (debt.payer, Kind::BillPaid));
            let (giver, receiver) = moved(movement.kind);
            events.extend(debtor.or_else(|| giver.map(|kind| (movement.debit, kind))));
            events.extend(receiver.map(|kind| (movement.credit, kind)));
        }
        Fact::TopUpRejected(rejected) => events.push((rejected.account, Kind::TopUpRejected)),
        Fact::PayoutFailed(failed) => events.push((failed.account, Kind::WithdrawalFailed)),
        Fact::FreezeSet(set) => {
            let kind = if set.frozen { Kind::AccountFrozen } else { Kind::AccountReleased };
            events.push((set.account, kind));
        }
        // One of the provider's can be paid once the provider has it.
        Fact::ChargeStarted(started) => {
            if started.source == ChargeSource::Wallet {
                events.push((started.account, Kind::ChargePending));
            }
        }
        Fact::ChargeAdvanced(advanced) => {
            let kind = charge_went(&advanced.step);
            events.extend(kind.map(|kind| (advanced.asker(), kind)));
        }
        Fact::BillIssued(issued) => {
            events.extend([issued.payer, issued.account].map(|it| (it, Kind::BillIssued)));
        }
        Fact::BillCancelled(cancelled) => {
            let both = [cancelled.payer, cancelled.account];
            events.extend(both.map(|it| (it, Kind::BillCancelled)));
        }
        Fact::Genesis
        | Fact::AccountOpened(_)
        | Fact::UserCreated(_)
        | Fact::UserChanged(_)
        | Fact::SessionRevoked(_)
        | Fact::Held(_)
        | Fact::HoldReleased(_)
        | Fact::TopUpRequested(_)
        | Fact::Refused(_)
        | Fact::PayoutStarted(_)
        | Fact::PayoutAdvanced(_)
        | Fact::RegistryChanged(_)
        | Fact::CallbackTried(_)
        | Fact::Notified(_)
        | Fact::DeliveryTried(_)
        | Fact::BoardingChanged(_)
        | Fact::RefundStarted(_)
        | Fact::RefundAdvanced(_)
        | Fact::OddHeard(_)
        | Fact::OddSettled(_) => {}
    }
    events
}

/// What a movement is to its giver and to its receiver. Who owed a bill that it pays is told apart.
const fn moved(kind: MovementKind) -> (Option<EventKind>, Option<EventKind>) {
    use EventKind as Kind;
    match kind {
        MovementKind::Payment => (Some(Kind::PaymentSent), Some(Kind::PaymentReceived)),
        MovementKind::Refund { .. } => (Some(Kind::RefundSent), Some(Kind::RefundReceived)),
        MovementKind::TopUp { .. } => (None, Some(Kind::TopUpCredited)),
        MovementKind::Adjustment { .. } => {
            (Some(Kind::BalanceDecreased), Some(Kind::BalanceIncreased))
        }
        MovementKind::PaidOut { .. } => (Some(Kind::WithdrawalSucceeded), None),
        MovementKind::GivenBack { .. } => (Some(Kind::RefundSent), None),
        MovementKind::ChargePaid { purpose, .. } => match purpose {
            ChargePurpose::TopUp => (Some(Kind::PaymentSent), Some(Kind::TopUpCredited)),
            ChargePurpose::Bill { .. } => (None, Some(Kind::BillPaid)),
            ChargePurpose::Order => (Some(Kind::PaymentSent), Some(Kind::ChargePaid)),
        },
        MovementKind::BillPaid { .. } | MovementKind::Resolved { bill: Some(_), .. } => {
            (None, Some(Kind::BillPaid))
        }
        MovementKind::Resolved { bill: None, .. } => (None, Some(Kind::TopUpCredited)),
        MovementKind::HoldPosted { .. } | MovementKind::Suspended { .. } => (None, None),
    }
}

const fn charge_went(step: &ChargeStep) -> Option<EventKind> {
    match step {
        ChargeStep::Opened { .. } => Some(EventKind::ChargePending),
        ChargeStep::Unknown { .. } => None,
        ChargeStep::Ended { end, .. } => match end {
            ChargeEnd::Failed => Some(EventKind::ChargeFailed),
            ChargeEnd::Denied => Some(EventKind::ChargeDenied),
            ChargeEnd::Cancelled => Some(EventKind::ChargeCancelled),
            ChargeEnd::Expired => Some(EventKind::ChargeExpired),
            // Its money is told of when it is placed.
            ChargeEnd::Suspended => None,
        },
    }
}

/// How messages to an endpoint look, and how often they are tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[repr(u8)]
pub enum Format {
    /// Standard Webhooks.
    Standard = 0,
    /// A notification as Midtrans sends it.
    Midtrans = 1,
}

/// Seconds before each try of a standard message: at once, then as Standard Webhooks suggests.
const STANDARD_WAITS: [i64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// The same of a notification (protocols of Midtrans: 2 m, 10 m, 30 m, 1.5 h, 3.5 h).
const MIDTRANS_WAITS: [i64; 6] = [0, 120, 600, 1_800, 5_400, 12_600];

impl Format {
    /// Seconds that lie at least between a try and the one before it, where `tried` were made.
    /// `None` if there is no such try.
    pub fn wait(self, tried: u16) -> Option<i64> {
        let waits: &[i64] = match self {
            Self::Standard => &STANDARD_WAITS,
            Self::Midtrans => &MIDTRANS_WAITS,
        };
        waits.get(usize::from(tried)).copied()
    }

    /// Whether no try follows by itself on `attempt` (counted from 1) that was answered so.
    pub fn ends(self, attempt: u16, status: Option<u16>) -> bool {
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return true;
        }
        let again = match (self, status) {
            // The receiver wants no more of it.
            (Self::Standard, Some(410)) | (Self::Midtrans, Some(301..=303)) => 0,
            (Self::Midtrans, Some(500)) => 1,
            (Self::Midtrans, Some(400 | 404)) => 2,
            (Self::Midtrans, Some(503)) => 4,
            (Self::Standard | Self::Midtrans, _) => u16::MAX,
        };
        attempt > again || self.wait(attempt).is_none()
    }
}

/// The number of an endpoint.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct EndpointId(pub Position);

/// Where a user is told.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Endpoint {
    /// Its number.
    pub id: EndpointId,
    /// Whose it is.
    pub owner: UserId,
    /// When it was made.
    pub created: Timestamp,
    /// Where messages go.
    pub url: Line,
    /// For its owner.
    pub description: Line,
    /// What messages are signed with.
    pub secrets: Keys,
    /// When the secret was last changed: for a while after it messages carry both signatures.
    pub rotated: Option<Timestamp>,
    /// What is told; everything if empty.
    pub events: Vec<EventKind>,
    /// How messages look.
    pub format: Format,
    /// Whether nothing is told until further notice.
    pub disabled: bool,
}

impl Endpoint {
    /// Whether it is to be told of `kind`.
    pub fn wants(&self, kind: EventKind) -> bool {
        !self.disabled && (self.events.is_empty() || self.events.contains(&kind))
    }

    /// Whether messages are still signed with the secret before the present one too.
    pub fn signs_with_previous(&self, now: Timestamp) -> bool {
        let until = |rotated: Timestamp| rotated.plus_seconds(limits::WEBHOOK_OVERLAP_SECONDS);
        self.secrets.previous.is_some() && self.rotated.is_some_and(|rotated| now < until(rotated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::charge::ChargeAdvanced;
    use crate::ledger::event::{Debt, Digest, Movement, Origin};
    use crate::ledger::id::Principal;
    use crate::ledger::money::{Amount, Currency};
    use crate::ledger::text::Reference;

    #[test]
    fn names_read_back() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.name()), Some(kind));
        }
        assert_eq!(EventKind::parse("payment.Received"), None);
    }

    const HOUSE: AccountId = AccountId(0);
    const ISSUER: AccountId = AccountId(1);
    const PAYER: AccountId = AccountId(2);

    fn by_system() -> Origin {
        let reference = Reference::parse("x").unwrap();
        Origin { principal: Principal::System, reference, digest: Digest([0; 16]) }
    }

    fn moved(kind: MovementKind, debit: AccountId) -> Fact {
        let amount = Amount::new(25_000).unwrap();
        let (currency, note) = (Currency::IDR, Line::empty());
        let (origin, credit) = (by_system(), ISSUER);
        Fact::Moved(Movement { origin, kind, debit, credit, amount, currency, fee: None, note })
    }

    #[test]
    fn whoever_owed_a_bill_and_whoever_issued_it_are_told_whosever_money_pays_it() {
        let (bill, payer, at) = (Position::FIRST, PAYER, Position::FIRST);
        let by_charge = ChargePurpose::Bill { bill, payer };
        let late = |bill| MovementKind::Resolved { late: at, bill, by: Principal::System };
        let paid = |purpose| MovementKind::ChargePaid { charge: at, purpose };
        let both = vec![(PAYER, EventKind::BillPaid), (ISSUER, EventKind::BillPaid)];
        let credited = (ISSUER, EventKind::TopUpCredited);
        let cases = [
            (moved(MovementKind::BillPaid { bill }, PAYER), both.clone()),
            (moved(paid(by_charge), HOUSE), both.clone()),
            (moved(late(Some(Debt { bill, payer })), HOUSE), both),
            (moved(late(None), HOUSE), vec![credited]),
            (
                moved(paid(ChargePurpose::TopUp), HOUSE),
                vec![(HOUSE, EventKind::PaymentSent), credited],
            ),
        ];
        for (fact, expected) in cases {
            assert_eq!(events_of(&fact).to_vec(), expected, "{fact:?}");
            // What is told has to stand in the history of whom it is told to.
            for (account, _) in expected {
                assert!(fact.accounts().iter().any(|touched| touched == account), "{fact:?}");
            }
        }
    }

    #[test]
    fn the_end_of_a_charge_is_told_to_who_asked_for_it() {
        let (by, reason) = (Principal::System, Line::empty());
        let step = ChargeStep::Ended { end: ChargeEnd::Expired, by, reason };
        for (payer, told) in [(Some(PAYER), PAYER), (None, ISSUER)] {
            let (origin, charge) = (by_system(), Position::FIRST);
            let account = ISSUER;
            let advanced = ChargeAdvanced { origin, charge, account, payer, step: step.clone() };
            let fact = Fact::ChargeAdvanced(Box::new(advanced));
            assert_eq!(events_of(&fact).to_vec(), [(told, EventKind::ChargeExpired)]);
            assert!(fact.accounts().iter().any(|touched| touched == told));
        }
    }

    #[test]
    fn tries_end_by_answer_and_by_number() {
        let cases = [
            (Format::Standard, 1, Some(200), true),
            (Format::Standard, 1, Some(299), true),
            (Format::Standard, 1, Some(302), false),
            (Format::Standard, 1, Some(410), true),
            (Format::Standard, 1, Some(500), false),
            (Format::Standard, 9, None, false),
            (Format::Standard, 10, None, true),
            (Format::Standard, u16::MAX, None, true),
            (Format::Midtrans, 1, Some(201), true),
            (Format::Midtrans, 1, Some(302), true),
            (Format::Midtrans, 1, Some(500), false),
            (Format::Midtrans, 2, Some(500), true),
            (Format::Midtrans, 2, Some(404), false),
            (Format::Midtrans, 3, Some(400), true),
            (Format::Midtrans, 4, Some(503), false),
            (Format::Midtrans, 5, Some(503), true),
            (Format::Midtrans, 5, None, false),
            (Format::Midtrans, 6, None, true),
        ];
        for (format, attempt, status, ends) in cases {
            assert_eq!(format.ends(attempt, status), ends, "{format:?} {attempt} {status:?}");
        }
    }
}
