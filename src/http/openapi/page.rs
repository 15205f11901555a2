//! The document as pages: all of it is there without scripts, which only add a filter and comfort.

use super::node::Node;
use super::prose::{escape, line, paragraphs};
use super::sample::{self, Content, resolved};
use super::schema;

/// A gate, as an address that needs no request.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'\
    %3E%3Cpath d='M2 15V6a6 6 0 0 1 12 0v9h-3V6a3 3 0 0 0-6 0v9z' fill='%230f766e'/%3E%3C/svg%3E";

/// Stands where a method would, for a message that we send.
const TOLD: &str = "told";

/// `/docs`: every operation, by tag.
pub(super) fn operations(root: &Node) -> String {
    let tags = root.at("tags").items();
    let sections: String = tags.iter().map(|tag| section(root, tag)).collect();
    let links: String = tags.iter().map(|tag| navigation(root, tag)).collect();
    let info = root.at("info");
    let main = format!(
        "<section class=\"intro\"><h1>{title} <small>API {version}</small></h1>\
         <p class=\"lead\">{summary}.</p>{description}{security}\
         <p><a href=\"/openapi.json\">OpenAPI 3.1 document</a> · <a href=\"/docs/errors\">Problems</a></p>\
         </section>{sections}\
         <p id=\"nothing\" role=\"status\" hidden>Nothing fits.</p>",
        title = escape(info.at("title").as_str()),
        version = escape(info.at("version").as_str()),
        summary = escape(info.at("summary").as_str()),
        description = paragraphs(info.at("description").as_str()),
        security = security(root),
    );
    layout("API", &links, &main)
}

/// `/docs/errors`: every code of a problem, under its own name.
pub(super) fn problems(root: &Node) -> String {
    let codes = root.at("components").at("schemas").at("Code").at("oneOf").items();
    let mut links = String::from("<ul>");
    let mut main = String::from(
        "<section class=\"intro\"><h1>Problems</h1><p class=\"lead\">What <code>code</code> says in \
         an answer of <code>application/problem+json</code>.</p></section>",
    );
    for code in codes {
        let name = escape(code.at("const").as_str());
        let (status, what) = code.at("description").as_str().split_once(": ").unwrap_or_default();
        links += &format!("<li><a href=\"#{name}\">{name}</a></li>");
        main += &format!(
            "<section class=\"problem\" id=\"{name}\" data-find=\"{name}\"><h2><code>{name}</code> \
             <small>{status}</small></h2><p><strong>{title}.</strong> {what}</p></section>",
            title = escape(code.at("title").as_str()),
            what = line(what),
        );
    }
    links += "</ul>";
    main += "<p id=\"nothing\" role=\"status\" hidden>Nothing fits.</p>";
    layout("Problems", &links, &main)
}

fn layout(title: &str, links: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Gerbang {title}</title>\
         <link rel=\"icon\" href=\"{ICON}\"><link rel=\"stylesheet\" href=\"/docs/style.css\">\
         <script src=\"/docs/script.js\" defer></script></head>\n<body>\
         <a class=\"skip\" href=\"#main\">To the text</a>\
         <header><a class=\"home\" href=\"/docs\">Gerbang</a>\
         <input id=\"filter\" type=\"search\" placeholder=\"Filter ( / )\" \
         aria-label=\"Filter by path, name or field\" autocomplete=\"off\" spellcheck=\"false\" hidden>\
         <button id=\"theme\" type=\"button\" aria-label=\"Dark or light\" hidden>◐</button></header>\n\
         <nav aria-label=\"Contents\">{links}</nav>\n<main id=\"main\" tabindex=\"-1\">{main}</main>\n\
         </body></html>\n"
    )
}

/// Every operation of a tag with its method and path.
fn of_tag<'a>(root: &'a Node, tag: &'a Node) -> impl Iterator<Item = (&'a str, &'a str, &'a Node)> {
    let operations = root.at("paths").pairs().iter().flat_map(|(path, item)| {
        item.pairs().iter().map(|(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    operations.filter(|(_, _, operation)| operation.at("tags").items().contains(tag.at("name")))
}

/// Every message of a tag with its name.
fn messages<'a>(root: &'a Node, tag: &'a Node) -> impl Iterator<Item = (&'a str, &'a Node)> {
    let messages = root.at("webhooks").pairs().iter();
    let messages = messages.map(|(name, item)| (name.as_str(), item.at("post")));
    messages.filter(|(_, operation)| operation.at("tags").items().contains(tag.at("name")))
}

fn navigation(root: &Node, tag: &Node) -> String {
    let mut html = format!("<h2>{}</h2><ul>", escape(tag.at("name").as_str()));
    let told = messages(root, tag).map(|(_, operation)| (TOLD, operation));
    let asked = of_tag(root, tag).map(|(method, _, operation)| (method, operation));
    for (method, operation) in asked.chain(told) {
        html += &format!(
            "<li><a href=\"#{id}\"><span class=\"method {method}\">{method}</span> {summary}</a></li>",
            id = escape(operation.at("operationId").as_str()),
            summary = escape(operation.at("summary").as_str()),
        );
    }
    html + "</ul>"
}

fn section(root: &Node, tag: &Node) -> String {
    let articles: String =
        of_tag(root, tag).map(|(method, path, it)| article(root, method, path, it)).collect();
    let told: String =
        messages(root, tag).map(|(name, it)| article(root, TOLD, name, it)).collect();
    format!(
        "<section class=\"tag\"><h2>{}</h2>{}{articles}{told}</section>\n",
        escape(tag.at("name").as_str()),
        paragraphs(tag.at("description").as_str()),
    )
}

/// How tokens are come by.
fn security(root: &Node) -> String {
    let schemes = root.at("components").at("securitySchemes").pairs().iter();
    let items = schemes.map(|(name, scheme)| {
        let says = line(scheme.at("description").as_str());
        format!("<dt>{}</dt><dd>{says}</dd>", escape(name))
    });
    format!(
        "<h2>Who may ask</h2><dl>{}</dl><p>In the examples <code>$GERBANG</code> is this gateway, as \
         in <code>http://127.0.0.1:8080</code>, <code>$TOKEN</code> a user's token and \
         <code>$SIGNED</code> one that an application has signed.</p>",
        items.collect::<String>()
    )
}

fn article(root: &Node, method: &str, path: &str, operation: &Node) -> String {
    let id = escape(operation.at("operationId").as_str());
    let summary = escape(operation.at("summary").as_str());
    let mut html = format!(
        "<article id=\"{id}\" data-find=\"{find}\"><details><summary>\
         <span class=\"method {method}\">{method}</span> <code class=\"path\">{path}</code> \
         <span class=\"summary\">{summary}</span>{access}</summary><div class=\"body\">",
        find = escape(
            &format!("{method} {path} {id} {summary} {}", fields(root, operation)).to_lowercase()
        ),
        path = escape(path).replace('/', "/<wbr>"),
        access = if method == TOLD { String::new() } else { access(operation) },
    );
    html += &paragraphs(operation.at("description").as_str());
    html += &parameters(root, operation);
    html += &request(root, operation);
    html += &match sample::content(root, operation.at("requestBody")) {
        Some(body) if method == TOLD => example(path, &sample::shown(&body.example)),
        _ => example("Try it", &sample::curl(root, method, path, operation)),
    };
    html += &responses(root, operation);
    html + "</div></details></article>\n"
}

/// The names of a request's fields and parameters, to be found by.
fn fields(root: &Node, operation: &Node) -> String {
    let parameters = operation.at("parameters").items().iter();
    let mut names: Vec<&str> =
        parameters.map(|parameter| resolved(root, parameter).at("name").as_str()).collect();
    if let Some(Content { schema, .. }) = sample::content(root, operation.at("requestBody")) {
        let properties = resolved(root, schema).at("properties").pairs().iter();
        names.extend(properties.map(|(name, _)| name.as_str()));
    }
    names.join(" ")
}

/// Who may use it, as a badge.
fn access(operation: &Node) -> String {
    let schemes = operation.at("security").items().iter().flat_map(Node::pairs);
    let schemes: Vec<&str> = schemes.map(|(name, _)| name.as_str()).collect();
    let words =
        |name: &str| -> Vec<&str> { operation.at(name).items().iter().map(Node::as_str).collect() };
    let mut who = match (schemes.as_slice(), words("x-roles").as_slice()) {
        ([], _) => "anyone".to_owned(),
        ([scheme, ..], []) => (*scheme).to_owned(),
        (_, roles) => roles.join(" or "),
    };
    for scope in words("x-scopes") {
        who += &format!(", or their key for {scope}");
    }
    format!(" <span class=\"access\">{}</span>", escape(&who))
}

fn parameters(root: &Node, operation: &Node) -> String {
    let parameters = operation.at("parameters").items();
    if parameters.is_empty() {
        return String::new();
    }
    let mut html = String::from("<h3>Parameters</h3><ul class=\"fields\">");
    for parameter in parameters {
        let parameter = resolved(root, parameter);
        let required = parameter.get("required").is_some();
        let optional = if required { "" } else { " <span class=\"optional\">optional</span>" };
        html += &format!(
            "<li><code class=\"name\">{name}</code>{optional} <span class=\"type\">in the {place}</span> \
             <span class=\"says\">{says}</span>{schema}</li>",
            name = escape(parameter.at("name").as_str()),
            place = escape(parameter.at("in").as_str()),
            says = line(parameter.at("description").as_str()),
            schema = schema::html(root, parameter.at("schema")),
        );
    }
    html + "</ul>"
}

fn request(root: &Node, operation: &Node) -> String {
    let Some(body) = sample::content(root, operation.at("requestBody")) else {
        return String::new();
    };
    format!(
        "<h3>Request <small>{}</small></h3>{}",
        escape(body.media_type),
        schema::html(root, body.schema)
    )
}

fn responses(root: &Node, operation: &Node) -> String {
    let mut html = String::from("<h3>Answers</h3>");
    for (status, response) in operation.at("responses").pairs() {
        let response = resolved(root, response);
        let kind = match status.as_bytes().first() {
            Some(b'1'..=b'3') => "good",
            _ => "bad",
        };
        let says = line(response.at("description").as_str());
        let head = format!("<span class=\"status {kind}\">{}</span> {says}", escape(status));
        let content = sample::content(root, response);
        let is_problem =
            content.as_ref().is_some_and(|it| it.media_type == "application/problem+json");
        html += &match content {
            Some(content) if !is_problem => format!(
                "<details class=\"answer\"><summary>{head}</summary>{}{}</details>",
                schema::html(root, content.schema),
                example(content.media_type, &sample::shown(&content.example)),
            ),
            _ => format!("<p class=\"answer\">{head}</p>"),
        };
    }
    html
}

fn example(title: &str, text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!(
            "<figure><figcaption>{}</figcaption><pre tabindex=\"0\"><code>{}</code></pre></figure>",
            escape(title),
            escape(text)
        ),
    }
}
