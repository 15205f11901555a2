//! Tag, length, value: how everything in a payload is written.

use std::fmt;

use super::error::{Error, Place};

/// Longest value: its length has two digits.
pub(super) const VALUE_MAX: usize = 99;

/// A tag: two digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tag(u8);

impl Tag {
    /// The tag of this number.
    ///
    /// # Panics
    /// Above 99. For tags that the code names, at compile time.
    pub const fn new(number: u8) -> Self {
        assert!(number <= 99, "tags have two digits");
        Self(number)
    }

    /// Its number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// It as a place of its own.
    pub(super) const fn place(self) -> Place {
        Place { inside: None, tag: self }
    }

    /// It within `template`.
    pub(super) const fn within(self, template: Self) -> Place {
        Place { inside: Some(template), tag: self }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// A tag and its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Which.
    pub tag: Tag,
    /// 1 to 99 printable ASCII characters.
    pub value: String,
}

impl Field {
    /// A field of a tag that the code names.
    pub fn new(tag: u8, value: impl Into<String>) -> Self {
        Self { tag: Tag::new(tag), value: value.into() }
    }
}

/// The value of a tag.
pub(super) fn find(fields: &[Field], tag: u8) -> Option<&str> {
    fields.iter().find(|field| field.tag.get() == tag).map(|field| field.value.as_str())
}

/// Reads all of `text`, which is ASCII, as fields of different tags, in their order.
pub(super) fn read(text: &str, inside: Option<Tag>) -> Result<Vec<Field>, Error> {
    let (mut fields, mut rest) = (Vec::<Field>::new(), text);
    while !rest.is_empty() {
        let (tag, after) = two_digits(rest).ok_or(Error::NoTag { inside })?;
        let place = Place { inside, tag: Tag(tag) };
        let length = two_digits(after).filter(|(length, _)| *length > 0);
        let (length, after) = length.ok_or(Error::Length(place))?;
        let (value, after) =
            after.split_at_checked(usize::from(length)).ok_or(Error::Short(place))?;
        if fields.iter().any(|field| field.tag == place.tag) {
            return Err(Error::Twice(place));
        }
        fields.push(Field { tag: place.tag, value: value.to_owned() });
        rest = after;
    }
    Ok(fields)
}

/// The number that a text begins with, and what comes after it.
fn two_digits(text: &str) -> Option<(u8, &str)> {
    let (digits, after) = text.split_at_checked(2)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain).map(|number| (number, after))
}

/// Writes fields whose values were checked.
pub(super) fn write(to: &mut String, tag: Tag, value: &str) {
    use fmt::Write as _;
    write!(to, "{tag}{:02}{value}", value.len()).expect("a string takes every text");
}

/// Fields as the value of a template.
pub(super) fn template(fields: &[Field]) -> String {
    let mut text = String::new();
    for field in fields {
        write(&mut text, field.tag, &field.value);
    }
    text
}
