//! Who has how many connections, by address: one address cannot take all places, nor all turns for
//! TLS handshakes.
//!
//! An address of IPv6 counts with its /64, which is what one subscriber gets. Peers that speak for
//! many others ([`super::server::Service::is_many`]) are not counted.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits;

/// The addresses that have connections now.
#[derive(Debug)]
pub(super) struct Crowd {
    few: Mutex<HashMap<IpAddr, One>>,
    connections_max: usize,
}

/// One address. It is here as long as it has connections.
#[derive(Debug)]
struct One {
    connections: usize,
    handshakes: Arc<Semaphore>,
}

impl Crowd {
    /// In which an address may have so many connections.
    pub(super) fn new(connections_max: usize) -> Arc<Self> {
        Arc::new(Self { few: Mutex::default(), connections_max })
    }

    /// A place for one more connection of `peer`; none if it has its part of them.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Standing> {
        let address = subscriber(peer);
        let mut few = self.few();
        let one = few.entry(address).or_insert_with(|| One {
            connections: 0,
            handshakes: Arc::new(Semaphore::new(limits::TLS_HANDSHAKES_PER_ADDRESS_MAX)),
        });
        if one.connections >= self.connections_max {
            return None;
        }
        one.connections += 1;
        let handshakes = Arc::clone(&one.handshakes);
        Some(Standing { crowd: Arc::clone(self), address, handshakes })
    }

    fn leave(&self, address: IpAddr) {
        let mut few = self.few();
        if let Some(one) = few.get_mut(&address) {
            one.connections -= 1;
            if one.connections == 0 {
                few.remove(&address);
            }
        }
    }

    fn few(&self) -> MutexGuard<'_, HashMap<IpAddr, One>> {
        self.few.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among those of its address; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Standing {
    crowd: Arc<Crowd>,
    address: IpAddr,
    handshakes: Arc<Semaphore>,
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.crowd.leave(self.address);
    }
}

/// What a connection holds until it ends.
#[derive(Debug)]
pub(super) struct Permit {
    _one_of_all: OwnedSemaphorePermit,
    /// None for peers that are not counted.
    standing: Option<Standing>,
}

impl Permit {
    pub(super) const fn new(one_of_all: OwnedSemaphorePermit, standing: Option<Standing>) -> Self {
        Self { _one_of_all: one_of_all, standing }
    }

    /// The turns for handshakes of this address; none where they are not counted.
    pub(super) fn handshakes(&self) -> Option<Arc<Semaphore>> {
        self.standing.as_ref().map(|standing| Arc::clone(&standing.handshakes))
    }
}

/// What counts as one.
fn subscriber(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_one() {
        let table = [
            ("203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3::", "2001:db8:1:3::"),
        ];
        for (peer, one) in table {
            assert_eq!(subscriber(peer.parse().unwrap()).to_string(), one, "{peer}");
        }
    }

    #[test]
    fn an_address_has_its_part_and_nobody_elses() {
        let crowd = Crowd::new(2);
        let [mine, other] = ["203.0.113.9", "203.0.113.10"].map(|text| text.parse().unwrap());
        let first = crowd.enter(mine).unwrap();
        let second = crowd.enter(mine).unwrap();
        assert!(crowd.enter(mine).is_none());
        assert!(crowd.enter(other).is_some());
        drop(first);
        let third = crowd.enter(mine).unwrap();
        assert!(crowd.enter(mine).is_none(), "a place was given back twice");
        assert!(Arc::ptr_eq(&second.handshakes, &third.handshakes));
        drop((second, third));
        assert!(crowd.few().is_empty(), "who is gone is forgotten");
    }
}
