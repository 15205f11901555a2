//! The head of an HTTP/1.1 request, read more strictly than hyper does.
//!
//! Where a proxy in front and we could disagree on where a request ends, requests can be
//! smuggled. So this accepts one spelling only: lines end with CR LF, no control characters, no
//! folded lines, one `Content-Length` or one `Transfer-Encoding: chunked`, methods that we know.
//! It reads just what framing needs and keeps nothing; hyper then parses the same bytes.

use super::problem::Code;
use crate::limits::{HEAD_MAX, HEADERS_MAX, URI_MAX};

/// Longest request line: a target of full length, the longest method, the version and a line end.
pub(super) const LINE_MAX: usize = URI_MAX + 20;

/// A head that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the head, with the empty line that ends it.
    pub(super) len: usize,
    /// How its body ends.
    pub(super) body: Framing,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// With a chunk of length zero.
    Chunked,
}

/// Why a head was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Control,
    Line,
    Target,
    Version,
    Field,
    Framing,
    KnownMethod,
    UnknownMethod,
    LongTarget,
    LargeHead,
    Slow,
}

impl Refusal {
    /// Every refusal; its place in here is how the guard names it to the exchange.
    pub(super) const ALL: [Self; 11] = [
        Self::Control,
        Self::Line,
        Self::Target,
        Self::Version,
        Self::Field,
        Self::Framing,
        Self::KnownMethod,
        Self::UnknownMethod,
        Self::LongTarget,
        Self::LargeHead,
        Self::Slow,
    ];

    /// The code and the detail that the client is told.
    pub(super) const fn told(self) -> (Code, &'static str) {
        use Code::InvalidRequest;
        match self {
            Self::Control => {
                (InvalidRequest, "a control character in the head, or a line not ended by CR LF")
            }
            Self::Line => (InvalidRequest, "the request line is malformed"),
            Self::Target => (InvalidRequest, "the request target is malformed"),
            Self::Version => (InvalidRequest, "the protocol version is not supported"),
            Self::Field => (InvalidRequest, "a header field is malformed"),
            Self::Framing => (InvalidRequest, "the length of the body is not clear"),
            Self::KnownMethod => (Code::MethodNotAllowed, "the method is not allowed"),
            Self::UnknownMethod => (Code::NotImplemented, "the method is not known"),
            Self::LongTarget => (Code::UriTooLong, "the request target is too long"),
            Self::LargeHead => (Code::HeadersTooLarge, "too many or too large header fields"),
            Self::Slow => (Code::RequestTimeout, "the head of the request took too long"),
        }
    }
}

/// Reads the head at the start of `bytes`; `None` if it is not whole yet.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    let mut at = 0;
    // Old clients end a body with a stray CR LF; RFC 9112, 2.2 asks to skip it.
    if bytes.starts_with(b"\r\n") {
        at += 2;
    }
    let Some(line) = next_line(bytes, &mut at)? else {
        let so_far = bytes.len() - at;
        return if so_far > LINE_MAX { Err(Refusal::LongTarget) } else { incomplete(bytes) };
    };
    let old = request_line(line)?;
    let mut framing = Fields::default();
    for _ in 0..=HEADERS_MAX {
        let Some(line) = next_line(bytes, &mut at)? else { return incomplete(bytes) };
        if line.is_empty() {
            if at > HEAD_MAX {
                return Err(Refusal::LargeHead);
            }
            return Ok(Some(Head { len: at, body: framing.decide(old)? }));
        }
        framing.field(line)?;
    }
    Err(Refusal::LargeHead)
}

fn incomplete(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    if bytes.len() > HEAD_MAX { Err(Refusal::LargeHead) } else { Ok(None) }
}

/// The line at `at`, which is moved behind it; `None` if it has not ended yet.
fn next_line<'a>(bytes: &'a [u8], at: &mut usize) -> Result<Option<&'a [u8]>, Refusal> {
    let rest = &bytes[*at..];
    let control = |byte: &u8| CLASS[usize::from(*byte)] & CONTROL != 0;
    let Some(end) = rest.iter().position(control) else { return Ok(None) };
    match (rest[end], rest.get(end + 1)) {
        (b'\r', None) => Ok(None),
        (b'\r', Some(b'\n')) => {
            *at += end + 2;
            Ok(Some(&rest[..end]))
        }
        _ => Err(Refusal::Control),
    }
}

/// Checks the request line; true for HTTP/1.0.
fn request_line(line: &[u8]) -> Result<bool, Refusal> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Line);
    };
    match method {
        b"GET" | b"HEAD" | b"POST" | b"PUT" | b"PATCH" | b"DELETE" | b"OPTIONS" => {}
        b"TRACE" | b"CONNECT" => return Err(Refusal::KnownMethod),
        _ if is_all(method, TOKEN) => return Err(Refusal::UnknownMethod),
        _ => return Err(Refusal::Line),
    }
    if target.len() > URI_MAX {
        return Err(Refusal::LongTarget);
    }
    let form_known = target.starts_with(b"/")
        || starts_with_ignoring_case(target, b"http://")
        || starts_with_ignoring_case(target, b"https://")
        || (target == b"*" && method == b"OPTIONS");
    if !form_known || !is_all(target, TARGET) {
        return Err(Refusal::Target);
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(Refusal::Version),
    }
}

/// What the fields say about the length of the body.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    chunked: bool,
}

impl Fields {
    fn field(&mut self, line: &[u8]) -> Result<(), Refusal> {
        // A folded line starts with a space, which no name may, and so ends here.
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Refusal::Field)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if !is_all(name, TOKEN) {
            return Err(Refusal::Field);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            // Even a second one that says the same is refused: two readers may take either.
            let digits = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
            if !digits || self.length.is_some() {
                return Err(Refusal::Framing);
            }
            let add = |sum: u64, digit: &u8| sum * 10 + u64::from(digit - b'0');
            self.length = Some(value.iter().fold(0, add));
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::Framing);
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn decide(&self, old: bool) -> Result<Framing, Refusal> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Refusal::Framing),
            (None, true) if old => Err(Refusal::Framing),
            (None, true) => Ok(Framing::Chunked),
            (length, false) => Ok(Framing::Length(length.unwrap_or_default())),
        }
    }
}

fn starts_with_ignoring_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn is_all(text: &[u8], class: u8) -> bool {
    !text.is_empty() && text.iter().all(|byte| CLASS[usize::from(*byte)] & class != 0)
}

/// Bytes that end a line or are refused; HTAB, which is neither, is not among them.
const CONTROL: u8 = 1;
/// `tchar` of RFC 9110, 5.6.2.
const TOKEN: u8 = 2;
/// What a request target may hold: RFC 3986, and brackets as in `expand[]`.
const TARGET: u8 = 4;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        let mut class = 0;
        if (byte < 0x20 && byte != b'\t') || byte == 0x7f {
            class |= CONTROL;
        }
        if byte.is_ascii_alphanumeric() {
            class |= TOKEN | TARGET;
        }
        if contains(b"!#$%&'*+-.^_`|~", byte) {
            class |= TOKEN;
        }
        if contains(b"-._~!$&'()*+,;=:@/?%[]", byte) {
            class |= TARGET;
        }
        table[byte as usize] = class;
        byte += 1;
    }
    table
}

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<Head>, Refusal> {
        read(text.as_bytes())
    }

    fn accepted(text: &str) -> Framing {
        let head = head(text).unwrap().unwrap();
        assert_eq!(head.len, text.len());
        head.body
    }

    #[test]
    fn plain_heads_are_accepted_with_their_framing() {
        assert_eq!(accepted("GET / HTTP/1.1\r\nhost: a\r\n\r\n"), Framing::Length(0));
        assert_eq!(accepted("\r\nGET /?a[]=%20 HTTP/1.0\r\n\r\n"), Framing::Length(0));
        assert_eq!(
            accepted("POST / HTTP/1.1\r\nContent-Length:  12\t\r\n\r\n"),
            Framing::Length(12)
        );
        assert_eq!(
            accepted("PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"),
            Framing::Chunked
        );
        assert_eq!(accepted("OPTIONS * HTTP/1.1\r\nx: caf\u{e9}\ta\r\n\r\n"), Framing::Length(0));
    }

    #[test]
    fn a_head_cut_anywhere_is_not_whole_and_not_refused() {
        let whole = "\r\nPOST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(head(&whole[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        let table = [
            ("GET / HTTP/1.1\nhost: a\r\n\r\n", Refusal::Control),
            ("GET / HTTP/1.1\r\nhost: a\n\r\n", Refusal::Control),
            ("GET / HTTP/1.1\r\nhost: a\r\n\n", Refusal::Control),
            ("GET / HTTP/1.1\r\nhost: a\rb\r\n\r\n", Refusal::Control),
            ("GET / HTTP/1.1\r\nhost: a\0\r\n\r\n", Refusal::Control),
            ("GET / HTTP/1.1\r\nhost: a\x7f\r\n\r\n", Refusal::Control),
            ("\n\nGET / HTTP/1.1\r\n", Refusal::Control),
            ("\x16\x03\x01\x02", Refusal::Control),
            ("\r\n\r\nGET / HTTP/1.1\r\n", Refusal::Line),
            ("GET  / HTTP/1.1\r\n", Refusal::Line),
            ("GET / HTTP/1.1 \r\n", Refusal::Line),
            ("GET /\r\n", Refusal::Line),
            ("G@T / HTTP/1.1\r\n", Refusal::Line),
            (" GET / HTTP/1.1\r\n", Refusal::Line),
            ("GET a HTTP/1.1\r\n", Refusal::Target),
            ("GET * HTTP/1.1\r\n", Refusal::Target),
            ("GET /{ HTTP/1.1\r\n", Refusal::Target),
            ("GET /#a HTTP/1.1\r\n", Refusal::Target),
            ("GET /caf\u{e9} HTTP/1.1\r\n", Refusal::Target),
            ("GET ftp://a/ HTTP/1.1\r\n", Refusal::Target),
            ("GET / HTTP/1.2\r\n", Refusal::Version),
            ("GET / HTTP/2.0\r\n", Refusal::Version),
            ("GET / http/1.1\r\n", Refusal::Version),
            ("GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n", Refusal::Field),
            ("GET / HTTP/1.1\r\n\thost: a\r\n\r\n", Refusal::Field),
            ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", Refusal::Field),
            ("GET / HTTP/1.1\r\nhost\r\n\r\n", Refusal::Field),
            ("GET / HTTP/1.1\r\n: a\r\n\r\n", Refusal::Field),
            ("GET / HTTP/1.1\r\ncontent-length: +1\r\n\r\n", Refusal::Framing),
            ("GET / HTTP/1.1\r\ncontent-length: 1, 1\r\n\r\n", Refusal::Framing),
            ("GET / HTTP/1.1\r\ncontent-length: 0x1\r\n\r\n", Refusal::Framing),
            ("GET / HTTP/1.1\r\ncontent-length:\r\n\r\n", Refusal::Framing),
            ("GET / HTTP/1.1\r\ncontent-length: 1234567890123456789\r\n\r\n", Refusal::Framing),
            ("GET / HTTP/1.1\r\ncontent-length: 1\r\nCONTENT-LENGTH: 1\r\n", Refusal::Framing),
            (
                "GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
                Refusal::Framing,
            ),
            ("GET / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n", Refusal::Framing),
            ("GET / HTTP/1.1\r\ntransfer-encoding: xchunked\r\n", Refusal::Framing),
            ("GET / HTTP/1.1\r\ntransfer-encoding: chunked, chunked\r\n", Refusal::Framing),
            ("GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", Refusal::Framing),
            ("TRACE / HTTP/1.1\r\n", Refusal::KnownMethod),
            ("CONNECT a:1 HTTP/1.1\r\n", Refusal::KnownMethod),
            ("get / HTTP/1.1\r\n", Refusal::UnknownMethod),
            ("BREW / HTTP/1.1\r\n", Refusal::UnknownMethod),
        ];
        for (text, refusal) in table {
            assert_eq!(head(text), Err(refusal), "{text:?}");
        }
    }

    #[test]
    fn targets_and_heads_have_a_bound_even_before_they_end() {
        let target = "a".repeat(URI_MAX + 40);
        assert_eq!(head(&format!("GET /{target}")), Err(Refusal::LongTarget));
        assert_eq!(head(&format!("GET /{target} HTTP/1.1\r\n")), Err(Refusal::LongTarget));
        let value = "a".repeat(HEAD_MAX);
        assert_eq!(head(&format!("GET / HTTP/1.1\r\nx: {value}")), Err(Refusal::LargeHead));
        assert_eq!(head(&format!("GET / HTTP/1.1\r\nx: {value}\r\n\r\n")), Err(Refusal::LargeHead));
        let fields = "x: y\r\n".repeat(HEADERS_MAX);
        assert!(head(&format!("GET / HTTP/1.1\r\n{fields}\r\n")).unwrap().is_some());
        assert_eq!(head(&format!("GET / HTTP/1.1\r\nx: y\r\n{fields}")), Err(Refusal::LargeHead));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
