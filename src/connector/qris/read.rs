//! From the text of a code to a payload, or to what is wrong with it.

use super::check::{self, is_printable};
use super::crc;
use super::error::Error;
use super::field::{self, Field, Tag, find};
use super::payload::{Account, Initiation, Merchant, Parts, Payload, Tip};
use super::sum::{Percent, Sum};

/// Reads a payload. Between the first tag (00) and the last (63) any order is taken.
///
/// # Errors
/// The first thing that is wrong, with its tag.
pub fn parse(text: &str) -> Result<Payload, Error> {
    check::length(text)?;
    if let Some(at) = text.chars().position(|c| !u8::try_from(c).is_ok_and(is_printable)) {
        return Err(Error::Character { at });
    }
    let fields = field::read(text, None)?;
    frame(text, &fields)?;
    let said = |tag: u8| find(&fields, tag).ok_or_else(|| missing(tag));
    let initiation = match find(&fields, 1) {
        None | Some("11") => Initiation::Static,
        Some("12") => Initiation::Dynamic,
        Some(_) => return Err(wrong(1, "11 or 12")),
    };
    let amount = match find(&fields, 54) {
        Some(text) => Some(Sum::parse(text).ok_or(check::AMOUNT)?),
        None => None,
    };
    let merchant = Merchant {
        accounts: accounts(&fields)?,
        category: said(52)?.to_owned(),
        name: said(59)?.to_owned(),
        city: said(60)?.to_owned(),
        postal: find(&fields, 61).map(str::to_owned),
    };
    let additional = match find(&fields, 62) {
        Some(text) => field::read(text, Some(Tag::new(62)))?,
        None => Vec::new(),
    };
    if let Some(text) = find(&fields, 64) {
        field::read(text, Some(Tag::new(64)))?;
    }
    Payload::new(Parts {
        initiation,
        merchant,
        currency: said(53)?.to_owned(),
        amount,
        tip: tip(&fields)?,
        country: said(58)?.to_owned(),
        additional,
        others: fields.iter().filter(|field| is_other(field.tag)).cloned().collect(),
    })
}

const fn wrong(tag: u8, must: &'static str) -> Error {
    Error::Value(Tag::new(tag).place(), must)
}

const fn missing(tag: u8) -> Error {
    Error::Missing(Tag::new(tag).place())
}

const fn is_other(tag: Tag) -> bool {
    matches!(tag.get(), 2..=25 | 64..)
}

/// The first and the last tag.
fn frame(text: &str, fields: &[Field]) -> Result<(), Error> {
    let (format, checksum) = (Tag::new(0), Tag::new(63));
    match find(fields, 0) {
        None => return Err(missing(0)),
        Some(_) if fields.first().is_some_and(|field| field.tag != format) => {
            return Err(Error::Order(format.place(), "the first"));
        }
        Some("01") => {}
        Some(_) => return Err(wrong(0, "01")),
    }
    let told = find(fields, 63).ok_or(missing(63))?;
    if fields.last().is_some_and(|field| field.tag != checksum) {
        return Err(Error::Order(checksum.place(), "the last"));
    }
    let is_hex = told.len() == 4 && told.bytes().all(|byte| byte.is_ascii_hexdigit());
    let told = u16::from_str_radix(told, 16).ok().filter(|_| is_hex);
    let told = told.ok_or(wrong(63, "four hexadecimal digits"))?;
    let covered = text.len().saturating_sub(4);
    if crc(&text.as_bytes()[..covered]) == told { Ok(()) } else { Err(Error::Checksum) }
}

fn accounts(fields: &[Field]) -> Result<Vec<Account>, Error> {
    let templates = fields.iter().filter(|field| matches!(field.tag.get(), 26..=51));
    templates
        .map(|Field { tag, value }| {
            Ok(Account { tag: *tag, fields: field::read(value, Some(*tag))? })
        })
        .collect()
}

fn tip(fields: &[Field]) -> Result<Option<Tip>, Error> {
    let (fixed, percent) = (find(fields, 56), find(fields, 57));
    let tip = match find(fields, 55) {
        None => None,
        Some("01") => Some(Tip::Entered),
        Some("02") => {
            let text = fixed.ok_or(missing(56))?;
            Some(Tip::Fixed(Sum::parse(text).ok_or(wrong(56, "an amount as in tag 54"))?))
        }
        Some("03") => {
            let text = percent.ok_or(missing(57))?;
            Some(Tip::Percent(Percent::parse(text).ok_or(wrong(57, "from 0.01 to 99.99"))?))
        }
        Some(_) => return Err(wrong(55, "01, 02 or 03")),
    };
    if fixed.is_some() && !matches!(tip, Some(Tip::Fixed(_))) {
        return Err(wrong(56, "absent unless tag 55 is 02"));
    }
    if percent.is_some() && !matches!(tip, Some(Tip::Percent(_))) {
        return Err(wrong(57, "absent unless tag 55 is 03"));
    }
    Ok(tip)
}
