//! What happens by itself: idle tasks retire, holds expire.
//!
//! Both are proposals that the accounts decide about, so an extra call changes nothing. A clock that
//! jumps does not expire everything at once: expiry waits until wall time and running time agree.
//! A jump while nothing ran is seen by the journal's last time: nobody stops for so long.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Engine;
use crate::ledger::command::Command;
use crate::ledger::event::{HoldReleased, Origin};
use crate::ledger::id::{Position, Principal};
use crate::ledger::order::Order;
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::Reference;
use crate::ledger::time::Timestamp;
use crate::limits;

/// Runs until `stop` turns true. Begins with the call: the journal's last time is looked at before
/// anything is written by another clock.
pub fn run(
    engine: Engine,
    stop: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + 'static {
    let wall = Wall::after(engine.clock().now(), engine.view().time());
    engine.trust_clock(wall.is_trusted());
    watch_over(engine, wall, stop)
}

async fn watch_over(engine: Engine, mut wall: Wall, mut stop: watch::Receiver<bool>) {
    let mut retire_at = Instant::now() + limits::ACTOR_IDLE;
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(limits::TIMER_PERIOD) => {}
        }
        let now = {
            let _fatal = super::AbortOnPanic;
            if Instant::now() >= retire_at {
                engine.propose_retiring();
                retire_at = Instant::now() + limits::ACTOR_IDLE;
            }
            let now = wall.trusted(engine.clock().now(), Instant::now());
            engine.trust_clock(now.is_some());
            now
        };
        if let Some(now) = now {
            expire_due(&engine, now).await;
        }
    }
}

/// Releases every hold that has expired at `now`.
pub async fn expire_due(engine: &Engine, now: Timestamp) {
    for hold in engine.view().expired_holds(now) {
        if let Some(Order::Hold { account, .. }) = engine.view().order(hold) {
            let origin = expiry_of(hold, now);
            let released = HoldReleased { origin, hold, account, expired: true };
            // Busy or refused: the hold is looked at again, or was posted in the meantime.
            if let Err(error) = engine.submit(Command::Release(released)).await {
                tracing::warn!(%hold, %error, "a hold could not be released yet");
            }
        }
    }
}

/// A reference of its own for each try: a refusal is final for its reference.
fn expiry_of(hold: Position, now: Timestamp) -> Origin {
    let reference = format!("expire-{hold}-{}", now.seconds());
    Origin {
        principal: Principal::System,
        reference: Reference::parse(&reference).expect("short and visible"),
        digest: DigestBuilder::new("expire").number(hold.get()).finish(),
    }
}

/// Compares wall time with running time.
pub struct Wall {
    wall: Timestamp,
    running: Instant,
    agreed: u32,
}

impl Wall {
    /// Agreed so far: `now` is what the clock shows.
    pub fn new(now: Timestamp) -> Self {
        Self { wall: now, running: Instant::now(), agreed: limits::CLOCK_CALM_TICKS }
    }

    /// At a start: not agreed if more than a pause of the process lies between `now` and `last`, the
    /// last time that was recorded.
    pub fn after(now: Timestamp, last: Timestamp) -> Self {
        let away = now.micros_since(last);
        let agreed = Self::new(now);
        if Duration::from_micros(away.unsigned_abs()) <= limits::CLOCK_PAUSE_MAX {
            return agreed;
        }
        let days = away / (86_400 * 1_000_000);
        tracing::error!(days, "the clock is far from the journal's last time: expiry is paused");
        Self { agreed: 0, ..agreed }
    }

    /// Whether the clock is believed at present.
    pub const fn is_trusted(&self) -> bool {
        self.agreed >= limits::CLOCK_CALM_TICKS
    }

    /// `now`, unless the wall clock jumped against running time within the last ticks.
    pub fn trusted(&mut self, now: Timestamp, running: Instant) -> Option<Timestamp> {
        let elapsed = i64::try_from((running - self.running).as_micros()).unwrap_or(i64::MAX);
        let jump = now.micros_since(self.wall).saturating_sub(elapsed);
        (self.wall, self.running) = (now, running);
        if Duration::from_micros(jump.unsigned_abs()) > limits::CLOCK_JUMP_MAX {
            tracing::error!(jump_seconds = jump / 1_000_000, "the clock jumped: expiry is paused");
            self.agreed = 0;
        }
        self.agreed = self.agreed.saturating_add(1);
        self.is_trusted().then_some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_pauses_expiry_for_a_while() {
        let start = Timestamp::from_seconds(1_790_000_000);
        let began = Instant::now();
        let mut wall = Wall { wall: start, running: began, agreed: limits::CLOCK_CALM_TICKS };
        let tick = |wall: &mut Wall, wall_seconds: i64, running_seconds: u64| {
            let now = start.plus_seconds(wall_seconds);
            wall.trusted(now, began + Duration::from_secs(running_seconds)).is_some()
        };
        assert!(tick(&mut wall, 1, 1));
        assert!(!tick(&mut wall, 400 * 86_400, 2), "forward by 400 days");
        let calm = u64::from(limits::CLOCK_CALM_TICKS);
        let later = |s: u64| 400 * 86_400 + i64::try_from(s).unwrap() - 2;
        for second in 3..calm + 1 {
            assert!(!tick(&mut wall, later(second), second));
        }
        assert!(tick(&mut wall, later(calm + 1), calm + 1));
    }

    #[test]
    fn a_start_long_after_the_last_entry_pauses_expiry_too() {
        let last = Timestamp::from_seconds(1_790_000_000);
        let day = 86_400;
        for (away, trusted) in
            [(0, true), (6 * day, true), (8 * day, false), (400 * day, false), (-8 * day, false)]
        {
            let now = last.plus_seconds(away);
            let mut wall = Wall::after(now, last);
            assert_eq!(wall.is_trusted(), trusted, "{away}");
            let began = wall.running;
            let mut ticks = 0;
            for tick in 1.. {
                let running = began + Duration::from_secs(tick);
                let second = i64::try_from(tick).unwrap();
                ticks = tick;
                if wall.trusted(now.plus_seconds(second), running).is_some() {
                    break;
                }
            }
            let calm = u64::from(limits::CLOCK_CALM_TICKS);
            assert_eq!(ticks, if trusted { 1 } else { calm }, "{away}");
        }
    }
}
