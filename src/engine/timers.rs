//! What happens by itself: idle tasks retire, holds expire.
//!
//! Both are proposals that the accounts decide about, so an extra call changes nothing. A clock that
//! jumps does not expire everything at once: expiry waits until wall time and running time agree.

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

/// Runs until `stop` turns true.
pub async fn run(engine: Engine, mut stop: watch::Receiver<bool>) {
    let mut wall = Wall::new(engine.clock().now());
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
            wall.trusted(engine.clock().now(), Instant::now())
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
        (self.agreed >= limits::CLOCK_CALM_TICKS).then_some(now)
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
}
