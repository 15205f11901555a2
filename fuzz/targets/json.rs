//! Bodies: what is taken is an amount that the text says, and what is refused never panics.

#![no_main]

use gerbang::http::amount::AmountField;
use gerbang::http::json;
use gerbang::ledger::money::Amount;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    to: String,
    amount: AmountField,
    #[serde(default)]
    note: Option<String>,
}

fn check(body: &Body, value: &Value) {
    let Value::Object(fields) = value else { panic!("not an object") };
    assert_eq!(fields["to"], body.to.as_str());
    assert_eq!(fields.get("note").and_then(Value::as_str), body.note.as_deref());
    let units = match &fields["amount"] {
        Value::Number(number) => number.as_u64(),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    };
    assert_eq!(units, Some(body.amount.get()));
    assert!((1..=Amount::MAX).contains(&body.amount.get()));
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(body) = json::decode::<Body>(bytes) {
        let value = serde_json::from_slice(bytes).expect("what we take is JSON");
        check(&body, &value);
    }
});
