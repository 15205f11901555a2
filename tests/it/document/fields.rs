//! What requests may have, asked of the readers themselves.
//!
//! A reader that meets a field it does not know says which ones it knows. So every body, query and
//! key of every operation is compared with what is really read; neither side can go on alone.

use std::collections::BTreeSet;

use gerbang::http::api::routes::{Access, Route};
use gerbang::ledger::event::Role;
use serde_json::{Map, Value, json};

use super::{DOCUMENT, operation, resolved};
use crate::edr;
use crate::support::{Answer, Ask, People, TestGateway, ask, post, raw};

/// A field that no request has.
const STRANGE: &str = "no_such_field";

struct Prober {
    gateway: TestGateway,
    people: People,
}

impl Prober {
    async fn new() -> Self {
        let (gateway, people) = edr::edr().await;
        let room = json!({"code": "A1", "rate": 1});
        gateway.send(post("/api/v1/admin/rooms", &room).by(&people.warung)).await.expect(201);
        Self { gateway, people }
    }

    /// Sends as somebody who may use the route.
    async fn send(&self, route: Route, request: Ask) -> Answer {
        let application = edr::token(&self.gateway);
        let token = match route.access() {
            Access::Anyone => return self.gateway.send(request).await,
            Access::Application => &application,
            Access::Roles(&[Role::Client]) => &self.people.kasir,
            Access::Roles(&[Role::Merchant]) => &self.people.warung,
            Access::AnyUser | Access::Roles(_) => &self.people.admin,
        };
        self.gateway.send(request.by(token)).await
    }

    /// What is said first about a body.
    async fn refused(&self, route: Route, media_type: &str, body: &Value) -> (String, String) {
        let path = path(route);
        let text = body.to_string();
        let Ok(method) = route.method().parse() else { unreachable!("methods are methods") };
        let request = raw(&path, media_type, text).method(method);
        first(&self.send(route, request).await)
    }
}

/// Runs a check on a runtime of its own, with which its gateway goes: hundreds at once would fill
/// the memory.
fn alone(check: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(check);
}

/// The field and the message of the first thing that is said to be wrong.
fn first(answer: &Answer) -> (String, String) {
    // The answer to a batch has a line for a line.
    let line = answer.text.lines().next().unwrap_or_default();
    let body: Value = serde_json::from_str(line).unwrap_or_default();
    let error = &body["errors"][0];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("field"), text("message"))
}

/// The path with the examples of its parameters.
fn path(route: Route) -> String {
    let mut path = String::new();
    let parameters = parameters(route, "path");
    let mut examples = parameters.iter().map(|parameter| parameter["example"].as_str().unwrap());
    for segment in route.pattern().split('/') {
        path.push('/');
        path.push_str(if segment == "{}" { examples.next().unwrap() } else { segment });
    }
    path.replace(' ', "%20")
}

fn parameters(route: Route, place: &str) -> Vec<&'static Value> {
    let parameters = operation(&DOCUMENT, route)["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.map(|parameter| resolved(&DOCUMENT, parameter));
    parameters.filter(|parameter| parameter["in"] == place).collect()
}

/// The names behind `known are`.
fn known(message: &str) -> BTreeSet<String> {
    let names = message.split_once("known are ").map_or("", |(_, names)| names);
    names.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn names(object: &Value) -> BTreeSet<String> {
    object.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// Operations whose bodies are objects: media type, schema, example.
fn bodies() -> Vec<(Route, &'static str, &'static Value, Value)> {
    let mut bodies = Vec::new();
    for route in Route::ALL.iter().copied() {
        let content = operation(&DOCUMENT, route)["requestBody"]["content"].as_object();
        for (media_type, content) in content.into_iter().flatten() {
            let schema =
                resolved(&DOCUMENT, content.get("x-lines").unwrap_or_else(|| &content["schema"]));
            let example = match &content["example"] {
                Value::String(lines) => serde_json::from_str(lines).unwrap_or_default(),
                example => example.clone(),
            };
            // The provider may add fields to what is its own.
            if schema["type"] == "object" && route != Route::NotifiedByMidtrans {
                bodies.push((route, media_type.as_str(), schema, example));
            }
        }
    }
    assert!(bodies.len() > 25);
    bodies
}

/// An object within a body: where it stands, and its schema.
fn objects(schema: &'static Value, place: &str) -> Vec<(String, &'static Value)> {
    let mut objects = vec![(place.to_owned(), schema)];
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let one = property["oneOf"].get(0).unwrap_or(property);
        let inner = resolved(&DOCUMENT, one);
        if inner["type"] == "object" {
            objects.extend(self::objects(inner, &format!("{place}{name}.")));
        }
    }
    objects
}

#[tokio::test]
async fn bodies_have_the_fields_that_are_read() {
    let prober = Prober::new().await;
    for (route, media_type, schema, _) in bodies() {
        for (place, schema) in objects(schema, "") {
            let mut body = json!({STRANGE: 1});
            for name in place.trim_end_matches('.').rsplit('.').filter(|name| !name.is_empty()) {
                body = json!({name: body});
            }
            let (field, message) = prober.refused(route, media_type, &body).await;
            assert_eq!(field, format!("{place}{STRANGE}"), "{route:?}: {message}");
            assert_eq!(known(&message), names(&schema["properties"]), "{route:?} {place}");
        }
    }
}

#[test]
fn what_is_required_is_asked_for_and_nothing_else() {
    for (route, media_type, schema, example) in bodies() {
        alone(check_required(route, media_type, schema, &example));
    }
}

async fn check_required(route: Route, media_type: &str, schema: &Value, example: &Value) {
    // What one of several cases asks for, too: the first, which is the example's.
    let case = schema["oneOf"].get(0).unwrap_or(&Value::Null);
    let required = [schema, case].into_iter().filter_map(|it| it["required"].as_array());
    let required: Vec<&str> = required.flatten().map(|name| name.as_str().unwrap()).collect();
    let least: Map<String, Value> = example.as_object().unwrap().clone();
    let least: Map<_, _> =
        least.into_iter().filter(|(name, _)| required.contains(&name.as_str())).collect();
    let prober = Prober::new().await;
    for missing in &required {
        let mut body = least.clone();
        assert!(body.remove(*missing).is_some(), "{route:?}: its example has no {missing}");
        let (field, message) = prober.refused(route, media_type, &json!(body)).await;
        let asks = ["is required", "is needed for this operation"].contains(&message.as_str());
        assert!(asks && field == *missing, "{route:?} without {missing}: {field} {message}");
    }
    let (field, message) = prober.refused(route, media_type, &json!(least)).await;
    assert_eq!((field.as_str(), message.as_str()), ("", ""), "{route:?} with the least");
}

#[tokio::test]
async fn queries_have_the_parameters_that_are_read() {
    let mut prober = Prober::new().await;
    for route in Route::ALL.iter().copied() {
        let documented: BTreeSet<String> = parameters(route, "query")
            .iter()
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let path = format!("{}?{STRANGE}=1", path(route));
        let answer = prober.send(route, ask(route.method(), &path)).await;
        let (field, message) = first(&answer);
        let read = if field == STRANGE { known(&message) } else { BTreeSet::new() };
        assert_eq!(read, documented, "{route:?}: {}", answer.text);
        if route == Route::LogOut {
            prober = Prober::new().await;
        }
    }
}

#[test]
fn a_key_is_taken_where_it_is_documented() {
    Route::ALL.iter().for_each(|route| alone(check_key(*route)));
}

async fn check_key(route: Route) {
    let documented = parameters(route, "header");
    let documented = documented.iter().any(|it| it["name"] == "Idempotency-Key");
    let content = operation(&DOCUMENT, route)["requestBody"]["content"].as_object();
    let request = match content.and_then(|content| content.iter().next()) {
        None => ask(route.method(), &path(route)),
        Some((media_type, content)) => {
            let body = match &content["example"] {
                Value::String(text) => text.clone(),
                example => example.to_string(),
            };
            let Ok(method) = route.method().parse() else { unreachable!("methods are methods") };
            raw(&path(route), media_type, body).method(method)
        }
    };
    let prober = Prober::new().await;
    let (field, _) = first(&prober.send(route, request.key("not a key")).await);
    assert_eq!(field == "Idempotency-Key", documented, "{route:?}: {field}");
}

#[tokio::test]
async fn a_code_is_taken_where_it_is_documented() {
    let mut prober = Prober::new().await;
    for (route, media_type, schema, example) in bodies() {
        let documented = parameters(route, "header");
        let documented = documented.iter().any(|it| it["name"] == "X-OTP");
        let mut body = example;
        for field in ["otp", "code"].iter().filter(|name| schema["properties"][name].is_object()) {
            body[field] = json!("111111");
        }
        let Ok(method) = route.method().parse() else { unreachable!("methods are methods") };
        let request = raw(&path(route), media_type, body.to_string()).method(method);
        let (field, message) = first(&prober.send(route, request.header("x-otp", "222222")).await);
        let differs = field == "otp" && message == "differs from X-OTP";
        assert_eq!(differs, documented, "{route:?}: {field} {message}");
        if route == Route::ChangePassword {
            prober = Prober::new().await;
        }
    }
}
