//! The document as a whole: complete, sound in itself, and with examples that are true.

use std::collections::BTreeSet;

use gerbang::http::api::routes::{Access, Route};
use gerbang::http::merchant::PAGES;
use gerbang::http::midtrans::OPERATIONS;
use gerbang::http::openapi::document;
use gerbang::http::problem::Code;
use gerbang::ledger::api_key::Scope;
use gerbang::ledger::endpoint::EventKind;
use serde_json::{Value, json};

use super::{DOCUMENT, faults, named, operation, resolved, validator};

/// Every node of the document with its place.
fn walk<'a>(place: &str, node: &'a Value, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(place, node);
    match node {
        Value::Object(object) => {
            object.iter().for_each(|(name, node)| walk(&format!("{place}/{name}"), node, visit));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(at, node)| walk(&format!("{place}/{at}"), node, visit));
        }
        _ => {}
    }
}

#[test]
fn every_route_has_exactly_one_operation_and_no_operation_is_without() {
    assert_eq!(document().complaints, [""; 0]);
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    let mut routes: Vec<_> = Route::ALL.iter().map(|route| route.name()).collect();
    routes.extend(OPERATIONS.iter().chain(&PAGES).map(|call| call.name));
    let items = DOCUMENT["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    let mut names: Vec<_> =
        operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    routes.sort_unstable();
    names.sort_unstable();
    assert_eq!(names, routes);
}

#[test]
fn access_is_as_in_the_table_of_routes() {
    for route in Route::ALL.iter().copied() {
        let operation = operation(&DOCUMENT, route);
        let user = match route.scopes() {
            [] => json!([{"user": []}]),
            _ => json!([{"user": []}, {"key": []}]),
        };
        let (security, roles) = match route.access() {
            Access::Anyone => (json!([]), None),
            Access::AnyUser => (user, None),
            Access::Application => (json!([{"application": []}]), None),
            Access::Roles(roles) => {
                (user, Some(json!(roles.iter().map(|role| role.name()).collect::<Vec<_>>())))
            }
        };
        assert_eq!(operation["security"], security, "{route:?}");
        assert_eq!(operation.get("x-roles"), roles.as_ref(), "{route:?}");
        let names: Vec<_> = route.scopes().iter().map(|scope| scope.name()).collect();
        let scopes = (!names.is_empty()).then(|| json!(names));
        assert_eq!(operation.get("x-scopes"), scopes.as_ref(), "{route:?}");
    }
    for call in OPERATIONS.iter().chain(&PAGES) {
        let operation = named(&DOCUMENT, call.method, call.pattern, call.name);
        let security = if call.keyed { json!([{"merchant": []}]) } else { json!([]) };
        assert_eq!(operation["security"], security, "{call:?}");
    }
}

#[test]
fn scopes_and_events_are_those_that_there_are() {
    let schemas = &DOCUMENT["components"]["schemas"];
    assert_eq!(schemas["Scope"]["enum"], json!(Scope::ALL.map(Scope::name)));
    let kinds = EventKind::ALL.map(EventKind::name);
    assert_eq!(schemas["EventType"]["enum"], json!(kinds));
    let messages = DOCUMENT["webhooks"].as_object().unwrap();
    let mut told: Vec<_> = messages.keys().map(String::as_str).collect();
    let mut known = kinds.to_vec();
    known.extend(["ping", "transfer.succeeded", "transfer.failed"]);
    known.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, known);
    for (name, item) in messages {
        let schema = &item["post"]["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(schema["properties"]["type"]["const"], json!(name));
    }
}

#[test]
fn every_code_is_explained() {
    let codes = DOCUMENT["components"]["schemas"]["Code"]["oneOf"].as_array().unwrap();
    let names: Vec<_> = codes.iter().map(|code| code["const"].as_str().unwrap()).collect();
    assert_eq!(names, Code::ALL.map(Code::name));
    let page = String::from_utf8(document().errors.body.to_vec()).unwrap();
    for code in Code::ALL {
        assert!(page.contains(&format!("id=\"{}\"", code.name())), "the type of {code:?}");
    }
}

#[test]
fn references_lead_somewhere_and_nothing_is_unused() {
    let mut used = BTreeSet::new();
    walk("", &DOCUMENT, &mut |place, node| {
        if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
            assert!(DOCUMENT.pointer(&reference[1..]).is_some(), "{place}: {reference}");
            used.insert(reference.to_owned());
        }
    });
    // Said in words: what comes over a stream.
    used.insert("#/components/schemas/StreamMessage".to_owned());
    for (kind, parts) in DOCUMENT["components"].as_object().unwrap() {
        for name in parts.as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(kind == "securitySchemes" || used.contains(&reference), "{reference}");
        }
    }
}

#[test]
fn examples_are_true() {
    let mut count = 0;
    let mut fits = |place: &str, schema: &Value, example: &Value| {
        let faults = faults(place, &DOCUMENT, schema, example);
        assert_eq!(faults, [""; 0], "{place}: {example}");
        count += 1;
    };
    walk("", &DOCUMENT, &mut |place, node| {
        if let Some(examples) = node.get("examples").and_then(Value::as_array) {
            examples.iter().for_each(|example| fits(place, node, example));
        }
        if let Some(default) = node.get("default").filter(|_| place.contains("/schema")) {
            fits(place, node, default);
        }
        if let Some(example) = node.get("example") {
            fits(place, &node["schema"], example);
            if let Some(schema) = node.get("x-lines") {
                let line = serde_json::from_str(example.as_str().unwrap()).unwrap();
                fits(&format!("{place} line"), schema, &line);
            }
        }
    });
    assert!(count > 200, "only {count} examples");
}

#[test]
fn schemas_are_schemas_and_requests_are_closed() {
    for schema in DOCUMENT["components"]["schemas"].as_object().unwrap().values() {
        jsonschema::draft202012::meta::validate(schema).unwrap();
        drop(validator(&DOCUMENT, schema));
    }
    for route in Route::ALL.iter().copied() {
        let operation = operation(&DOCUMENT, route);
        let content = operation["requestBody"]["content"].as_object().into_iter().flatten();
        for (media_type, content) in content {
            assert!(content.get("example").is_some(), "{route:?} has no example of its body");
            let schema =
                resolved(&DOCUMENT, content.get("x-lines").unwrap_or_else(|| &content["schema"]));
            let closed = schema["additionalProperties"] == json!(false);
            let is_json = media_type.ends_with("json");
            let is_ours = route != Route::NotifiedByMidtrans;
            assert_eq!(
                closed,
                is_json && is_ours,
                "{route:?}: unknown fields are refused, so say it"
            );
        }
    }
}
