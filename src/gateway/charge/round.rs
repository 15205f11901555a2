//! What the desk does next: it owns the schedule, hears what was written and what came of its tasks,
//! and starts as many of them as may be under way.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::desk::{Desk, News};
use super::schedule::{self, Schedule, Urgency};
use super::work::Work;
use crate::ledger::charge::{Charge, ChargeSource, ChargeState};
use crate::ledger::id::Position;
use crate::ledger::order::Order;
use crate::ledger::time::Timestamp;
use crate::limits;

/// What a task is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Task {
    /// A charge is made at the provider.
    Make,
    /// A question that the schedule had sent.
    Ask,
    /// Money in suspense goes where the rule says.
    Settle,
}

/// What came of a task.
pub(super) struct Done {
    order: Position,
    task: Task,
    /// Whether there was an answer.
    answered: bool,
}

/// The desk's one task: owns the schedule, and starts a task for each question.
pub(super) struct Round {
    desk: Arc<Desk>,
    schedule: Schedule,
    done: mpsc::UnboundedSender<Done>,
    /// Questions under way.
    under_way: usize,
    /// Charges to be made.
    making: Work,
    /// Money in suspense to be looked at.
    settling: Work,
    began: Instant,
    /// When the next sweep may go.
    next_sweep: Duration,
    /// While the journal is read for what was told before: what is seen to without that.
    seen: Option<HashSet<Position>>,
}

impl Round {
    /// Of a desk that begins now; what its tasks come to goes to `done`.
    pub(super) fn new(desk: Arc<Desk>, done: mpsc::UnboundedSender<Done>) -> Self {
        let making = Work::new(desk.options.making_max);
        Self {
            desk,
            schedule: Schedule::default(),
            done,
            under_way: 0,
            making,
            settling: Work::new(limits::LATE_SETTLED_MAX),
            began: Instant::now(),
            next_sweep: Duration::ZERO,
            seen: Some(HashSet::new()),
        }
    }

    /// Whether the journal is still read for what was told before.
    pub(super) const fn is_reading(&self) -> bool {
        self.seen.is_some()
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn resume(&mut self, open: Vec<(Position, Order)>) {
        if !open.is_empty() {
            tracing::info!(orders = open.len(), "open charges are taken up again");
        }
        let now = self.now();
        for (position, order) in open {
            match order {
                Order::Charge(state) => {
                    // Nobody knows how far it came, so it is asked about soon.
                    let mut soon = schedule::pause(0, false, position.get());
                    if let Some(within) = self.desk.options.ask_within {
                        soon = soon.min(within);
                    }
                    let due = match state.source {
                        ChargeSource::Provider => (now + soon, Urgency::Sweep),
                        ChargeSource::Wallet => self.due(position, &state),
                    };
                    self.schedule.put(position, now, due);
                    if let Some(seen) = &mut self.seen {
                        seen.insert(position);
                    }
                }
                Order::Late(_) => self.settling.put(position),
                Order::Refund(_) => {
                    tokio::spawn(Arc::clone(&self.desk).look_for(position));
                }
                _ => {}
            }
        }
    }

    /// The journal is read for what was told before.
    pub(super) fn told_before(&mut self, told: BTreeSet<Position>) {
        let seen = self.seen.take().unwrap_or_default();
        for charge in told.into_iter().filter(|charge| !seen.contains(charge)) {
            self.schedule.told(charge, self.now());
        }
    }

    fn told(&mut self, charge: Position) {
        if let Some(seen) = &mut self.seen {
            seen.insert(charge);
        }
        self.schedule.told(charge, self.now());
    }

    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Begun(charge) => self.begin(charge),
            News::Advanced(charge) => {
                if self.desk.charge(charge).is_none() {
                    self.desk.open.ended(charge);
                    self.schedule.gone(charge, self.now());
                }
                self.desk.waiting.tell(charge);
            }
            News::Told(charge) => self.told(charge),
            News::BillClosed(bill) => {
                // What can still be paid is called off by whoever asks about it.
                for charge in self.desk.charges_of(bill) {
                    self.schedule.told(charge, self.now());
                }
            }
            News::Late(late) => self.settling.put(late),
        }
    }

    fn begin(&mut self, charge: Position) {
        // It may have ended before this was heard.
        let Some(state) = self.desk.charge(charge) else { return };
        self.desk.open.begun(charge, &state);
        let now = self.now();
        match state.source {
            ChargeSource::Wallet => self.schedule.put(charge, now, self.due(charge, &state)),
            ChargeSource::Provider => {
                self.schedule.put_away(charge, now);
                self.making.put(charge);
            }
        }
    }

    /// Starts what waits and has room.
    pub(super) fn begin_work(&mut self) {
        while let Some(charge) = self.making.take() {
            let desk = Arc::clone(&self.desk);
            self.see_to((charge, Task::Make), async move { desk.make(charge).await });
        }
        while let Some(late) = self.settling.take() {
            let desk = Arc::clone(&self.desk);
            let task = async move {
                desk.resolve_by_rule(late).await;
                true
            };
            self.see_to((late, Task::Settle), task);
        }
    }

    /// Runs a task to its end, also if it panics: that is a bug, and the charge is asked about later
    /// like any other. Callers bound how many there are.
    fn see_to(
        &self,
        (order, task): (Position, Task),
        work: impl Future<Output = bool> + Send + 'static,
    ) {
        let (sender, work) = (self.done.clone(), tokio::spawn(work));
        tokio::spawn(async move {
            let answered = work.await.unwrap_or_else(|error| {
                tracing::error!(%order, ?task, %error, "a task of the desk did not end well");
                false
            });
            // An error means that the desk is gone.
            let _ = sender.send(Done { order, task, answered });
        });
    }

    pub(super) fn finished(&mut self, Done { order: charge, task, answered }: Done) {
        match task {
            Task::Make => self.making.done(),
            Task::Ask => self.under_way = self.under_way.saturating_sub(1),
            Task::Settle => return self.settling.done(),
        }
        let now = self.now();
        match self.desk.charge(charge) {
            Some(state) => self.schedule.back(charge, now, self.due(charge, &state)),
            // The provider spoke of one that has ended, and did not answer.
            None if !answered => {
                let pause = schedule::pause(self.schedule.asked(charge), false, charge.get());
                self.schedule.back(charge, now, (now + pause, Urgency::Told));
            }
            None => {
                self.desk.open.ended(charge);
                self.schedule.gone(charge, now);
            }
        }
    }

    /// When a charge is asked about next, and why then.
    fn due(&self, charge: Position, state: &Charge) -> (Duration, Urgency) {
        let asked = self.schedule.asked(charge);
        let is_payable =
            state.state == ChargeState::Pending && !self.desk.is_unwanted(state.purpose);
        let mut wait = schedule::pause(asked, is_payable, charge.get());
        if let Some(within) = self.desk.options.ask_within {
            wait = wait.min(within);
        }
        let mut urgency = Urgency::Sweep;
        let left = left(state.expires, self.desk.engine.clock().now());
        if state.source == ChargeSource::Wallet {
            // The clock may jump, so it is looked at again before long.
            let least = if left.is_zero() { limits::CHARGE_RETRY_LOOK } else { left };
            wait = least.min(limits::CHARGE_LOOK_MAX);
            urgency = Urgency::Expiring;
        } else if is_payable && !left.is_zero() && left + limits::CHARGE_EXPIRY_LOOK < wait {
            wait = left + limits::CHARGE_EXPIRY_LOOK;
            urgency = Urgency::Expiring;
        }
        (self.now() + wait, urgency)
    }

    /// Starts as many questions as may be under way.
    pub(super) fn ask(&mut self) {
        while self.under_way < self.desk.options.asking_max && self.desk.is_reachable() {
            let now = self.now();
            let Some(turn) = self.schedule.take(now, now >= self.next_sweep) else { return };
            if turn.urgency == Urgency::Sweep {
                let step = Duration::from_secs(1) / self.desk.options.sweeps_per_second.max(1);
                self.next_sweep = self.next_sweep.max(now) + step;
            }
            self.under_way += 1;
            let (desk, watched) = (Arc::clone(&self.desk), now.saturating_sub(turn.since));
            let work = async move { desk.look(turn.charge, watched).await };
            self.see_to((turn.charge, Task::Ask), work);
        }
    }

    /// How long nothing has to be done unless something is heard.
    pub(super) fn wait(&self) -> Duration {
        let now = self.now();
        let ready = self.schedule.ready() > 0;
        if ready && (self.under_way >= self.desk.options.asking_max || !self.desk.is_reachable()) {
            return limits::CHARGE_RETRY_LOOK;
        }
        let sweep = ready.then(|| self.next_sweep.saturating_sub(now));
        let due = self.schedule.next_due().map(|due| due.saturating_sub(now));
        let wait = sweep.into_iter().chain(due).min().unwrap_or(limits::CHARGE_LOOK_MAX);
        wait.max(Duration::from_millis(1)).min(limits::CHARGE_LOOK_MAX)
    }
}

/// How long from `now` until `then`; nothing if that is over.
pub(super) fn left(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(then.micros_since(now)).unwrap_or(0))
}
