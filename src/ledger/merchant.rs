//! Who takes payments through the gateway as through Midtrans (MID-2): one row of the registry for
//! each user.
//!
//! # Invariants
//!
//! - A merchant keeps its user and the number of its endpoint as long as it exists. What its orders
//!   are called is the user's name space, which outlives the row.
//! - A key is found by its public half and proved by a hash. It stands here sealed too, since what
//!   the merchant is told is signed with it.
//! - Where the merchant is told is an endpoint that follows from this row and from nothing else.

use std::sync::Arc;

use super::api_key::{KeyHash, KeyId};
use super::endpoint::{Endpoint, EndpointId, EventKind, Format};
use super::id::UserId;
use super::money::{Amount, BasisPoints};
use super::registry::{Keys, Registry, RegistryError, SealedKey, require};
use super::text::Line;
use super::time::Timestamp;
use crate::limits;

/// A server key.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct ServerKeyRow {
    /// Its public half, by which it is found.
    pub id: KeyId,
    /// Of its secret half.
    pub hash: KeyHash,
    /// The whole key.
    pub sealed: SealedKey,
}

/// A merchant.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Merchant {
    /// Whose orders they are, and whose account is credited.
    pub user: UserId,
    /// Of where it is told.
    pub endpoint: EndpointId,
    /// When it was made.
    pub created: Timestamp,
    /// Asks and signs.
    pub key: ServerKeyRow,
    /// Still asks, until the merchant has changed over.
    pub previous: Option<ServerKeyRow>,
    /// What the merchant's pages call themselves. No secret.
    pub client_key: Line,
    /// Where it is told; empty if nowhere.
    pub notify: Line,
    /// Where a payer goes on from our page once the order is paid; empty if nowhere.
    pub finish: Line,
    /// Where a payer goes on who has not paid; empty if nowhere.
    pub unfinish: Line,
    /// The ways its orders may be paid: `wallet`, `echannel`, `bank_transfer/bca`, ...
    pub methods: Vec<Line>,
    /// What the house keeps of an order, by its amount.
    pub fee_basis_points: BasisPoints,
    /// What it keeps beside that, in minor units.
    pub fee_fixed: u64,
    /// Whether it is turned away until further notice.
    pub disabled: bool,
}

/// What a merchant is told of.
const TOLD: [EventKind; 8] = [
    EventKind::ChargePending,
    EventKind::ChargePaid,
    EventKind::ChargeCancelled,
    EventKind::ChargeExpired,
    EventKind::ChargeDenied,
    EventKind::ChargeFailed,
    EventKind::RefundSent,
    // Late money of an order that was placed with the merchant.
    EventKind::TopUpCredited,
];

impl Merchant {
    /// Whether its orders may be paid in this way.
    pub fn takes(&self, method: &str) -> bool {
        self.methods.iter().any(|taken| taken.as_str() == method)
    }

    /// What the house keeps of an order of `amount`, rounded up. It may be more than there is.
    pub fn fee_rounded_up(&self, amount: Amount) -> Option<Amount> {
        let share = amount.fee_rounded_up(self.fee_basis_points).map_or(0, Amount::get);
        Amount::new(self.fee_fixed.saturating_add(share).min(Amount::MAX))
    }

    /// Its key of this public half.
    pub fn key(&self, id: KeyId) -> Option<&ServerKeyRow> {
        std::iter::once(&self.key).chain(&self.previous).find(|key| key.id == id)
    }

    /// Where it is told. One order may name other places, so there is an endpoint without a URL too.
    pub fn endpoint(&self) -> Arc<Endpoint> {
        Arc::new(Endpoint {
            id: self.endpoint,
            owner: self.user,
            created: self.created,
            url: self.notify.clone(),
            description: Line::empty(),
            secrets: Keys { current: self.key.sealed.clone(), previous: None },
            rotated: None,
            events: TOLD.to_vec(),
            format: Format::Midtrans,
            disabled: self.disabled,
        })
    }
}

impl Registry {
    /// Whether a row may be so.
    pub(super) fn decide_merchant(&self, merchant: &Merchant) -> Result<(), RegistryError> {
        let Merchant { user, endpoint, .. } = *merchant;
        match self.merchants.get(&user) {
            Some(before) => require(before.endpoint == endpoint, RegistryError::EndpointDiffers),
            None => {
                let taken = self.endpoints.contains_key(&(user, endpoint));
                require(!taken, RegistryError::EndpointDiffers)?;
                let room = self.merchants.len() < limits::MERCHANTS_MAX;
                require(room, RegistryError::TooManyMerchants)
            }
        }
    }

    /// Whether a row may go.
    pub(super) fn decide_merchant_removed(
        &self,
        user: UserId,
        endpoint: EndpointId,
    ) -> Result<(), RegistryError> {
        let found = self.merchants.get(&user).is_some_and(|it| it.endpoint == endpoint);
        require(found, RegistryError::NoSuchMerchant)
    }

    /// A row is so from here on.
    pub(super) fn set_merchant(&mut self, merchant: &Merchant) {
        let user = merchant.user;
        self.server_keys.retain(|_, of| *of != user);
        for key in std::iter::once(&merchant.key).chain(&merchant.previous) {
            self.server_keys.insert(key.id, user);
        }
        self.endpoints.insert((user, merchant.endpoint), merchant.endpoint());
        self.merchants.insert(user, Arc::new(merchant.clone()));
    }

    /// Whose server key has this public half.
    pub fn merchant_of_key(&self, key: KeyId) -> Option<&Arc<Merchant>> {
        self.merchants.get(self.server_keys.get(&key)?)
    }

    /// A row is gone, and what follows from it.
    pub(super) fn remove_merchant(&mut self, user: UserId, endpoint: EndpointId) {
        self.merchants.remove(&user);
        self.server_keys.retain(|_, of| *of != user);
        self.endpoints.remove(&(user, endpoint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::registry::tests::merchant;

    #[test]
    fn the_fee_is_a_share_rounded_up_and_a_fixed_part() {
        let cases = [(70, 0, 10_000, Some(70)), (70, 100, 10_001, Some(171)), (0, 0, 5, None)];
        for (basis_points, fee_fixed, amount, fee) in cases {
            let fee_basis_points = BasisPoints::new(basis_points).unwrap();
            let row = Merchant { fee_basis_points, fee_fixed, ..merchant(0) };
            assert_eq!(row.fee_rounded_up(Amount::new(amount).unwrap()).map(Amount::get), fee);
        }
    }

    #[test]
    fn a_merchant_is_told_of_its_orders_and_of_nothing_else() {
        let endpoint = merchant(0).endpoint();
        assert!(endpoint.wants(EventKind::ChargePaid) && endpoint.wants(EventKind::RefundSent));
        assert!(!endpoint.wants(EventKind::PaymentReceived));
        assert!(
            !Merchant { disabled: true, ..merchant(0) }.endpoint().wants(EventKind::ChargePaid)
        );
    }
}
