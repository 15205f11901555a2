//! Bounds how many requests are in flight to one bank, so that a slow bank slows nobody else.
//!
//! Who finds no place waits a little, among a bounded number of others; who finds no room even to
//! wait, or waits in vain, is turned away before anything was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::limits;

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Requests in flight.
    pub in_flight_max: usize,
    /// Requests that wait for a place.
    pub waiting_max: usize,
    /// How long they wait.
    pub wait: Duration,
}

impl Options {
    /// The values of `limits`.
    pub const fn standard() -> Self {
        Self {
            in_flight_max: limits::BANK_IN_FLIGHT_MAX,
            waiting_max: limits::BANK_WAITING_MAX,
            wait: limits::BANK_WAIT,
        }
    }
}

/// The places of one bank.
pub struct Bulkhead {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    options: Options,
}

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// There is no place, and no room to wait for one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many requests to this bank are under way")]
pub struct Full;

/// Counts one that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Bulkhead {
    /// Places that are all free.
    pub fn new(options: Options) -> Self {
        let places = Arc::new(Semaphore::new(options.in_flight_max));
        Self { places, waiting: AtomicUsize::new(0), options }
    }

    /// Takes a place, waiting for it within bounds.
    ///
    /// # Errors
    /// There was none.
    pub async fn enter(&self) -> Result<Place, Full> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Place { _permit: permit });
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.options.waiting_max {
            return Err(Full);
        }
        match timeout(self.options.wait, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Place { _permit: permit }),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn bulkhead() -> Arc<Bulkhead> {
        let wait = Duration::from_secs(1);
        Arc::new(Bulkhead::new(Options { in_flight_max: 2, waiting_max: 1, wait }))
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_is_turned_away_at_once() {
        let bulkhead = bulkhead();
        let places = [bulkhead.enter().await.unwrap(), bulkhead.enter().await.unwrap()];
        let waiting = tokio::spawn({
            let bulkhead = Arc::clone(&bulkhead);
            async move { bulkhead.enter().await.map(drop) }
        });
        tokio::task::yield_now().await;
        let begin = Instant::now();
        assert_eq!(bulkhead.enter().await.unwrap_err(), Full);
        assert_eq!(begin.elapsed(), Duration::ZERO);
        drop(places);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert!(bulkhead.enter().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_long() {
        let bulkhead = bulkhead();
        let _places = [bulkhead.enter().await.unwrap(), bulkhead.enter().await.unwrap()];
        let begin = Instant::now();
        assert_eq!(bulkhead.enter().await.unwrap_err(), Full);
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_leaves_room() {
        let bulkhead = bulkhead();
        let _places = [bulkhead.enter().await.unwrap(), bulkhead.enter().await.unwrap()];
        for _ in 0..3 {
            let brief = Duration::from_millis(10);
            assert!(timeout(brief, bulkhead.enter()).await.is_err(), "it did not wait");
        }
    }
}
