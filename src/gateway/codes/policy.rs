//! When a code is asked for: by kind of movement, from an amount on.

use super::operation::Operation;
use crate::ledger::money::{Amount, Currency};

/// From which amount on a kind of movement needs a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// From none.
    Never,
    /// From this amount of the default currency in a day on, and in other currencies always: what an amount
    /// of those is worth is not known here.
    Amount(Amount),
}

/// When a movement needs a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// Never.
    Never,
    /// Always.
    Always,
    /// When with it so much has left without one since midnight (see [`super::spent`]).
    From(Amount),
}

/// When which movement needs a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// To other users.
    pub payments: From,
    /// For bills.
    pub bills: From,
    /// To accounts at banks.
    pub withdrawals: From,
    /// Whether administrators may do nothing before they have an authenticator.
    pub administrators: bool,
}

impl Policy {
    /// Asks for no code ever.
    pub const NEVER: Self = Self {
        payments: From::Never,
        bills: From::Never,
        withdrawals: From::Never,
        administrators: false,
    };

    /// When `operation` needs one, where amounts are in `currency`.
    pub fn asks(&self, operation: &Operation, currency: Currency) -> Asked {
        let from = match operation {
            Operation::Payment { .. } | Operation::Charge { .. } => self.payments,
            Operation::Bill { .. } => self.bills,
            Operation::Withdrawal { .. } => self.withdrawals,
        };
        match from {
            From::Never => Asked::Never,
            From::Amount(_) if operation.amount().1 != currency => Asked::Always,
            From::Amount(least) => Asked::From(least),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::text::Username;

    #[test]
    fn a_code_is_asked_for_from_the_amount_on() {
        let amount = |units| Amount::new(units).unwrap();
        let payment = |units, currency| Operation::Payment {
            to: Username::parse("budi").unwrap(),
            amount: amount(units),
            currency,
        };
        let usd = Currency::parse("USD").unwrap();
        let from = |units| Policy { payments: From::Amount(amount(units)), ..Policy::NEVER };
        // (policy, amount, currency, asked for)
        let table = [
            (Policy::NEVER, Amount::MAX, Currency::IDR, Asked::Never),
            (Policy::NEVER, 1, usd, Asked::Never),
            (from(1), 1, Currency::IDR, Asked::From(amount(1))),
            (from(1_000), 999, Currency::IDR, Asked::From(amount(1_000))),
            (from(1_000), 1, usd, Asked::Always),
        ];
        for (row, (policy, units, currency, asked)) in table.into_iter().enumerate() {
            assert_eq!(policy.asks(&payment(units, currency), Currency::IDR), asked, "row {row}");
        }
    }
}
