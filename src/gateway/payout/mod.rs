//! Payouts: what the journal says is to be sent, carried to banks and to its end.
//!
//! ```text
//!  start ──▶ journal ──▶ desk ──▶ one task per open payout ──▶ bank
//!             ▲  "begun"            │                           │
//!             └─────── steps ◀──────┴──── outcome ◀─────────────┘
//! ```
//!
//! The journal commands, this room obeys: a payout is taken up because its entry was committed, by
//! this process just now or by an earlier one. The rules are `ledger::payout`'s; what may be
//! concluded from a bank's answer is `connector::outcome`'s.
//!
//! # Invariants
//!
//! - A try is sent at most once: by the task that was told of its entry as it was committed. A task
//!   that finds a try in the journal (after a restart) asks about it and never sends it.
//! - Another try is written only after `not_sent`, and sent only once it is written. If no bank can
//!   be reached, all are tried again for a minute; then the payout fails as `not_sent`.
//! - What is unknown has a next question until the schedule is used up; then a person looks at it.
//! - A caller that goes away, or waits no longer, changes nothing.

pub mod by_hand;
pub mod callbacks;
mod drive;
pub mod partners;
pub mod schedule;
pub mod start;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::{Semaphore, mpsc};

use self::callbacks::Callbacks;
use super::Error;
use super::scribe::{Scribe, Waiting};
use crate::connector::bank::Bank;
use crate::engine::{Engine, View};
use crate::journal::Recorded;
use crate::ledger::event::{Fact, MovementKind};
use crate::ledger::id::{AccountId, Position, Principal, PublicId};
use crate::ledger::order::Order;
use crate::ledger::payout::{self, PayoutStarted, PayoutState, PayoutStep, Try};
use crate::ledger::registry::{BankCode, Usage};
use crate::ledger::time::Timestamp;
use crate::limits;

/// How banks are reached. Production goes by the registry's rows; simulations supply their own.
pub trait Banks: Send + Sync + 'static {
    /// The present way to a partner by one of its services; `None` if there is none, or its row
    /// makes no sense.
    fn bank(&self, code: BankCode, usage: Usage) -> Option<Arc<dyn Bank>>;

    /// Whether it is worth asking a partner at `now`.
    fn is_available(&self, code: BankCode, now: Timestamp) -> bool;

    /// Reads certificates again and begins anew; what is under way ends as it began.
    ///
    /// # Errors
    /// Why they are not used; then everything stays as it is.
    fn reload(&self) -> Result<(), String> {
        Ok(())
    }
}

/// What can be set apart from the rules.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// From when on a bank that has never seen a try never will: counted from the try's entry.
    pub not_found_is_final: Duration,
    /// Questions about open payouts under way at once at one bank.
    pub asking_max: usize,
    /// The longest wait between two questions, which then go on until the end is known; else as
    /// the schedule says.
    pub ask_within: Option<Duration>,
}

impl Options {
    /// The values of `limits`.
    pub const fn standard() -> Self {
        Self {
            not_found_is_final: limits::NOT_FOUND_IS_FINAL,
            asking_max: limits::PAYOUT_QUESTIONS_MAX,
            ask_within: None,
        }
    }

    /// How long to wait before a question that is scheduled so, or not any more.
    fn wait(&self, scheduled: Option<Duration>) -> Option<Duration> {
        match (scheduled, self.ask_within) {
            (Some(wait), Some(within)) => Some(wait.min(within)),
            (wait, within) => wait.or(within),
        }
    }
}

/// Told of each record, and tells the desk of those that concern it. Held by the writer.
pub struct Announcer(mpsc::UnboundedSender<News>);

/// What the desk is told.
pub struct Inbox(mpsc::UnboundedReceiver<News>);

enum News {
    /// A payout waits for a person.
    Challenged(Position),
    /// A try of a payout is written, by this entry.
    Written { payout: Position, entry: Position },
    /// A payout has ended.
    Ended(Position),
}

/// An announcer, and the inbox it tells.
pub fn channel() -> (Announcer, Inbox) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Announcer(sender), Inbox(receiver))
}

impl Announcer {
    /// A record became durable.
    pub fn tell(&self, recorded: &Recorded) {
        let news = match &recorded.event.fact {
            Fact::PayoutStarted(started) if started.challenged_until.is_some() => {
                News::Challenged(recorded.position)
            }
            Fact::PayoutStarted(_) => {
                News::Written { payout: recorded.position, entry: recorded.position }
            }
            Fact::PayoutAdvanced(advanced)
                if matches!(advanced.step, PayoutStep::Released { .. }) =>
            {
                News::Written { payout: advanced.payout, entry: recorded.position }
            }
            Fact::PayoutFailed(failed) => News::Ended(failed.payout),
            Fact::Moved(movement) => match movement.kind {
                MovementKind::PaidOut { payout, .. } => News::Ended(payout),
                _ => return,
            },
            _ => return,
        };
        // An error means that the desk is gone: the process ends, and the next one resumes.
        let _ = self.0.send(news);
    }
}

/// Sees to open payouts.
pub struct Desk {
    engine: Engine,
    scribe: Scribe,
    banks: Arc<dyn Banks>,
    options: Options,
    /// Who waits for an end.
    waiting: Waiting,
    /// Turns to ask, by bank: one that hangs keeps nobody from asking another.
    asking: DashMap<BankCode, Arc<Semaphore>>,
    callbacks: Callbacks,
    /// Turns to tell, by account: a receiver that hangs keeps no other client's from being told.
    telling: DashMap<AccountId, Arc<Semaphore>>,
    /// What was open when this process began, until it is taken up.
    open: Mutex<Vec<(Position, Order)>>,
}

/// How a payout stands, as its asker may know it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its entry.
    pub recorded: Recorded,
    /// The latest try, which is the present one or the last.
    pub route: Try,
    /// How far it is.
    pub state: State,
}

/// How far a payout is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// It waits for a person.
    Challenged,
    /// On its way.
    Sent,
    /// Nobody can say yet.
    Unknown,
    /// Paid.
    Succeeded {
        /// Where the end stands.
        position: Position,
        /// The bank's reference, or a person's reason.
        note: String,
    },
    /// Nothing was paid.
    Failed {
        /// Where the end stands.
        position: Position,
        /// The bank's code, or ours.
        code: String,
        /// In words.
        reason: String,
    },
}

impl State {
    /// The word for it on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Challenged => "held",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
        }
    }
}

impl From<PayoutState> for State {
    fn from(state: PayoutState) -> Self {
        match state {
            PayoutState::Challenged(_) => Self::Challenged,
            PayoutState::Sending => Self::Sent,
            PayoutState::Unknown => Self::Unknown,
        }
    }
}

impl Standing {
    /// What was asked for.
    pub fn started(&self) -> &PayoutStarted {
        match &self.recorded.event.fact {
            Fact::PayoutStarted(started) => started,
            _ => unreachable!("made of such an entry"),
        }
    }
}

impl Desk {
    /// A desk that sends through `banks`. What is open now was written by an earlier process, so it
    /// is made before the engine is used.
    pub fn new(
        engine: Engine,
        banks: Arc<dyn Banks>,
        callbacks: Callbacks,
        options: Options,
    ) -> Arc<Self> {
        let is_ours = |order: &Order| matches!(order, Order::Payout(_) | Order::Callback(_));
        let open = Mutex::new(engine.view().orders(is_ours));
        Arc::new(Self {
            scribe: Scribe::new(engine.clone()),
            engine,
            banks,
            options,
            waiting: Waiting::default(),
            asking: DashMap::new(),
            callbacks,
            telling: DashMap::new(),
            open,
        })
    }

    /// How clients are told.
    pub const fn callbacks(&self) -> &Callbacks {
        &self.callbacks
    }

    /// How banks are reached.
    pub fn banks(&self) -> &Arc<dyn Banks> {
        &self.banks
    }

    /// Takes up what is open, then what is written, for as long as the runtime lives: also while
    /// requests are drained, since what they begin is acknowledged.
    pub async fn run(self: Arc<Self>, mut inbox: Inbox) {
        let open = std::mem::take(&mut *self.open.lock().expect("no holder of this lock panics"));
        if !open.is_empty() {
            tracing::info!(payouts = open.len(), "open payouts are taken up again");
        }
        for (payout, order) in open {
            match order {
                Order::Callback(_) => self.see_to(payout, Arc::clone(&self).tell(payout)),
                _ => self.see_to(payout, Arc::clone(&self).drive(payout, None)),
            }
        }
        while let Some(news) = inbox.0.recv().await {
            match news {
                News::Challenged(payout) => {
                    self.see_to(payout, Arc::clone(&self).watch(payout));
                }
                News::Written { payout, entry } => {
                    self.see_to(payout, Arc::clone(&self).drive(payout, Some(entry)));
                }
                News::Ended(payout) => {
                    self.waiting.tell(payout);
                    if let Some(Order::Callback(_)) = self.view().order(payout) {
                        self.see_to(payout, Arc::clone(&self).tell(payout));
                    }
                }
            }
        }
    }

    /// Runs a payout's task. If it panics, that is a bug, and the payout is taken up as after a
    /// restart: by asking.
    fn see_to(self: &Arc<Self>, payout: Position, task: impl Future<Output = ()> + Send + 'static) {
        let (desk, task) = (Arc::clone(self), tokio::spawn(task));
        tokio::spawn(async move {
            if task.await.is_err_and(|error| error.is_panic()) {
                tracing::error!(%payout, "the task of a payout panicked: it is asked about");
                tokio::time::sleep(limits::INSIST_PAUSE_MAX).await;
                // A second panic leaves it to the next start.
                desk.drive(payout, None).await;
            }
        });
    }

    /// Waits until a payout has ended, or `most` is over.
    pub async fn ended(&self, payout: Position, most: Duration) {
        let is_open = || matches!(self.view().order(payout), Some(Order::Payout(_)));
        self.waiting.wait(payout, most, is_open).await;
    }

    /// The turns to tell the client of an account.
    fn turns_to_tell(&self, account: AccountId) -> Arc<Semaphore> {
        let new = || Arc::new(Semaphore::new(limits::CALLBACKS_MAX));
        Arc::clone(&self.telling.entry(account).or_insert_with(new))
    }

    /// The turns to ask a bank.
    fn turns(&self, bank: BankCode) -> Arc<Semaphore> {
        let new = || Arc::new(Semaphore::new(self.options.asking_max));
        Arc::clone(&self.asking.entry(bank).or_insert_with(new))
    }

    fn view(&self) -> &Arc<View> {
        self.engine.view()
    }
}

/// How the payout of this public id stands.
///
/// # Errors
/// [`Error::NotFound`] if there is none; the journal cannot be read.
pub fn standing_of(view: &View, id: &str) -> Result<Standing, Error> {
    let position = PublicId::parse("out", id).ok_or(Error::NotFound)?.number;
    let position = Position::new(position).ok_or(Error::NotFound)?;
    if position > view.position() {
        return Err(Error::NotFound);
    }
    let standing = standing(view, position)?;
    if public_id(&standing.recorded) == id { Ok(standing) } else { Err(Error::NotFound) }
}

/// How the payout that began at `position` stands: at a place that holds an entry.
///
/// # Errors
/// [`Error::NotFound`] if it is another entry; the journal cannot be read.
pub fn standing(view: &View, position: Position) -> Result<Standing, Error> {
    // The order first: if it closes in between, its end is there.
    let order = view.order(position);
    let recorded = view.record(position)?;
    if !matches!(recorded.event.fact, Fact::PayoutStarted(_)) {
        return Err(Error::NotFound);
    }
    let state = match order {
        Some(Order::Payout(payout)) => payout.state.into(),
        _ => end(view, position)?,
    };
    let route = latest_try(view, &recorded)?;
    Ok(Standing { recorded, route, state })
}

/// The latest try of the payout that `recorded` begins.
fn latest_try(view: &View, recorded: &Recorded) -> Result<Try, Error> {
    let mut latest = match &recorded.event.fact {
        Fact::PayoutStarted(started) => started.route.clone(),
        _ => return Err(Error::NotFound),
    };
    for attempt in 1..=u8::MAX {
        let reference = payout::next_try_reference(recorded.position, attempt);
        let Some(next) = view.answered(Principal::System, &reference)? else { break };
        if let Fact::PayoutAdvanced(advanced) = next.event.fact
            && let PayoutStep::NextTry { route, .. } = advanced.step
        {
            latest = route;
        }
    }
    Ok(latest)
}

/// The end of a payout that is not open.
fn end(view: &View, payout: Position) -> Result<State, Error> {
    for reference in [payout::end_reference(payout), payout::challenge_reference(payout)] {
        let Some(end) = view.answered(Principal::System, &reference)? else { continue };
        let position = end.position;
        match end.event.fact {
            Fact::Moved(movement) => {
                let note = movement.note.as_str().to_owned();
                return Ok(State::Succeeded { position, note });
            }
            Fact::PayoutFailed(failed) => {
                let (code, reason) = (failed.code.as_str(), failed.reason.as_str());
                let (code, reason) = (code.to_owned(), reason.to_owned());
                return Ok(State::Failed { position, code, reason });
            }
            _ => {}
        }
    }
    unreachable!("a payout that is not open has an end: {payout}")
}

/// The public id of the payout whose entry this is.
pub fn public_id(recorded: &Recorded) -> String {
    PublicId::new(recorded.time, recorded.position.get()).text("out")
}

/// The name of a try at the bank: its entry's time and place, as 26 digits and letters. No other
/// entry of any store with another history shares it.
pub fn bank_reference(tried: &Recorded) -> String {
    let id = PublicId::new(tried.time, tried.position.get()).text("try");
    id.trim_start_matches("try_").to_owned()
}
