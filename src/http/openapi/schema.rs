//! A schema as HTML: its fields as a list, expanded, with what each may hold.

use super::node::Node;
use super::prose::{escape, line};

/// Deeper than any schema of ours; one that contains itself ends here.
const DEPTH_MAX: usize = 6;

/// The fields of a schema, or what it is if it has none.
pub(super) fn html(root: &Node, schema: &Node) -> String {
    let found = Found::of(root, schema);
    let fields = fields(root, &found, DEPTH_MAX);
    match fields.is_empty() {
        true => format!("<p>{}</p>", about(&found)),
        false => fields,
    }
}

/// A schema with its references followed: what stands beside a reference counts more.
struct Found<'a>(Vec<&'a Node>);

impl<'a> Found<'a> {
    fn of(root: &'a Node, schema: &'a Node) -> Self {
        let mut nodes = vec![schema];
        let mut last = schema;
        while let Some(reference) = last.get("$ref").filter(|_| nodes.len() < DEPTH_MAX) {
            last = root.follow(reference.as_str());
            nodes.push(last);
        }
        if let Some(one) = or_null(last) {
            nodes.extend(Self::of(root, one).0);
        }
        Self(nodes)
    }

    /// What it may be one of, beside null.
    fn alternatives(&self) -> &'a [Node] {
        let all = self.0.iter().rev().filter(|node| or_null(node).is_none());
        let mut all = all.map(|node| node.at("oneOf").items());
        all.find(|alternatives| !alternatives.is_empty()).unwrap_or_default()
    }

    fn get(&self, name: &str) -> Option<&'a Node> {
        self.0.iter().find_map(|node| node.get(name))
    }

    fn at(&self, name: &str) -> &'a Node {
        static NULL: Node = Node::Null;
        self.get(name).unwrap_or(&NULL)
    }
}

/// The X of what is `X or null`.
fn or_null(node: &Node) -> Option<&Node> {
    match node.at("oneOf").items() {
        [one, other] if other.at("type").as_str() == "null" => Some(one),
        _ => None,
    }
}

fn fields(root: &Node, found: &Found<'_>, depth: usize) -> String {
    let inner = match found.get("items") {
        Some(items) => Found::of(root, items),
        None => Found(found.0.clone()),
    };
    // The node with the whole list of fields; one beside a reference only narrows some.
    let all = inner.0.iter().rev().find(|node| node.get("properties").is_some());
    let (Some(all), true) = (all, depth > 0) else { return variants(root, found, depth) };
    let required = all.at("required").items();
    let mut html = String::from("<ul class=\"fields\">");
    for (name, property) in all.at("properties").pairs() {
        let narrowed = inner.0.iter().find_map(|node| node.at("properties").get(name));
        let property = Found::of(root, narrowed.unwrap_or(property));
        let must = required.iter().any(|required| required.as_str() == name);
        let must = if must { "" } else { " <span class=\"optional\">optional</span>" };
        html += &format!("<li><code class=\"name\">{}</code>{must} ", escape(name));
        html += &about(&property);
        html += &fields(root, &property, depth - 1);
        html += "</li>";
    }
    html + "</ul>"
}

/// The alternatives of a schema, if they have fields or are explained.
fn variants(root: &Node, found: &Found<'_>, depth: usize) -> String {
    let variants = found.alternatives();
    if depth == 0 || variants.is_empty() {
        return String::new();
    }
    let shown = variants.iter().map(|variant| {
        let variant = Found::of(root, variant);
        (about(&variant), fields(root, &variant, depth - 1))
    });
    let explained = variants.iter().any(|variant| variant.get("description").is_some());
    let shown: Vec<_> = shown.collect();
    if !explained && shown.iter().all(|(_, fields)| fields.is_empty()) {
        return String::new();
    }
    // Many alternatives are a table to look things up in, not something to read on the way.
    let items: String =
        shown.iter().map(|(about, fields)| format!("<li>{about}{fields}</li>")).collect();
    let list = format!("<ul class=\"variants\">{items}</ul>");
    match variants.len() {
        0..=6 => list,
        many => format!("<details class=\"many\"><summary>{many} values</summary>{list}</details>"),
    }
}

/// Type, bounds and description in a line.
fn about(found: &Found<'_>) -> String {
    let mut html = format!("<span class=\"type\">{}</span>", escape(&kind(found)));
    if let Some(value) = found.get("const") {
        html += &format!(" <code>{}</code>", escape(&plain(value)));
    }
    let values: Vec<String> = found.at("enum").items().iter().map(plain).collect();
    if !values.is_empty() {
        let values: Vec<_> = values.iter().map(|v| format!("<code>{}</code>", escape(v))).collect();
        html += &format!(" <span class=\"values\">{}</span>", values.join(" "));
    }
    for (name, words) in [
        ("format", ""),
        ("minimum", "from "),
        ("maximum", "to "),
        ("minLength", "at least "),
        ("maxLength", "at most "),
        ("pattern", ""),
        ("default", "default "),
    ] {
        if let Some(value) = found.get(name) {
            let unit = if name.ends_with("Length") { " long" } else { "" };
            html +=
                &format!(" <span class=\"bound\">{words}{}{unit}</span>", escape(&plain(value)));
        }
    }
    if let Some(description) = found.get("description") {
        html += &format!(" <span class=\"says\">{}</span>", line(description.as_str()));
    }
    html
}

fn plain(value: &Node) -> String {
    match value {
        Node::Text(text) => text.clone(),
        other => other.compact(),
    }
}

fn kind(found: &Found<'_>) -> String {
    let one = |node: &Node| match node {
        Node::List(kinds) => kinds.iter().map(Node::as_str).collect::<Vec<_>>().join(" or "),
        one => one.as_str().to_owned(),
    };
    let kinds = match found.get("type") {
        Some(kind) => vec![one(kind)],
        None => found.alternatives().iter().map(|variant| one(variant.at("type"))).collect(),
    };
    let mut kinds: Vec<String> = kinds.into_iter().filter(|kind| !kind.is_empty()).collect();
    if found.0.iter().any(|node| or_null(node).is_some()) {
        kinds.push("null".to_owned());
    }
    kinds.dedup();
    kinds.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_expanded_and_nothing_breaks_out() {
        let root = Node::parse(
            r##"{"A": {"type": "integer", "minimum": 1},
                "E": {"oneOf": [{"type": "integer"}, {"type": "string"}]}, "S": {"type": "object", "required": ["a"],
                "properties": {
                    "a": {"$ref": "#/A", "description": "<b>`x`</b>"},
                    "b": {"oneOf": [{"$ref": "#/S"}, {"type": "null"}]},
                    "d": {"oneOf": [{"$ref": "#/E", "description": "once"}, {"type": "null"}]},
                    "<c>": {"type": "string", "enum": ["x", "y"]}}}}"##,
        );
        let root = root.unwrap();
        let html = html(&root, root.at("S"));
        assert!(html.contains("from 1"), "{html}");
        assert!(html.contains("&lt;b&gt;<code>x</code>&lt;/b&gt;"), "{html}");
        assert!(html.contains("object or null"), "{html}");
        assert!(html.contains("integer or string or null"), "{html}");
        assert_eq!(html.matches("once").count(), html.matches(">d<").count(), "{html}");
        assert!(html.contains("&lt;c&gt;") && !html.contains("<c>"), "{html}");
        assert!(html.contains("<code>x</code> <code>y</code>"), "{html}");
        assert_eq!(html.matches("<ul").count(), html.matches("</ul>").count());
    }
}
