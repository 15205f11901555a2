//! What the guard of a connection and its requests tell each other: whether one is in work,
//! whether HTTP is over, and that a head was refused.
//!
//! It holds counters and words; who waits for what is decided by those who read them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::head::Refusal;

/// One per connection.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Requests that are not answered whole.
    busy: AtomicU32,
    /// Requests taken up, and pieces of answers sent, so far.
    moves: AtomicU32,
    /// Set before the answer that makes the connection a tunnel.
    tunnel: AtomicBool,
}

impl Link {
    /// Whether a request is in work.
    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire) > 0
    }

    /// A number that changes while something moves.
    pub(super) fn moves(&self) -> u32 {
        self.moves.load(Ordering::Acquire)
    }

    /// Makes the guard let everything through from here on.
    pub(super) fn become_tunnel(&self) {
        self.tunnel.store(true, Ordering::Release);
    }

    /// Whether everything is to be let through.
    pub(super) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Acquire)
    }
}

/// A request in work, from its head to the last byte of its answer.
#[derive(Debug)]
pub(super) struct Busy {
    link: Arc<Link>,
    counted: bool,
}

impl Busy {
    /// Counts a request until this is dropped.
    pub(super) fn start(link: &Arc<Link>) -> Self {
        link.busy.fetch_add(1, Ordering::AcqRel);
        link.moves.fetch_add(1, Ordering::AcqRel);
        Self { link: Arc::clone(link), counted: true }
    }

    /// Notes that a piece of the answer was taken.
    pub(super) fn moved(&self) {
        self.link.moves.fetch_add(1, Ordering::AcqRel);
    }

    /// From here on only moves count. Under HTTP/2 a client can stop an answer without stopping
    /// the connection, and would otherwise never be idle.
    pub(super) fn only_moves(&mut self) {
        if std::mem::take(&mut self.counted) {
            self.link.busy.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.only_moves();
    }
}

/// The target of the request that stands for a refused one, followed by the refusal's letter.
/// A brace is not allowed in a client's target, so that no client can send it.
const REFUSED_PATH: &str = "/{";

/// The refusal that a request stands for, if it stands for one.
pub(super) fn refusal(path: &str) -> Option<Refusal> {
    let letter = path.strip_prefix(REFUSED_PATH)?.bytes().next()?;
    Refusal::ALL.get(usize::from(letter.checked_sub(b'a')?)).copied()
}

/// The whole head of the request that stands for a refused one.
pub(super) fn stand_in(refusal: Refusal) -> String {
    let place = Refusal::ALL.iter().position(|each| *each == refusal).unwrap_or_default();
    let letter = char::from(b'a' + u8::try_from(place).unwrap_or_default());
    format!("GET {REFUSED_PATH}{letter} HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head;

    #[test]
    fn a_stand_in_names_its_refusal_and_no_client_can_send_it() {
        for refusal in Refusal::ALL {
            let head = stand_in(refusal);
            let target = head.split(' ').nth(1).unwrap();
            assert_eq!(super::refusal(target), Some(refusal));
            assert_eq!(head::read(head.as_bytes()), Err(Refusal::Target));
        }
        assert_eq!(refusal("/"), None);
        assert_eq!(refusal("/{"), None);
        assert_eq!(refusal("/{z"), None);
    }
}
