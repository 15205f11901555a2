//! The use cases: what a caller can ask for, one file each.
//!
//! A use case checks what is a matter of form, looks up whom it is about, and makes at most one
//! change of state through the engine. It knows nothing of HTTP: the wire stands in `http`.

pub mod admin;
pub mod allowance;
mod alone;
pub mod api_keys;
pub mod bill;
pub mod boarding;
mod budgets;
pub mod caller;
pub mod cash_flow;
pub mod charge;
pub mod client;
pub mod codes;
mod day_sums;
pub mod error;
pub mod four_eyes;
pub mod history;
pub mod house;
pub mod identity;
pub mod merchant;
pub mod messenger;
pub mod notify;
pub mod password;
pub mod pay;
pub mod payout;
pub mod preview;
pub mod proposals;
pub mod provider_day;
pub mod reconcile;
pub mod reconciliation;
pub mod reference;
pub mod refund;
pub mod registry;
pub mod rent;
pub mod routing;
pub mod screening;
mod scribe;
pub mod tables;
pub mod tenancy;
pub mod top_up;
pub mod transfer;
pub mod webhooks;
pub mod withdraw;

use std::hash::RandomState;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

pub use self::error::Error;

use self::allowance::Allowance;
use self::alone::Alone;
use self::api_keys::Uses;
use self::budgets::Budgets;
use self::client::{AllowLists, Rates};
use self::codes::spent::Spent;
use self::day_sums::DaySums;
use self::notify::Hub;
use self::payout::Desk;
use self::payout::start::Names;
use self::screening::Screening;
use self::webhooks::Courier;
use crate::connector::sender::Outbox;
use crate::engine::{self, Engine, Outcome, View};
use crate::identity::hasher::Hasher;
use crate::identity::keys::SigningKeys;
use crate::identity::networks::Networks;
use crate::identity::throttle::{Policy, Throttle};
use crate::identity::token::TokenCache;
use crate::identity::vault::Vault;
use crate::ledger::command::Command;
use crate::ledger::event::{AccountKind, Fact, Refusal};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::money::{Amount, BasisPoints, Currency};
use crate::limits;

/// What an operator decides about the use cases.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Used where a request names none, and for the account that opens with a user.
    pub currency: Currency,
    /// What the house keeps of a payment to a merchant.
    pub merchant_fee: BasisPoints,
    /// What one administrator moves in a day without another: a top-up beyond this waits for one.
    pub top_up_alone_max: Option<Amount>,
    /// Whether one administrator may change partners, routes and clients, make users clients, and
    /// give keys of clients and without codes, without another.
    pub tables_alone: bool,
    /// Whether anyone may sign up.
    pub signup: bool,
    /// Whether bank services on other machines may be spoken to without TLS.
    pub plain_banks: bool,
    /// Sign-ups of one network at once.
    pub signup_burst: u32,
    /// How long the answer to a transfer or a withdrawal may wait for its end.
    pub answer_within: Duration,
    /// When a one-time code is asked for.
    pub codes: codes::policy::Policy,
}

/// Everything the use cases stand on.
pub struct Gateway {
    engine: Engine,
    settings: Settings,
    hasher: Hasher,
    keys: SigningKeys,
    tokens: TokenCache,
    /// Failed logins by network.
    networks: Networks,
    /// Forged notifications by network.
    forgers: Networks,
    /// Failed logins by name given.
    names: Throttle,
    /// Picks whose credential is read in the place of a user who does not exist.
    decoys: RandomState,
    /// Sign-ups by network.
    sign_ups: Throttle,
    /// Users made by landlords.
    tenants_made: Throttle,
    hub: Arc<Hub>,
    vault: Arc<Vault>,
    desk: Arc<Desk>,
    courier: Arc<Courier>,
    charges: Arc<charge::Desk>,
    screening: Mutex<Screening>,
    names_at_banks: Names,
    rates: Rates,
    allow_lists: AllowLists,
    allowance: Allowance,
    /// Rung when there is a tenant to bill.
    moved_in: Notify,
    outbox: Option<Outbox>,
    spent: Spent,
    alone: Alone,
    uses: Uses,
    /// For reports of money in and out.
    day_sums: DaySums,
    budgets: Budgets,
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
    /// What opens the keys of partners and clients.
    pub vault: Arc<Vault>,
    /// What sees to payouts.
    pub desk: Arc<Desk>,
    /// What sees to charges.
    pub charges: Arc<charge::Desk>,
    /// What looks for fraud.
    pub screening: Screening,
    /// How one-time codes are sent; none can be without.
    pub outbox: Option<Outbox>,
}

impl Gateway {
    /// A gateway over `parts`.
    pub fn new(parts: Parts) -> Self {
        let Parts { engine, settings, hasher, keys, hub, vault, desk, charges, screening, outbox } =
            parts;
        let messenger = Arc::clone(desk.callbacks().messenger());
        let courier = Courier::new(engine.clone(), Arc::clone(&vault), messenger);
        let sign_ups = Policy { burst: settings.signup_burst, ..Policy::SIGN_UPS };
        let today = engine.clock().now().book_day();
        let spent = Spent::new(engine.view(), today);
        let alone = Alone::new(engine.view(), today);
        Self {
            engine,
            settings,
            hasher,
            keys,
            tokens: TokenCache::new(),
            networks: Networks::new(),
            forgers: Networks::new(),
            names: Throttle::new(Policy::NAME),
            decoys: RandomState::new(),
            sign_ups: Throttle::new(sign_ups),
            tenants_made: Throttle::new(Policy::TENANTS),
            hub,
            vault,
            desk,
            courier,
            charges,
            screening: Mutex::new(screening),
            names_at_banks: Names::default(),
            rates: Rates::default(),
            allow_lists: AllowLists::default(),
            allowance: Allowance::default(),
            moved_in: Notify::new(),
            outbox,
            spent,
            alone,
            uses: Uses::default(),
            day_sums: DaySums::default(),
            budgets: Budgets::new(),
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

    /// What tells users' webhooks; it has to be run.
    pub const fn courier(&self) -> &Arc<Courier> {
        &self.courier
    }

    /// What sees to charges.
    pub const fn charges(&self) -> &Arc<charge::Desk> {
        &self.charges
    }

    /// Submits a command and turns a recorded refusal into the error it is.
    async fn submit(&self, command: Command) -> Result<Outcome, Error> {
        accepted(self.decide(command).await?)
    }

    /// The house's account of this kind. It opens with the first use of a currency.
    async fn house_account(
        &self,
        kind: AccountKind,
        currency: Currency,
    ) -> Result<AccountId, Error> {
        house::account(&self.engine, kind, currency).await
    }
}

/// An outcome that is not a refusal.
fn accepted(outcome: Outcome) -> Result<Outcome, Error> {
    match &outcome.recorded.event.fact {
        Fact::Refused(refusal) => {
            Err(rejected(refusal, outcome.recorded.position, outcome.replayed))
        }
        _ => Ok(outcome),
    }
}

/// A recorded refusal as the error it is.
const fn rejected(refusal: &Refusal, position: Position, replayed: bool) -> Error {
    Error::Rejected { rejection: refusal.rejection, position, replayed }
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
