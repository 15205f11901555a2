//! Tells callers what is durable, away from the writer: that can make the next batch durable while
//! a task wakes the callers of the last one, and a task wakes others at a fraction of the cost.
//!
//! # Invariants
//!
//! - What is handed over is durable and shown in the view.
//! - Batches are told in the order they are handed over, so answers go out in that of positions.
//! - What is handed over is told, even if the runtime is gone: nobody hears `busy` of what happened.

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::AbortOnPanic;
use super::entry::Reply;
use crate::journal::Recorded;
use crate::limits;

/// What the callers of one batch are to be told, in order. Dropping it tells them.
pub(super) struct Answers(Vec<(Reply, Box<Recorded>)>);

impl Answers {
    /// The answers of a batch that is durable and shown.
    pub(super) const fn new(answers: Vec<(Reply, Box<Recorded>)>) -> Self {
        Self(answers)
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        for (reply, recorded) in self.0.drain(..) {
            reply.send(Ok(recorded));
        }
    }
}

/// The way to the task that tells.
pub struct Teller {
    answers: mpsc::Sender<Answers>,
}

impl Teller {
    /// Starts the task, which ends with the teller.
    pub fn start(runtime: &Handle) -> Self {
        let (answers, mut durable) = mpsc::channel(limits::BATCHES_UNTOLD_MAX);
        runtime.spawn(async move {
            while let Some(answers) = durable.recv().await {
                let _fatal = AbortOnPanic;
                drop::<Answers>(answers);
            }
        });
        Self { answers }
    }

    /// Hands a batch over, waiting if the task is too far behind. Not for use within a runtime.
    pub(super) fn tell(&self, answers: Answers) {
        // Without a task the batch comes back and is told by its drop, here.
        let _ = self.answers.blocking_send(answers);
    }
}
