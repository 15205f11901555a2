//! What each answer of a bank service allows to conclude, one line each.

use super::*;
use crate::outbound::System;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
const KEY: &[u8] = b"kunci-mitra-yang-cukup-panjang-012345";

fn answer(status: u16, content_type: &str, body: &str) -> http::Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    http::Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

fn json(status: u16, body: &str) -> http::Answer {
    answer(status, "application/json", body)
}

fn problem(status: u16, code: &str) -> http::Answer {
    let body = format!(
        r#"{{"type":"/docs/errors#{code}","title":"t","status":{status},"detail":"d","code":"{code}","errors":[]}}"#
    );
    answer(status, "application/problem+json", &body)
}

fn of_transfer(answer: &http::Answer) -> Outcome<Transferred> {
    transferred(read(answer))
}

fn of_status(answer: &http::Answer) -> Standing {
    standing(read(answer))
}

#[test]
fn a_valid_answer_is_believed() {
    let table = [
        (r#"{"outcome":"succeeded","bankReference":"B1"}"#, "succeeded"),
        (r#"{"outcome":"succeeded"}"#, "succeeded"),
        (r#"{"outcome":"refused","code":"4031714","message":"m"}"#, "refused"),
        (r#"{"outcome":"not_sent","code":"no_connection"}"#, "not_sent"),
        (r#"{"outcome":"unknown","code":"timeout"}"#, "unknown"),
    ];
    for (body, expected) in table {
        assert_eq!(of_transfer(&json(200, body)).name(), expected, "{body}");
    }
    let done = of_transfer(&json(200, table[0].0));
    assert_eq!(done, Outcome::Succeeded(Transferred { bank_reference: "B1".to_owned() }));
    let refused = of_transfer(&json(200, table[2].0));
    assert_eq!(refused, Outcome::Refused(Reason::new("4031714", "m")));
}

#[test]
fn what_is_no_answer_is_unknown() {
    let bodies = [
        "",
        "{}",
        "null",
        "[]",
        "\"succeeded\"",
        r#"{"outcome":"succeeded""#,
        r#"{"outcome":"succeeded"}x"#,
        r#"{"outcome":"Succeeded"}"#,
        r#"{"outcome":"failed"}"#,
        r#"{"outcome":"not_found"}"#,
        r#"{"outcome":true}"#,
        r#"{"outcome":"not_sent","extra":1}"#,
        r#"{"outcome":"not_sent","outcome":"refused"}"#,
        "<html>ok</html>",
    ];
    for body in bodies {
        assert_eq!(of_transfer(&json(200, body)).name(), "unknown", "{body}");
        assert_eq!(beneficiary(read(&json(200, body))).name(), "unknown", "{body}");
    }
    let nameless = json(200, r#"{"outcome":"succeeded"}"#);
    assert_eq!(beneficiary(read(&nameless)).name(), "unknown");
    let named = json(200, r#"{"outcome":"succeeded","accountName":"Ani"}"#);
    let ani = Beneficiary { account_name: "Ani".to_owned() };
    assert_eq!(beneficiary(read(&named)), Outcome::Succeeded(ani));
}

#[test]
fn only_our_problem_document_says_that_the_bank_was_not_asked() {
    for status in 100..=599 {
        let expected = if NOT_ASKED.contains(&status) { "not_sent" } else { "unknown" };
        let ours = of_transfer(&problem(status, "busy"));
        assert_eq!(ours.name(), expected, "{status}");
        if status != 200 {
            let html = answer(status, "text/html", "<h1>Service Unavailable</h1>");
            assert_eq!(of_transfer(&html).name(), "unknown", "{status}");
            let said = json(status, r#"{"outcome":"not_sent"}"#);
            assert_eq!(of_transfer(&said).name(), "unknown", "{status}");
        }
    }
    let mut other = problem(503, "busy");
    other.status = 429;
    assert_eq!(of_transfer(&other).name(), "unknown", "a document of another answer");
    let empty = answer(503, "application/problem+json", "{}");
    assert_eq!(of_transfer(&empty).name(), "unknown");
}

#[test]
fn a_question_that_was_not_answered_says_nothing_about_the_transfer() {
    let unsent = Outcome::NotSent(Reason::new("no_connection", ""));
    assert!(matches!(standing(unsent), Standing::Found(Outcome::Unknown(_))));
    let says_unsent = json(200, r#"{"outcome":"not_sent","code":"no_connection"}"#);
    assert!(matches!(of_status(&says_unsent), Standing::Found(Outcome::Unknown(_))));
    for status in NOT_ASKED {
        let standing = of_status(&problem(status, "busy"));
        assert!(matches!(standing, Standing::Found(Outcome::Unknown(_))), "{status}");
    }
    let html = of_status(&answer(404, "text/html", "not found"));
    assert!(matches!(html, Standing::Found(Outcome::Unknown(_))));
}

#[test]
fn a_status_is_believed() {
    let found = of_status(&json(200, r#"{"outcome":"succeeded","bankReference":"B1"}"#));
    assert!(matches!(found, Standing::Found(Outcome::Succeeded(_))));
    let refused = of_status(&json(200, r#"{"outcome":"refused","code":"06"}"#));
    assert!(matches!(refused, Standing::Found(Outcome::Refused(_))));
    let missing = of_status(&json(200, r#"{"outcome":"not_found","code":"4043601"}"#));
    assert_eq!(missing, Standing::NotFound(Reason::new("4043601", "")));
}

#[test]
fn words_from_outside_are_one_short_line() {
    let body = format!(
        r#"{{"outcome":"refused","code":"{}","message":"a\r\nb\u0000\u001b[31m{}"}}"#,
        "9".repeat(500),
        "z".repeat(5_000)
    );
    let Outcome::Refused(reason) = of_transfer(&json(200, &body)) else { panic!("not refused") };
    assert_eq!(reason.code.len(), REASON_CODE_MAX);
    assert_eq!(reason.message.chars().count(), REASON_MESSAGE_MAX);
    assert!(reason.message.starts_with("ab[31mz"));
}

fn settings(key: &[u8], url: &str) -> Settings {
    Settings {
        base: Url::parse(url).unwrap(),
        bank_code: "009".to_owned(),
        key: Secret::new(key.to_vec()),
        tls: None,
        http: http::Options::standard(),
        bulkhead: bulkhead::Options::standard(),
        breaker: breaker::Options::standard(),
    }
}

fn client(clock: &Clock, key: &[u8], endpoint: &str) -> Result<BankClient, Error> {
    let settings = settings(key, "http://127.0.0.1:9009");
    BankClient::new(settings, endpoint, Arc::new(System), clock.clone())
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let clock = Clock::manual(NOW);
    let error = |key: &[u8], endpoint: &str| client(&clock, key, endpoint).err();
    assert_eq!(error(KEY, "/api/bni/transfer"), None);
    assert_eq!(error(&KEY[..31], "/api/bni/transfer"), Some(Error::ShortKey));
    for endpoint in ["", "transfer", "/api/bni/", "//transfer", "/a b/c", "/a?b/c", "http://x/y"] {
        assert_eq!(error(KEY, endpoint), Some(Error::Endpoint), "{endpoint}");
    }
    let secure = settings(KEY, "https://127.0.0.1:9009");
    let error = BankClient::new(secure, "/api/bni/transfer", Arc::new(System), clock).err();
    assert_eq!(error, Some(Error::NoTls));
}

#[test]
fn the_three_places_stand_in_one_directory() {
    let paths = Paths::of("/api/bni/transferInterbank").unwrap();
    let three = [paths.transfer, paths.inquiry, paths.status];
    assert_eq!(three, ["/api/bni/transferInterbank", "/api/bni/inquiry", "/api/bni/status"]);
}

#[test]
fn a_token_is_signed_once_a_minute_and_never_outlived() {
    let clock = Clock::manual(NOW);
    let client = client(&clock, KEY, "/api/bni/transfer").unwrap();
    let token = |seconds: i64| {
        clock.set(NOW.plus_seconds(seconds));
        let header = client.partner.authorization();
        assert!(header.is_sensitive());
        let text = header.to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
        assert_eq!(token::verify_partner(&text, clock.now(), KEY, "009"), Ok(()), "{seconds}");
        text
    };
    let first = token(0);
    assert_eq!(token(59), first);
    let second = token(60);
    assert_ne!(second, first);
    assert_ne!(token(-3600), second, "a clock set back");
    let other = token::verify_partner(&first, NOW, KEY, "014");
    assert_eq!(other, Err(token::InvalidToken::Malformed));
}
