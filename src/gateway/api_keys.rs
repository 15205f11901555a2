//! Applications' keys (KOST-7): made, listed, revoked, and what a request with one may do.
//!
//! # Invariants
//!
//! - A key acts as its owner within its scopes, and only for as long as it stands in the registry:
//!   revoking it counts for the next request.
//! - An unknown key, a wrong secret, a revoked and an expired key look alike, and count as failures
//!   of the network they come from.
//! - That a key was used is journaled once in `API_KEY_NOTED_SECONDS` at most.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::caller::Caller;
use super::{Error, Gateway};
use crate::identity::api_key;
use crate::identity::secret::Secret;
use crate::identity::throttle::network;
use crate::identity::token::InvalidToken;
use crate::journal::Recorded;
use crate::ledger::api_key::{ApiKey, KeyId, Scope, Scopes};
use crate::ledger::event::{Fact, Role};
use crate::ledger::id::{Principal, UserId};
use crate::ledger::registry::{RegistryChange, RegistryChanged};
use crate::ledger::text::{Line, Username};
use crate::ledger::time::Timestamp;
use crate::ledger::user::User;
use crate::limits;

/// A key as asked for.
#[derive(Clone, Debug)]
pub struct KeyWanted {
    /// What it is to be called.
    pub name: Line,
    /// What it is to be for.
    pub scopes: Scopes,
    /// When it ends, if ever.
    pub expires: Option<Timestamp>,
    /// Whether it moves money without one-time codes.
    pub codes_exempt: bool,
}

/// A key that was made just now.
pub struct KeyMade {
    /// The key's row.
    pub row: ApiKey,
    /// The whole key, to be shown this once.
    pub key: Secret<String>,
    /// Where it was recorded.
    pub recorded: Recorded,
}

/// When each key was used last, as far as this process knows, and what of it is in the journal.
#[derive(Default)]
pub struct Uses(Mutex<HashMap<KeyId, Use>>);

#[derive(Clone, Copy)]
struct Use {
    last: Timestamp,
    noted: Timestamp,
}

impl Uses {
    /// Takes note of a use; whether it is to be journaled.
    fn take(&self, key: &ApiKey, now: Timestamp) -> bool {
        let mut uses = self.0.lock().expect("no holder of this lock panics");
        let noted = key.last_used.unwrap_or(Timestamp::EPOCH);
        let entry = uses.entry(key.id).or_insert(Use { last: now, noted });
        entry.last = entry.last.max(now);
        let due = now >= entry.noted.plus_seconds(limits::API_KEY_NOTED_SECONDS);
        if due {
            entry.noted = now;
        }
        due
    }

    fn last(&self, key: &ApiKey) -> Option<Timestamp> {
        let uses = self.0.lock().expect("no holder of this lock panics");
        uses.get(&key.id).map(|used| used.last).max(key.last_used)
    }

    fn forget(&self, key: KeyId) {
        self.0.lock().expect("no holder of this lock panics").remove(&key);
    }
}

impl Gateway {
    /// A key for `owner`, made by the operator or an administrator for anybody who is no
    /// administrator, by a merchant for themselves. One that sends others' money, or money without
    /// codes, is the operator's to make, and one for somebody else that does more than read waits for
    /// another administrator, unless administrators decide such things alone.
    ///
    /// # Errors
    /// What is wrong with what is wanted; [`Error::Forbidden`] for what `by` may not give.
    pub async fn make_key(
        &self,
        by: Principal,
        owner: &Username,
        wanted: KeyWanted,
    ) -> Result<KeyMade, Error> {
        let missing = || Error::invalid("owner", "nobody has this name");
        let owner = self.view().user_by_name(owner.as_str()).ok_or_else(missing)?;
        self.check_giver(by, &owner, &wanted)?;
        self.check_wanted(&owner, &wanted)?;
        let made = api_key::make();
        let KeyWanted { name, scopes, expires, codes_exempt } = wanted;
        let row = ApiKey {
            id: made.id,
            owner: owner.id,
            name,
            scopes,
            hash: made.hash,
            codes_exempt,
            created: self.engine.clock().now(),
            expires,
            last_used: None,
        };
        let change = RegistryChange::ApiKeySet(Box::new(row.clone()));
        let recorded = self.change_registry(by, change).await?;
        Ok(KeyMade { row, key: made.key, recorded })
    }

    fn check_giver(&self, by: Principal, owner: &User, wanted: &KeyWanted) -> Result<(), Error> {
        let is_own = by == Principal::User(owner.id) && !wanted.codes_exempt;
        if !is_own && !self.is_administrator(by) {
            return Err(Error::Forbidden(
                "keys without codes, or for others, are for administrators",
            ));
        }
        if self.decides_alone(by) {
            return Ok(());
        }
        match (owner.role, wanted.codes_exempt) {
            (Role::Client, _) => Err(Error::Forbidden(
                "keys of clients are made by the operator, with gerbang admin make-api-key",
            )),
            (_, true) => Err(Error::Forbidden(
                "keys without codes are made by the operator, with gerbang admin make-api-key",
            )),
            _ => Ok(()),
        }
    }

    /// Whether somebody may have keys, as they are now.
    pub(super) fn check_owner(&self, owner: UserId) -> Result<(), Error> {
        match self.view().user(owner).is_some_and(|owner| owner.role != Role::Admin) {
            true => Ok(()),
            false => Err(Error::invalid("owner", "an administrator acts in person")),
        }
    }

    fn check_wanted(&self, owner: &User, wanted: &KeyWanted) -> Result<(), Error> {
        self.check_owner(owner.id)?;
        if wanted.scopes.is_empty() {
            return Err(Error::invalid("scopes", "must name at least one"));
        }
        let now = self.engine.clock().now();
        match wanted.expires {
            Some(expires) if expires <= now => Err(Error::invalid("expires", "is past")),
            _ => Ok(()),
        }
    }

    /// The keys of one owner, or of all for an administrator who names none; newest first, each
    /// with its last use.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody has the name.
    pub fn keys(&self, owner: Option<&str>) -> Result<Vec<ApiKey>, Error> {
        let owner = owner.map(|name| self.look_up(name)).transpose()?;
        let registry = self.view().registry();
        let of = |key: &&ApiKey| owner.as_ref().is_none_or(|owner| owner.id == key.owner);
        let shown = |key: &ApiKey| ApiKey { last_used: self.uses.last(key), ..key.clone() };
        let mut keys: Vec<ApiKey> = registry.api_keys.values().filter(of).map(shown).collect();
        keys.sort_by_key(|key| std::cmp::Reverse((key.created, key.id)));
        Ok(keys)
    }

    /// Revokes a key: any for an administrator, one's own for others.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for another's.
    pub async fn revoke_key(&self, caller: &Caller, id: &str) -> Result<Recorded, Error> {
        let id = KeyId::parse(id).ok_or(Error::NotFound)?;
        let is_admin = caller.user.role == Role::Admin;
        let registry = self.view().registry();
        let key = registry.api_keys.get(&id).ok_or(Error::NotFound)?;
        if !is_admin && key.owner != caller.user.id {
            return Err(Error::NotFound);
        }
        let change = RegistryChange::ApiKeyRemoved(id);
        let recorded = self.change_registry(caller.principal(), change).await?;
        self.uses.forget(id);
        Ok(recorded)
    }

    /// Who acts by `key`, come from `from`, on a route for which any of `wanted` will do; without
    /// any, no key does.
    ///
    /// # Errors
    /// [`Error::InvalidToken`]; [`Error::Forbidden`] for another scope; [`Error::RateLimited`] after
    /// too many failures from the same network.
    pub fn authenticate_key(
        &self,
        key: &str,
        from: IpAddr,
        wanted: &[Scope],
    ) -> Result<Caller, Error> {
        let now = self.engine.clock().now();
        self.check_network(from, now)?;
        let Some((row, user)) = self.find_key(key, now) else {
            self.networks.failed(&network(from), now);
            return Err(InvalidToken::ApiKey.into());
        };
        // The role may have changed since the key was made.
        let scopes = Scopes::of(user.role);
        if !wanted.iter().any(|scope| row.scopes.has(*scope) && scopes.has(*scope)) {
            return Err(Error::Forbidden("the key is not for this"));
        }
        if self.uses.take(&row, now) {
            self.note_use(row.id, now);
        }
        Ok(Caller::by_key(user, &row))
    }

    /// Whether `key` is one of a user with one of these roles, for this. Changes nothing.
    pub fn is_key_of(&self, key: &str, roles: &[Role], scope: Scope) -> bool {
        let found = self.find_key(key, self.engine.clock().now());
        found.is_some_and(|(row, user)| row.scopes.has(scope) && roles.contains(&user.role))
    }

    /// Whom a live key acts for. Counts nothing and notes no use: for a log.
    pub fn owner_of_key(&self, key: &str) -> Option<Arc<User>> {
        self.find_key(key, self.engine.clock().now()).map(|(_, user)| user)
    }

    fn find_key(&self, key: &str, now: Timestamp) -> Option<(ApiKey, Arc<User>)> {
        let (id, secret) = api_key::parse(key)?;
        let registry = self.view().registry();
        let row = registry.api_keys.get(&id)?;
        let good = api_key::matches(&row.hash, secret) && row.is_live(now);
        Some((row.clone(), self.view().user(row.owner)?)).filter(|_| good)
    }

    /// Records a use. Nobody waits for it, and where the queue is full it is left out.
    fn note_use(&self, id: KeyId, at: Timestamp) {
        let by = Principal::System;
        let change = RegistryChange::ApiKeyUsed(id, at);
        let fact = Fact::RegistryChanged(Box::new(RegistryChanged { by, change }));
        drop(self.engine.queue(fact, Vec::new()));
    }
}
