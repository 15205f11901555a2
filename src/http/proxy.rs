//! Which address a request comes from, when proxies stand in between.
//!
//! A forwarding header is believed only from a configured proxy, and then only what the last proxy
//! that is one of ours was told by somebody who is not. What cannot be read makes the proxy itself
//! the client, to be limited like anyone; for an allow list it makes it nobody.

use std::net::IpAddr;

use hyper::header::{HeaderMap, HeaderName};

use crate::identity::allow::Range;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client behind `peer`, believing the proxies in `trusted`.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Range]) -> IpAddr {
    vouched(peer, headers, trusted).unwrap_or_else(|| peer.to_canonical())
}

/// As [`client`], but `None` if a proxy of ours passes on what cannot be read: for allow lists,
/// where the proxy's own address may stand for other reasons.
pub fn vouched(peer: IpAddr, headers: &HeaderMap, trusted: &[Range]) -> Option<IpAddr> {
    let is_ours = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    let peer = peer.to_canonical();
    if !is_ours(peer) {
        return Some(peer);
    }
    let told: Option<Vec<&str>> =
        headers.get_all(FORWARDED_FOR).iter().map(|line| line.to_str().ok()).collect();
    for hop in told?.iter().rev().flat_map(|line| line.rsplit(',')) {
        match hop.trim().parse::<IpAddr>() {
            Ok(address) if is_ours(address) => {}
            Ok(address) => return Some(address.to_canonical()),
            Err(_) => return None,
        }
    }
    Some(peer)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;
    use crate::identity::allow::AllowList;

    fn client_of(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"].map(|r| r.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_our_proxies_are_believed() {
        let cases: [(&str, &[&str], &str); 12] = [
            ("203.0.113.9", &["1.2.3.4"], "203.0.113.9"),
            ("10.1.1.1", &[], "10.1.1.1"),
            ("10.1.1.1", &["1.2.3.4"], "1.2.3.4"),
            ("10.1.1.1", &["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.1.1.1", &["6.6.6.6, 1.2.3.4, 10.9.9.9"], "1.2.3.4"),
            ("10.1.1.1", &["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
            ("10.1.1.1", &["1.2.3.4, nonsense"], "10.1.1.1"),
            ("10.1.1.1", &["1.2.3.4:80"], "10.1.1.1"),
            ("::ffff:10.1.1.1", &["::ffff:1.2.3.4"], "1.2.3.4"),
            ("2001:db8::1", &["2a00::5"], "2a00::5"),
            ("192.0.2.7", &["1.2.3.4"], "1.2.3.4"),
            ("192.0.2.8", &["1.2.3.4"], "192.0.2.8"),
        ];
        for (peer, lines, expected) in cases {
            assert_eq!(client_of(peer, lines), expected, "{peer} {lines:?}");
        }
    }
    /// Assurance: no header but the one that our own proxies write opens an allow list.
    #[test]
    fn no_header_opens_an_allow_list() {
        let allowed = |peer: &str, lines: &[(&'static str, &str)]| {
            let trusted = ["10.0.0.0/8"].map(|range| range.parse().unwrap());
            let list = AllowList::parse(["139.99.60.117", "10.0.0.0/8"]).unwrap();
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                headers.append(*name, value);
            }
            vouched(peer.parse().unwrap(), &headers, &trusted).is_some_and(|it| list.allows(it))
        };
        const XFF: &str = "x-forwarded-for";
        const CLIENT: &str = "139.99.60.117";
        type Lines<'a> = &'a [(&'static str, &'a str)];
        let cases: [(&str, Lines<'_>, bool); 20] = [
            (CLIENT, &[], true),
            ("::ffff:139.99.60.117", &[], true),
            (CLIENT, &[(XFF, "6.6.6.6")], true),
            ("6.6.6.6", &[], false),
            ("6.6.6.6", &[(XFF, CLIENT)], false),
            ("6.6.6.6", &[(XFF, CLIENT), (XFF, CLIENT)], false),
            ("6.6.6.6", &[("forwarded", "for=139.99.60.117")], false),
            ("6.6.6.6", &[("x-real-ip", CLIENT)], false),
            ("6.6.6.6", &[("true-client-ip", CLIENT), ("client-ip", CLIENT)], false),
            ("10.1.1.1", &[(XFF, CLIENT)], true),
            ("10.1.1.1", &[(XFF, "::ffff:139.99.60.117")], true),
            ("10.1.1.1", &[(XFF, "6.6.6.6")], false),
            ("10.1.1.1", &[(XFF, "139.99.60.117, 6.6.6.6")], false),
            ("10.1.1.1", &[(XFF, CLIENT), (XFF, "6.6.6.6")], false),
            ("10.1.1.1", &[("x-real-ip", CLIENT), (XFF, "6.6.6.6")], false),
            // What cannot be read does not fall back to the proxy, which is on the list itself.
            ("10.1.1.1", &[(XFF, "nonsense")], false),
            ("10.1.1.1", &[(XFF, "")], false),
            ("10.1.1.1", &[(XFF, "139.99.60.117%eth0")], false),
            ("10.1.1.1", &[(XFF, "139.99.60.117:443")], false),
            ("10.1.1.1", &[(XFF, "fe80::1%eth0, nonsense")], false),
        ];
        for (peer, lines, expected) in cases {
            assert_eq!(allowed(peer, lines), expected, "{peer} {lines:?}");
        }
    }
}
