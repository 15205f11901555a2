//! What would happen: a route or a screening explained, with nothing sent and nothing recorded.

use super::routing::{self, Plan, Question};
use super::screening::{Decision, Rules, Subject};
use super::{Error, Gateway};
use crate::journal;
use crate::ledger::event::{Event, Fact};
use crate::ledger::id::{Position, UserId};
use crate::ledger::money::Amount;
use crate::ledger::registry::BankCode;
use crate::ledger::text::{ClientId, Line};

/// A transfer that is not made.
#[derive(Clone, Debug)]
pub struct Supposed {
    /// The beneficiary's bank.
    pub bank: BankCode,
    /// The account there.
    pub number: Line,
    /// How much.
    pub amount: Amount,
}

impl Gateway {
    /// The ways that a transfer would take now.
    pub fn preview_route(&self, bank: BankCode, amount: Amount, fallback: bool) -> Plan {
        let at = self.engine.clock().now();
        let question = Question { bank, amount, at, fallback, fee_max: None };
        let banks = self.desk.banks();
        routing::plan(&self.view().registry(), &question, |code| banks.is_available(code, at))
    }

    /// What the rules would say now of a transfer by `user`, and what each of them found.
    pub fn preview_screening(&self, user: UserId, supposed: &Supposed) -> (Decision, String) {
        let subject = Subject {
            client: user,
            bank: supposed.bank,
            account: supposed.number.as_str(),
            amount: supposed.amount,
            at: self.engine.clock().now(),
        };
        let screening = self.screening.lock().expect("no holder of this lock panics");
        (screening.consider(&subject), screening.preview(&subject))
    }

    /// Screens by other rules from here on; what was counted stays where a rule does.
    pub fn follow_rules(&self, rules: Rules) {
        self.screening.lock().expect("no holder of this lock panics").follow(rules);
    }

    /// Speaks to banks with the certificates as they are now.
    ///
    /// # Errors
    /// Why not; then the old ones stay.
    pub fn reload_banks(&self) -> Result<(), String> {
        self.desk.banks().reload()
    }

    /// How often a rule could not count since the start, and gave the configured answer.
    pub fn screening_failures(&self) -> u64 {
        self.screening.lock().expect("no holder of this lock panics").failures().uncounted
    }

    /// Fills the rules' memory with what the journal says was begun lately, as far back as they look.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn recall(&self) -> Result<(), journal::Error> {
        let mut screening = self.screening.lock().expect("no holder of this lock panics");
        let reach = screening.reach_seconds();
        if reach == 0 {
            return Ok(());
        }
        let history = self.view().history();
        let from = self.engine().clock().now().plus_seconds(-reach);
        let first = history.last_at_or_before(from)?.unwrap_or(Position::FIRST);
        for batch in history.batches_from(first) {
            for recorded in batch?.records() {
                let Event { at, fact } = recorded?.event;
                let Fact::PayoutStarted(started) = fact else { continue };
                let owner = self.view().account(started.account).and_then(|account| account.owner);
                let Some(client) = owner else { continue };
                screening.record(&Subject {
                    client,
                    bank: started.beneficiary.bank,
                    account: started.beneficiary.number.as_str(),
                    amount: started.amount,
                    at,
                });
            }
        }
        Ok(())
    }

    /// Whose money a client or a user of this name moves.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn payer(&self, name: &str) -> Result<UserId, Error> {
        let registry = self.view().registry();
        let client = ClientId::parse(name).ok().and_then(|id| registry.clients.get(&id));
        match client {
            Some(client) => Ok(client.user),
            None => Ok(self.look_up(name)?.id),
        }
    }
}
