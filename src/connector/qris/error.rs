//! What is wrong with a payload, and at which tag.

use std::fmt;

use super::field::Tag;
use crate::limits;

/// A tag, perhaps within another: `62.05`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The template it stands in.
    pub inside: Option<Tag>,
    /// Itself.
    pub tag: Tag,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inside {
            Some(template) => write!(f, "{template}.{}", self.tag),
            None => self.tag.fmt(f),
        }
    }
}

/// Why a text is no payload, or a payload cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Longer than any payload.
    #[error("the payload has more than {} characters", limits::QRIS_MAX)]
    Long,
    /// A character that no payload has.
    #[error("character {at} of the payload is not printable ASCII")]
    Character {
        /// Counted from 0.
        at: usize,
    },
    /// Where a tag should begin stands something else.
    #[error("a tag of two digits is expected{}", within(.inside))]
    NoTag {
        /// The template in which it is expected.
        inside: Option<Tag>,
    },
    /// No length.
    #[error("tag {0}: its length is not two digits from 01")]
    Length(Place),
    /// The text ends before the value.
    #[error("tag {0}: its value is shorter than its length says")]
    Short(Place),
    /// Said twice.
    #[error("tag {0} stands there twice")]
    Twice(Place),
    /// Not said.
    #[error("tag {0} is missing")]
    Missing(Place),
    /// Said where it may not be.
    #[error("tag {0} must be {1}")]
    Order(Place, &'static str),
    /// Said wrongly.
    #[error("tag {0} must be {1}")]
    Value(Place, &'static str),
    /// The checksum is that of another text.
    #[error("tag 63: the checksum is not that of the payload")]
    Checksum,
}

fn within(inside: &Option<Tag>) -> String {
    inside.map_or_else(String::new, |tag| format!(" within tag {tag}"))
}
