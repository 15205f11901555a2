//! A payload, and how one is made.

use std::fmt;
use std::ops::Deref;

use super::error::Error;
use super::field::{Field, Tag, find, template, write};
use super::sum::{Percent, Sum};
use super::{check, crc};
use crate::ledger::money::Amount;

/// The rupiah (ISO 4217).
const RUPIAH: &str = "360";
/// Indonesia (ISO 3166).
const INDONESIA: &str = "ID";

/// How often a code may be paid (tag 01).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Initiation {
    /// As often as anybody likes; usually without an amount.
    Static,
    /// Once.
    Dynamic,
}

/// An account of the merchant at an acquirer or switch (tags 26 to 51).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Which of them.
    pub tag: Tag,
    /// What it says, in its order; tag 00 is among it.
    pub fields: Vec<Field>,
}

impl Account {
    /// Whose account it is (00): `ID.CO.QRIS.WWW` for the national repository.
    pub fn domain(&self) -> Option<&str> {
        find(&self.fields, 0)
    }

    /// The merchant's PAN (01): 9360, the acquirer's number, and the merchant's own.
    pub fn pan(&self) -> Option<&str> {
        find(&self.fields, 1)
    }

    /// The merchant's id (02); in the national repository the NMID.
    pub fn merchant_id(&self) -> Option<&str> {
        find(&self.fields, 2)
    }

    /// The merchant's size (03): UMI, UKE, UME, UBE, URE.
    pub fn criteria(&self) -> Option<&str> {
        find(&self.fields, 3)
    }
}

/// What every code of a merchant says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merchant {
    /// 26 to 51: at least one.
    pub accounts: Vec<Account>,
    /// 52: the merchant category, four digits (ISO 18245).
    pub category: String,
    /// 59: at most 25 characters.
    pub name: String,
    /// 60: at most 15 characters.
    pub city: String,
    /// 61: at most 10 characters.
    pub postal: Option<String>,
}

/// What the payer adds (tags 55 to 57).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tip {
    /// Whatever the payer enters.
    Entered,
    /// A sum.
    Fixed(Sum),
    /// A share of the amount.
    Percent(Percent),
}

/// What a payload holds. [`Payload::new`] checks it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    /// 01.
    pub initiation: Initiation,
    /// 26 to 52, 59 to 61.
    pub merchant: Merchant,
    /// 53: three digits (ISO 4217).
    pub currency: String,
    /// 54.
    pub amount: Option<Sum>,
    /// 55 to 57.
    pub tip: Option<Tip>,
    /// 58: two letters (ISO 3166).
    pub country: String,
    /// 62, in its order.
    pub additional: Vec<Field>,
    /// Tags that are not looked into: 02 to 25, 64 to 99.
    pub others: Vec<Field>,
}

impl Parts {
    /// The number of the bill (62.01).
    pub fn bill(&self) -> Option<&str> {
        find(&self.additional, 1)
    }

    /// The reference of the payment (62.05).
    pub fn reference(&self) -> Option<&str> {
        find(&self.additional, 5)
    }

    /// The terminal (62.07).
    pub fn terminal(&self) -> Option<&str> {
        find(&self.additional, 7)
    }
}

/// A payload that can be written. Its parts are read through it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payload(Parts);

impl Deref for Payload {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Payload {
    /// A payload of these parts, with accounts and what is not looked into by ascending tag.
    ///
    /// # Errors
    /// The first tag whose value is not allowed, or that is missing or there twice; or the whole is
    /// too long.
    pub fn new(mut parts: Parts) -> Result<Self, Error> {
        parts.merchant.accounts.sort_by_key(|account| account.tag);
        parts.others.sort_by_key(|field| field.tag);
        check::parts(&parts)?;
        let payload = Self(parts);
        check::length(&payload.to_string())?;
        Ok(payload)
    }

    /// Its parts, to make another of them.
    pub fn into_parts(self) -> Parts {
        self.0
    }

    /// A code in rupiah that may be paid as often as anybody likes; the payer enters how much.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn fixed(merchant: &Merchant) -> Result<Self, Error> {
        Self::new(Parts {
            initiation: Initiation::Static,
            merchant: merchant.clone(),
            currency: RUPIAH.to_owned(),
            amount: None,
            tip: None,
            country: INDONESIA.to_owned(),
            additional: Vec::new(),
            others: Vec::new(),
        })
    }

    /// A code for one payment of `amount` rupiah, with our name for it as the reference label
    /// (62.05): at most 25 characters.
    ///
    /// # Errors
    /// As [`Self::new`]; 54 for more than 13 digits.
    pub fn dynamic(merchant: &Merchant, amount: Amount, reference: &str) -> Result<Self, Error> {
        let mut parts = Self::fixed(merchant)?.0;
        parts.additional.push(Field::new(5, reference));
        Self::new(parts)?.once(amount, None)
    }

    /// This code for one payment of `amount` rupiah, with a tip if there is one.
    ///
    /// # Errors
    /// As [`Self::new`]; 54 for more than 13 digits.
    pub fn once(&self, amount: Amount, tip: Option<Tip>) -> Result<Self, Error> {
        let amount = Sum::of_rupiah(amount).ok_or(check::AMOUNT)?;
        let initiation = Initiation::Dynamic;
        Self::new(Parts { initiation, amount: Some(amount), tip, ..self.0.clone() })
    }
}

/// The text of the code.
impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let mut put = |tag: u8, value: &str| write(&mut text, Tag::new(tag), value);
        put(0, "01");
        put(1, if self.initiation == Initiation::Static { "11" } else { "12" });
        let is_card = |field: &&Field| field.tag < Tag::new(26);
        for field in self.others.iter().filter(is_card) {
            put(field.tag.get(), &field.value);
        }
        let merchant = &self.merchant;
        for account in &merchant.accounts {
            put(account.tag.get(), &template(&account.fields));
        }
        put(52, &merchant.category);
        put(53, &self.currency);
        if let Some(amount) = &self.amount {
            put(54, amount.as_str());
        }
        match &self.tip {
            None => {}
            Some(Tip::Entered) => put(55, "01"),
            Some(Tip::Fixed(sum)) => {
                put(55, "02");
                put(56, sum.as_str());
            }
            Some(Tip::Percent(percent)) => {
                put(55, "03");
                put(57, &percent.to_string());
            }
        }
        put(58, &self.country);
        put(59, &merchant.name);
        put(60, &merchant.city);
        if let Some(postal) = &merchant.postal {
            put(61, postal);
        }
        if !self.additional.is_empty() {
            put(62, &template(&self.additional));
        }
        for field in self.others.iter().filter(|field| !is_card(field)) {
            put(field.tag.get(), &field.value);
        }
        text.push_str("6304");
        write!(f, "{text}{:04X}", crc(text.as_bytes()))
    }
}
