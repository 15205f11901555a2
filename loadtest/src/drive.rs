//! The lean driver: connections that each have one request under way, in a closed loop or at a
//! fixed rate of arrival.
//!
//! At a fixed rate a request's latency counts from when it was meant to be sent, so that a stall of
//! the server shows in every request it delays (no coordinated omission). The timer rounds up to a
//! millisecond; that too is counted as latency.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::figures::Figures;
use crate::wire::Wire;

/// How hard and how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Driven but not counted, at the beginning.
    pub warm_up: Duration,
    /// Counted.
    pub time: Duration,
    /// Arrivals a second; as many as are answered if there is none.
    pub rate: Option<u64>,
}

/// What one connection sends: the bytes of the next request.
pub trait Source: Send + 'static {
    fn next(&mut self) -> &[u8];
}

/// What all connections share.
struct Pace {
    load: Load,
    ready: Barrier,
    /// Numbers the arrivals.
    arrivals: AtomicU64,
}

/// Drives `address` with one source for each connection.
pub async fn run<S: Source>(
    address: SocketAddr,
    load: Load,
    sources: Vec<S>,
) -> io::Result<Figures> {
    let pace = Arc::new(Pace {
        load,
        ready: Barrier::new(sources.len() + 1),
        arrivals: AtomicU64::new(0),
    });
    let mut tasks = JoinSet::new();
    for source in sources {
        let wire = Wire::connect(address).await?;
        tasks.spawn(connection(wire, source, Arc::clone(&pace)));
    }
    pace.ready.wait().await;
    let mut figures = Figures { elapsed: load.time, ..Figures::default() };
    while let Some(done) = tasks.join_next().await {
        figures.merge(done.map_err(io::Error::other)?);
    }
    Ok(figures)
}

async fn connection<S: Source>(mut wire: Wire, mut source: S, pace: Arc<Pace>) -> Figures {
    let mut figures = Figures::default();
    pace.ready.wait().await;
    let start = Instant::now();
    let counted = start + pace.load.warm_up;
    let end = counted + pace.load.time;
    let mut now = start;
    loop {
        let sent = match pace.load.rate {
            None => now,
            Some(rate) => {
                let number = pace.arrivals.fetch_add(1, Ordering::Relaxed);
                let due = start + Duration::from_micros(number * 1_000_000 / rate.max(1));
                if due < end && due > now {
                    sleep_until(due).await;
                }
                due
            }
        };
        if sent >= end {
            return figures;
        }
        let answer = wire.exchange(source.next()).await;
        now = Instant::now();
        // In a closed loop what is answered in the time counts; at a rate, what was due in it.
        let counts = match pace.load.rate {
            None => now >= counted && now < end,
            Some(_) => sent >= counted,
        };
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        if counts {
            figures.add(status, now - sent);
        }
        if answer.is_err() {
            return figures;
        }
    }
}
