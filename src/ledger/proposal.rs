//! Changes of partners, routes and clients that wait for a second person (four eyes).
//!
//! A proposal holds the whole row as it is to be. It ends when somebody else approves it, when
//! somebody refuses it, when its time is over, or when its row changes in another way: what was
//! proposed for a row as it was says nothing about the row as it is.
//!
//! # Invariants
//!
//! - Nobody approves what they proposed.
//! - What is approved is decided once more against the tables as they are then.
//! - Keys stand in a proposal as they do in rows: sealed.

use std::sync::Arc;

use super::id::{Position, Principal};
use super::registry::{
    BankCode, Callback, Client, Keys, Partner, Registry, RegistryChange, RegistryError, Route,
    Usage, require,
};
use super::text::ClientId;
use super::time::Timestamp;
use crate::limits;

/// Which proposal: the last entry before it.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct ProposalId(pub Position);

/// What may be proposed: a change of a row that says where money goes, and who may send it.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum TableChange {
    /// As [`RegistryChange::PartnerSet`].
    PartnerSet(Partner),
    /// As [`RegistryChange::PartnerRemoved`].
    PartnerRemoved(BankCode),
    /// As [`RegistryChange::RouteSet`].
    RouteSet(Route),
    /// As [`RegistryChange::RouteRemoved`].
    RouteRemoved(BankCode, Usage),
    /// As [`RegistryChange::ClientSet`].
    ClientSet(Client),
    /// As [`RegistryChange::ClientRemoved`].
    ClientRemoved(ClientId),
}

/// A change that waits.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Proposal {
    /// Which.
    pub id: ProposalId,
    /// Who wants it.
    pub by: Principal,
    /// Since when.
    pub at: Timestamp,
    /// From when on it is too late.
    pub until: Timestamp,
    /// What is to change.
    pub change: TableChange,
}

/// The row that a change is about.
#[derive(PartialEq, Eq)]
enum Row<'a> {
    Partner(BankCode),
    Route(BankCode, Usage),
    Client(&'a ClientId),
}

impl TableChange {
    /// The change, if it is one that may be proposed.
    pub fn of(change: &RegistryChange) -> Option<Self> {
        match change {
            RegistryChange::PartnerSet(row) => Some(Self::PartnerSet(row.clone())),
            RegistryChange::PartnerRemoved(bank) => Some(Self::PartnerRemoved(*bank)),
            RegistryChange::RouteSet(row) => Some(Self::RouteSet(row.clone())),
            RegistryChange::RouteRemoved(bank, usage) => Some(Self::RouteRemoved(*bank, *usage)),
            RegistryChange::ClientSet(row) => Some(Self::ClientSet(row.clone())),
            RegistryChange::ClientRemoved(id) => Some(Self::ClientRemoved(id.clone())),
            RegistryChange::ApiKeySet(_)
            | RegistryChange::ApiKeyRemoved(_)
            | RegistryChange::ApiKeyUsed(..)
            | RegistryChange::EndpointSet(_)
            | RegistryChange::EndpointRemoved(..)
            | RegistryChange::MerchantSet(_)
            | RegistryChange::MerchantRemoved(..)
            | RegistryChange::Proposed(_)
            | RegistryChange::Approved(_)
            | RegistryChange::ProposalRefused(..)
            | RegistryChange::Decided(_) => None,
        }
    }

    /// What becomes of keys, secrets and the callback, of which people see too little in rows: words
    /// for what differs from `registry`'s row, in a fixed order. Nothing for a removal.
    pub fn changes(&self, registry: &Registry) -> Vec<&'static str> {
        match self {
            Self::PartnerSet(row) => {
                let before = registry.partners.get(&row.code);
                differences(before.map(|it| &it.keys), &row.keys, None, None)
            }
            Self::ClientSet(row) => {
                let before = registry.clients.get(&row.id);
                let callback = before.and_then(|it| it.callback.as_ref());
                differences(before.map(|it| &it.keys), &row.keys, callback, row.callback.as_ref())
            }
            Self::PartnerRemoved(_)
            | Self::RouteSet(_)
            | Self::RouteRemoved(..)
            | Self::ClientRemoved(_) => Vec::new(),
        }
    }

    const fn row(&self) -> Row<'_> {
        match self {
            Self::PartnerSet(row) => Row::Partner(row.code),
            Self::PartnerRemoved(bank) => Row::Partner(*bank),
            Self::RouteSet(row) => Row::Route(row.bank, row.usage),
            Self::RouteRemoved(bank, usage) => Row::Route(*bank, *usage),
            Self::ClientSet(row) => Row::Client(&row.id),
            Self::ClientRemoved(id) => Row::Client(id),
        }
    }
}

/// Words for what differs. Sealed values are compared as they stand: whatever is sealed anew is another.
fn differences(
    before: Option<&Keys>,
    keys: &Keys,
    callback_before: Option<&Callback>,
    callback: Option<&Callback>,
) -> Vec<&'static str> {
    let previous_before = before.and_then(|keys| keys.previous.as_ref());
    let url = |callback: Option<&Callback>| callback.map(|it| it.url.clone());
    let secret = |callback: Option<&Callback>| callback.map(|it| it.secret.clone());
    [
        ("key", before.map(|keys| &keys.current) != Some(&keys.current)),
        ("previous_key", previous_before != keys.previous.as_ref()),
        ("callback", url(callback_before) != url(callback)),
        ("callback_secret", secret(callback_before) != secret(callback)),
    ]
    .into_iter()
    .filter_map(|(word, differs)| differs.then_some(word))
    .collect()
}

impl From<TableChange> for RegistryChange {
    fn from(change: TableChange) -> Self {
        match change {
            TableChange::PartnerSet(row) => Self::PartnerSet(row),
            TableChange::PartnerRemoved(bank) => Self::PartnerRemoved(bank),
            TableChange::RouteSet(row) => Self::RouteSet(row),
            TableChange::RouteRemoved(bank, usage) => Self::RouteRemoved(bank, usage),
            TableChange::ClientSet(row) => Self::ClientSet(row),
            TableChange::ClientRemoved(id) => Self::ClientRemoved(id),
        }
    }
}

impl Registry {
    /// The proposal, if `by` may approve it at `now`.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchProposal`], [`RegistryError::ProposalExpired`], or
    /// [`RegistryError::OwnProposal`].
    pub fn approvable(
        &self,
        id: ProposalId,
        by: Principal,
        now: Timestamp,
    ) -> Result<&Arc<Proposal>, RegistryError> {
        let proposal = self.proposals.get(&id).ok_or(RegistryError::NoSuchProposal)?;
        require(now < proposal.until, RegistryError::ProposalExpired)?;
        require(by != proposal.by, RegistryError::OwnProposal)?;
        Ok(proposal)
    }

    /// Those that may still be approved at `now`, oldest first.
    pub fn open_proposals(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Proposal>> {
        self.proposals.values().filter(move |proposal| now < proposal.until)
    }

    /// Whether there is room for a proposal, and its change may happen.
    pub(super) fn decide_proposal(&self, proposal: &Proposal) -> Result<(), RegistryError> {
        let room = self.open_proposals(proposal.at).count() < limits::PROPOSALS_MAX;
        require(room, RegistryError::TooManyProposals)?;
        self.decide(&proposal.change.clone().into())
    }

    /// Whether what was proposed may happen now.
    pub(super) fn decide_approved(&self, id: ProposalId) -> Result<(), RegistryError> {
        let proposal = self.proposals.get(&id).ok_or(RegistryError::NoSuchProposal)?;
        self.decide(&proposal.change.clone().into())
    }

    /// A proposal waits, and those whose time was over by then are forgotten.
    pub(super) fn propose(&mut self, proposal: &Proposal) {
        self.proposals.retain(|_, other| proposal.at < other.until);
        self.proposals.insert(proposal.id, Arc::new(proposal.clone()));
    }

    /// What was proposed happens.
    pub(super) fn approve(&mut self, id: ProposalId) {
        if let Some(proposal) = self.proposals.remove(&id) {
            self.apply(&proposal.change.clone().into());
        }
    }

    /// `change` ends what was proposed for its row as it was.
    pub(super) fn end_proposals(&mut self, change: &RegistryChange) {
        if self.proposals.is_empty() {
            return;
        }
        if let Some(change) = TableChange::of(change) {
            self.proposals.retain(|_, other| other.change.row() != change.row());
        }
    }
}

#[cfg(test)]
mod tests;
