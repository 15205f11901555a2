//! Client applications (EDR-4): a token they signed, from an address they may come from.
//!
//! # Invariants
//!
//! - Who it is, is settled in this order: the id the token claims, its signature by that client's
//!   key, its time, the address. A client that does not exist and a wrong signature look alike.
//! - Everything fails closed: a key that does not open, an allow list that cannot be read or is
//!   empty, a client that is switched off.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::{Error, Gateway};
use crate::identity::allow::AllowList;
use crate::identity::token::{self, InvalidToken};
use crate::ledger::id::{AccountId, UserId};
use crate::ledger::registry::{Client, Registry, SealedKey};
use crate::ledger::text::{ClientId, Line};
use crate::ledger::time::Timestamp;
use crate::limits;

/// What key tokens of a client are sealed for.
pub fn purpose(id: &ClientId) -> String {
    format!("client/{}", id.as_str())
}

/// A client that has proved who it is.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its row as it is now.
    pub client: Arc<Client>,
    /// Its escrow account.
    pub account: AccountId,
}

/// How many requests each client has left in the present second.
#[derive(Default)]
pub struct Rates(Mutex<HashMap<UserId, (i64, u32)>>);

impl Rates {
    /// Whether one more request fits; the second is the clock's.
    fn take(&self, client: UserId, per_second: Option<u32>, now: Timestamp) -> bool {
        let Some(per_second) = per_second else { return true };
        let mut rates = self.0.lock().expect("no holder of this lock panics");
        let (second, used) = rates.entry(client).or_insert_with(|| (now.seconds(), 0));
        if *second != now.seconds() {
            (*second, *used) = (now.seconds(), 0);
        }
        *used = used.saturating_add(1);
        *used <= per_second
    }
}

/// The allow list of each client, read once for each row of it.
#[derive(Default)]
pub struct AllowLists(Mutex<HashMap<ClientId, Read>>);

/// A row, and what its allow list says; nothing if that cannot be read.
struct Read {
    row: Arc<Client>,
    allowed: Option<AllowList>,
}

impl AllowLists {
    /// Whether the present `row` of a client of `registry` lets it come from `address`.
    fn allow(&self, row: &Arc<Client>, registry: &Registry, address: IpAddr) -> bool {
        let mut lists = self.0.lock().expect("no holder of this lock panics");
        let is_same = |read: &Read| Arc::ptr_eq(&read.row, row);
        if !lists.get(&row.id).is_some_and(is_same) {
            // A row is new: also time to forget those of clients that are gone.
            lists.retain(|id, _| registry.clients.contains_key(id));
            let allowed = AllowList::parse(row.allow.iter().map(Line::as_str)).ok();
            lists.insert(row.id.clone(), Read { row: Arc::clone(row), allowed });
        }
        let list = lists.get(&row.id).and_then(|read| read.allowed.as_ref());
        list.is_some_and(|list| list.allows(address))
    }
}

impl Gateway {
    /// The client whose token this is, come from `address`.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::AddressNotAllowed`], or too many requests in a second.
    pub fn authenticate_client(&self, token: &str, address: IpAddr) -> Result<Application, Error> {
        let now = self.engine.clock().now();
        let unknown = InvalidToken::InvalidSignature;
        let id = ClientId::parse(&token::peek_issuer(token)?).map_err(|_| unknown)?;
        let registry = self.view().registry();
        let Some(client) = registry.clients.get(&id) else {
            // As much work as for a client that exists: its time tells nothing either.
            let _ = token::verify_client(token, now, &[0; limits::CLIENT_SECRET_MIN], id.as_str());
            return Err(unknown.into());
        };
        self.verify_client(client, token, now)?;
        if client.disabled {
            return Err(Error::Forbidden("this client is switched off"));
        }
        if !self.allow_lists.allow(client, &registry, address) {
            return Err(Error::AddressNotAllowed);
        }
        if !self.rates.take(client.user, client.requests_per_second, now) {
            return Err(Error::RateLimited { retry_after_seconds: 1 });
        }
        let user = self.view().user(client.user).ok_or(unknown)?;
        Ok(Application { client: Arc::clone(client), account: user.account })
    }

    /// Either of the keys that are good now verifies; the error is the current key's.
    fn verify_client(
        &self,
        client: &Client,
        token: &str,
        now: Timestamp,
    ) -> Result<(), InvalidToken> {
        let by = |key: &SealedKey| {
            let key = self.vault.open(&purpose(&client.id), key).map_err(|_| {
                tracing::error!(client = client.id.as_str(), "a client's key does not open");
                InvalidToken::InvalidSignature
            })?;
            token::verify_client(token, now, key.expose(), client.id.as_str())
        };
        match (by(&client.keys.current), &client.keys.previous) {
            (Err(InvalidToken::InvalidSignature), Some(previous)) => by(previous),
            (verified, _) => verified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::registry::RegistryChange;
    use crate::ledger::registry::tests::{client, papers_rows};

    #[test]
    fn a_rate_is_per_client_and_second() {
        let rates = Rates::default();
        let at = Timestamp::from_seconds;
        for _ in 0..3 {
            assert!(rates.take(UserId(1), Some(3), at(10)));
        }
        assert!(!rates.take(UserId(1), Some(3), at(10)));
        assert!(rates.take(UserId(2), Some(3), at(10)));
        assert!(rates.take(UserId(1), None, at(10)));
        assert!(rates.take(UserId(1), Some(3), at(11)));
    }
    #[test]
    fn an_allow_list_is_the_present_rows() {
        let (lists, mut registry) = (AllowLists::default(), papers_rows());
        let set = |registry: &mut Registry, allow: &[&str]| {
            let allow = allow.iter().map(|entry| Line::parse(entry, 255).unwrap()).collect();
            registry.apply(&RegistryChange::ClientSet(Client { allow, ..client("1", 0) }));
            Arc::clone(registry.client_of(UserId(0)).unwrap())
        };
        let here = |row: &Arc<Client>, registry: &Registry| {
            let address = "139.99.60.117".parse().unwrap();
            let asked = [(); 2].map(|()| lists.allow(row, registry, address));
            assert_eq!(asked[0], asked[1], "as often as one asks");
            asked[0]
        };
        let first = Arc::clone(registry.client_of(UserId(0)).unwrap());
        assert!(here(&first, &registry));
        // Nobody, an entry that cannot be read, another address, and back.
        for (allow, expected) in [
            (&[][..], false),
            (&["139.99.60.117", "10.0.0.5/8"], false),
            (&["139.99.60.118"], false),
            (&["139.99.60.0/24"], true),
        ] {
            let row = set(&mut registry, allow);
            assert_eq!(here(&row, &registry), expected, "{allow:?}");
        }
        registry.apply(&RegistryChange::ClientRemoved(ClientId::parse("1").unwrap()));
        let other = Arc::clone(registry.client_of(UserId(1)).unwrap());
        lists.allow(&other, &registry, "::1".parse().unwrap());
        assert_eq!(lists.0.lock().unwrap().len(), 1, "clients that are gone are forgotten");
    }
}
