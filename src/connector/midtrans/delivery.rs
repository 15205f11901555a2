//! What follows when a notification was sent: Midtrans' rules, over the table of
//! [`Format::Midtrans`].
//!
//! | answer | further tries |
//! |---|---|
//! | 2xx | none: it has arrived |
//! | 301, 302, 303 | none: it has failed |
//! | 307, 308 | the same body to the new place, at most five places on |
//! | 400, 404 | 2 |
//! | 500 | 1 |
//! | 503 | 4 |
//! | any other, and no answer in time | 5 |
//!
//! Between tries 2 min, 10 min, 30 min, 1.5 h and 3.5 h pass, each with a random shift, so that what
//! failed together does not come back together. It sends nothing and reads no clock.

use std::time::Duration;

use crate::ledger::endpoint::Format;

/// Places on from the first that one try may be sent.
pub const HOPS_MAX: u32 = 5;
/// Until the receiver has answered.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// An interval is shifted by up to this part of it, either way.
const SHIFT_PART: u64 = 10;

/// What a receiver said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// This status.
    Status(u16),
    /// Nothing: no connection, no TLS, no answer in time.
    Nothing,
}

/// What follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// It has arrived.
    Done,
    /// It is given up.
    Failed,
    /// The same try goes on at the place that the answer names, at once.
    Follow,
    /// It is tried again after this long.
    Again(Duration),
}

/// What follows after try number `tries` (the first is 1) went `hops` places on and was answered so;
/// `random` is any number, for the shift.
pub fn after(said: Said, tries: u32, hops: u32, random: u64) -> Next {
    let status = match said {
        Said::Status(200..=299) => return Next::Done,
        Said::Status(307 | 308) if hops < HOPS_MAX => return Next::Follow,
        Said::Status(status) => Some(status),
        Said::Nothing => None,
    };
    // What the gateway's own webhooks keep too: one table for both.
    let attempt = u16::try_from(tries).unwrap_or(u16::MAX);
    let wait = Format::Midtrans.wait(attempt).filter(|_| !Format::Midtrans.ends(attempt, status));
    match wait.and_then(|seconds| u64::try_from(seconds).ok()) {
        Some(seconds) => Next::Again(shifted(seconds * 1_000, random)),
        None => Next::Failed,
    }
}

/// `millis`, moved by up to a tenth either way.
fn shifted(millis: u64, random: u64) -> Duration {
    let reach = millis / SHIFT_PART;
    Duration::from_millis(millis - reach + random % (2 * reach + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many tries there are in all if each is answered so.
    fn tries(said: Said) -> u32 {
        (1..).find(|tries| !matches!(after(said, *tries, 0, 0), Next::Again(_))).unwrap()
    }

    #[test]
    fn each_class_of_answers_has_its_tries() {
        for (status, all) in [
            (500, 2),
            (503, 5),
            (400, 3),
            (404, 3),
            (302, 1),
            (401, 6),
            (410, 6),
            (502, 6),
            (304, 6),
        ] {
            assert_eq!(tries(Said::Status(status)), all, "{status}");
        }
        assert_eq!(tries(Said::Nothing), 6);
        for done in [200, 201, 204, 299] {
            assert_eq!(after(Said::Status(done), 1, 0, 0), Next::Done, "{done}");
        }
        for moved in [301, 302, 303] {
            assert_eq!(after(Said::Status(moved), 1, 0, 0), Next::Failed, "{moved}");
        }
    }

    #[test]
    fn a_moved_receiver_is_followed_five_places() {
        for status in [307, 308] {
            for hops in 0..HOPS_MAX {
                assert_eq!(after(Said::Status(status), 1, hops, 0), Next::Follow);
            }
            let lost = after(Said::Status(status), 1, HOPS_MAX, 0);
            assert!(matches!(lost, Next::Again(_)), "{lost:?}");
        }
    }

    #[test]
    fn intervals_grow_and_are_shifted() {
        let minutes = [2, 10, 30, 90, 210];
        for (tries, minutes) in (1..).zip(minutes) {
            let whole = minutes * 60_000;
            let at = |random| match after(Said::Nothing, tries, 0, random) {
                Next::Again(interval) => u64::try_from(interval.as_millis()).unwrap(),
                other => panic!("{other:?}"),
            };
            assert_eq!((at(0), at(whole / 5)), (whole - whole / 10, whole + whole / 10));
            assert!((0..1_000).all(|n| at(n * 7_919).abs_diff(whole) <= whole / 10));
        }
    }
}
