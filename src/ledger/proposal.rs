//! Changes of partners, routes, clients and merchants, keys for others, and roles of administrators
//! that wait for a second person (four eyes).
//!
//! A proposal holds the whole row as it is to be. It ends when somebody else approves it, when
//! somebody refuses it, when its time is over, or when its row changes in another way: what was
//! proposed for a row as it was says nothing about the row as it is.
//!
//! # Invariants
//!
//! - Nobody approves what they proposed.
//! - What is approved is decided once more against the tables as they are then.
//! - Keys stand in a proposal as they do in rows: sealed, or as a hash.
//! - Where somebody is told of the change, the second person's entry is the change itself, so that it
//!   says what they are told. Of all others it is [`RegistryChange::Approved`].

use std::sync::Arc;

use super::api_key::{ApiKey, KeyId};
use super::event::{Fact, Role, UserChange, UserChanged};
use super::id::{Position, Principal, UserId};
use super::merchant::Merchant;
use super::registry::{
    BankCode, Callback, Client, Keys, Partner, Registry, RegistryChange, RegistryChanged,
    RegistryError, Route, Usage, require,
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
    /// As [`RegistryChange::ApiKeySet`].
    ApiKeySet(Box<ApiKey>),
    /// As [`RegistryChange::MerchantSet`].
    MerchantSet(Box<Merchant>),
    /// As [`RegistryChange::RoleSet`].
    RoleSet(UserId, Role),
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
    ApiKey(KeyId),
    Merchant(UserId),
    Role(UserId),
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
            RegistryChange::ApiKeySet(row) => Some(Self::ApiKeySet(row.clone())),
            RegistryChange::MerchantSet(row) => Some(Self::MerchantSet(row.clone())),
            RegistryChange::RoleSet(user, role) => Some(Self::RoleSet(*user, *role)),
            RegistryChange::ApiKeyRemoved(_)
            | RegistryChange::ApiKeyUsed(..)
            | RegistryChange::EndpointSet(_)
            | RegistryChange::EndpointRemoved(..)
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
            Self::ApiKeySet(_) => vec!["key"],
            Self::MerchantSet(row) => merchant_differences(registry.merchants.get(&row.user), row),
            Self::PartnerRemoved(_)
            | Self::RouteSet(_)
            | Self::RouteRemoved(..)
            | Self::ClientRemoved(_)
            | Self::RoleSet(..) => Vec::new(),
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
            Self::ApiKeySet(row) => Row::ApiKey(row.id),
            Self::MerchantSet(row) => Row::Merchant(row.user),
            Self::RoleSet(user, _) => Row::Role(*user),
        }
    }

    /// Whether the change itself is what the second person's entry says.
    pub const fn is_told(&self) -> bool {
        matches!(self, Self::ApiKeySet(_) | Self::MerchantSet(_) | Self::RoleSet(..))
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

fn merchant_differences(before: Option<&Arc<Merchant>>, row: &Merchant) -> Vec<&'static str> {
    let previous_before = before.and_then(|row| row.previous.as_ref());
    [
        ("key", before.map(|row| &row.key) != Some(&row.key)),
        ("previous_key", previous_before != row.previous.as_ref()),
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
            TableChange::ApiKeySet(row) => Self::ApiKeySet(row),
            TableChange::MerchantSet(row) => Self::MerchantSet(row),
            TableChange::RoleSet(user, role) => Self::RoleSet(user, role),
        }
    }
}

impl Fact {
    /// Who is told of it although it touches no account of theirs.
    pub fn told(&self) -> Option<UserId> {
        if let Self::RegistryChanged(changed) = self {
            return changed.told();
        }
        let Self::UserChanged(UserChanged { user, change, .. }) = self else { return None };
        let UserChange::Codes(change) = change else { return None };
        change.is_told().then_some(*user)
    }
}

impl RegistryChanged {
    /// Who is told of it: whose key, terms or role somebody else has set.
    pub fn told(&self) -> Option<UserId> {
        let user = match &self.change {
            RegistryChange::ApiKeySet(key) => key.owner,
            RegistryChange::MerchantSet(merchant) => merchant.user,
            RegistryChange::RoleSet(user, _) => *user,
            RegistryChange::PartnerSet(_)
            | RegistryChange::PartnerRemoved(_)
            | RegistryChange::RouteSet(_)
            | RegistryChange::RouteRemoved(..)
            | RegistryChange::ClientSet(_)
            | RegistryChange::ClientRemoved(_)
            | RegistryChange::ApiKeyRemoved(_)
            | RegistryChange::ApiKeyUsed(..)
            | RegistryChange::EndpointSet(_)
            | RegistryChange::EndpointRemoved(..)
            | RegistryChange::MerchantRemoved(..)
            | RegistryChange::Proposed(_)
            | RegistryChange::Approved(_)
            | RegistryChange::ProposalRefused(..)
            | RegistryChange::Decided(_) => return None,
        };
        (self.by != Principal::User(user)).then_some(user)
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
