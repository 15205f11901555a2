//! Which accounts have a live task, and how to reach it.

use std::sync::Arc;

use dashmap::mapref::entry::Entry;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::Shared;
use super::actor::{Actor, Message};
use super::gate::SpreadMap;
use crate::ledger::id::AccountId;

/// Live tasks by account.
#[derive(Default)]
pub(super) struct Directory {
    live: SpreadMap<u32, mpsc::Sender<Message>>,
}

impl Directory {
    /// Sends to an account's task, which starts if there is none.
    ///
    /// # Errors
    /// The message, if the mailbox is full, or if the task has just retired.
    pub(super) fn send(
        &self,
        shared: &Arc<Shared>,
        id: AccountId,
        message: Message,
    ) -> Result<(), TrySendError<Message>> {
        // Nobody waits while the shard is held, and cloning the way out of it would cost more.
        if let Some(sender) = self.live.get(&id.0) {
            return sender.try_send(message);
        }
        match self.live.entry(id.0) {
            Entry::Occupied(sender) => sender.get().try_send(message),
            Entry::Vacant(free) => {
                let (sender, mailbox) = mpsc::channel(shared.options.mailbox_max);
                let actor = Actor::new(Arc::clone(shared), id, sender.clone());
                tokio::spawn(actor.run(mailbox));
                free.insert(sender).try_send(message)
            }
        }
    }

    /// Takes a task out if nothing waits in its mailbox. What is sent to it afterwards by someone
    /// who found it before is forwarded by the task itself.
    pub(super) fn remove(&self, id: AccountId, mailbox: &mpsc::Receiver<Message>) -> bool {
        self.live.remove_if(&id.0, |_, _| mailbox.is_empty()).is_some()
    }

    /// How many tasks are live.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// Proposes to every task that it retire. A full mailbox is no reason to.
    pub(super) fn propose_retiring(&self) {
        for sender in &self.live {
            let _ = sender.try_send(Message::Retire);
        }
    }

    /// The longest mailbox, in messages.
    pub(super) fn longest_mailbox(&self) -> usize {
        let depth = |sender: &mpsc::Sender<Message>| sender.max_capacity() - sender.capacity();
        self.live.iter().map(|sender| depth(&sender)).max().unwrap_or(0)
    }
}
