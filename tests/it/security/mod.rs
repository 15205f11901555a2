//! Who may do what, what cannot be guessed, and what is never said.

mod bodies;
mod budgets;
mod clients;
mod keys;
mod logins;
mod matrix;
mod refusals;
pub(crate) mod secrets;
mod tokens;

use crate::support::Answer;
use gerbang::http::api::routes::Route;
use serde_json::Value;

/// Every answer to a write says where it stands in the journal.
fn says_where(route: Route, answer: &Answer, before: u64) {
    if route == Route::Transfer {
        // Another's wire format, which has no place for it.
        return;
    }
    let header = answer.header("x-position").map(|text| text.parse().unwrap());
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    let position: Option<u64> = header.or_else(|| body["position"].as_u64());
    assert!(position.is_some_and(|position| position > before), "{route:?}: {}", answer.text);
    assert_eq!(answer.text.is_empty(), answer.status == 204, "{route:?}");
}

fn check_refusal(answer: &Answer) {
    match answer.status {
        401 => drop(answer.refused(401, "invalid_token")),
        403 => drop(answer.refused(403, "forbidden")),
        404 => drop(answer.refused(404, "not_found")),
        _ => {}
    }
}
