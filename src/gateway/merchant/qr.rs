//! The QR of an order that a wallet here pays: a payload of the national standard that says which.
//!
//! The order's transaction id stands where acquirers put theirs (62.50), so whoever scans it here
//! knows what is to be paid; the amount in it is for the payer's eyes.

use crate::connector::qris::{Account, Field, Merchant, Payload, Tag};
use crate::ledger::money::Amount;

/// Whose codes these are (26.00).
const DOMAIN: &str = "ID.GERBANG.WWW";
/// Where the transaction id stands in the additional data.
const ID_TAG: u8 = 50;
/// Shops without a category of their own.
const CATEGORY: &str = "5999";
/// Longest name and city (59, 60), in characters.
const NAME_MAX: usize = 25;

/// The code of an order; `None` for more than its 13 digits.
pub fn write(name: &str, amount: Amount, transaction_id: &str) -> Option<String> {
    let plain = |letter: char| if letter.is_ascii_graphic() { letter } else { ' ' };
    let name: String = name.chars().take(NAME_MAX).map(plain).collect();
    let name = name.trim();
    let merchant = Merchant {
        accounts: vec![Account { tag: Tag::new(26), fields: vec![Field::new(0, DOMAIN)] }],
        category: CATEGORY.to_owned(),
        name: if name.is_empty() { "MERCHANT".to_owned() } else { name.to_owned() },
        city: "JAKARTA".to_owned(),
        postal: None,
    };
    let mut parts = Payload::fixed(&merchant).ok()?.into_parts();
    parts.additional.push(Field::new(ID_TAG, transaction_id));
    Some(Payload::new(parts).ok()?.once(amount, None).ok()?.to_string())
}
