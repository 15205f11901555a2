//! Examples made from the document: bodies from schemas, and requests as lines for a shell.

use super::node::Node;

/// Deeper than any schema of ours; one that contains itself ends here.
const DEPTH_MAX: usize = 8;

/// A value that fits `schema`, made of its examples.
pub(super) fn of(root: &Node, schema: &Node) -> Node {
    deep(root, schema, DEPTH_MAX)
}

fn deep(root: &Node, schema: &Node, depth: usize) -> Node {
    let given = [schema.get("example"), schema.at("examples").items().first()];
    let known = [schema.get("const"), schema.at("enum").items().first(), schema.get("default")];
    if let Some(value) = given.into_iter().chain(known).flatten().next() {
        return value.clone();
    }
    if depth == 0 {
        return Node::Null;
    }
    if let Some(reference) = schema.get("$ref") {
        return deep(root, root.follow(reference.as_str()), depth - 1);
    }
    if let Some(first) = schema.at("oneOf").items().first() {
        return deep(root, first, depth - 1);
    }
    match kind(schema) {
        "object" => {
            let mut object = Node::object([]);
            for (name, property) in schema.at("properties").pairs() {
                *object.entry(name) = deep(root, property, depth - 1);
            }
            object
        }
        "array" => Node::List(vec![deep(root, schema.at("items"), depth - 1)]),
        "integer" => Node::Number(1.into()),
        "boolean" => Node::Bool(false),
        "string" => Node::text(""),
        _ => Node::Null,
    }
}

/// The type of a schema; the first if there are several.
fn kind(schema: &Node) -> &str {
    match schema.at("type") {
        Node::List(kinds) => kinds.first().map_or("", Node::as_str),
        one => one.as_str(),
    }
}

/// A media type's name, schema and example.
pub(super) struct Content<'a> {
    pub(super) media_type: &'a str,
    pub(super) schema: &'a Node,
    pub(super) example: Node,
}

/// What a request or response carries, if anything.
pub(super) fn content<'a>(root: &'a Node, body: &'a Node) -> Option<Content<'a>> {
    let (media_type, content) = body.at("content").pairs().first()?;
    let schema = content.at("schema");
    let example = content.get("example").cloned().unwrap_or_else(|| of(root, schema));
    Some(Content { media_type, schema, example })
}

/// An example as people read it.
pub(super) fn shown(example: &Node) -> String {
    match example {
        Node::Text(text) => text.clone(),
        other => other.pretty(),
    }
}

/// A request of an operation as a line for a shell.
pub(super) fn curl(root: &Node, method: &str, path: &str, operation: &Node) -> String {
    let mut path = path.to_owned();
    let mut query = Vec::new();
    let mut lines = Vec::new();
    for parameter in operation.at("parameters").items() {
        let parameter = resolved(root, parameter);
        let name = parameter.at("name").as_str();
        let example = parameter.at("example").as_str();
        match parameter.at("in").as_str() {
            "path" => {
                path = path.replace(&format!("{{{name}}}"), &example.replace(' ', "%20"));
            }
            "query" if parameter.get("required").is_some() => {
                query.push(format!("{name}={example}"))
            }
            "header" => lines.push(format!("-H '{name}: {example}'")),
            _ => {}
        }
    }
    if let Some((scheme, _)) =
        operation.at("security").items().first().and_then(|s| s.pairs().first())
    {
        let token = if scheme == "user" { "$TOKEN" } else { "$SIGNED" };
        lines.insert(0, format!("-H \"Authorization: Bearer {token}\""));
    }
    if let Some(Content { media_type, example, .. }) = content(root, operation.at("requestBody")) {
        lines.push(format!("-H 'Content-Type: {media_type}'"));
        let body = match &example {
            Node::Text(text) => text.clone(),
            other => other.compact(),
        };
        lines.push(format!("--data-binary '{}'", body.replace('\'', "'\\''")));
    }
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let method =
        if method == "get" { String::new() } else { format!("-X {} ", method.to_uppercase()) };
    let first = format!("curl -s {method}\"$GERBANG{path}{query}\"");
    std::iter::once(first).chain(lines).collect::<Vec<_>>().join(" \\\n  ")
}

/// The node itself, or what it refers to.
pub(super) fn resolved<'a>(root: &'a Node, node: &'a Node) -> &'a Node {
    match node.get("$ref") {
        Some(reference) => root.follow(reference.as_str()),
        None => node,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_what_the_schema_says() {
        let root = Node::parse(
            r##"{"S": {"type": "object", "properties": {
                "a": {"type": "string", "examples": ["x"]},
                "b": {"type": ["integer", "null"]},
                "c": {"type": "array", "items": {"$ref": "#/S"}}}}}"##,
        );
        let root = root.unwrap();
        let sample = of(&root, root.at("S"));
        assert_eq!(sample.at("a").as_str(), "x");
        assert_eq!(sample.at("b"), &Node::Number(1.into()));
        assert_eq!(sample.at("c").items()[0].at("a").as_str(), "x", "a schema in itself ends");
    }

    #[test]
    fn a_request_can_be_pasted_into_a_shell() {
        let operation = Node::parse(
            r#"{"security": [{"user": []}], "parameters": [
                {"name": "id", "in": "path", "example": "a b"},
                {"name": "bank", "in": "query", "required": true, "example": "009"},
                {"name": "limit", "in": "query"}],
                "requestBody": {"content": {"application/json": {"example": {"n": "it's"}}}}}"#,
        );
        assert_eq!(
            curl(&Node::Null, "post", "/x/{id}", &operation.unwrap()),
            "curl -s -X POST \"$GERBANG/x/a%20b?bank=009\" \\\n  \
             -H \"Authorization: Bearer $TOKEN\" \\\n  -H 'Content-Type: application/json' \\\n  \
             --data-binary '{\"n\":\"it'\\''s\"}'"
        );
    }
}
