//! What a payload's tags may say, whether it is made or read.

use super::error::{Error, Place};
use super::field::{Field, Tag, VALUE_MAX, template};
use super::payload::{Account, Parts};
use crate::limits;

/// Most characters of a label in tag 62 (EMVCo); what acquirers keep there for themselves (50 and
/// above) may be longer.
const LABEL_MAX: usize = 25;
/// The templates of accounts.
const ACCOUNTS: std::ops::RangeInclusive<u8> = 26..=51;

pub(super) const AMOUNT: Error = Error::Value(
    Tag::new(54).place(),
    "an amount above zero with at most two decimals, in at most 13 characters",
);

/// All of it but the length of the whole.
pub(super) fn parts(parts: &Parts) -> Result<(), Error> {
    let merchant = &parts.merchant;
    if merchant.accounts.is_empty() && !parts.others.iter().any(|field| is_card(field.tag)) {
        return Err(Error::Missing(Tag::new(26).place()));
    }
    once(merchant.accounts.iter().map(|account| account.tag), None)?;
    for account in &merchant.accounts {
        self::account(account)?;
    }
    let digits = |byte: u8| byte.is_ascii_digit();
    form(52, &merchant.category, 4..=4, digits, "four digits")?;
    form(53, &parts.currency, 3..=3, digits, "three digits")?;
    let letters = |byte: u8| byte.is_ascii_uppercase();
    form(58, &parts.country, 2..=2, letters, "two capital letters")?;
    form(59, &merchant.name, 1..=25, is_printable, "1 to 25 printable ASCII characters")?;
    form(60, &merchant.city, 1..=15, is_printable, "1 to 15 printable ASCII characters")?;
    if let Some(postal) = &merchant.postal {
        form(61, postal, 1..=10, is_printable, "1 to 10 printable ASCII characters")?;
    }
    additional(&parts.additional)?;
    once(parts.others.iter().map(|field| field.tag), None)?;
    for field in &parts.others {
        let place = field.tag.place();
        if !is_card(field.tag) && field.tag.get() < 64 {
            return Err(Error::Value(place, "told by a part of its own"));
        }
        value(place, &field.value)?;
    }
    Ok(())
}

/// The whole.
pub(super) const fn length(text: &str) -> Result<(), Error> {
    if text.len() > limits::QRIS_MAX { Err(Error::Long) } else { Ok(()) }
}

const fn is_card(tag: Tag) -> bool {
    2 <= tag.get() && tag.get() <= 25
}

/// Whether a payload may have this character.
pub(super) const fn is_printable(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_graphic()
}

fn account(account: &Account) -> Result<(), Error> {
    let Account { tag, fields } = account;
    if !ACCOUNTS.contains(&tag.get()) {
        return Err(Error::Value(tag.place(), "from 26 to 51 for a merchant's account"));
    }
    within(*tag, fields)?;
    match account.domain() {
        Some(_) => Ok(()),
        None => Err(Error::Missing(Tag::new(0).within(*tag))),
    }
}

fn additional(fields: &[Field]) -> Result<(), Error> {
    let tag = Tag::new(62);
    for field in fields {
        if field.tag.get() < 50 && field.value.len() > LABEL_MAX {
            return Err(Error::Value(field.tag.within(tag), "at most 25 characters"));
        }
    }
    within(tag, fields)
}

/// The fields of a template.
fn within(tag: Tag, fields: &[Field]) -> Result<(), Error> {
    for field in fields {
        value(field.tag.within(tag), &field.value)?;
    }
    once(fields.iter().map(|field| field.tag), Some(tag))?;
    if template(fields).len() > VALUE_MAX {
        return Err(Error::Value(tag.place(), "at most 99 characters"));
    }
    Ok(())
}

/// Any value.
fn value(place: Place, text: &str) -> Result<(), Error> {
    if (1..=VALUE_MAX).contains(&text.len()) && text.bytes().all(is_printable) {
        Ok(())
    } else {
        Err(Error::Value(place, "1 to 99 printable ASCII characters"))
    }
}

fn form(
    tag: u8,
    text: &str,
    length: std::ops::RangeInclusive<usize>,
    allowed: impl Fn(u8) -> bool,
    must: &'static str,
) -> Result<(), Error> {
    let fits = length.contains(&text.len()) && text.bytes().all(allowed);
    if fits { Ok(()) } else { Err(Error::Value(Tag::new(tag).place(), must)) }
}

fn once(tags: impl Iterator<Item = Tag>, inside: Option<Tag>) -> Result<(), Error> {
    let mut seen = Vec::new();
    for tag in tags {
        if seen.contains(&tag) {
            return Err(Error::Twice(Place { inside, tag }));
        }
        seen.push(tag);
    }
    Ok(())
}
