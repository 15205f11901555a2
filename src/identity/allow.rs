//! Addresses and ranges of addresses, and lists of those that may come in (EDR-4).
//!
//! A list is asked about the address a connection has, or that our own proxies vouch for, and
//! never about one that a header merely claims: finding it is `http::proxy`'s. Whatever is in doubt
//! keeps out: an empty list allows nobody, and so does a list with one entry that cannot be read.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

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

    /// Whether the address is the first of the range: `10.0.0.5/8` is more likely `10.0.0.5/32`
    /// mistyped than all of `10.0.0.0/8`.
    fn begins_at_its_address(&self) -> bool {
        let (bits, width) = match self.address {
            IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let rest = width - u32::from(self.prefix);
        rest == 0 || bits.trailing_zeros() >= rest
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
        let width: u8 = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            // `parse` alone takes a plus.
            Some(text) if !text.bytes().all(|c| c.is_ascii_digit()) => return Err(NotARange),
            Some(text) => text.parse().map_err(|_| NotARange)?,
        };
        if prefix > width {
            return Err(NotARange);
        }
        // Addresses are compared in their plain form, so a range is kept in it too.
        match (address.to_canonical(), prefix.checked_sub(96)) {
            (address @ IpAddr::V4(_), Some(prefix)) if width == 128 => Ok(Self { address, prefix }),
            _ => Ok(Self { address, prefix }),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// An entry of a list that is not one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("entry {}: {reason}", index + 1)]
pub struct BadEntry {
    /// Its place, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Who may come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowList(Vec<Range>);

impl AllowList {
    /// The list of these addresses and ranges.
    ///
    /// # Errors
    /// The first entry that is neither, or a range that does not begin at its address.
    pub fn parse<'e>(entries: impl IntoIterator<Item = &'e str>) -> Result<Self, BadEntry> {
        let range = |(index, entry): (usize, &str)| {
            let bad = |reason| BadEntry { index, reason };
            let range: Range =
                entry.parse().map_err(|_| bad("must be an address or a range like 10.0.0.0/8"))?;
            match range.begins_at_its_address() {
                true => Ok(range),
                false => Err(bad("a range begins at its first address, like 10.0.0.0/8")),
            }
        };
        entries.into_iter().enumerate().map(range).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `address` is on the list.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entries: &[&str], address: &str) -> bool {
        let list = AllowList::parse(entries.iter().copied());
        list.is_ok_and(|list| list.allows(address.parse().unwrap()))
    }

    #[test]
    fn only_who_is_on_the_list_comes_in() {
        let cases: [(&[&str], &str, bool); 27] = [
            (&[], "139.99.60.117", false),
            (&[], "127.0.0.1", false),
            (&["139.99.60.117"], "139.99.60.117", true),
            (&["139.99.60.117"], "139.99.60.118", false),
            (&["139.99.60.117"], "::ffff:139.99.60.117", true),
            (&["139.99.60.117"], "::139.99.60.117", false),
            (&["139.99.60.117"], "64:ff9b::139.99.60.117", false),
            (&["::ffff:139.99.60.117"], "139.99.60.117", true),
            (&["::ffff:10.0.0.0/104"], "10.255.255.255", true),
            (&["::ffff:10.0.0.0/104"], "11.0.0.0", false),
            (&["103.74.212.111", "10.0.0.0/8"], "10.255.255.255", true),
            (&["103.74.212.111", "10.0.0.0/8"], "11.0.0.0", false),
            (&["10.1.2.128/25"], "10.1.2.127", false),
            (&["10.1.2.128/25"], "10.1.2.128", true),
            (&["10.1.2.3/32"], "10.1.2.3", true),
            (&["0.0.0.0/0"], "203.0.113.9", true),
            (&["0.0.0.0/0"], "2001:db8::1", false),
            (&["::/0"], "2001:db8::1", true),
            (&["::/0"], "203.0.113.9", false),
            (&["::/0"], "::ffff:203.0.113.9", false),
            (&["2001:db8::/32"], "2001:db8:ffff::1", true),
            (&["2001:db8::/32"], "2001:db9::1", false),
            (&["2001:db8::1"], "2001:db8:0:0:0:0:0:1", true),
            (&["2001:db8::1/128"], "2001:db8::2", false),
            (&["fe80::/10"], "fe80::1", true),
            // One entry that cannot be read, and the whole list allows nobody.
            (&["10.0.0.0/8", "fe80::1%eth0"], "10.1.1.1", false),
            (&["10.0.0.0/8", ""], "10.1.1.1", false),
        ];
        for (entries, address, expected) in cases {
            assert_eq!(allows(entries, address), expected, "{entries:?} {address}");
        }
    }

    #[test]
    fn lists_are_read_strictly_and_the_entry_is_named() {
        let wrong = [
            "",
            " ",
            "a",
            "localhost",
            "10.0.0",
            "10.0.0.0.0",
            "256.0.0.1",
            "010.0.0.1",
            "0x7f.1",
            "10.0.0.1 ",
            "10.0.0.1:80",
            "[::1]",
            "fe80::1%eth0",
            "fe80::1%1",
            "10.0.0.0/",
            "10/8",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0.0/255.0.0.0",
            "::/129",
            "::g",
            "1::2::3",
            "*",
            "10.0.0.*",
            "10.0.0.1-10.0.0.9",
            "2130706433",
            "10.0.0.5/8",
            "2001:db8::1/32",
            "::ffff:10.0.0.5/104",
            "10.0.0.0/999",
            "\u{664}.0.0.0",
        ];
        for entry in wrong {
            let found = AllowList::parse(["10.0.0.1", entry]).unwrap_err();
            assert_eq!(found.index, 1, "{entry}");
            assert!(found.to_string().starts_with("entry 2: "), "{found}");
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
        assert_eq!("::ffff:10.0.0.0/104".parse::<Range>().unwrap().to_string(), "10.0.0.0/8");
    }
}
