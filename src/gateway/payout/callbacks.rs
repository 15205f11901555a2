//! Tells clients how their transfers ended: a signed message to the address they registered.
//!
//! Messages follow Standard Webhooks: one id for all tries, a time and a signature for each. What is
//! to be told stands in the journal from the end of the payout on, and each try after it; so a
//! restart forgets none, and the tries are the delivery log. A receiver may hear an end twice and
//! knows it by the id.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::drive::origin;
use super::{Desk, Standing, State, public_id, standing, standing_of};
use crate::gateway::caller::Caller;
pub use crate::gateway::messenger::Settings;
use crate::gateway::messenger::{Message, Messenger, NotToBeTold};
use crate::gateway::scribe::line;
use crate::gateway::{Error, Gateway};
use crate::identity::vault::Vault;
use crate::journal::Recorded;
use crate::ledger::command::Command;
use crate::ledger::id::{AccountId, Position, Principal};
use crate::ledger::order::Order;
use crate::ledger::payout::{self, CallbackTried};
use crate::ledger::registry;
use crate::ledger::text::{ClientId, Line};
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};
use crate::limits;
use crate::outbound::{Resolve, Url};

/// What a client's callback secret is sealed for.
pub fn purpose(id: &ClientId) -> String {
    format!("callback/{}", id.as_str())
}

/// Seconds before each try: at once, then ever more rarely, for three days.
const WAITS: [u64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// How callbacks are reached.
pub struct Callbacks {
    vault: Arc<Vault>,
    messenger: Arc<Messenger>,
}

/// How one try went.
struct Told {
    status: Option<u16>,
    note: String,
}

impl Callbacks {
    /// Callbacks with the secrets that `vault` opens, to hosts that `resolve` finds.
    pub fn new(vault: Arc<Vault>, settings: Settings, resolve: Arc<dyn Resolve>) -> Self {
        Self { vault, messenger: Arc::new(Messenger::new(settings, resolve)) }
    }

    /// What sends them.
    pub const fn messenger(&self) -> &Arc<Messenger> {
        &self.messenger
    }

    /// The address of a callback, if it is one that may be called.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn url(&self, text: &str) -> Result<Url, NotToBeTold> {
        self.messenger.url(text)
    }

    /// Sends one message.
    ///
    /// # Errors
    /// Why it was not sent, or not answered.
    async fn send(
        &self,
        client: &registry::Client,
        id: &str,
        body: &[u8],
        sent: Timestamp,
    ) -> Result<u16, String> {
        let callback = client.callback.as_ref().ok_or("the client has no callback any more")?;
        let secret = self.vault.open(&purpose(&client.id), &callback.secret);
        let secrets = [secret.map_err(|error| error.to_string())?];
        let message = Message { id, secrets: &secrets, sent, body };
        self.messenger.send(callback.url.as_str(), message).await
    }
}

impl Desk {
    /// Tells the end of a payout until it is heard or nobody seems to listen.
    pub(super) async fn tell(self: Arc<Self>, payout: Position) {
        while let Some(Order::Callback(callback)) = self.view().order(payout) {
            let tried = usize::from(callback.tried);
            let wait = WAITS.get(tried).copied().unwrap_or(0);
            // Counted from the try before or the end, so that a restart does not begin anew.
            let since = self.last_try(payout, callback.tried, callback.end);
            let passed = self.engine.clock().now().micros_since(since).max(0).unsigned_abs();
            tokio::time::sleep(
                Duration::from_secs(wait).saturating_sub(Duration::from_micros(passed)),
            )
            .await;
            let turns = self.turns_to_tell(callback.account);
            let _turn = turns.acquire().await;
            let is_last = tried + 1 >= WAITS.len();
            self.tell_once(payout, callback.tried + 1, is_last, Line::empty()).await;
        }
    }

    fn last_try(&self, payout: Position, tried: u16, end: Position) -> Timestamp {
        let reference = payout::callback_reference(payout, tried);
        let before = self.view().answered(Principal::System, &reference).ok().flatten();
        let entry = before.or_else(|| self.view().record(end).ok());
        entry.map_or(Timestamp::EPOCH, |entry| entry.time)
    }

    /// One try, written down.
    async fn tell_once(
        &self,
        payout: Position,
        attempt: u16,
        is_last: bool,
        why: Line,
    ) -> Option<Box<Recorded>> {
        let (account, told) = match self.message(payout).await {
            Err(error) => {
                tracing::error!(%error, %payout, "an ended payout could not be read");
                tokio::time::sleep(limits::INSIST_PAUSE_MAX).await;
                return None;
            }
            Ok((account, told)) => (account, told),
        };
        let heard = told.status.is_some_and(|status| (200..300).contains(&status));
        // 410: the receiver wants no more.
        let done = heard || is_last || told.status == Some(410);
        if done && !heard {
            tracing::error!(%payout, attempt, status = told.status, "a callback was not heard");
        }
        let note = if why == Line::empty() { line(&told.note) } else { why };
        let reference = payout::callback_reference(payout, attempt);
        let tried = CallbackTried {
            origin: origin(reference, "callback"),
            payout,
            account,
            attempt,
            status: told.status,
            note,
            done,
        };
        self.scribe.insist(Command::NoteCallback(Box::new(tried))).await
    }

    async fn message(&self, payout: Position) -> Result<(AccountId, Told), Error> {
        let standing = standing(self.view(), payout)?;
        let account = standing.started().account;
        let owner = self.view().account(account).and_then(|account| account.owner);
        let registry = self.view().registry();
        let client = owner.and_then(|user| registry.client_of(user));
        let Some(client) = client else {
            let note = "the client is gone".to_owned();
            return Ok((account, Told { status: Some(410), note }));
        };
        let now = self.engine.clock().now();
        let id = format!("msg_{}", public_id(&standing.recorded).trim_start_matches("out_"));
        let body = body(&standing, now);
        let told = match self.callbacks.send(client, &id, &body, now).await {
            Ok(status) => Told { status: Some(status), note: String::new() },
            Err(note) => Told { status: None, note },
        };
        Ok((account, told))
    }
}

/// What a client is told.
fn body(standing: &Standing, now: Timestamp) -> Vec<u8> {
    let started = standing.started();
    let (kind, end) = match &standing.state {
        State::Succeeded { note, .. } => ("transfer.succeeded", json!({"bankReference": note})),
        State::Failed { code, reason, .. } => {
            ("transfer.failed", json!({"code": code, "reason": reason}))
        }
        // Only ends are told.
        State::Challenged | State::Sent | State::Unknown => ("transfer.pending", json!({})),
    };
    let message = json!({
        "type": kind,
        "timestamp": now.to_rfc3339(BOOK_OFFSET_SECONDS),
        "data": {
            "id": public_id(&standing.recorded),
            "transactionId": started.origin.reference.as_str(),
            "status": standing.state.name(),
            "amount": started.amount.to_string(),
            "currency": started.currency.code(),
            "beneficiaryBankCode": started.beneficiary.bank.as_str(),
            "beneficiaryAccountNumber": started.beneficiary.number.as_str(),
            "beneficiaryAccountName": started.beneficiary.name.as_str(),
            "end": end,
        },
    });
    serde_json::to_vec(&message).expect("strings become JSON")
}

impl Gateway {
    /// Every try to tell a payout's end, oldest first: the delivery log.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`]; the journal cannot be read.
    pub fn callback_log(&self, caller: &Caller, id: &str) -> Result<Vec<Recorded>, Error> {
        caller.require_admin()?;
        let payout = self.ended_payout(id)?;
        let tries = (1_u16..).map_while(|attempt| {
            let reference = payout::callback_reference(payout, attempt);
            self.view().answered(Principal::System, &reference).transpose()
        });
        Ok(tries.collect::<Result<Vec<_>, _>>()?)
    }

    /// Tells a payout's end once more, now.
    ///
    /// # Errors
    /// As [`Gateway::callback_log`].
    pub async fn redeliver(
        &self,
        caller: &Caller,
        id: &str,
        why: Line,
    ) -> Result<Vec<Recorded>, Error> {
        let tries = self.callback_log(caller, id)?;
        let payout = self.ended_payout(id)?;
        let attempt = u16::try_from(tries.len()).unwrap_or(u16::MAX).saturating_add(1);
        self.desk.tell_once(payout, attempt, false, why).await;
        self.callback_log(caller, id)
    }

    fn ended_payout(&self, id: &str) -> Result<Position, Error> {
        let found = standing_of(self.view(), id)?;
        let payout = found.recorded.position;
        match found.state {
            State::Succeeded { .. } | State::Failed { .. } => Ok(payout),
            State::Challenged | State::Sent | State::Unknown => {
                Err(Error::Conflict("the payout has not ended yet"))
            }
        }
    }
}
