//! Four eyes: an administrator's change of what says where money goes and who may send it takes
//! effect once another approves it: of partners, routes, clients and merchants, keys for others that
//! do more than read, and roles of administrators.
//!
//! The rules are `ledger::proposal`'s. The operator, who can reach the store itself, changes and
//! approves alone; so may an administrator where the configuration says so.
//!
//! What would lead around it is no proposal but the operator's alone: to make a user a client, and
//! keys for clients or without codes.

use std::sync::Arc;

use super::registry::refused;
use super::{Error, Gateway};
use crate::engine::NameKind;
use crate::journal::Recorded;
use crate::ledger::api_key::Scope;
use crate::ledger::id::{Position, Principal, PublicId};
use crate::ledger::proposal::{Proposal, ProposalId, TableChange};
use crate::ledger::registry::RegistryChange;
use crate::ledger::text::Line;
use crate::limits;

/// The public id of a proposal.
pub fn public_id(proposal: &Proposal) -> String {
    PublicId::new(proposal.at, proposal.id.0.get()).text("prp")
}

impl Gateway {
    /// Whether `by` may say without another where money goes, and who may send it.
    pub(super) fn decides_alone(&self, by: Principal) -> bool {
        match by {
            Principal::User(_) => self.settings.tables_alone,
            Principal::System | Principal::Operator => true,
        }
    }

    /// Whether `change` by `by` takes another administrator. What is one's own never does.
    fn needs_another(&self, by: Principal, change: &RegistryChange) -> bool {
        if self.decides_alone(by) {
            return false;
        }
        match change {
            // To look on gives no power over money.
            RegistryChange::ApiKeySet(key) => {
                by != Principal::User(key.owner)
                    && key.scopes.iter().any(|scope| scope != Scope::Read)
            }
            RegistryChange::MerchantSet(row) => by != Principal::User(row.user),
            _ => true,
        }
    }

    /// `change` as it is to be recorded for `by`: as it is, or as a proposal.
    pub(super) fn or_propose(&self, by: Principal, change: RegistryChange) -> RegistryChange {
        if !self.needs_another(by, &change) {
            return change;
        }
        match TableChange::of(&change) {
            None => change,
            Some(change) => {
                let at = self.engine.clock().now();
                let until = at.plus_seconds(limits::PROPOSAL_SECONDS);
                let id = ProposalId(self.view().position());
                RegistryChange::Proposed(Box::new(Proposal { id, by, at, until, change }))
            }
        }
    }

    /// Changes that wait for another administrator, oldest first.
    pub fn proposals(&self) -> Vec<Arc<Proposal>> {
        let registry = self.view().registry();
        registry.open_proposals(self.engine.clock().now()).cloned().collect()
    }

    /// Approves what another proposed: it takes effect with this entry, which is answered with the
    /// proposal.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for one's own, or one of somebody who is no
    /// administrator any more; [`Error::Conflict`] if its time is over; what is wrong with it now.
    pub async fn approve_proposal(
        &self,
        by: Principal,
        id: &str,
    ) -> Result<(Arc<Proposal>, Recorded), Error> {
        // Held until the change is shown, so that the next one is decided against it.
        let reservation = self.engine.reserve(NameKind::Registry, "registry").await;
        let proposal = self.proposal(id)?;
        let change = RegistryChange::Approved(proposal.id);
        let registry = self.view().registry();
        let now = self.engine.clock().now();
        registry.approvable(proposal.id, by, now).map_err(|error| refused(&change, error))?;
        if !self.is_administrator(proposal.by) {
            return Err(Error::Forbidden("who proposed it is no administrator any more"));
        }
        let proposed: RegistryChange = proposal.change.clone().into();
        self.check_change(&proposed)?;
        registry.decide(&proposed).map_err(|error| refused(&proposed, error))?;
        let change = if proposal.change.is_told() { proposed } else { change };
        let recorded = self.record_change(by, change, reservation).await?;
        Ok((proposal, recorded))
    }

    /// Ends a proposal: another's, or one's own.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn refuse_proposal(
        &self,
        by: Principal,
        id: &str,
        reason: Line,
    ) -> Result<(Arc<Proposal>, Recorded), Error> {
        let reservation = self.engine.reserve(NameKind::Registry, "registry").await;
        let proposal = self.proposal(id)?;
        let change = RegistryChange::ProposalRefused(proposal.id, reason);
        Ok((proposal, self.record_change(by, change, reservation).await?))
    }

    fn proposal(&self, id: &str) -> Result<Arc<Proposal>, Error> {
        let number = PublicId::parse("prp", id).ok_or(Error::NotFound)?.number;
        let position = Position::new(number).ok_or(Error::NotFound)?;
        let registry = self.view().registry();
        let proposal = registry.proposals.get(&ProposalId(position)).ok_or(Error::NotFound)?;
        if public_id(proposal) == id { Ok(Arc::clone(proposal)) } else { Err(Error::NotFound) }
    }
}
