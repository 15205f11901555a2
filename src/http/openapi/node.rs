//! JSON in the order in which it was written.
//!
//! People read the document, and what belongs together stands together in it. A name that stands
//! twice in one object is refused: one of the two would be lost.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Number;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(String, Self)>),
}

/// What is found where nothing is.
static NULL: Node = Node::Null;

impl Node {
    /// Reads a JSON text.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// A string.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of strings.
    pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// An object of these.
    pub(super) fn object<const N: usize>(pairs: [(&str, Self); N]) -> Self {
        Self::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The value of this name; `null` if there is none.
    pub(super) fn at(&self, name: &str) -> &Self {
        self.get(name).unwrap_or(&NULL)
    }

    /// The value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.pairs().iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// What a string says; nothing if it is none.
    pub(super) fn as_str(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    /// The pairs of an object; none if it is none.
    pub(super) fn pairs(&self) -> &[(String, Self)] {
        if let Self::Object(pairs) = self { pairs } else { &[] }
    }

    /// The items of a list; none if it is none.
    pub(super) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The pairs of an object, which it becomes if it was something else.
    pub(super) fn pairs_mut(&mut self) -> &mut Vec<(String, Self)> {
        if !matches!(self, Self::Object(_)) {
            *self = Self::Object(Vec::new());
        }
        match self {
            Self::Object(pairs) => pairs,
            _ => unreachable!("it has just become an object"),
        }
    }

    /// The value of this name, `null` if there was none.
    pub(super) fn entry(&mut self, name: &str) -> &mut Self {
        let pairs = self.pairs_mut();
        let place = pairs.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            pairs.push((name.to_owned(), Self::Null));
            pairs.len() - 1
        });
        &mut pairs[place].1
    }

    /// Takes the value of this name out.
    pub(super) fn take(&mut self, name: &str) -> Option<Self> {
        let pairs = self.pairs_mut();
        let place = pairs.iter().position(|(known, _)| known == name)?;
        Some(pairs.remove(place).1)
    }

    /// Adds an item to a list, which it becomes if it was something else.
    pub(super) fn push(&mut self, item: Self) {
        match self {
            Self::List(items) => items.push(item),
            _ => *self = Self::List(vec![item]),
        }
    }

    /// What a reference like `#/components/schemas/Payment` refers to in this document.
    pub(super) fn follow(&self, reference: &str) -> &Self {
        let path = reference.strip_prefix("#/").unwrap_or(reference);
        path.split('/').fold(self, |node, name| node.at(name))
    }

    /// The JSON text, without spaces.
    pub(super) fn compact(&self) -> String {
        serde_json::to_string(self).expect("it came from JSON")
    }

    /// The JSON text as people read it.
    pub(super) fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).expect("it came from JSON")
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
            Self::Object(pairs) => {
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for (name, value) in pairs {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut pairs: Vec<(String, Node)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Node>()? {
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format_args!("`{name}` stands twice")));
            }
            pairs.push((name, value));
        }
        Ok(Node::Object(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_stays_and_nothing_is_lost() {
        let text = r#"{"z":1,"a":[true,null,-2,"x"],"m":{"b":{},"a":[]}}"#;
        let node = Node::parse(text).unwrap();
        assert_eq!(node.compact(), text);
        assert_eq!(node.follow("#/m/a"), &Node::List(Vec::new()));
        assert_eq!(node.follow("#/m/none/at/all"), &Node::Null);
    }

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        let error = Node::parse(r#"{"a":{"b":1,"b":2}}"#).unwrap_err();
        assert!(error.to_string().contains("`b` stands twice"), "{error}");
    }

    #[test]
    fn entries_are_made_where_there_are_none() {
        let mut node = Node::Null;
        node.entry("a").entry("b").push(Node::Bool(true));
        node.entry("a").entry("b").push(Node::Null);
        assert_eq!(node.compact(), r#"{"a":{"b":[true,null]}}"#);
        assert_eq!(node.take("a").map(|a| a.compact()), Some(r#"{"b":[true,null]}"#.to_owned()));
        assert_eq!(node.take("a"), None);
    }
}
