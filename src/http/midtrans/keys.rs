//! The keys of a request: who says to be the merchant.
//!
//! A server key comes as the user of `Authorization: Basic`. A client key comes in the query, beside
//! a card's number: of such a query nothing but the client key is looked at.

use hyper::header::{AUTHORIZATION, HeaderMap};

use crate::connector::midtrans::key::of_basic;
use crate::identity::secret::Secret;
use crate::limits::MIDTRANS_KEY_MAX;

/// The server key, if exactly one is given as it has to be.
pub(super) fn server_key(headers: &HeaderMap) -> Option<Secret<String>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { of_basic(value) }
}

/// The client key, if exactly one is given.
pub(super) fn client_key(query: Option<&str>) -> Option<&str> {
    let pairs = query?.split('&');
    let mut keys = pairs.filter_map(|pair| pair.strip_prefix("client_key="));
    let key = keys.next()?;
    let fits = (1..=MIDTRANS_KEY_MAX).contains(&key.len());
    (fits && keys.next().is_none()).then_some(key)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_documented_header_is_read_if_it_comes_once() {
        let header = HeaderValue::from_static("Basic U0ItTWlkLXNlcnZlci1hYmMxMjNjZGU0NTY6");
        let mut headers = HeaderMap::new();
        assert!(server_key(&headers).is_none());
        headers.append(AUTHORIZATION, header.clone());
        let key = server_key(&headers).unwrap();
        assert_eq!(key.expose(), "SB-Mid-server-abc123cde456");
        headers.append(AUTHORIZATION, header);
        assert!(server_key(&headers).is_none());
    }

    #[test]
    fn of_a_query_only_the_client_key_is_read() {
        let query = "card_number=4811111111111114&client_key=SB-Mid-client-1&card_cvv=123";
        assert_eq!(client_key(Some(query)), Some("SB-Mid-client-1"));
        for bad in ["", "client_key=", "client_key=a&client_key=b", "xclient_key=a"] {
            assert_eq!(client_key(Some(bad)), None, "{bad}");
        }
        assert_eq!(client_key(None), None);
    }
}
