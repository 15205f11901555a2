//! The first word of an administrator about much money, as others see it.

use serde::Serialize;

use super::Context;
use crate::http::reply::Reply;
use crate::journal::Recorded;
use crate::ledger::decision::Decision;

/// What one administrator wants, until another wants the same.
#[derive(Serialize)]
pub(super) struct WordView {
    by: String,
    wish: &'static str,
    /// Who would get the money, where somebody would.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    reason: String,
    expires_at: String,
    created_at: String,
}

#[derive(Serialize)]
struct WaitsView<'a> {
    id: &'a str,
    status: &'static str,
    position: u64,
}

/// 202: the word stands in the journal and waits for another.
pub(super) fn waits(id: &str, recorded: &Recorded) -> Reply {
    let position = recorded.position.get();
    Reply::accepted(&WaitsView { id, status: "awaiting_second", position })
}

impl Context<'_> {
    pub(super) fn word(&self, word: &Decision) -> WordView {
        let to = word.wish.account().map(|account| self.name_of(account));
        WordView {
            by: self.gateway.username_of(word.by),
            wish: word.wish.name(),
            to,
            reason: word.reason.to_string(),
            expires_at: self.time(word.until),
            created_at: self.time(word.at),
        }
    }
}
