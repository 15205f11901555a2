//! What a code is for: exactly one movement, in a digest for the ledger and in words for a person.

use crate::gateway::bill::{Standing, State};
use crate::gateway::caller::Caller;
use crate::gateway::{Error, Gateway};
use crate::ledger::bill::Bill;
use crate::ledger::event::Digest;
use crate::ledger::money::{Amount, Currency};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::registry::BankCode;
use crate::ledger::text::{Line, Username};
use crate::limits;

/// A movement of money that a person starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// To another user.
    Payment {
        /// Who is paid.
        to: Username,
        /// How much.
        amount: Amount,
        /// In what.
        currency: Currency,
    },
    /// For a bill.
    Bill {
        /// The bill's public id.
        bill: Line,
        /// Who gets it, as shown to the payer.
        payee: Line,
        /// How much.
        amount: Amount,
        /// In what.
        currency: Currency,
    },
    /// For an order of a merchant.
    Charge {
        /// The charge's public id.
        charge: Line,
        /// Who gets it, as shown to the payer.
        payee: Line,
        /// How much.
        amount: Amount,
        /// In what.
        currency: Currency,
    },
    /// To an account at a bank.
    Withdrawal {
        /// Which bank.
        bank: BankCode,
        /// The account there.
        number: Line,
        /// How much.
        amount: Amount,
        /// In what.
        currency: Currency,
        /// The most that it may cost on top, in the smallest unit.
        fee_max: u64,
    },
}

impl Operation {
    /// How much moves, and in what.
    pub const fn amount(&self) -> (Amount, Currency) {
        match self {
            Self::Payment { amount, currency, .. }
            | Self::Bill { amount, currency, .. }
            | Self::Charge { amount, currency, .. }
            | Self::Withdrawal { amount, currency, .. } => (*amount, *currency),
        }
    }

    /// What a code is bound to: another payee, amount or account has another digest.
    pub fn digest(&self) -> Digest {
        let (amount, currency) = self.amount();
        let digest = match self {
            Self::Payment { to, .. } => DigestBuilder::new("code payment").text(to.as_str()),
            Self::Bill { bill, payee, .. } => {
                DigestBuilder::new("code bill").text(bill.as_str()).text(payee.as_str())
            }
            Self::Charge { charge, payee, .. } => {
                DigestBuilder::new("code charge").text(charge.as_str()).text(payee.as_str())
            }
            Self::Withdrawal { bank, number, fee_max, .. } => DigestBuilder::new("code withdrawal")
                .text(bank.as_str())
                .text(number.as_str())
                .number(*fee_max),
        };
        digest.number(amount.get()).text(currency.code()).finish()
    }

    /// What a person is told that the code is for: payee and amount.
    ///
    /// # Errors
    /// [`Error::RecipientNotFound`].
    pub(super) fn words(&self, gateway: &Gateway) -> Result<String, Error> {
        let (amount, currency) = self.amount();
        let amount = money(amount, currency);
        Ok(match self {
            Self::Payment { to, .. } => {
                let payee = gateway.view().user_by_name(to.as_str());
                let payee = payee.ok_or(Error::RecipientNotFound)?;
                format!("pay {amount} to {} ({})", payee.username(), payee.name())
            }
            Self::Bill { bill, payee, .. } => format!("pay bill {bill} of {payee}, {amount}"),
            Self::Charge { charge, payee, .. } => format!("pay {charge} of {payee}, {amount}"),
            Self::Withdrawal { bank, number, currency, fee_max, .. } => {
                let fee = Amount::new(*fee_max).map_or_else(String::new, |fee| {
                    format!(", for a fee of at most {}", money(fee, *currency))
                });
                format!("send {amount} to account {number} at bank {bank}{fee}")
            }
        })
    }
}

impl Gateway {
    /// The operation of paying the bill with this id, with what is to be paid and who gets it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the caller has no such bill to pay.
    pub fn bill_operation(&self, caller: &Caller, bill: &str) -> Result<Operation, Error> {
        let standing = self.bill(caller, bill)?;
        let payable = standing.state == State::Open;
        if !payable || !self.owns(&caller.user, standing.bill.payer) {
            return Err(Error::NotFound);
        }
        self.operation_of(&standing)
    }

    /// The operation of paying a bill.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody is to get it.
    pub(in crate::gateway) fn operation_of(&self, standing: &Standing) -> Result<Operation, Error> {
        let Bill { account, amount, currency, .. } = standing.bill;
        let payee = self.view().owner(account).and_then(|owner| self.view().user(owner));
        let payee = payee.ok_or(Error::NotFound)?;
        Ok(Operation::Bill {
            bill: Line::cut(&standing.id(), limits::NAME_MAX),
            payee: Line::cut(payee.username(), limits::USERNAME_MAX),
            amount,
            currency,
        })
    }
}

/// `Rp1.500.000`; other currencies with their code, in minor units.
fn money(amount: Amount, currency: Currency) -> String {
    let digits = amount.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    if currency == Currency::IDR { format!("Rp{grouped}") } else { format!("{currency} {digits}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::parse(text, 64).unwrap()
    }

    fn operations(amount: u64, currency: &str, names: [&str; 2]) -> [Operation; 3] {
        let (amount, currency) = (Amount::new(amount).unwrap(), Currency::parse(currency).unwrap());
        let [one, other] = names;
        let bank = BankCode::parse(if other == "warung" { "009" } else { "014" }).unwrap();
        [
            Operation::Payment { to: Username::parse(one).unwrap(), amount, currency },
            Operation::Bill { bill: line(one), payee: line(other), amount, currency },
            Operation::Withdrawal { bank, number: line(one), amount, currency, fee_max: 0 },
        ]
    }

    #[test]
    fn whatever_differs_gives_another_digest() {
        let mut digests: Vec<Digest> = [
            operations(1, "IDR", ["ani", "warung"]),
            operations(2, "IDR", ["ani", "warung"]),
            operations(1, "USD", ["ani", "warung"]),
            operations(1, "IDR", ["budi", "warung"]),
        ]
        .iter()
        .flatten()
        .map(Operation::digest)
        .collect();
        let other = operations(1, "IDR", ["ani", "kantin"]);
        digests.extend(other[1..].iter().map(Operation::digest));
        let [.., mut dearer] = operations(1, "IDR", ["ani", "warung"]);
        if let Operation::Withdrawal { fee_max, .. } = &mut dearer {
            *fee_max = 6_500;
        }
        digests.push(dearer.digest());
        let again = operations(1, "IDR", ["ani", "warung"]);
        assert_eq!(again[2].digest(), digests[2]);
        digests.sort_by_key(|digest| digest.0);
        digests.dedup();
        assert_eq!(digests.len(), 15);
    }

    #[test]
    fn rupiah_are_grouped() {
        let idr = |units| money(Amount::new(units).unwrap(), Currency::IDR);
        assert_eq!(idr(1), "Rp1");
        assert_eq!(idr(999), "Rp999");
        assert_eq!(idr(1_000), "Rp1.000");
        assert_eq!(idr(25_000_000), "Rp25.000.000");
        let usd = Currency::parse("USD").unwrap();
        assert_eq!(money(Amount::new(12_345).unwrap(), usd), "USD 12345");
    }
}
