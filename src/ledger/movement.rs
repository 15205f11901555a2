//! How money moves: from one account to another, less a fee, for one reason out of a closed list.

use super::charge::ChargePurpose;
use super::event::Origin;
use super::id::{AccountId, Position, Principal};
use super::money::{Amount, Currency};
use super::posting::Posting;
use super::text::Line;
use super::time::Timestamp;

/// Money moves from `debit` to `credit`, less a fee that goes to the house.
///
/// The same value is the command (before) and the fact (after). Both postings debit the giver, so
/// that an account is only ever debited by what it decided itself.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Movement {
    /// Who asked for it.
    pub origin: Origin,
    /// Why it moves.
    pub kind: MovementKind,
    /// The account that gives.
    pub debit: AccountId,
    /// The account that receives.
    pub credit: AccountId,
    /// How much the giver gives.
    pub amount: Amount,
    /// The currency of both accounts.
    pub currency: Currency,
    /// What the house keeps of it: the receiver gets the rest.
    pub fee: Option<Fee>,
    /// For people.
    pub note: Line,
}

/// A fee: the second posting of a movement, from the giver to the house.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Fee {
    /// The house's account.
    pub account: AccountId,
    /// Less than the movement's amount.
    pub amount: Amount,
}

/// A bill that is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Debt {
    /// Where the bill stands.
    pub bill: Position,
    /// Who owes it: they are told, and it stands in their history.
    pub payer: AccountId,
}

/// Why money moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum MovementKind {
    /// Wallet to wallet or merchant.
    Payment,
    /// Back to the payer, in full or in part.
    Refund {
        /// Where the payment stands.
        payment: Position,
        /// What was paid, so that the sum of refunds is bounded without looking it up.
        paid: Amount,
    },
    /// In from outside.
    TopUp {
        /// The user's own request, if it began with one.
        request: Option<Position>,
        /// The administrator.
        by: Principal,
    },
    /// A correction by an administrator; the note is its reason.
    Adjustment {
        /// The administrator.
        by: Principal,
    },
    /// All or part of what was held; the rest of the hold is free again.
    HoldPosted {
        /// Where the hold stands.
        hold: Position,
    },
    /// Out to a bank, all that was held: the amount and its fee. The note holds the bank's
    /// reference, or a person's reason.
    PaidOut {
        /// Where the payout began.
        payout: Position,
        /// Who says so: the system for a bank's word, else a person.
        by: Principal,
    },
    /// The money of a charge: from the house's clearing account for the provider's, or a wallet.
    ChargePaid {
        /// Where the charge began.
        charge: Position,
        /// What it is for.
        purpose: ChargePurpose,
    },
    /// A bill is paid from a wallet.
    BillPaid {
        /// Where the bill stands.
        bill: Position,
    },
    /// Money came that nothing awaits: from clearing to suspense.
    Suspended {
        /// The charge it came for.
        charge: Position,
        /// Until when it should be resolved.
        deadline: Timestamp,
    },
    /// Money in suspense goes where it belongs, less what the house would have kept in time, or back.
    Resolved {
        /// The entry that put it there.
        late: Position,
        /// The bill that is paid with it.
        bill: Option<Debt>,
        /// Who says so: the system by rule, else a person; the note is the reason.
        by: Principal,
    },
    /// Held money goes back through the provider: to clearing. The note is the refund's, or a
    /// person's reason.
    GivenBack {
        /// Where the refund began.
        refund: Position,
        /// Who says so: the system for the provider's word, else a person.
        by: Principal,
    },
}

impl MovementKind {
    /// The order the movement is about: the position of the entry that began it.
    pub const fn subject(self) -> Option<Position> {
        match self {
            Self::Refund { payment, .. } => Some(payment),
            Self::TopUp { request, .. } => request,
            Self::HoldPosted { hold } => Some(hold),
            Self::PaidOut { payout, .. } => Some(payout),
            Self::ChargePaid { charge, .. } => Some(charge),
            Self::BillPaid { bill } => Some(bill),
            Self::Resolved { late, .. } => Some(late),
            Self::GivenBack { refund, .. } => Some(refund),
            Self::Payment | Self::Adjustment { .. } | Self::Suspended { .. } => None,
        }
    }

    /// The bill that it pays beside that. The receiver keeps it.
    pub const fn bill(self) -> Option<Position> {
        match self {
            Self::ChargePaid { purpose, .. } => purpose.bill(),
            Self::Resolved { bill: Some(debt), .. } => Some(debt.bill),
            Self::Resolved { bill: None, .. }
            | Self::Payment
            | Self::Refund { .. }
            | Self::TopUp { .. }
            | Self::Adjustment { .. }
            | Self::HoldPosted { .. }
            | Self::PaidOut { .. }
            | Self::BillPaid { .. }
            | Self::Suspended { .. }
            | Self::GivenBack { .. } => None,
        }
    }

    /// Whether the receiver keeps the order it is about; else the giver does.
    pub const fn is_receivers(self) -> bool {
        match self {
            Self::TopUp { .. } | Self::ChargePaid { .. } | Self::BillPaid { .. } => true,
            Self::Payment
            | Self::Refund { .. }
            | Self::Adjustment { .. }
            | Self::HoldPosted { .. }
            | Self::PaidOut { .. }
            | Self::Suspended { .. }
            | Self::Resolved { .. }
            | Self::GivenBack { .. } => false,
        }
    }
}

impl Movement {
    /// What the receiver gets: the amount less the fee.
    pub fn received(&self) -> Amount {
        match self.fee {
            None => self.amount,
            Some(fee) => self
                .amount
                .checked_sub(fee.amount)
                .expect("a fee is less than the amount it is taken from"),
        }
    }

    /// The bill that it pays, if it pays one, whoever's money it is.
    pub const fn debt(&self) -> Option<Debt> {
        match self.kind {
            MovementKind::BillPaid { bill } => Some(Debt { bill, payer: self.debit }),
            MovementKind::ChargePaid { purpose: ChargePurpose::Bill { bill, payer }, .. } => {
                Some(Debt { bill, payer })
            }
            MovementKind::Resolved { bill, .. } => bill,
            MovementKind::ChargePaid {
                purpose: ChargePurpose::TopUp | ChargePurpose::Order,
                ..
            }
            | MovementKind::Payment
            | MovementKind::Refund { .. }
            | MovementKind::TopUp { .. }
            | MovementKind::Adjustment { .. }
            | MovementKind::HoldPosted { .. }
            | MovementKind::PaidOut { .. }
            | MovementKind::Suspended { .. }
            | MovementKind::GivenBack { .. } => None,
        }
    }

    /// The postings it consists of.
    pub fn postings(&self) -> impl Iterator<Item = Posting> {
        let main = Posting { debit: self.debit, credit: self.credit, amount: self.received() };
        let fee = self.fee.map(|fee| Posting {
            debit: self.debit,
            credit: fee.account,
            amount: fee.amount,
        });
        std::iter::once(main).chain(fee)
    }
}
