//! The fields of an answer: one reading of each, however the bank writes their names.
//!
//! An answer in which a field stands twice has no single meaning and is not read at all.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// Whether the case of a name's letters counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Names {
    /// As the standard writes them.
    Exact,
    /// `OriginalReferenceNo` is `originalReferenceNo`.
    AnyCase,
}

impl Names {
    fn same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Exact => one == other,
            Self::AnyCase => one.eq_ignore_ascii_case(other),
        }
    }
}

/// A JSON object that was received.
#[derive(Clone, Debug)]
pub struct Fields {
    entries: Vec<(String, Value)>,
    names: Names,
}

impl Fields {
    /// `None` for what is not one JSON object, or says a field twice.
    pub fn parse(body: &[u8], names: Names) -> Option<Self> {
        let Entries(entries) = serde_json::from_slice(body).ok()?;
        let twice = entries.iter().enumerate().any(|(place, (name, _))| {
            entries[..place].iter().any(|(earlier, _)| names.same(earlier, name))
        });
        (!twice).then_some(Self { entries, names })
    }

    /// A field of this object; a field that is `null` is not there.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.entries.iter().find(|(known, _)| self.names.same(known, name));
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// A field that is text, without the space around it; empty text is not there.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// All of them, by name.
    pub fn into_map(self) -> Map<String, Value> {
        self.entries.into_iter().collect()
    }

    /// The fields of an object within.
    pub fn within(&self, object: &Map<String, Value>) -> Self {
        let entries = object.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { entries, names: self.names }
    }

    /// An object in this one.
    pub fn object(&self, name: &str) -> Option<Self> {
        self.get(name).and_then(Value::as_object).map(|object| self.within(object))
    }

    /// The objects in a list; or the one object that stands where the list should.
    pub fn objects(&self, name: &str) -> Vec<Self> {
        match self.get(name) {
            Some(Value::Object(object)) => vec![self.within(object)],
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_object).map(|item| self.within(item)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Every entry of an object in the order sent, also those that come twice.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Entries;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str, names: Names) -> Option<Fields> {
        Fields::parse(body.as_bytes(), names)
    }

    #[test]
    fn case_counts_where_it_should() {
        let body = r#"{"ReferenceNo":" 7 ","empty":" ","none":null,"n":7}"#;
        let any = parse(body, Names::AnyCase).unwrap();
        assert_eq!(any.text("referenceNo"), Some("7"));
        assert_eq!((any.text("empty"), any.get("none"), any.text("n")), (None, None, None));
        assert_eq!(parse(body, Names::Exact).unwrap().text("referenceNo"), None);
    }

    #[test]
    fn a_field_said_twice_makes_the_answer_unreadable() {
        let twice = r#"{"responseCode":"2001700","responseCode":"4041711"}"#;
        assert!(parse(twice, Names::Exact).is_none());
        let cased = r#"{"responseCode":"2001700","ResponseCode":"4041711"}"#;
        assert!(parse(cased, Names::AnyCase).is_none());
        assert!(parse(cased, Names::Exact).is_some());
    }

    #[test]
    fn only_one_whole_object_is_read() {
        for bad in ["", "{", "[]", "7", "null", "{} {}", "<html>", "{\"a\":1"] {
            assert!(parse(bad, Names::Exact).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_list_may_be_a_single_object() {
        let list = parse(r#"{"a":[{"x":"1"},7,{"x":"2"}]}"#, Names::Exact).unwrap();
        assert_eq!(list.objects("a").len(), 2);
        let single = parse(r#"{"a":{"x":"1"}}"#, Names::Exact).unwrap();
        assert_eq!(single.objects("a")[0].text("x"), Some("1"));
        assert!(single.objects("b").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(body: Vec<u8>) {
            let _ = Fields::parse(&body, Names::AnyCase);
        }
    }
}
