//! Which address a request comes from, when proxies stand in between.
//!
//! A forwarding header is believed only from a configured proxy, and then only what the last proxy
//! that is one of ours was told by somebody who is not. What cannot be read makes the proxy itself
//! the client: it is then limited like anyone, and never the way into an allow list.

use std::net::IpAddr;
use std::str::FromStr;

use hyper::header::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A range of addresses, like `10.0.0.0/8`, `2001:db8::/32` or a single one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    address: IpAddr,
    prefix: u8,
}

impl Range {
    /// Whether the range holds `address`; an IPv4 address inside IPv6 counts as the former.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let rest = width - u32::from(self.prefix);
            rest == width || a >> rest == b >> rest
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same(own.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Not a range of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be an address or a range like 10.0.0.0/8")]
pub struct NotARange;

impl FromStr for Range {
    type Err = NotARange;

    fn from_str(text: &str) -> Result<Self, NotARange> {
        let (address, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((address, prefix)) => (address, Some(prefix)),
        };
        let address: IpAddr = address.parse().map_err(|_| NotARange)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(width), |text| text.parse().map_err(|_| NotARange))?;
        if prefix > width {
            return Err(NotARange);
        }
        Ok(Self { address, prefix })
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The address of the client behind `peer`, believing the proxies in `trusted`.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Range]) -> IpAddr {
    let is_ours = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    let peer = peer.to_canonical();
    if !is_ours(peer) {
        return peer;
    }
    let told: Option<Vec<&str>> =
        headers.get_all(FORWARDED_FOR).iter().map(|line| line.to_str().ok()).collect();
    let Some(told) = told else { return peer };
    for hop in told.iter().rev().flat_map(|line| line.rsplit(',')) {
        match hop.trim().parse::<IpAddr>() {
            Ok(address) if is_ours(address) => {}
            Ok(address) => return address.to_canonical(),
            Err(_) => return peer,
        }
    }
    peer
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

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

    #[test]
    fn ranges_are_read_strictly() {
        for wrong in ["", "10.0.0.0/33", "::/129", "10/8", "10.0.0.0/", "10.0.0.0/-1", "a/8"] {
            assert_eq!(wrong.parse::<Range>(), Err(NotARange), "{wrong}");
        }
        let all: Range = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()));
        assert!(!all.contains("2a00::5".parse().unwrap()));
        assert_eq!(all.to_string(), "0.0.0.0/0");
    }
}
