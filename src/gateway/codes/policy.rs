//! When a code is asked for: by kind of movement, from an amount on.

use super::operation::Operation;
use crate::ledger::money::{Amount, Currency};

/// From which amount on a kind of movement needs a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// From none.
    Never,
    /// From this amount of the default currency on, and in other currencies always: what an amount
    /// of those is worth is not known here.
    Amount(Amount),
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
}

impl Policy {
    /// Asks for no code ever.
    pub const NEVER: Self =
        Self { payments: From::Never, bills: From::Never, withdrawals: From::Never };

    /// Whether `operation` needs one, where amounts are in `currency`.
    pub fn asks(&self, operation: &Operation, currency: Currency) -> bool {
        let from = match operation {
            Operation::Payment { .. } | Operation::Charge { .. } => self.payments,
            Operation::Bill { .. } => self.bills,
            Operation::Withdrawal { .. } => self.withdrawals,
        };
        let (amount, of) = operation.amount();
        match from {
            From::Never => false,
            From::Amount(least) => of != currency || amount >= least,
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
            (Policy::NEVER, Amount::MAX, Currency::IDR, false),
            (Policy::NEVER, 1, usd, false),
            (from(1), 1, Currency::IDR, true),
            (from(1_000), 999, Currency::IDR, false),
            (from(1_000), 1_000, Currency::IDR, true),
            (from(1_000), 1, usd, true),
        ];
        for (row, (policy, units, currency, asked)) in table.into_iter().enumerate() {
            assert_eq!(policy.asks(&payment(units, currency), Currency::IDR), asked, "row {row}");
        }
    }
}
