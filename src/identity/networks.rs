//! Failures by where they come from: by what one subscriber sends from, and, for IPv6, by what one
//! customer of a network may be given whole. Somebody with a /48 has 65,536 networks of his own.

use std::net::{IpAddr, Ipv6Addr};

use super::throttle::{Policy, RetryAfterSeconds, Throttle};
use crate::ledger::time::Timestamp;

/// The failures of networks, at both widths.
pub struct Networks {
    subscribers: Throttle,
    sites: Throttle,
}

impl Networks {
    /// None so far.
    pub fn new() -> Self {
        Self { subscribers: Throttle::new(Policy::ADDRESS), sites: Throttle::new(Policy::SITE) }
    }

    /// Whether `network` (see [`super::throttle::network`]) may try at `now`.
    ///
    /// # Errors
    /// The longer of the two waits.
    pub fn check(&self, network: &IpAddr, now: Timestamp) -> Result<(), RetryAfterSeconds> {
        let subscriber = self.subscribers.check(network, now);
        let site = site(*network).map_or(Ok(()), |site| self.sites.check(&site, now));
        match (subscriber, site) {
            (Err(one), Err(other)) => Err(RetryAfterSeconds(one.0.max(other.0))),
            (one, other) => one.and(other),
        }
    }

    /// Counts a failure from `network` at `now`.
    pub fn failed(&self, network: &IpAddr, now: Timestamp) {
        self.subscribers.failed(network, now);
        if let Some(site) = site(*network) {
            self.sites.failed(&site, now);
        }
    }
}

impl Default for Networks {
    fn default() -> Self {
        Self::new()
    }
}

/// The /48 of an IPv6 address: what one customer is given at the most (RFC 6177).
pub fn site(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V6(address) => Some(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 80 << 80))),
        IpAddr::V4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ADDRESS_FAILURES_BURST, SITE_FAILURES_BURST};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn subscriber(site: u16, number: u16) -> IpAddr {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, site, number, 0, 0, 0, 0))
    }

    #[test]
    fn somebody_with_many_networks_is_one_site() {
        let networks = Networks::new();
        let mut borne = 0;
        for number in 0..1_000 {
            if networks.check(&subscriber(1, number), NOW).is_ok() {
                borne += 1;
                networks.failed(&subscriber(1, number), NOW);
            }
        }
        assert_eq!(borne, SITE_FAILURES_BURST);
        assert_eq!(networks.check(&subscriber(2, 0), NOW), Ok(()), "another site");
        for _ in 0..ADDRESS_FAILURES_BURST {
            networks.failed(&subscriber(2, 0), NOW);
        }
        assert!(networks.check(&subscriber(2, 0), NOW).is_err());
        assert_eq!(networks.check(&subscriber(2, 1), NOW), Ok(()), "its neighbour");
        let v4: IpAddr = "192.0.2.1".parse().unwrap();
        (0..ADDRESS_FAILURES_BURST).for_each(|_| networks.failed(&v4, NOW));
        assert!(networks.check(&v4, NOW).is_err());
        assert_eq!(networks.check(&"192.0.2.2".parse().unwrap(), NOW), Ok(()));
    }
}
