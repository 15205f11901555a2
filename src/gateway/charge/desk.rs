//! The desk: is told what was written, and lets every open charge be asked about in turn.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::schedule::{self, Schedule, Urgency};
use super::verdict::Odd;
use crate::connector::midtrans::key::ServerKey;
use crate::connector::provider::Provider;
use crate::engine::{Engine, View};
use crate::gateway::scribe::{Scribe, Waiting};
use crate::journal::Recorded;
use crate::ledger::charge::{Charge, ChargePurpose, ChargeSource, ChargeState};
use crate::ledger::event::{Fact, MovementKind};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::order::Order;
use crate::ledger::time::Timestamp;
use crate::limits;

/// What can be set apart from the rules.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Questions to the provider under way at once.
    pub asking_max: usize,
    /// Questions a second that nothing but time is the reason of.
    pub sweeps_per_second: u32,
    /// The longest wait between two questions about a charge; else as the schedule says.
    pub ask_within: Option<Duration>,
    /// From when on a provider that has never seen a charge never will.
    pub not_found_is_final: Duration,
    /// How long money in suspense may wait to be resolved, in seconds.
    pub late_seconds: i64,
}

impl Options {
    /// The values of `limits`.
    pub const fn standard() -> Self {
        Self {
            asking_max: limits::CHARGE_QUESTIONS_MAX,
            sweeps_per_second: limits::CHARGE_SWEEPS_PER_SECOND,
            ask_within: None,
            not_found_is_final: limits::NOT_FOUND_IS_FINAL,
            late_seconds: limits::LATE_SECONDS,
        }
    }
}

/// Told of each record, and tells the desk of those that concern it. Held by the writer.
pub struct Announcer(mpsc::UnboundedSender<News>);

/// What the desk is told.
pub struct Inbox(mpsc::UnboundedReceiver<News>);

#[derive(Clone, Copy, Debug)]
enum News {
    /// A charge is written, by this process.
    Begun(Position),
    /// It went on, or ended.
    Advanced(Position),
    /// The provider spoke of it.
    Told(Position),
    /// A bill is paid or cancelled: nobody has to pay its charges any more.
    BillClosed(Position),
    /// Money stands in suspense.
    Late(Position),
}

/// An announcer, and the inbox it tells.
pub fn channel() -> (Announcer, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Announcer(sender), Inbox(receiver))
}

impl Announcer {
    /// A record became durable.
    pub fn tell(&self, recorded: &Recorded) {
        match &recorded.event.fact {
            Fact::ChargeStarted(_) => self.say(News::Begun(recorded.position)),
            Fact::ChargeAdvanced(advanced) => self.say(News::Advanced(advanced.charge)),
            Fact::Notified(notified) => self.say(News::Told(notified.charge)),
            Fact::BillCancelled(cancelled) => self.say(News::BillClosed(cancelled.bill)),
            Fact::Moved(movement) => match movement.kind {
                MovementKind::ChargePaid { charge, purpose } => {
                    self.say(News::Advanced(charge));
                    if let Some(bill) = purpose.bill() {
                        self.say(News::BillClosed(bill));
                    }
                }
                MovementKind::BillPaid { bill }
                | MovementKind::Resolved { bill: Some(bill), .. } => {
                    self.say(News::BillClosed(bill));
                }
                MovementKind::Suspended { .. } => self.say(News::Late(recorded.position)),
                _ => {}
            },
            _ => {}
        }
    }

    fn say(&self, news: News) {
        // An error means that the desk is gone: the process ends, and the next one resumes.
        let _ = self.0.send(news);
    }
}

/// What is open, by what it is for.
#[derive(Default)]
struct Open {
    /// Charges of a bill.
    of_bill: DashMap<Position, Vec<Position>>,
    /// How many top-ups an account awaits.
    of_account: DashMap<AccountId, usize>,
    /// What each open charge is for, and whose.
    charges: DashMap<Position, (AccountId, ChargePurpose)>,
}

impl Open {
    fn begun(&self, charge: Position, state: &Charge) {
        let about = (state.account, state.purpose);
        if self.charges.insert(charge, about).is_some() {
            return;
        }
        match state.purpose {
            ChargePurpose::Bill(bill) => self.of_bill.entry(bill).or_default().push(charge),
            ChargePurpose::TopUp => *self.of_account.entry(state.account).or_insert(0) += 1,
            ChargePurpose::Order => {}
        }
    }

    fn ended(&self, charge: Position) {
        let Some((_, (account, purpose))) = self.charges.remove(&charge) else { return };
        match purpose {
            ChargePurpose::Bill(bill) => {
                if let Some(mut charges) = self.of_bill.get_mut(&bill) {
                    charges.retain(|other| *other != charge);
                }
                self.of_bill.remove_if(&bill, |_, charges| charges.is_empty());
            }
            ChargePurpose::TopUp => {
                if let Some(mut count) = self.of_account.get_mut(&account) {
                    *count = count.saturating_sub(1);
                }
                self.of_account.remove_if(&account, |_, count| *count == 0);
            }
            ChargePurpose::Order => {}
        }
    }
}

/// Sees to open charges.
pub struct Desk {
    pub(super) engine: Engine,
    pub(super) scribe: Scribe,
    pub(super) provider: Option<Arc<dyn Provider>>,
    /// What the provider signs with.
    pub(super) key: Option<ServerKey>,
    pub(super) options: Options,
    /// Who waits for a charge to be made.
    waiting: Waiting,
    open: Open,
    /// What a person has to look at.
    pub(super) odd: DashMap<Position, Odd>,
    /// How often something odd was said.
    pub(super) oddities: AtomicU64,
    /// What one administrator wants done with much money, until another agrees.
    pub(super) proposals: Mutex<HashMap<Position, super::late::Proposal>>,
    /// What was open when this process began, until it is taken up.
    resumed: Mutex<Vec<(Position, Order)>>,
    /// Charges to ask about though nothing was written.
    again: mpsc::UnboundedSender<Position>,
    heard_again: Mutex<Option<mpsc::UnboundedReceiver<Position>>>,
}

impl Desk {
    /// A desk that asks `provider`, who signs with `key`; without one, only wallets can pay. What is
    /// open now was written by an earlier process, so it is made before the engine is used.
    pub fn new(
        engine: Engine,
        provider: Option<Arc<dyn Provider>>,
        key: Option<ServerKey>,
        options: Options,
    ) -> Arc<Self> {
        let is_ours = |order: &Order| matches!(order, Order::Charge(_) | Order::Late(_));
        let resumed = engine.view().orders(is_ours);
        let open = Open::default();
        for (position, order) in &resumed {
            if let Order::Charge(state) = order {
                open.begun(*position, state);
            }
        }
        let (again, heard_again) = mpsc::unbounded_channel();
        Arc::new(Self {
            scribe: Scribe::new(engine.clone()),
            engine,
            provider,
            key,
            options,
            waiting: Waiting::default(),
            open,
            odd: DashMap::new(),
            oddities: AtomicU64::new(0),
            proposals: Mutex::default(),
            resumed: Mutex::new(resumed),
            again,
            heard_again: Mutex::new(Some(heard_again)),
        })
    }

    /// Whether there is a provider to ask.
    pub fn has_provider(&self) -> bool {
        self.provider.is_some()
    }

    /// How often the provider said something odd since the start.
    pub fn oddities(&self) -> u64 {
        self.oddities.load(Ordering::Relaxed)
    }

    /// How many top-ups this account awaits.
    pub(super) fn top_ups_of(&self, account: AccountId) -> usize {
        self.open.of_account.get(&account).map_or(0, |count| *count)
    }

    /// Open charges of a bill.
    pub(super) fn charges_of(&self, bill: Position) -> Vec<Position> {
        self.open.of_bill.get(&bill).map(|charges| charges.clone()).unwrap_or_default()
    }

    pub(super) fn view(&self) -> &Arc<View> {
        self.engine.view()
    }

    pub(super) fn charge(&self, charge: Position) -> Option<Charge> {
        match self.view().order(charge) {
            Some(Order::Charge(state)) => Some(state),
            _ => None,
        }
    }

    /// Waits until the provider has made a charge or it has ended, or `most` is over.
    pub async fn made(&self, charge: Position, most: Duration) {
        let is_asked =
            || self.charge(charge).is_some_and(|state| state.state == ChargeState::Asked);
        self.waiting.wait(charge, most, is_asked).await;
    }

    /// The provider says again what it said before: a reason to ask, if to nothing else.
    pub(super) fn told_again(&self, charge: Position) {
        // An error means that the desk is gone.
        let _ = self.again.send(charge);
    }

    /// Takes up what is open, then what is written, for as long as the runtime lives.
    pub async fn run(self: Arc<Self>, mut inbox: Inbox) {
        let (done, mut finished) = mpsc::unbounded_channel();
        let mut round = Round {
            desk: Arc::clone(&self),
            schedule: Schedule::default(),
            done,
            under_way: 0,
            began: Instant::now(),
            next_sweep: Duration::ZERO,
        };
        let resumed = std::mem::take(&mut *self.resumed.lock().expect("no holder panics"));
        round.resume(resumed);
        let again = self.heard_again.lock().expect("no holder panics").take();
        let Some(mut again) = again else { return };
        loop {
            round.ask();
            let wait = round.wait();
            tokio::select! {
                biased;
                done = finished.recv() => {
                    if let Some(done) = done {
                        round.finished(done);
                    }
                }
                news = inbox.0.recv() => match news {
                    Some(news) => round.hear(news),
                    None => return,
                },
                charge = again.recv() => {
                    if let Some(charge) = charge {
                        round.hear(News::Told(charge));
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// What came of seeing to a charge.
struct Done {
    charge: Position,
    /// Whether it was a question that the schedule had sent.
    asked: bool,
    /// Whether there was an answer.
    answered: bool,
}

/// The desk's one task: owns the schedule, and starts a task for each question.
struct Round {
    desk: Arc<Desk>,
    schedule: Schedule,
    done: mpsc::UnboundedSender<Done>,
    /// Questions under way.
    under_way: usize,
    began: Instant,
    /// When the next sweep may go.
    next_sweep: Duration,
}

impl Round {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn resume(&mut self, open: Vec<(Position, Order)>) {
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
                }
                Order::Late(_) => self.settle_late(position),
                _ => {}
            }
        }
        for charge in self.desk.told_before() {
            self.schedule.told(charge, now);
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Begun(charge) => self.begin(charge),
            News::Advanced(charge) => {
                if self.desk.charge(charge).is_none() {
                    self.desk.open.ended(charge);
                    self.schedule.gone(charge, self.now());
                }
                self.desk.waiting.tell(charge);
            }
            News::Told(charge) => self.schedule.told(charge, self.now()),
            News::BillClosed(bill) => {
                // What can still be paid is called off by whoever asks about it.
                for charge in self.desk.charges_of(bill) {
                    self.schedule.told(charge, self.now());
                }
            }
            News::Late(late) => self.settle_late(late),
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
                let desk = Arc::clone(&self.desk);
                self.see_to((charge, false), async move { desk.make(charge).await });
            }
        }
    }

    /// Runs a task to its end, also if it panics: that is a bug, and the charge is asked about later
    /// like any other.
    fn see_to(
        &self,
        (charge, asked): (Position, bool),
        task: impl Future<Output = bool> + Send + 'static,
    ) {
        let (sender, task) = (self.done.clone(), tokio::spawn(task));
        tokio::spawn(async move {
            let answered = task.await.unwrap_or_else(|error| {
                tracing::error!(%charge, %error, "the task of a charge did not end well");
                false
            });
            // An error means that the desk is gone.
            let _ = sender.send(Done { charge, asked, answered });
        });
    }

    fn settle_late(&self, late: Position) {
        let desk = Arc::clone(&self.desk);
        tokio::spawn(async move { desk.resolve_by_rule(late).await });
    }

    fn finished(&mut self, Done { charge, asked, answered }: Done) {
        self.under_way = self.under_way.saturating_sub(usize::from(asked));
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
            wait = left.min(limits::CHARGE_LOOK_MAX);
            urgency = Urgency::Expiring;
        } else if is_payable && !left.is_zero() && left + limits::CHARGE_EXPIRY_LOOK < wait {
            wait = left + limits::CHARGE_EXPIRY_LOOK;
            urgency = Urgency::Expiring;
        }
        (self.now() + wait, urgency)
    }

    /// Starts as many questions as may be under way.
    fn ask(&mut self) {
        while self.under_way < self.desk.options.asking_max && self.desk.is_reachable() {
            let now = self.now();
            let Some(turn) = self.schedule.take(now, now >= self.next_sweep) else { return };
            if turn.urgency == Urgency::Sweep {
                let step = Duration::from_secs(1) / self.desk.options.sweeps_per_second.max(1);
                self.next_sweep = self.next_sweep.max(now) + step;
            }
            self.under_way += 1;
            let (desk, watched) = (Arc::clone(&self.desk), now.saturating_sub(turn.since));
            let task = async move { desk.look(turn.charge, watched).await };
            self.see_to((turn.charge, true), task);
        }
    }

    /// How long nothing has to be done unless something is heard.
    fn wait(&self) -> Duration {
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
