//! The desk: is told what was written, and lets every open charge be asked about in turn.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::{Semaphore, mpsc};

use super::round::Round;
use crate::connector::midtrans::key::ServerKey;
use crate::connector::provider::Provider;
use crate::engine::{Engine, View};
use crate::gateway::scribe::{Scribe, Waiting};
use crate::journal::Recorded;
use crate::ledger::charge::{Charge, ChargePurpose, ChargeState};
use crate::ledger::event::{Debt, Fact, MovementKind};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::odd::Odd;
use crate::ledger::order::Order;
use crate::limits;

/// What can be set apart from the rules.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Questions to the provider under way at once.
    pub asking_max: usize,
    /// Charges that are being made at once.
    pub making_max: usize,
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
            making_max: limits::CHARGE_MAKES_MAX,
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
pub(super) enum News {
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
                | MovementKind::Resolved { bill: Some(Debt { bill, .. }), .. } => {
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
pub(super) struct Open {
    /// Charges of a bill.
    of_bill: DashMap<Position, Vec<Position>>,
    /// How many top-ups an account awaits.
    of_account: DashMap<AccountId, usize>,
    /// What each open charge is for, and whose.
    charges: DashMap<Position, (AccountId, ChargePurpose)>,
}

impl Open {
    pub(super) fn begun(&self, charge: Position, state: &Charge) {
        let about = (state.account, state.purpose);
        if self.charges.insert(charge, about).is_some() {
            return;
        }
        match state.purpose {
            ChargePurpose::Bill { bill, .. } => self.of_bill.entry(bill).or_default().push(charge),
            ChargePurpose::TopUp => *self.of_account.entry(state.account).or_insert(0) += 1,
            ChargePurpose::Order => {}
        }
    }

    pub(super) fn ended(&self, charge: Position) {
        let Some((_, (account, purpose))) = self.charges.remove(&charge) else { return };
        match purpose {
            ChargePurpose::Bill { bill, .. } => {
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
    pub(super) waiting: Waiting,
    pub(super) open: Open,
    /// What a person has to look at, of charges that are open.
    pub(super) odd: DashMap<Position, Odd>,
    /// How often something odd was said.
    pub(super) oddities: AtomicU64,
    /// How often the provider was asked about a charge.
    pub(super) questions: AtomicU64,
    /// The last entry that was written before this process began.
    pub(super) began_at: Position,
    /// Who may speak to the provider about a refund.
    pub(super) refund_turns: Semaphore,
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
        let began_at = engine.view().position();
        let is_ours =
            |order: &Order| matches!(order, Order::Charge(_) | Order::Late(_) | Order::Refund(_));
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
            questions: AtomicU64::new(0),
            began_at,
            refund_turns: Semaphore::new(limits::REFUNDS_AT_ONCE),
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

    /// Questions about charges that the provider was asked since the start.
    pub fn questions(&self) -> u64 {
        self.questions.load(Ordering::Relaxed)
    }

    /// How many top-ups this account awaits.
    pub(super) fn top_ups_of(&self, account: AccountId) -> usize {
        self.open.of_account.get(&account).map_or(0, |count| *count)
    }

    /// Counts a charge that was written just now, without waiting for the news of it.
    pub(super) fn is_begun(&self, charge: Position) {
        let Some(state) = self.charge(charge) else { return };
        self.open.begun(charge, &state);
        // Its end may have been heard in between.
        if self.charge(charge).is_none() {
            self.open.ended(charge);
        }
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
        let mut round = Round::new(Arc::clone(&self), done);
        let resumed = std::mem::take(&mut *self.resumed.lock().expect("no holder panics"));
        round.resume(resumed);
        let again = self.heard_again.lock().expect("no holder panics").take();
        let Some(mut again) = again else { return };
        let mut reading = std::pin::pin!(self.told_before());
        loop {
            round.begin_work();
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
                told = &mut reading, if round.is_reading() => round.told_before(told),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
