//! What a desk needs to have things written down: patience.
//!
//! A step that follows from the world outside cannot be given up because there is no room for it
//! just now: it is said again until it stands in the journal. A caller waits for the next step of an
//! order at most as long as it likes.

use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::watch;

use super::house;
use crate::engine::{self, Engine, Outcome, View};
use crate::journal::{self, Recorded};
use crate::ledger::command::Command;
use crate::ledger::event::{AccountKind, Fact, Fee, Origin};
use crate::ledger::id::{AccountId, Position, Principal};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::text::{Line, Reference};
use crate::limits;

/// Has things recorded, however long that takes.
#[derive(Clone)]
pub(super) struct Scribe {
    engine: Engine,
}

impl Scribe {
    pub(super) const fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// What is committed.
    pub(super) fn view(&self) -> &View {
        self.engine.view()
    }

    /// Has a command recorded. `None` if its reference is another's: what was to be said
    /// contradicts what was said before.
    pub(super) async fn insist(&self, command: Command) -> Option<Box<Recorded>> {
        let said = self.say(Word::Asked(command)).await?;
        if let Fact::Refused(refusal) = &said.recorded.event.fact {
            let (code, reference) = (refusal.rejection.code(), &refusal.origin.reference);
            tracing::warn!(code, %reference, "a step of an order was refused");
        }
        Some(said.recorded)
    }

    /// Has a fact recorded that nobody decides about. `None` as [`Scribe::insist`].
    pub(super) async fn insist_on(&self, fact: Fact) -> Option<Outcome> {
        self.say(Word::Noted(fact)).await
    }

    async fn say(&self, word: Word) -> Option<Outcome> {
        let mut pause = limits::INSIST_PAUSE;
        loop {
            let said = match &word {
                Word::Asked(command) => self.engine.submit(command.clone()).await,
                Word::Noted(fact) => self.engine.note(fact.clone()).await,
            };
            match said {
                Ok(outcome) => return Some(outcome),
                Err(engine::Error::ReferenceReused) => {
                    tracing::error!(reference = %word.reference(), "it was said otherwise before");
                    return None;
                }
                Err(engine::Error::Busy(_)) => {}
                Err(engine::Error::Journal(error)) => {
                    tracing::error!(%error, "the journal could not be read");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(limits::INSIST_PAUSE_MAX);
        }
    }

    /// A record that is known to exist: without it nothing can be done.
    pub(super) async fn read(&self, position: Position) -> Recorded {
        let mut pause = limits::INSIST_PAUSE;
        loop {
            let read: Result<Recorded, journal::Error> = self.view().record(position);
            match read {
                Ok(recorded) => return recorded,
                Err(error) => tracing::error!(%error, "the journal could not be read"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(limits::INSIST_PAUSE_MAX);
        }
    }

    /// The house's account of this kind.
    pub(super) async fn house(&self, kind: AccountKind, currency: Currency) -> AccountId {
        let mut pause = limits::INSIST_PAUSE;
        loop {
            match house::account(&self.engine, kind, currency).await {
                Ok(account) => return account,
                Err(error) => tracing::warn!(%error, "the house's account could not be opened"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(limits::INSIST_PAUSE_MAX);
        }
    }

    /// What the house keeps of a movement, and where; nothing if it keeps nothing.
    pub(super) async fn fee(&self, kept: Option<Amount>, currency: Currency) -> Option<Fee> {
        let amount = kept?;
        let account = self.house(AccountKind::Fees, currency).await;
        Some(Fee { account, amount })
    }
}

/// What is to be recorded.
enum Word {
    Asked(Command),
    Noted(Fact),
}

impl Word {
    fn reference(&self) -> String {
        let origin = match self {
            Self::Asked(command) => Some(command.origin()),
            Self::Noted(fact) => fact.origin(),
        };
        origin.map_or_else(String::new, |origin| origin.reference.to_string())
    }
}

/// Of the system, with a digest of what is said and not of its words: the same may be worded in two
/// ways.
pub(super) fn origin(order: &str, reference: Reference, says: &str) -> Origin {
    let digest = DigestBuilder::new(order).text(says).finish();
    Origin { principal: Principal::System, reference, digest }
}

/// Words from outside as a line.
pub(super) fn line(text: &str) -> Line {
    Line::cut(text, limits::REASON_BYTES_MAX)
}

/// Who waits for an order to go on.
#[derive(Default)]
pub(super) struct Waiting(DashMap<Position, watch::Sender<bool>>);

impl Waiting {
    /// Waits until [`Waiting::tell`] speaks of the order, or `most` is over. Does not wait unless
    /// `is_awaited` says, after registering, that there still is something to wait for.
    pub(super) async fn wait(
        &self,
        order: Position,
        most: Duration,
        is_awaited: impl Fn() -> bool,
    ) {
        let new = || watch::Sender::new(false);
        let mut told = self.0.entry(order).or_insert_with(new).subscribe();
        // Looked at after registering, so that a step between the two is not missed.
        if is_awaited() {
            // Either way the state is looked at again.
            let _ = tokio::time::timeout(most, told.wait_for(|told| *told)).await;
        }
        drop(told);
        self.0.remove_if(&order, |_, sender| sender.receiver_count() == 0);
    }

    /// Wakes whoever waits for this order.
    pub(super) fn tell(&self, order: Position) {
        if let Some((_, waiting)) = self.0.remove(&order) {
            waiting.send_replace(true);
        }
    }
}
