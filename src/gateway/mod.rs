//! The use cases: what a caller can ask for, one file each.
//!
//! A use case checks what is a matter of form, looks up whom it is about, and makes at most one
//! change of state through the engine. It knows nothing of HTTP: the wire stands in `http`.

pub mod admin;
pub mod caller;
pub mod cash_flow;
pub mod error;
pub mod history;
pub mod identity;
pub mod notify;
pub mod pay;
pub mod reconcile;
pub mod reference;
pub mod refund;
pub mod registry;
pub mod routing;
pub mod screening;
pub mod top_up;

use std::sync::Arc;

pub use self::error::Error;

use self::notify::Hub;
use crate::engine::{self, Engine, NameKind, Outcome, View};
use crate::identity::hasher::Hasher;
use crate::identity::keys::SigningKeys;
use crate::identity::throttle::Throttle;
use crate::identity::token::TokenCache;
use crate::ledger::command::Command;
use crate::ledger::event::{AccountKind, Fact};
use crate::ledger::id::AccountId;
use crate::ledger::money::{Amount, BasisPoints, Currency};
use crate::limits;

/// What an operator decides about the use cases.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Used where a request names none, and for the account that opens with a user.
    pub currency: Currency,
    /// What the house keeps of a payment to a merchant.
    pub merchant_fee: BasisPoints,
    /// A top-up by an administrator above this waits for another administrator.
    pub top_up_alone_max: Option<Amount>,
    /// Whether anyone may sign up.
    pub signup: bool,
}

/// Everything the use cases stand on.
pub struct Gateway {
    engine: Engine,
    settings: Settings,
    hasher: Hasher,
    keys: SigningKeys,
    tokens: TokenCache,
    /// Failed logins by network.
    networks: Throttle,
    /// Failed logins by name given.
    names: Throttle,
    hub: Arc<Hub>,
}

/// What a gateway is made of.
pub struct Parts {
    /// Where commands go.
    pub engine: Engine,
    /// What an operator decides.
    pub settings: Settings,
    /// Where passwords are hashed.
    pub hasher: Hasher,
    /// What signs tokens.
    pub keys: SigningKeys,
    /// Where live messages go.
    pub hub: Arc<Hub>,
}

impl Gateway {
    /// A gateway over `parts`.
    pub fn new(parts: Parts) -> Self {
        let Parts { engine, settings, hasher, keys, hub } = parts;
        Self {
            engine,
            settings,
            hasher,
            keys,
            tokens: TokenCache::new(),
            networks: Throttle::new(crate::identity::throttle::Policy::ADDRESS),
            names: Throttle::new(crate::identity::throttle::Policy::NAME),
            hub,
        }
    }

    /// What is committed.
    pub fn view(&self) -> &Arc<View> {
        self.engine.view()
    }

    /// The engine behind the use cases.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What an operator decides.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where live messages come from.
    pub const fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Submits a command and turns a recorded refusal into the error it is.
    async fn submit(&self, command: Command) -> Result<Outcome, Error> {
        accepted(self.engine.submit(command).await?)
    }

    /// The house's account of this kind. It opens with the first use of a currency.
    async fn house_account(
        &self,
        kind: AccountKind,
        currency: Currency,
    ) -> Result<AccountId, Error> {
        if let Some(account) = self.view().house_account(kind, currency) {
            return Ok(account);
        }
        let name = format!("{}:{currency}", kind.name());
        let reservation = self.engine.reserve(NameKind::Account, &name).await;
        if let Some(account) = self.view().house_account(kind, currency) {
            return Ok(account);
        }
        let opened = admin::house(kind, currency);
        let recorded = self.engine.record(Fact::AccountOpened(opened), vec![reservation]).await?;
        match recorded.event.fact {
            Fact::AccountOpened(opened) => Ok(opened.account),
            _ => unreachable!("the answer to a record is that record"),
        }
    }
}

/// An outcome that is not a refusal.
fn accepted(outcome: Outcome) -> Result<Outcome, Error> {
    match &outcome.recorded.event.fact {
        Fact::Refused(refusal) => Err(Error::Rejected {
            rejection: refusal.rejection,
            position: outcome.recorded.position,
            replayed: outcome.replayed,
        }),
        _ => Ok(outcome),
    }
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::ReferenceReused => Self::ReferenceReused,
            engine::Error::Busy(busy) => busy.into(),
            engine::Error::Journal(error) => Self::Journal(error),
        }
    }
}

impl From<engine::Busy> for Error {
    fn from(_: engine::Busy) -> Self {
        Self::Busy { retry_after_seconds: u64::from(limits::RETRY_AFTER_SECONDS) }
    }
}
