//! What a payer types or scans: numbers of accounts, bills and receipts, and QR texts.

use crate::connector::midtrans::charge::Charge;
use crate::connector::midtrans::method::{Acquirer, Bank, Method, Store};
use crate::connector::midtrans::transaction::{Action, Instructions, VaNumber};
use crate::connector::qris::{Account, Field, Merchant, Payload, Tag};
use crate::simulator::faults::mix;

/// Whom a Mandiri bill is paid to.
const BILLER_CODE: &str = "70012";

/// What stands before the chosen part of a virtual account, and how many digits that part has.
const fn account_of(bank: Bank) -> (&'static str, usize) {
    match bank {
        Bank::Bca => ("81278", 11),
        Bank::Bni => ("98833000", 8),
        Bank::Bri => ("12812", 13),
        Bank::Cimb => ("2810", 12),
        Bank::Permata => ("850003", 10),
    }
}

/// `digits` digits that follow from `word` and a try.
fn random_digits(word: u64, attempt: u64, digits: usize) -> String {
    let first = mix(word ^ attempt);
    let text = format!("{:020}{:020}", mix(first), first);
    // The last digits of a random number are the evenest.
    text.get(text.len() - digits..).unwrap_or(&text).to_owned()
}

/// The first number that is free: the wish, or random ones.
fn free(
    wish: Option<String>,
    random: impl Fn(u64) -> String,
    is_taken: impl Fn(&str) -> bool,
) -> Option<String> {
    let tries = (0..100).map(random);
    wish.into_iter().chain(tries).find(|number| !is_taken(number))
}

/// What the payer of `charge` is given. `word` is random; `base` is where we are reached; a number
/// that `is_taken` is not given again. `None` if none is free.
pub(super) fn instructions(
    charge: &Charge,
    transaction_id: &str,
    (word, base): (u64, &str),
    is_taken: impl Fn(&str) -> bool,
) -> Option<Instructions> {
    let mut told = Instructions::default();
    match charge.method {
        Method::BankTransfer(bank) => {
            let (prefix, digits) = account_of(bank);
            let whole = |part: String| format!("{prefix}{part:0>digits$}");
            let random = |attempt| whole(random_digits(word, attempt, digits));
            let number = free(charge.wished_number().map(whole), random, is_taken)?;
            if bank == Bank::Permata {
                told.permata_va_number = Some(number);
            } else {
                told.va_numbers = vec![VaNumber { bank: bank.name().to_owned(), number }];
            }
        }
        Method::Echannel => {
            let wish = charge.option("bill_key").map(ToOwned::to_owned);
            let random = |attempt| random_digits(word, attempt, 12);
            told.bill_key = Some(free(wish, random, is_taken)?);
            told.biller_code = Some(BILLER_CODE.to_owned());
        }
        Method::Cstore(store) => {
            let (prefix, digits) = match store {
                Store::Alfamart => ("0108", 8),
                Store::Indomaret => ("3000", 14),
            };
            let random = |attempt| format!("{prefix}{}", random_digits(word, attempt, digits));
            told.payment_code = Some(free(None, random, is_taken)?);
            told.store = Some(store.name().to_owned());
        }
        Method::Qris(acquirer) => {
            told.qr_string = Some(qr(charge, acquirer, transaction_id)?);
            told.acquirer = Some(acquirer.name().to_owned());
            let url = format!("{base}/v2/qris/{transaction_id}/qr-code");
            told.actions = vec![action("generate-qr-code", "GET", url)];
        }
        Method::Gopay => {
            let own = |what: &str| format!("{base}/v2/{transaction_id}/{what}");
            told.actions = vec![
                action(
                    "deeplink-redirect",
                    "GET",
                    format!("{base}/simulator/pay/{transaction_id}"),
                ),
                action("get-status", "GET", own("status")),
                action("cancel", "POST", own("cancel")),
            ];
        }
        Method::Shopeepay => {
            let url = format!("{base}/simulator/pay/{transaction_id}");
            told.actions = vec![action("deeplink-redirect", "GET", url)];
        }
        Method::CreditCard => {}
    }
    Some(told)
}

/// Every number by which a payer can name the transaction.
pub(super) fn named_by(told: &Instructions) -> Vec<&str> {
    let accounts = told.va_numbers.iter().map(|account| account.number.as_str());
    let others = [&told.permata_va_number, &told.bill_key, &told.payment_code, &told.qr_string];
    accounts.chain(others.into_iter().filter_map(Option::as_deref)).collect()
}

fn action(name: &str, method: &str, url: String) -> Action {
    Action { name: name.to_owned(), method: method.to_owned(), url, fields: None }
}

/// A QR of the national standard for one payment; `None` for more than its 13 digits.
fn qr(charge: &Charge, acquirer: Acquirer, transaction_id: &str) -> Option<String> {
    let (domain, pan) = match acquirer {
        Acquirer::Gopay => ("COM.GO-JEK.WWW", "936009143379181825"),
        Acquirer::Airpay => ("ID.CO.SHOPEE.WWW", "936009180020086999"),
    };
    let account = |tag: u8, fields: &[(u8, &str)]| Account {
        tag: Tag::new(tag),
        fields: fields.iter().map(|(tag, value)| Field::new(*tag, *value)).collect(),
    };
    let merchant = Merchant {
        accounts: vec![
            account(26, &[(0, domain), (1, pan), (2, "G337918182"), (3, "UKE")]),
            account(51, &[(0, "ID.CO.QRIS.WWW"), (2, "ID2020000000001"), (3, "UKE")]),
        ],
        category: "5812".to_owned(),
        name: "GERBANG SIMULATOR".to_owned(),
        city: "JAKARTA".to_owned(),
        postal: Some("10110".to_owned()),
    };
    let mut parts = Payload::fixed(&merchant).ok()?.into_parts();
    parts.additional.push(Field::new(50, transaction_id));
    Some(Payload::new(parts).ok()?.once(charge.amount, None).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::qris;
    use crate::ledger::money::Amount;

    const ID: &str = "be03df7d-2f97-4c8c-a53c-8959f1b67295";

    fn charge(method: Method) -> Charge {
        Charge::new("order-1".to_owned(), Amount::new(44_000).unwrap(), method)
    }

    fn told(charge: &Charge, taken: &[&str]) -> Instructions {
        let base = "http://127.0.0.1:1";
        instructions(charge, ID, (7, base), |number| taken.contains(&number)).unwrap()
    }

    #[test]
    fn a_qr_is_one_of_the_standard_for_this_payment() {
        for acquirer in [Acquirer::Gopay, Acquirer::Airpay] {
            let text = told(&charge(Method::Qris(acquirer)), &[]).qr_string.unwrap();
            let read = qris::parse(&text).unwrap();
            assert_eq!(read.amount.as_ref().map(qris::Sum::as_str), Some("44000"), "{text}");
            assert!(text.contains(ID), "{text}");
        }
        let mut large = charge(Method::Qris(Acquirer::Gopay));
        large.amount = Amount::new(Amount::MAX).unwrap();
        assert_eq!(instructions(&large, ID, (7, ""), |_| false), None);
    }

    #[test]
    fn a_wish_is_heard_unless_the_number_is_in_use() {
        let mut wish = charge(Method::BankTransfer(Bank::Bca));
        wish.options.insert("va_number".to_owned(), "12345678911".into());
        let number = |wish: &Charge, taken: &[&str]| told(wish, taken).va_numbers[0].number.clone();
        let wished = "8127812345678911";
        assert_eq!(number(&wish, &[]), wished);
        assert_ne!(number(&wish, &[wished]), wished);
        wish.options.insert("va_number".to_owned(), "1234567".into());
        assert_eq!(number(&wish, &[]), "8127800001234567");
        let mut bill = charge(Method::Echannel);
        bill.options.insert("bill_key".to_owned(), "081211111111".into());
        assert_eq!(told(&bill, &[]).bill_key.as_deref(), Some("081211111111"));
        assert_ne!(told(&bill, &["081211111111"]).bill_key.as_deref(), Some("081211111111"));
        assert_eq!(instructions(&bill, ID, (7, ""), |_| true), None);
    }

    #[test]
    fn every_method_can_be_named_by_something() {
        for (method, numbers, actions) in [
            (Method::BankTransfer(Bank::Permata), 1, 0),
            (Method::BankTransfer(Bank::Bri), 1, 0),
            (Method::Echannel, 1, 0),
            (Method::Cstore(Store::Alfamart), 1, 0),
            (Method::Cstore(Store::Indomaret), 1, 0),
            (Method::Qris(Acquirer::Airpay), 1, 1),
            (Method::Gopay, 0, 3),
            (Method::Shopeepay, 0, 1),
        ] {
            let told = told(&charge(method), &[]);
            assert_eq!((named_by(&told).len(), told.actions.len()), (numbers, actions));
        }
    }
}
