//! Every "no" of the ledger.
//!
//! A rejection depends on the state a request met; it is final for the request's reference and
//! stands in the journal. What is wrong with a request's form never comes this far.

/// Why the ledger refuses. In order of precedence within a command; codes are stable for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum Rejection {
    /// Nobody has the name that was to be paid.
    RecipientNotFound,
    /// The two accounts are kept in different currencies.
    CurrencyMismatch,
    /// Payer and payee are the same account.
    SelfTransfer,
    /// The account to be debited is frozen.
    AccountFrozen,
    /// The hold is gone: posted, voided or expired.
    HoldNotOpen,
    /// More was to be posted than was held.
    HoldExceeded,
    /// The top-up request is not waiting: approved or rejected before, or none.
    TopUpNotAwaiting,
    /// The top-up needs another administrator's eyes.
    SecondApproverRequired,
    /// Refunds together would exceed the payment.
    RefundExceedsPayment,
    /// Balance less holds is not enough.
    InsufficientFunds,
    /// The receiver's balance would exceed its ceiling.
    BalanceCeiling,
    /// The receiver's month would exceed its limit of incoming money.
    IncomingPerMonth,
    /// The payout has ended, or is not where this would follow.
    PayoutNotOpen,
    /// The bank knows no such account.
    BeneficiaryNotFound,
    /// No bank can be reached for it.
    RouteNotFound,
    /// A screening rule says no.
    ScreenedOut,
    /// More than the application may send at once, or in a day.
    TransferLimit,
    /// The charge has ended, its time is over for a wallet, or it is another than this would pay.
    ChargeNotOpen,
    /// The bill is paid.
    AlreadyPaid,
    /// The bill is cancelled, or is another than this would pay.
    BillNotOpen,
    /// The money in suspense is resolved, or none.
    LateNotOpen,
    /// The refund has ended, or is not where this would follow.
    RefundNotOpen,
}

impl Rejection {
    /// Every variant, for tables in tests and documentation.
    pub const ALL: [Self; 22] = [
        Self::RecipientNotFound,
        Self::CurrencyMismatch,
        Self::SelfTransfer,
        Self::AccountFrozen,
        Self::HoldNotOpen,
        Self::HoldExceeded,
        Self::TopUpNotAwaiting,
        Self::SecondApproverRequired,
        Self::RefundExceedsPayment,
        Self::InsufficientFunds,
        Self::BalanceCeiling,
        Self::IncomingPerMonth,
        Self::PayoutNotOpen,
        Self::BeneficiaryNotFound,
        Self::RouteNotFound,
        Self::ScreenedOut,
        Self::TransferLimit,
        Self::ChargeNotOpen,
        Self::AlreadyPaid,
        Self::BillNotOpen,
        Self::LateNotOpen,
        Self::RefundNotOpen,
    ];

    /// The stable code clients see.
    pub const fn code(self) -> &'static str {
        match self {
            Self::RecipientNotFound => "recipient_not_found",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::SelfTransfer => "self_transfer",
            Self::AccountFrozen => "account_frozen",
            Self::HoldNotOpen => "hold_not_open",
            Self::HoldExceeded => "hold_exceeded",
            Self::TopUpNotAwaiting => "top_up_not_awaiting",
            Self::SecondApproverRequired => "second_approver_required",
            Self::RefundExceedsPayment => "refund_exceeds_payment",
            Self::InsufficientFunds => "insufficient_funds",
            Self::BalanceCeiling | Self::IncomingPerMonth | Self::TransferLimit => "limit_exceeded",
            Self::PayoutNotOpen => "payout_not_open",
            Self::BeneficiaryNotFound => "beneficiary_not_found",
            Self::RouteNotFound => "route_not_found",
            Self::ScreenedOut => "screened_out",
            Self::ChargeNotOpen => "charge_not_open",
            Self::AlreadyPaid => "already_paid",
            Self::BillNotOpen => "bill_not_open",
            Self::LateNotOpen => "late_not_open",
            Self::RefundNotOpen => "refund_not_open",
        }
    }

    /// Whether the same request under a new reference may succeed later.
    pub const fn may_change(self) -> bool {
        match self {
            Self::RecipientNotFound
            | Self::AccountFrozen
            | Self::SecondApproverRequired
            | Self::InsufficientFunds
            | Self::BalanceCeiling
            | Self::IncomingPerMonth
            | Self::BeneficiaryNotFound
            | Self::RouteNotFound
            | Self::ScreenedOut
            | Self::TransferLimit => true,
            Self::CurrencyMismatch
            | Self::SelfTransfer
            | Self::HoldNotOpen
            | Self::HoldExceeded
            | Self::TopUpNotAwaiting
            | Self::RefundExceedsPayment
            | Self::PayoutNotOpen
            | Self::ChargeNotOpen
            | Self::AlreadyPaid
            | Self::BillNotOpen
            | Self::LateNotOpen
            | Self::RefundNotOpen => false,
        }
    }
}
