//! The QRs of a community: payloads of the national standard that say what a wallet here pays.
//!
//! The QR of an order has its transaction id where acquirers put theirs (62.50), so whoever scans it
//! here knows what is to be paid; the amount in it is for the payer's eyes. A merchant's own code
//! names the merchant (26.02) and is paid as often as anybody likes. Neither can be made by others.

use super::told::{number_in, proved};
use crate::connector::qris::{Account, Field, Merchant, Payload, Tag};
use crate::identity::vault::Vault;
use crate::ledger::id::UserId;
use crate::ledger::money::Amount;

/// Whose codes these are (26.00).
const DOMAIN: &str = "ID.GERBANG.WWW";
/// Where the transaction id stands in the additional data.
const ID_TAG: Tag = Tag::new(50);
/// Where the merchant stands in its account.
const MERCHANT_TAG: u8 = 2;
/// Shops without a category of their own.
const CATEGORY: &str = "5999";
/// Longest name (59), in characters.
const NAME_MAX: usize = 25;
const MERCHANTS: &str = "gerbang merchants of codes v1";

/// Whom a payload of ours names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Named {
    /// The order of this transaction id.
    Order(String),
    /// The merchant of this id.
    Merchant(String),
}

/// The code of an order; `None` for more than its 13 digits.
pub fn write(name: &str, amount: Amount, transaction_id: &str) -> Option<String> {
    let mut parts = Payload::fixed(&merchant(name, None)).ok()?.into_parts();
    parts.additional.push(Field { tag: ID_TAG, value: transaction_id.to_owned() });
    Some(Payload::new(parts).ok()?.once(amount, None).ok()?.to_string())
}

/// A merchant's own code, in which the payer says how much.
pub fn write_own(name: &str, id: &str) -> Option<String> {
    Some(Payload::fixed(&merchant(name, Some(id))).ok()?.to_string())
}

/// What a merchant is called in its code.
pub fn merchant_id(vault: &Vault, user: UserId) -> String {
    proved(vault, MERCHANTS, u64::from(user.0))
}

/// Who is called so, if the name is one of ours.
pub fn merchant_of(vault: &Vault, id: &str) -> Option<UserId> {
    u32::try_from(number_in(vault, MERCHANTS, id)?).ok().map(UserId)
}

/// Whom a payload names; `None` if it is of another community.
pub(super) fn named(payload: &Payload) -> Option<Named> {
    let ours = |account: &&Account| account.domain() == Some(DOMAIN);
    let account = payload.merchant.accounts.iter().find(ours)?;
    match (account.merchant_id(), payload.additional.iter().find(|field| field.tag == ID_TAG)) {
        (Some(merchant), None) => Some(Named::Merchant(merchant.to_owned())),
        (None, Some(order)) => Some(Named::Order(order.value.clone())),
        (None, None) | (Some(_), Some(_)) => None,
    }
}

fn merchant(name: &str, id: Option<&str>) -> Merchant {
    let plain = |letter: char| if letter.is_ascii_graphic() { letter } else { ' ' };
    let name: String = name.chars().take(NAME_MAX).map(plain).collect();
    let name = name.trim();
    let mut fields = vec![Field::new(0, DOMAIN)];
    fields.extend(id.map(|id| Field::new(MERCHANT_TAG, id)));
    Merchant {
        accounts: vec![Account { tag: Tag::new(26), fields }],
        category: CATEGORY.to_owned(),
        name: if name.is_empty() { "MERCHANT".to_owned() } else { name.to_owned() },
        city: "JAKARTA".to_owned(),
        postal: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::qris::parse;

    #[test]
    fn what_is_written_names_whom_it_was_written_for() {
        let (vault, other) = (Vault::in_memory(1), Vault::in_memory(2));
        let order = "00000000-0007-4000-8000-000000000000";
        let text = write("Kopi Dé", Amount::new(44_000).unwrap(), order).unwrap();
        assert_eq!(named(&parse(&text).unwrap()), Some(Named::Order(order.to_owned())));
        for user in [0, 7, u32::MAX].map(UserId) {
            let id = merchant_id(&vault, user);
            let text = write_own("", &id).unwrap();
            assert_eq!(named(&parse(&text).unwrap()), Some(Named::Merchant(id.clone())));
            assert_eq!((merchant_of(&vault, &id), merchant_of(&other, &id)), (Some(user), None));
        }
    }

    #[test]
    fn what_names_two_or_nobody_or_is_of_elsewhere_names_nobody() {
        let text = write_own("Kopi", "x").unwrap();
        let both = {
            let mut parts = parse(&text).unwrap().into_parts();
            parts.additional.push(Field { tag: ID_TAG, value: "y".to_owned() });
            Payload::new(parts).unwrap()
        };
        let nobody = Payload::fixed(&merchant("Kopi", None)).unwrap();
        let foreign = {
            let mut parts = parse(&text).unwrap().into_parts();
            parts.merchant.accounts[0].fields[0].value = "ID.CO.QRIS.WWW".to_owned();
            Payload::new(parts).unwrap()
        };
        for payload in [both, nobody, foreign] {
            assert_eq!(named(&payload), None, "{payload}");
        }
    }
}
