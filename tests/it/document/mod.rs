//! The OpenAPI document as a judge: every answer of every test in process is held against it.
//!
//! The document itself lets answers have more fields than it names, since fields may be added; the
//! judge does not, so that none is added without being written down.

mod fields;
mod whole;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use gerbang::http::api::routes::Route;
use gerbang::http::openapi::document;
use gerbang::http::request::Request;
use gerbang::http::{merchant, midtrans};
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use crate::ask::Answer;

/// The document.
static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_slice(&document().json.body).unwrap());
/// The document, in which objects have no fields but those named.
static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let mut strict = DOCUMENT.clone();
    close(&mut strict);
    strict
});
/// Validators by what they judge.
static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Headers of answers that clients act on.
const HEADERS: [&str; 5] = ["idempotency-replayed", "x-route", "retry-after", "etag", "x-position"];

/// What was asked, and of which operation.
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    pub(crate) pattern: &'static str,
    pub(crate) name: &'static str,
    /// Whether the wire format is Midtrans'.
    pub(crate) is_merchants: bool,
    pub(crate) media_type: String,
    pub(crate) body: String,
}

impl Asked {
    /// What a request asks; nothing if there is no such operation.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let segments = request.segments();
        let segments = segments.as_slice();
        let page = merchant::page_of(request.method(), segments);
        let call = midtrans::operation_of(request.method(), segments);
        let is_merchants = call.is_some();
        let call = call.copied().or(page);
        let (method, pattern, name) = match call {
            Some(call) => (call.method, call.pattern, call.name),
            None => {
                let route = Route::find(request.method(), segments).ok()?;
                (route.method(), route.pattern(), route.name())
            }
        };
        let media_type = request.headers().get("content-type").and_then(|it| it.to_str().ok());
        let media_type = media_type.and_then(|it| it.split(';').next()).unwrap_or_default();
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let media_type = media_type.to_owned();
        Some(Self { method, pattern, name, is_merchants, media_type, body })
    }
}

impl Asked {
    /// Whether the request was taken. Midtrans refuses with HTTP 200 and a code in the body.
    fn was_taken(&self, answer: &Answer) -> bool {
        let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let refused = self.is_merchants && body.get("id").is_some();
        answer.status < 400 && !refused
    }
}

/// Objects that name their fields have no others.
fn close(node: &mut Value) {
    match node {
        Value::Object(object) => {
            let names_fields = object.get("type").is_some_and(|kind| kind == "object")
                && object.contains_key("properties");
            if names_fields {
                object.entry("additionalProperties").or_insert(json!(false));
            }
            object.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The operation of a route.
#[track_caller]
fn operation(root: &Value, route: Route) -> &Value {
    named(root, route.method(), route.pattern(), route.name())
}

/// The operation of this name.
#[track_caller]
fn named<'a>(root: &'a Value, method: &str, pattern: &str, name: &str) -> &'a Value {
    let found = root["paths"].as_object().unwrap().values().find_map(|item| {
        let operation = item.get(method.to_ascii_lowercase())?;
        (operation["operationId"] == name).then_some(operation)
    });
    found.unwrap_or_else(|| {
        panic!("{method} /{pattern} has no operation in docs/openapi/: see its README.md")
    })
}

/// The node, or what it refers to.
fn resolved<'a>(root: &'a Value, node: &'a Value) -> &'a Value {
    match node.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(&reference[1..]).unwrap(),
        None => node,
    }
}

/// A validator for a schema of `root`.
fn validator(root: &Value, schema: &Value) -> Validator {
    let whole = json!({"allOf": [schema], "components": root["components"]});
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    options.should_validate_formats(true).build(&whole).unwrap()
}

/// What is wrong with `value`; nothing if it fits. `name` stands for the schema.
fn faults(name: &str, root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let known = KNOWN.lock().unwrap().get(name).cloned();
    let validator = known.unwrap_or_else(|| {
        let made = Arc::new(validator(root, schema));
        KNOWN.lock().unwrap().insert(name.to_owned(), Arc::clone(&made));
        made
    });
    validator
        .iter_errors(value)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect()
}

/// Panics unless the document says that this may be asked and answered.
#[track_caller]
pub(crate) fn judge(asked: &Asked, answer: &Answer) {
    let Asked { method, pattern: path, name: id, media_type, body, .. } = asked;
    let operation = named(&STRICT, method, path, id);
    let wrong = |what: String| {
        let status = answer.status;
        panic!(
            "the document (docs/openapi/) does not say what {method} /{path} does: {what}\n\
             answered {status} {}\nto {body}",
            answer.text
        );
    };
    if asked.was_taken(answer)
        && let Some(content) = operation["requestBody"]["content"].get(media_type)
        && !body.is_empty()
    {
        let name = format!("{id} is asked in {media_type}");
        check(&name, content, body, &wrong);
    }
    let status = answer.status.to_string();
    let responses = &operation["responses"];
    let response = responses.get(&status).unwrap_or_else(|| &responses["default"]);
    let response = resolved(&STRICT, response);
    let given = answer.header("content-type").unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default();
    if answer.text.is_empty() && answer.status != 204 {
        return;
    }
    if answer.text.is_empty() {
        assert!(answer.header("x-position").is_some(), "{method} /{path} does not say where");
    } else {
        let Some(content) = response["content"].get(essence) else {
            return wrong(format!("{status} has no {essence}"));
        };
        check(&format!("{id} answers {status} {essence}"), content, &answer.text, &wrong);
    }
    let is_problem = essence == "application/problem+json";
    for header in HEADERS.iter().filter(|header| !is_problem && answer.header(header).is_some()) {
        let named = response["headers"].as_object().into_iter().flatten();
        if !named.map(|(name, _)| name.to_ascii_lowercase()).any(|name| name == **header) {
            wrong(format!("{status} has no header {header}"));
        }
    }
}

/// Panics unless the document says that this message may be sent.
#[track_caller]
pub(crate) fn judge_message(message: &Value) {
    let name = message["type"].as_str().unwrap();
    let content = &STRICT["webhooks"][name]["post"]["requestBody"]["content"]["application/json"];
    assert!(content.is_object(), "docs/openapi/ has no message {name}");
    let faults = faults(&format!("the message {name}"), &STRICT, &content["schema"], message);
    assert_eq!(faults, [""; 0], "docs/openapi/ does not say this of {name}: {message}");
}

/// A body by its schema, or each of its lines by theirs.
fn check(name: &str, content: &Value, text: &str, wrong: &impl Fn(String)) {
    let parsed = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    let (schema, values) = match content.get("x-lines") {
        // What is wrong with a line of a request is said in the answer's line.
        Some(_) if name.contains(" is asked ") => return,
        Some(schema) => (schema, text.lines().map(parsed).collect()),
        None if content["schema"]["type"] == "string" => (&content["schema"], vec![json!(text)]),
        None => (&content["schema"], vec![parsed(text)]),
    };
    for value in values {
        let faults = faults(name, &STRICT, schema, &value);
        if !faults.is_empty() {
            wrong(format!("{name}: {}", faults.join("; ")));
        }
    }
}
