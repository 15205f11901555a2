//! Texts of the document as HTML: escaped, with the little markup that descriptions use.
//!
//! Paragraphs stand between empty lines; `code`, `**strong**` and `[text](address)` are known.
//! Addresses stay on this host: any other is shown as the text it is.

/// A text where HTML is expected, in attributes too.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A description of several paragraphs.
pub(super) fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>", line(paragraph))).collect()
}

/// A description within a line.
pub(super) fn line(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(['`', '*', '[']) {
        let (before, marked) = rest.split_at(start);
        html.push_str(&escape(before));
        let (piece, length) = markup(marked);
        html.push_str(&piece);
        rest = &marked[length..];
    }
    html + &escape(rest)
}

/// The markup at the start of a text, and how long it is; a character if it is none.
fn markup(text: &str) -> (String, usize) {
    let between = |mark: &str| {
        let (inner, _) = text.strip_prefix(mark)?.split_once(mark)?;
        Some((inner, inner.len() + 2 * mark.len()))
    };
    if let Some((code, length)) = between("`") {
        return (format!("<code>{}</code>", escape(code)), length);
    }
    if let Some((strong, length)) = between("**") {
        return (format!("<strong>{}</strong>", escape(strong)), length);
    }
    if let Some((words, address)) = text.strip_prefix('[').and_then(|text| text.split_once("]("))
        && let Some((address, _)) = address.split_once(')')
        && address.starts_with('/')
        && !address.starts_with("//")
    {
        let html = format!("<a href=\"{}\">{}</a>", escape(address), escape(words));
        return (html, words.len() + address.len() + 4);
    }
    // All of the three marks are of one byte.
    (escape(&text[..1]), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_html_and_everything_else_is_text() {
        for (text, html) in [
            ("a `b` c", "a <code>b</code> c"),
            ("**a** b*", "<strong>a</strong> b*"),
            ("`<i>`", "<code>&lt;i&gt;</code>"),
            ("[a b](/docs) c", "<a href=\"/docs\">a b</a> c"),
            ("[a](javascript:x)", "[a](javascript:x)"),
            ("[a](//b)", "[a](//b)"),
            ("`open, 1 < 2 & \"3\"", "`open, 1 &lt; 2 &amp; &quot;3&quot;"),
            ("é [x", "é [x"),
        ] {
            assert_eq!(line(text), html);
        }
        assert_eq!(paragraphs("a\n\nb\n\n\n"), "<p>a</p><p>b</p>");
    }
}
