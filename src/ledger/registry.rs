//! Partners, routes and clients: the gateway's three tables (EDR-2), as state derived from events;
//! and beside them the keys of applications, the endpoints of users' webhooks, merchants, changes of
//! the three that wait for a second person, and words about money that do.
//!
//! A partner is a bank we can reach; a route is one of the two ways a partner offers; a client is
//! an application that may ask. A change is decided against the tables as they are and then
//! applied, which cannot fail. What is wrong with a text's form (an address that is none, a URL)
//! is not seen here; the use case that takes it from a person sees to that.
//!
//! # Invariants
//!
//! - A route's partner exists: it comes before its routes and goes after them.
//! - A client has a user of its own, the same one as long as it exists. The user's escrow account
//!   holds its money and the user's name space its references, so neither passes to another.
//! - Keys stand here sealed. What opens them is no part of the ledger.

mod window;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::api_key::{ApiKey, KeyId};
use super::decision::Decision;
use super::endpoint::{Endpoint, EndpointId};
use super::event::Role;
use super::id::{Position, Principal, UserId};
use super::merchant::Merchant;
use super::money::{Amount, BasisPoints};
use super::proposal::{Proposal, ProposalId};
use super::text::{ClientId, Line};
use super::time::Timestamp;
use crate::limits;

pub use self::window::Window;

/// A bank's three digits, with their zeros.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct BankCode([u8; 3]);

impl BankCode {
    /// `None` unless `code` is three ASCII digits.
    pub fn parse(code: &str) -> Option<Self> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        code.iter().all(u8::is_ascii_digit).then_some(Self(code))
    }

    /// The three digits.
    pub fn as_str(&self) -> &str {
        // Digits when made; a journal that was tampered with may hold anything.
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl fmt::Display for BankCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for BankCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key token, sealed: useless without the key that sealed it, and never printed even so.
#[derive(Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct SealedKey(pub Box<[u8]>);

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKey(..)")
    }
}

/// The key tokens that are good now: while one is replaced, both.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Keys {
    /// Signs and verifies.
    pub current: SealedKey,
    /// Verifies until the other side has changed over.
    pub previous: Option<SealedKey>,
}

/// A bank we can reach.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Partner {
    /// Which bank.
    pub code: BankCode,
    /// For display.
    pub name: Line,
    /// The smallest goes first where any partner would do.
    pub priority: u16,
    /// What our requests to its bank service are signed with.
    pub keys: Keys,
    /// Where its bank service listens: scheme, host and port.
    pub base_url: Line,
    /// When it is not asked, every day.
    pub maintenance: Option<Window>,
    /// Whether it is passed over until further notice.
    pub disabled: bool,
}

/// What a route is for. Stable numbers: they are in the journal.
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
#[repr(u8)]
pub enum Usage {
    /// To accounts at the partner itself.
    Transfer = 0,
    /// Through the partner to accounts at any bank.
    Interbank = 1,
}

impl Usage {
    /// The word for it in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transfer => "TRANSFER",
            Self::Interbank => "TRANSFER INTERBANK",
        }
    }

    /// The usage with this word.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Transfer, Self::Interbank].into_iter().find(|usage| usage.name() == name)
    }
}

/// A way that a partner offers. The method is POST always.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Route {
    /// Whose way.
    pub bank: BankCode,
    /// What for.
    pub usage: Usage,
    /// The path at the partner's bank service.
    pub local: Line,
    /// The bank's own endpoint, for the bank service.
    pub external: Line,
    /// What an interbank transfer costs, in minor units; zero for [`Usage::Transfer`].
    pub fee_fixed: u64,
    /// What it costs beside that, by amount.
    pub fee_basis_points: BasisPoints,
}

impl Route {
    /// The fee for moving `amount`: the fixed part and the share, rounded up; at most
    /// [`Amount::MAX`], and `None` for nothing.
    pub fn fee_rounded_up(&self, amount: Amount) -> Option<Amount> {
        let share = amount.fee_rounded_up(self.fee_basis_points).map_or(0, Amount::get);
        Amount::new(self.fee_fixed.saturating_add(share).min(Amount::MAX))
    }
}

/// Where a client is told how its transfers end.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Callback {
    /// The client's endpoint.
    pub url: Line,
    /// What our messages to it are signed with.
    pub secret: SealedKey,
}

/// An application that may ask for transfers.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Client {
    /// What it calls itself in its tokens.
    pub id: ClientId,
    /// For display.
    pub name: Line,
    /// The user it acts as: of the role for clients, with the escrow account it pays out of.
    pub user: UserId,
    /// The escrow account's number as the application knows it.
    pub account_number: Line,
    /// The name that goes with it.
    pub account_name: Line,
    /// Addresses and ranges it may come from; from nowhere if there are none.
    pub allow: Vec<Line>,
    /// What its tokens are signed with.
    pub keys: Keys,
    /// The largest single transfer.
    pub per_transfer_max: Option<Amount>,
    /// The most in a day of the books.
    pub per_day_max: Option<Amount>,
    /// How often it may ask.
    pub requests_per_second: Option<u32>,
    /// Whether its transfers may go through another bank, for a fee, when the beneficiary's own
    /// cannot be reached.
    pub allow_interbank_fallback: bool,
    /// Where it is told how its transfers end.
    pub callback: Option<Callback>,
    /// Whether it is turned away until further notice.
    pub disabled: bool,
}

/// One change of one table.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum RegistryChange {
    /// A partner is so from here on, new or not.
    PartnerSet(Partner),
    /// A partner is gone.
    PartnerRemoved(BankCode),
    /// A route is so from here on, new or not.
    RouteSet(Route),
    /// A route is gone.
    RouteRemoved(BankCode, Usage),
    /// A client is so from here on, new or not.
    ClientSet(Client),
    /// A client is gone.
    ClientRemoved(ClientId),
    /// A key of an application is so from here on, new or not.
    ApiKeySet(Box<ApiKey>),
    /// A key of an application is good no more.
    ApiKeyRemoved(KeyId),
    /// A key of an application was used at this time; said now and then only.
    ApiKeyUsed(KeyId, Timestamp),
    /// An endpoint is so from here on, new or not.
    EndpointSet(Endpoint),
    /// An endpoint is gone.
    EndpointRemoved(UserId, EndpointId),
    /// A merchant is so from here on, new or not.
    MerchantSet(Box<Merchant>),
    /// A merchant, with this endpoint, is gone.
    MerchantRemoved(UserId, EndpointId),
    /// A change waits for a second person.
    Proposed(Box<Proposal>),
    /// A second person wants it too: it happens here.
    Approved(ProposalId),
    /// Somebody does not want it, or no more, and why.
    ProposalRefused(ProposalId, Line),
    /// One administrator has said what is to happen with much money; another has to say the same.
    Decided(Box<Decision>),
    /// A user has another role, as two administrators want it. The row is the user's.
    RoleSet(UserId, Role),
}

/// A change of the registry, and whose it is.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct RegistryChanged {
    /// The administrator, or the operator.
    pub by: Principal,
    /// What changed.
    pub change: RegistryChange,
}

/// Why a change is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RegistryError {
    /// The partner to be removed, or that a route is to belong to, is not there.
    #[error("there is no such partner")]
    NoSuchPartner,
    /// The route to be removed is not there.
    #[error("there is no such route")]
    NoSuchRoute,
    /// The client to be removed is not there.
    #[error("there is no such client")]
    NoSuchClient,
    /// Routes go before their partner.
    #[error("the partner still has routes")]
    PartnerHasRoutes,
    /// A window needs two different minutes of a day.
    #[error("the maintenance window has no length or ends outside the day")]
    Window,
    /// Only what goes through another bank costs something.
    #[error("only an interbank route has a fee")]
    FeeOnTransfer,
    /// A fixed fee is at most the largest amount.
    #[error("the fee is too large")]
    FeeTooLarge,
    /// Zero requests a second is what `disabled` is for.
    #[error("the rate is zero")]
    RateIsZero,
    /// Too many entries in a client's allow list.
    #[error("the allow list is too long")]
    AllowTooLong,
    /// The client's money and references are another user's.
    #[error("a client keeps its user")]
    UserDiffers,
    /// Another client acts as this user.
    #[error("the user belongs to another client")]
    UserTaken,
    /// The key to be removed is not there.
    #[error("there is no such key")]
    NoSuchKey,
    /// A key is its owner's for good.
    #[error("a key keeps its owner")]
    OwnerDiffers,
    /// The owner has as many keys as they may.
    #[error("there are too many keys; revoke one first")]
    TooManyKeys,
    /// The table of clients is full.
    #[error("there are too many clients")]
    TooManyClients,
    /// The endpoint to be removed is not there.
    #[error("there is no such endpoint")]
    NoSuchEndpoint,
    /// The owner has as many as one may have, or the table is full.
    #[error("there are too many webhooks")]
    TooManyEndpoints,
    /// The merchant to be removed is not there.
    #[error("there is no such merchant")]
    NoSuchMerchant,
    /// The merchant's endpoint is another's, or was another one.
    #[error("a merchant keeps its endpoint")]
    EndpointDiffers,
    /// The table of merchants is full.
    #[error("there are too many merchants")]
    TooManyMerchants,
    /// What was to be approved or refused is not there any more.
    #[error("there is no such proposal")]
    NoSuchProposal,
    /// Its time is over.
    #[error("the proposal has expired")]
    ProposalExpired,
    /// Whoever proposed it is not the second person.
    #[error("another administrator has to approve it")]
    OwnProposal,
    /// Too many wait.
    #[error("there are too many proposals")]
    TooManyProposals,
}

/// The tables.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registry {
    /// Banks we can reach.
    pub partners: BTreeMap<BankCode, Partner>,
    /// Their ways.
    pub routes: BTreeMap<(BankCode, Usage), Route>,
    /// Who may ask. Shared, so that whoever asks copies no row, and knows it again.
    pub clients: BTreeMap<ClientId, Arc<Client>>,
    /// Which client acts as each user.
    acting: BTreeMap<UserId, ClientId>,
    /// Keys of applications that act for users.
    pub api_keys: BTreeMap<KeyId, ApiKey>,
    /// Where users are told of what happens. Shared, so that a change of one copies no other.
    pub endpoints: BTreeMap<(UserId, EndpointId), Arc<Endpoint>>,
    /// Who takes payments as through Midtrans.
    pub merchants: BTreeMap<UserId, Arc<Merchant>>,
    /// Changes that wait for a second person.
    pub proposals: BTreeMap<ProposalId, Arc<Proposal>>,
    /// Words about money that wait for a second person, by what they are about.
    pub decisions: BTreeMap<Position, Arc<Decision>>,
    /// Whose each server key is.
    pub(super) server_keys: BTreeMap<KeyId, UserId>,
}

impl Registry {
    /// Whether `change` may happen.
    ///
    /// # Errors
    /// Why not.
    pub fn decide(&self, change: &RegistryChange) -> Result<(), RegistryError> {
        match change {
            RegistryChange::PartnerSet(partner) => {
                require(partner.maintenance.is_none_or(Window::is_sound), RegistryError::Window)
            }
            RegistryChange::PartnerRemoved(bank) => {
                require(self.partners.contains_key(bank), RegistryError::NoSuchPartner)?;
                require(self.routes.keys().all(|it| it.0 != *bank), RegistryError::PartnerHasRoutes)
            }
            RegistryChange::RouteSet(route) => self.decide_route(route),
            RegistryChange::RouteRemoved(bank, usage) => {
                require(self.routes.contains_key(&(*bank, *usage)), RegistryError::NoSuchRoute)
            }
            RegistryChange::ClientSet(client) => self.decide_client(client),
            RegistryChange::ClientRemoved(id) => {
                require(self.clients.contains_key(id), RegistryError::NoSuchClient)
            }
            RegistryChange::ApiKeySet(key) => self.decide_key(key),
            RegistryChange::ApiKeyRemoved(id) | RegistryChange::ApiKeyUsed(id, _) => {
                require(self.api_keys.contains_key(id), RegistryError::NoSuchKey)
            }
            RegistryChange::EndpointSet(endpoint) => self.decide_endpoint(endpoint),
            RegistryChange::EndpointRemoved(owner, id) => {
                let is_there = self.endpoints.contains_key(&(*owner, *id));
                require(is_there, RegistryError::NoSuchEndpoint)
            }
            RegistryChange::MerchantSet(merchant) => self.decide_merchant(merchant),
            RegistryChange::MerchantRemoved(user, endpoint) => {
                self.decide_merchant_removed(*user, *endpoint)
            }
            RegistryChange::Proposed(proposal) => self.decide_proposal(proposal),
            RegistryChange::Approved(id) => self.decide_approved(*id),
            RegistryChange::RoleSet(..) => Ok(()),
            RegistryChange::ProposalRefused(id, _) => {
                require(self.proposals.contains_key(id), RegistryError::NoSuchProposal)
            }
            RegistryChange::Decided(decision) => self.decide_decision(decision),
        }
    }

    fn decide_endpoint(&self, endpoint: &Endpoint) -> Result<(), RegistryError> {
        if self.endpoints.contains_key(&(endpoint.owner, endpoint.id)) {
            return Ok(());
        }
        let room = self.endpoints_of(endpoint.owner).count() < limits::ENDPOINTS_PER_USER_MAX
            && self.endpoints.len() < limits::ENDPOINTS_MAX;
        require(room, RegistryError::TooManyEndpoints)
    }

    fn decide_route(&self, route: &Route) -> Result<(), RegistryError> {
        require(self.partners.contains_key(&route.bank), RegistryError::NoSuchPartner)?;
        require(route.fee_fixed <= Amount::MAX, RegistryError::FeeTooLarge)?;
        let free = route.fee_fixed == 0 && route.fee_basis_points.get() == 0;
        require(free || route.usage == Usage::Interbank, RegistryError::FeeOnTransfer)
    }

    fn decide_client(&self, client: &Client) -> Result<(), RegistryError> {
        require(client.allow.len() <= limits::ALLOW_MAX, RegistryError::AllowTooLong)?;
        require(client.requests_per_second != Some(0), RegistryError::RateIsZero)?;
        match self.clients.get(&client.id) {
            Some(before) => require(before.user == client.user, RegistryError::UserDiffers),
            None => {
                let taken = self.acting.contains_key(&client.user);
                require(!taken, RegistryError::UserTaken)?;
                require(self.clients.len() < limits::CLIENTS_MAX, RegistryError::TooManyClients)
            }
        }
    }

    fn decide_key(&self, key: &ApiKey) -> Result<(), RegistryError> {
        if let Some(before) = self.api_keys.get(&key.id) {
            return require(before.owner == key.owner, RegistryError::OwnerDiffers);
        }
        let owners = self.api_keys.values().filter(|other| other.owner == key.owner).count();
        let fits = owners < limits::API_KEYS_PER_OWNER_MAX;
        let fits = fits && self.api_keys.len() < limits::API_KEYS_MAX;
        require(fits, RegistryError::TooManyKeys)
    }

    /// Follows a change. Cannot fail.
    pub fn apply(&mut self, change: &RegistryChange) {
        self.end_proposals(change);
        match change {
            RegistryChange::PartnerSet(partner) => {
                self.partners.insert(partner.code, partner.clone());
            }
            RegistryChange::PartnerRemoved(bank) => {
                self.partners.remove(bank);
            }
            RegistryChange::RouteSet(route) => {
                self.routes.insert((route.bank, route.usage), route.clone());
            }
            RegistryChange::RouteRemoved(bank, usage) => {
                self.routes.remove(&(*bank, *usage));
            }
            RegistryChange::ClientSet(client) => {
                self.acting.insert(client.user, client.id.clone());
                self.clients.insert(client.id.clone(), Arc::new(client.clone()));
            }
            RegistryChange::ClientRemoved(id) => {
                if let Some(client) = self.clients.remove(id) {
                    self.acting.remove(&client.user);
                }
            }
            RegistryChange::ApiKeySet(key) => {
                self.api_keys.insert(key.id, (**key).clone());
            }
            RegistryChange::ApiKeyRemoved(id) => {
                self.api_keys.remove(id);
            }
            // One that was revoked meanwhile stays so.
            RegistryChange::ApiKeyUsed(id, at) => {
                if let Some(key) = self.api_keys.get_mut(id) {
                    key.last_used = key.last_used.max(Some(*at));
                }
            }
            RegistryChange::EndpointSet(endpoint) => {
                let key = (endpoint.owner, endpoint.id);
                self.endpoints.insert(key, Arc::new(endpoint.clone()));
            }
            RegistryChange::EndpointRemoved(owner, id) => {
                self.endpoints.remove(&(*owner, *id));
            }
            RegistryChange::MerchantSet(merchant) => self.set_merchant(merchant),
            RegistryChange::MerchantRemoved(user, endpoint) => {
                self.remove_merchant(*user, *endpoint);
            }
            RegistryChange::Proposed(proposal) => self.propose(proposal),
            RegistryChange::Approved(id) => self.approve(*id),
            // Users are no table of these.
            RegistryChange::RoleSet(..) => {}
            RegistryChange::ProposalRefused(id, _) => {
                self.proposals.remove(id);
            }
            RegistryChange::Decided(decision) => self.note_decision(decision),
        }
    }

    /// An endpoint wants no message any more.
    pub fn disable(&mut self, owner: UserId, id: EndpointId) {
        if let Some(endpoint) = self.endpoints.get_mut(&(owner, id)) {
            Arc::make_mut(endpoint).disabled = true;
        }
    }

    /// Where a user is told, oldest first.
    pub fn endpoints_of(&self, owner: UserId) -> impl Iterator<Item = &Arc<Endpoint>> {
        let first = (owner, EndpointId(Position::FIRST));
        let all = self.endpoints.range(first..).take_while(move |((of, _), _)| *of == owner);
        all.map(|(_, endpoint)| endpoint)
    }

    /// Whether all tables are.
    pub fn is_empty(&self) -> bool {
        self.partners.is_empty()
            && self.routes.is_empty()
            && self.clients.is_empty()
            && self.api_keys.is_empty()
            && self.endpoints.is_empty()
            && self.merchants.is_empty()
            && self.proposals.is_empty()
            && self.decisions.is_empty()
    }

    /// Changes that lead from empty tables to these.
    pub fn changes(&self) -> impl Iterator<Item = RegistryChange> + '_ {
        let partners = self.partners.values().cloned().map(RegistryChange::PartnerSet);
        let routes = self.routes.values().cloned().map(RegistryChange::RouteSet);
        let client = |it: &Arc<Client>| RegistryChange::ClientSet((**it).clone());
        let clients = self.clients.values().map(client);
        let key = |key: &ApiKey| RegistryChange::ApiKeySet(Box::new(key.clone()));
        let keys = self.api_keys.values().map(key);
        let endpoints = self.endpoints.values();
        let endpoints = endpoints.map(|it| RegistryChange::EndpointSet((**it).clone()));
        let merchant = |it: &Arc<Merchant>| RegistryChange::MerchantSet(Box::new((**it).clone()));
        let merchants = self.merchants.values().map(merchant);
        let proposal = |it: &Arc<Proposal>| RegistryChange::Proposed(Box::new((**it).clone()));
        // Last: a change of a row ends what was proposed for it.
        let proposals = self.proposals.values().map(proposal);
        let decided = |it: &Arc<Decision>| RegistryChange::Decided(Box::new((**it).clone()));
        let decisions = self.decisions.values().map(decided);
        let tables = partners.chain(routes).chain(clients).chain(keys).chain(endpoints);
        tables.chain(merchants).chain(proposals).chain(decisions)
    }

    /// The client that acts as `user`.
    pub fn client_of(&self, user: UserId) -> Option<&Arc<Client>> {
        self.clients.get(self.acting.get(&user)?)
    }
}

pub(super) const fn require(holds: bool, otherwise: RegistryError) -> Result<(), RegistryError> {
    if holds { Ok(()) } else { Err(otherwise) }
}

#[cfg(test)]
pub(crate) mod tests;
