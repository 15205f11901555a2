//! Puts the document together: what people wrote about each operation, and what the code knows.
//!
//! Written by hand, in `docs/openapi/`: prose, parameters, schemas, answers. Taken from the code, so
//! that it cannot be wrong: an operation's name, its access, and the problems that follow from
//! them; all codes with their statuses and titles. What does not fit together is a complaint, and a
//! test wants none.

use super::message;
use super::node::Node;
use crate::http::api::routes::{Access, Route};
use crate::http::problem::Code;
use crate::http::{merchant, midtrans};
use crate::limits::RETRY_AFTER_SECONDS;

/// Problems that any request may meet before a handler sees it, or because one fails.
const ANYWHERE: [Code; 10] = [
    Code::InvalidRequest,
    Code::MethodNotAllowed,
    Code::RequestTimeout,
    Code::PayloadTooLarge,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::Internal,
    Code::NotImplemented,
    Code::Busy,
    Code::Unavailable,
];

/// The document in the making.
pub(super) struct Assembly {
    pub(super) root: Node,
    /// What a person has to put right.
    pub(super) complaints: Vec<String>,
}

/// A fragment's name and text.
pub(super) type Fragment = (&'static str, &'static str);

/// What all operations of a file share.
struct File<'a> {
    name: &'a str,
    tag: Node,
    /// Whether its wire format belongs to somebody else.
    foreign: bool,
}

impl Assembly {
    /// The document from its frame, the fragments, and what to say about each problem.
    ///
    /// # Errors
    /// A text that is no JSON.
    pub(super) fn of(
        base: &str,
        problems: &str,
        fragments: &[Fragment],
    ) -> Result<Self, serde_json::Error> {
        let mut assembly = Self { root: Node::parse(base)?, complaints: Vec::new() };
        assembly.codes(&Node::parse(problems)?);
        assembly.anywhere();
        for (file, text) in fragments {
            assembly.add(file, Node::parse(text)?);
        }
        for route in Route::ALL.iter().copied() {
            if operation(&assembly.root, route).is_none() {
                let (method, pattern) = (route.method(), route.pattern());
                assembly.complaints.push(format!(
                    "{route:?} ({method} /{pattern}) has no operation: add one to a file in docs/openapi/"
                ));
            }
        }
        for known in calls() {
            if described(&assembly.root, known.method, known.pattern).is_none() {
                let name = known.name;
                assembly.complaints.push(format!("no file in docs/openapi/ describes {name}"));
            }
        }
        for name in message::missing(&assembly.root) {
            assembly.complaints.push(format!("no file in docs/openapi/ has the message {name}"));
        }
        Ok(assembly)
    }

    /// The schema of all codes: the code's own table, and a sentence for each from `problems`.
    fn codes(&mut self, problems: &Node) {
        for (name, _) in problems.pairs() {
            if Code::ALL.iter().all(|code| code.name() != name) {
                self.complaints.push(format!("problems.json: there is no code {name}"));
            }
        }
        for code in Code::ALL {
            let what = problems.at(code.name()).as_str();
            if what.is_empty() {
                self.complaints.push(format!("problems.json says nothing about {}", code.name()));
            }
            let known = Node::object([
                ("const", Node::text(code.name())),
                ("title", Node::text(code.title())),
                ("description", Node::text(format!("{}: {what}", code.status().as_u16()))),
            ]);
            self.schema("Code").entry("oneOf").push(known);
        }
    }

    fn schema(&mut self, name: &str) -> &mut Node {
        self.root.entry("components").entry("schemas").entry(name)
    }

    /// What may be answered to any request; the `default` of every operation.
    fn anywhere(&mut self) {
        let codes: Vec<Code> = ANYWHERE.into();
        let mut response = problem(&codes);
        *response.entry("description") = Node::text(
            "What any request may meet: it is malformed, too large or too slow, or we fail",
        );
        *self.root.entry("components").entry("responses").entry("Anywhere") = response;
    }

    fn add(&mut self, file: &str, mut fragment: Node) {
        let tag = fragment.take("tag").unwrap_or(Node::Null);
        let foreign = fragment.take("foreign") == Some(Node::Bool(true));
        let from = File { name: file, tag: tag.at("name").clone(), foreign };
        self.root.entry("tags").push(tag);
        for (path, mut item) in fragment.take("paths").iter().flat_map(Node::pairs).cloned() {
            for (method, operation) in item.pairs_mut() {
                match (route_of(method, &path), merchants_call(method, &path)) {
                    (Some(route), _) => self.complete(&from, operation, route),
                    (None, Some(call)) => complete_call(&from, operation, call),
                    (None, None) => {
                        let method = method.to_uppercase();
                        self.complaints.push(format!("{file}.json: no route is {method} {path}"));
                    }
                }
            }
            let methods = self.root.entry("paths").entry(&path).pairs_mut();
            for (method, operation) in std::mem::take(item.pairs_mut()) {
                if methods.iter().any(|(known, _)| *known == method) {
                    self.complaints.push(format!("{file}.json: {method} {path} is there already"));
                }
                methods.push((method, operation));
            }
        }
        for (name, written) in fragment.take("messages").iter().flat_map(Node::pairs) {
            if self.root.at("webhooks").get(name).is_some() {
                self.complaints.push(format!("{file}.json: the message {name} is there already"));
            }
            *self.root.entry("webhooks").entry(name).entry("post") =
                message::operation(&from.tag, name, written.clone());
        }
        for (name, schema) in fragment.take("schemas").iter().flat_map(Node::pairs) {
            if self.root.at("components").at("schemas").get(name).is_some() {
                self.complaints.push(format!("{file}.json: the schema {name} is there already"));
            }
            *self.schema(name) = schema.clone();
        }
        for (rest, _) in fragment.pairs() {
            self.complaints.push(format!("{file}.json: what is `{rest}`?"));
        }
    }

    /// Adds to an operation what follows from its route.
    fn complete(&mut self, from: &File<'_>, operation: &mut Node, route: Route) {
        let file = from.name;
        *operation.entry("operationId") = Node::text(route.name());
        *operation.entry("tags") = Node::List(vec![from.tag.clone()]);
        let (schemes, roles) = secured(route);
        *operation.entry("security") = Node::List(schemes);
        if !roles.is_empty() {
            *operation.entry("x-roles") = Node::texts(roles);
        }
        if !route.scopes().is_empty() {
            let names = route.scopes().iter().map(|scope| scope.name());
            *operation.entry("x-scopes") = Node::texts(names);
        }
        if operation.at("responses").get("204").is_some() {
            let headers = operation.entry("responses").entry("204").entry("headers");
            *headers.entry("X-Position") =
                Node::object([("$ref", Node::text("#/components/headers/Position"))]);
        }
        let mut codes = if from.foreign { Vec::new() } else { implied(operation, route) };
        for name in operation.take("x-problems").iter().flat_map(Node::items) {
            match Code::ALL.into_iter().find(|code| code.name() == name.as_str()) {
                Some(code) if !codes.contains(&code) => codes.push(code),
                Some(code) => self.complaints.push(format!(
                    "{file}.json: {} of {} goes without saying",
                    code.name(),
                    route.name()
                )),
                None => self.complaints.push(format!("{file}.json: no code is {}", name.as_str())),
            }
        }
        codes.sort_by_key(|code| code.status().as_u16());
        for group in codes.chunk_by(|one, other| one.status() == other.status()) {
            let status = group.first().map_or(0, |code| code.status().as_u16());
            let names: Vec<&str> = group.iter().map(|code| code.name()).collect();
            let name = format!("{status}.{}", names.join("."));
            let shared = self.root.entry("components").entry("responses").entry(&name);
            *shared = problem(group);
            let reference = format!("#/components/responses/{name}");
            *operation.entry("responses").entry(&status.to_string()) =
                Node::object([("$ref", Node::text(reference))]);
        }
        *operation.entry("responses").entry("default") =
            Node::object([("$ref", Node::text("#/components/responses/Anywhere"))]);
    }
}

/// Adds to an operation of merchants what follows from its call.
fn complete_call(from: &File<'_>, operation: &mut Node, call: &midtrans::Operation) {
    *operation.entry("operationId") = Node::text(call.name);
    *operation.entry("tags") = Node::List(vec![from.tag.clone()]);
    let schemes = if call.keyed { vec![scheme("merchant")] } else { Vec::new() };
    *operation.entry("security") = Node::List(schemes);
    *operation.entry("responses").entry("default") =
        Node::object([("$ref", Node::text("#/components/responses/Anywhere"))]);
}

/// The operation of a route.
pub(super) fn operation(root: &Node, route: Route) -> Option<&Node> {
    described(root, route.method(), route.pattern())
}

fn described<'a>(root: &'a Node, method: &str, pattern: &str) -> Option<&'a Node> {
    let method = method.to_ascii_lowercase();
    let mut paths = root.at("paths").pairs().iter();
    paths.find_map(|(path, item)| item.get(&method).filter(|_| same(path, pattern)))
}

/// What is no route but is answered: to merchants, and to their payers' browsers.
fn calls() -> impl Iterator<Item = &'static midtrans::Operation> {
    midtrans::OPERATIONS.iter().chain(&merchant::PAGES)
}

fn merchants_call(method: &str, path: &str) -> Option<&'static midtrans::Operation> {
    calls().find(|call| call.method.eq_ignore_ascii_case(method) && same(path, call.pattern))
}

fn route_of(method: &str, path: &str) -> Option<Route> {
    let mut routes = Route::ALL.iter().copied();
    routes.find(|route| route.method().eq_ignore_ascii_case(method) && same(path, route.pattern()))
}

/// Whether a path like `/a/{id}` is the pattern `a/{}`.
fn same(path: &str, pattern: &str) -> bool {
    let plain = |segment: &str| match segment.starts_with('{') && segment.ends_with('}') {
        true => "{}".to_owned(),
        false => segment.to_owned(),
    };
    let segments: Vec<String> = path.split('/').skip(1).map(plain).collect();
    segments.join("/") == pattern
}

fn scheme(name: &str) -> Node {
    Node::object([(name, Node::List(Vec::new()))])
}

/// The security schemes of a route, any of which will do, and the roles one of which is needed.
fn secured(route: Route) -> (Vec<Node>, Vec<&'static str>) {
    let roles = match route.access() {
        Access::Anyone => return (Vec::new(), Vec::new()),
        Access::Application => return (vec![scheme("application")], Vec::new()),
        Access::AnyUser => Vec::new(),
        Access::Roles(roles) => roles.iter().map(|role| role.name()).collect(),
    };
    let key = (!route.scopes().is_empty()).then(|| scheme("key"));
    (std::iter::once(scheme("user")).chain(key).collect(), roles)
}

/// Problems that follow from what an operation is.
fn implied(operation: &Node, route: Route) -> Vec<Code> {
    let has = |name: &str| operation.get(name).is_some();
    let mut codes = Vec::new();
    if has("parameters") || has("requestBody") {
        codes.push(Code::InvalidRequest);
    }
    if route.access() != Access::Anyone {
        // An application's key may be for something else, and its network may have failed too often.
        codes.extend([Code::InvalidToken, Code::Forbidden, Code::RateLimited]);
        codes.extend([Code::Busy, Code::Unavailable]);
    }
    if matches!(route.access(), Access::AnyUser | Access::Roles(_))
        && !route.comes_before_password()
    {
        codes.push(Code::PasswordChangeRequired);
    }
    if route.pattern().contains("{}") {
        codes.push(Code::NotFound);
    }
    let parameters = operation.at("parameters").items().iter();
    let mut named = parameters.map(|parameter| parameter.at("$ref").as_str());
    if named.any(|name| name.ends_with("/IdempotencyKey")) {
        codes.push(Code::ReferenceReused);
    }
    if has("requestBody") {
        codes.extend([Code::PayloadTooLarge, Code::UnsupportedMediaType]);
        codes.push(Code::ExpectationFailed);
    }
    codes
}

/// The response that is a problem with one of these codes.
fn problem(codes: &[Code]) -> Node {
    let names: Vec<String> = codes.iter().map(|code| format!("`{}`", code.name())).collect();
    let one_of = Node::texts(codes.iter().map(|code| code.name()));
    let schema = Node::object([
        ("$ref", Node::text("#/components/schemas/Problem")),
        ("properties", Node::object([("code", Node::object([("enum", one_of)]))])),
    ]);
    let content = Node::object([("application/problem+json", Node::object([("schema", schema)]))]);
    let mut response = Node::object([("description", Node::text(names.join(", ")))]);
    if codes.iter().any(|code| matches!(code.status().as_u16(), 429 | 503)) {
        let wait = Node::object([
            ("description", Node::text("Seconds to wait")),
            (
                "schema",
                Node::object([
                    ("type", Node::text("integer")),
                    ("examples", Node::List(vec![Node::Number(RETRY_AFTER_SECONDS.into())])),
                ]),
            ),
        ]);
        *response.entry("headers").entry("Retry-After") = wait;
    }
    *response.entry("content") = content;
    response
}
