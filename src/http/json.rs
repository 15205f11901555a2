//! JSON bodies: the checks before reading one, and errors that name the field.
//!
//! The texts of serde are for programmers of the server; here they become texts for programmers
//! of a client, without names of our types. What a field may hold is said by its own type.

use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde::de::DeserializeOwned;

use super::problem::{ApiError, Code};
use crate::limits::JSON_DEPTH_MAX;

/// Refuses what is not said to be JSON in UTF-8.
pub(super) fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = values.next().and_then(|value| value.to_str().ok());
    let fits = values.next().is_none() && value.is_some_and(is_json);
    if fits {
        return Ok(());
    }
    Err(ApiError::with_detail(Code::UnsupportedMediaType, "the body must be application/json"))
}

fn is_json(value: &str) -> bool {
    let (essence, parameter) = value.split_once(';').unwrap_or((value, ""));
    let parameter = parameter.trim();
    let charset = ["", "charset=utf-8", "charset=\"utf-8\""];
    essence.trim().eq_ignore_ascii_case("application/json")
        && charset.iter().any(|known| parameter.eq_ignore_ascii_case(known))
}

/// Reads a JSON object that must be all of `body`.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // serde would take a list of values for a struct, in the order of its fields.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(malformed("the body must be an object"));
    }
    check_depth(body)?;
    // Nearly all bodies are good; only for others is the way to the field worked out.
    serde_json::from_slice(body).or_else(|_| decode_slowly(body))
}

fn decode_slowly<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if str::from_utf8(body).is_err() {
        return Err(malformed("the body is not UTF-8"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        explain(if path == "." { "" } else { &path }, error.inner())
    })?;
    deserializer.end().map_err(|_| malformed("there is more behind the JSON text"))?;
    Ok(value)
}

fn malformed(detail: &'static str) -> ApiError {
    ApiError::with_detail(Code::InvalidRequest, detail)
}

/// Counts brackets outside of strings; that they match is left to the parser.
fn check_depth(body: &[u8]) -> Result<(), ApiError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > JSON_DEPTH_MAX {
                    return Err(malformed("the body is nested too deeply"));
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Turns an error of serde at `path` into ours.
fn explain(path: &str, error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    // serde_json adds the place, as in "... at line 1 column 5".
    let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
    if error.is_eof() {
        return malformed("the body ends too early");
    }
    if error.is_syntax() {
        // A number beyond all bounds is a syntax error to the parser, but about a field.
        return if text == "number out of range" {
            ApiError::field(path, "is out of range")
        } else {
            malformed("the body is not valid JSON")
        };
    }
    for (start, message) in [
        ("unknown field `", "is not a known field"),
        ("missing field `", "is required"),
        ("duplicate field `", "is given twice"),
    ] {
        if let Some((name, rest)) = text.strip_prefix(start).and_then(|rest| rest.split_once('`')) {
            // What the reader expected instead: its own list, which cannot be out of date.
            let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
            return match known.is_empty() {
                true => ApiError::field(joined(path, name), message),
                false => ApiError::field(
                    joined(path, name),
                    format!("{message}; known are {}", known.join(", ")),
                ),
            };
        }
    }
    ApiError::field(path, about_value(text))
}

/// `path` with `name` at its end, where it may be already.
fn joined(path: &str, name: &str) -> String {
    match path.strip_suffix(name) {
        Some(rest) if rest.is_empty() || rest.ends_with('.') => path.to_owned(),
        _ if path.is_empty() => name.to_owned(),
        _ => format!("{path}.{name}"),
    }
}

/// What was expected, without what came (it may be a secret) and without names of types.
fn about_value(text: &str) -> String {
    let Some((found, expected)) = text.split_once(", expected ") else { return text.to_owned() };
    let by_serde = ["invalid type:", "invalid value:", "invalid length", "unknown variant"];
    if !by_serde.iter().any(|start| found.starts_with(start)) {
        return text.to_owned();
    }
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a borrowed string" => "a string",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        _ if expected.starts_with("struct ") || expected.starts_with("a map") => "an object",
        _ if expected.starts_with("enum ") || expected.starts_with("variant ") => "another value",
        other => other,
    };
    format!("must be {expected}")
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use serde::Deserialize;

    use super::*;
    use crate::http::amount::AmountField;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether they are read matters")]
    struct Payment {
        to: String,
        amount: AmountField,
        role: Option<Role>,
        count: Option<u32>,
        items: Option<Vec<Item>>,
        item: Option<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether they are read matters")]
    struct Item {
        amount: AmountField,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Role {
        Buyer,
        Merchant,
    }

    fn refused(body: &str) -> (String, String) {
        let error = decode::<Payment>(body.as_bytes()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidRequest);
        error.fields().first().map_or_else(
            || (String::new(), error.detail().to_owned()),
            |first| (first.field.clone(), first.message.clone()),
        )
    }

    #[test]
    fn errors_name_the_field_and_what_is_wrong() {
        let table = [
            (
                r#"{"to":"a","amount":1,"fee":2}"#,
                "fee",
                "is not a known field; known are to, amount, role, count, items, item",
            ),
            (r#"{"to":"a"}"#, "amount", "is required"),
            (r#"{"to":"a","amount":1,"amount":2}"#, "amount", "is given twice"),
            (r#"{"to":"a","amount":1,"\u0061mount":2}"#, "amount", "is given twice"),
            (r#"{"to":7,"amount":1}"#, "to", "must be a string"),
            (r#"{"to":null,"amount":1}"#, "to", "must be a string"),
            (
                r#"{"to":"a","amount":1,"count":-1}"#,
                "count",
                "must be a whole number that is not negative",
            ),
            (r#"{"to":"a","amount":1,"items":7}"#, "items", "must be a list"),
            (r#"{"to":"a","amount":1,"item":7}"#, "item", "must be an object"),
            (r#"{"to":"a","amount":1,"role":"admin"}"#, "role", "must be `buyer` or `merchant`"),
            (
                r#"{"to":"a","amount":1.0}"#,
                "amount",
                "must be a plain integer between 1 and 1000000000000000",
            ),
            (r#"{"to":"a","amount":1e400}"#, "amount", "is out of range"),
            (r#"{"to":"a","amount":"0"}"#, "amount", "must be between 1 and 1000000000000000"),
            (
                r#"{"to":"a","amount":1,"items":[{"amount":1},{"amount":0}]}"#,
                "items[1].amount",
                "must be between 1 and 1000000000000000",
            ),
            (r#"{"to":"a","amount":1,"items":[{}]}"#, "items[0].amount", "is required"),
            (
                r#"{"to":"a","amount":1,"item":{"amount":1,"x":1}}"#,
                "item.x",
                "is not a known field; known are amount",
            ),
            ("7", "", "must be an object"),
            ("", "", "the body ends too early"),
            ("{", "", "the body ends too early"),
            ("{]", "", "the body is not valid JSON"),
            (r#"{"to":"a","amount":1}x"#, "", "there is more behind the JSON text"),
            (r#"{"to":"a","amount":01}"#, "", "the body is not valid JSON"),
            (r#"{"to":"a","amount":NaN}"#, "", "the body is not valid JSON"),
            (r#"{"to":"\ud800","amount":1}"#, "", "the body is not valid JSON"),
        ];
        for (body, field, message) in table {
            assert_eq!(refused(body), (field.to_owned(), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_wrong_value_is_not_repeated() {
        let error = decode::<Payment>(br#"{"to":"a","amount":1,"count":"s3cret"}"#).unwrap_err();
        assert!(!format!("{error:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        let error = decode::<Payment>(b"{\"to\":\"\xff\",\"amount\":1}").unwrap_err();
        assert_eq!(error.detail(), "the body is not UTF-8");
    }

    #[test]
    fn a_list_is_no_object() {
        for list in ["[\"a\",1]", " \n[\"a\",1,null,null,[],null]", "["] {
            let error = decode::<Payment>(list.as_bytes()).unwrap_err();
            assert_eq!(error.detail(), "the body must be an object", "{list}");
        }
    }

    #[test]
    fn nesting_has_a_bound_and_strings_do_not_count() {
        let nested =
            |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(decode::<serde_json::Value>(nested(JSON_DEPTH_MAX).as_bytes()).is_ok());
        assert!(decode::<serde_json::Value>(nested(JSON_DEPTH_MAX + 1).as_bytes()).is_err());
        let text = format!("\"\\\"{}\"", "[".repeat(1000));
        assert!(decode::<serde_json::Value>(text.as_bytes()).is_ok());
    }

    #[test]
    fn only_json_in_utf8_is_taken() {
        let check = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            }
            check_media_type(&headers).is_ok()
        };
        for good in ["application/json", "Application/JSON ; charset=UTF-8", "application/json;"] {
            assert!(check(&[good]), "{good}");
        }
        for bad in ["text/plain", "application/jsonx", "application/json; charset=utf-16", ""] {
            assert!(!check(&[bad]), "{bad}");
        }
        assert!(!check(&[]));
        assert!(!check(&["application/json", "application/json"]));
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>) {
            let _ = decode::<Payment>(&body);
        }
    }
}
