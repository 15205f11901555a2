//! What the guard lets through, hyper's parser reads as the same head: as long, and with a body that
//! ends in the same way.

#![no_main]

use gerbang::http::fuzzing::head;
use libfuzzer_sys::fuzz_target;

/// As many as hyper is given.
const HEADERS_MAX: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, body)) = head(bytes) else { return };
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(bytes).expect("the guard is the stricter one");
    assert_eq!(parsed, httparse::Status::Complete(length));

    let values = |name: &str| -> Vec<&[u8]> {
        let named = request.headers.iter().filter(|it| it.name.eq_ignore_ascii_case(name));
        named.map(|it| it.value).collect()
    };
    match body {
        Some(length) => {
            assert!(values("transfer-encoding").is_empty());
            match *values("content-length") {
                [] => assert_eq!(length, 0),
                [digits] => {
                    let digits = str::from_utf8(digits).expect("digits");
                    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits:?}");
                    assert_eq!(digits.parse(), Ok(length));
                }
                _ => panic!("two lengths"),
            }
        }
        None => {
            assert!(values("content-length").is_empty());
            assert!(
                matches!(*values("transfer-encoding"), [it] if it.eq_ignore_ascii_case(b"chunked"))
            );
            assert_eq!(request.version, Some(1));
        }
    }
});
