//! Messages that we send: each is a POST to an address of the receiver's, described as one.
//!
//! A file says of a message its `summary`, perhaps a `description`, and the schema of its `data`.
//! The rest is the same for all of them.

use super::node::Node;
use crate::ledger::endpoint::EventKind;

/// Headers by which a receiver knows whom a message is from, and whether it has it already.
const HEADERS: [&str; 3] = ["WebhookId", "WebhookTimestamp", "WebhookSignature"];

/// The operation that a receiver of `name` has.
pub(super) fn operation(tag: &Node, name: &str, mut written: Node) -> Node {
    let mut operation = Node::object([("operationId", Node::text(id(name)))]);
    *operation.entry("tags") = Node::List(vec![tag.clone()]);
    for part in ["summary", "description"] {
        if let Some(text) = written.take(part) {
            *operation.entry(part) = text;
        }
    }
    *operation.entry("security") = Node::List(Vec::new());
    let headers = HEADERS.map(|name| reference("parameters", name));
    *operation.entry("parameters") = Node::List(headers.into());
    let properties = Node::object([
        ("type", Node::object([("const", Node::text(name))])),
        (
            "timestamp",
            Node::object([
                ("$ref", Node::text("#/components/schemas/Time")),
                ("description", Node::text("When it happened, or a transfer's end was told.")),
            ]),
        ),
        ("data", written.take("data").unwrap_or(Node::Null)),
    ]);
    let schema = Node::object([
        ("type", Node::text("object")),
        ("required", Node::texts(["type", "timestamp", "data"])),
        ("properties", properties),
    ]);
    let content = Node::object([("application/json", Node::object([("schema", schema)]))]);
    *operation.entry("requestBody") =
        Node::object([("required", Node::Bool(true)), ("content", content)]);
    let said = |what: &str| Node::object([("description", Node::text(what))]);
    *operation.entry("responses") = Node::object([
        ("2XX", said("It is heard")),
        ("410", said("It is not wanted: no more tries")),
        ("default", said("It is tried again")),
    ]);
    operation
}

/// Kinds of events that no message of the document is about.
pub(super) fn missing(root: &Node) -> impl Iterator<Item = &'static str> {
    let told = root.at("webhooks");
    EventKind::ALL.into_iter().map(EventKind::name).filter(|name| told.get(name).is_none())
}

/// What an operation's id is made of its message's name.
fn id(name: &str) -> String {
    format!("told_{}", name.replace('.', "_"))
}

fn reference(kind: &str, name: &str) -> Node {
    Node::object([("$ref", Node::text(format!("#/components/{kind}/{name}")))])
}
