//! The rows of merchants, and whose a key is.

use std::sync::Arc;

use crate::connector::midtrans::key::ServerKey;
use crate::gateway::charge::method;
use crate::gateway::{Error, Gateway};
use crate::identity::secret::Secret;
use crate::identity::server_key;
use crate::identity::vault::Vault;
use crate::journal::Recorded;
use crate::ledger::endpoint::EndpointId;
use crate::ledger::event::{Fact, Role};
use crate::ledger::id::{Principal, UserId};
use crate::ledger::merchant::{Merchant, ServerKeyRow};
use crate::ledger::money::{Amount, BasisPoints};
use crate::ledger::proposal::TableChange;
use crate::ledger::registry::{Registry, RegistryChange};
use crate::ledger::text::Line;
use crate::limits;

/// Where a merchant and its payers go.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Where it is told; empty if nowhere.
    pub notify: Line,
    /// Where a payer goes on to who has paid; empty if nowhere.
    pub finish: Line,
    /// Where one goes on to who has not; empty if nowhere.
    pub unfinish: Line,
}

/// What an administrator decides about a merchant.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The ways its orders may be paid.
    pub methods: Vec<Line>,
    /// What the house keeps, by the amount.
    pub fee_basis_points: BasisPoints,
    /// What it keeps beside that.
    pub fee_fixed: u64,
    /// Whether it is turned away.
    pub disabled: bool,
}

/// A row that was set, or proposed.
pub struct Set {
    /// The row.
    pub row: Arc<Merchant>,
    /// Where it was recorded.
    pub recorded: Recorded,
    /// The server key if there is a new one, to be shown this once.
    pub key: Option<Secret<String>>,
}

/// What a server key is sealed for.
fn purpose(user: UserId) -> String {
    format!("merchant/{}", user.0)
}

/// The key that a merchant signs with, as sealed in its row.
///
/// # Errors
/// [`Error::NotFound`] if it does not open.
pub(in crate::gateway) fn open(
    vault: &Vault,
    user: UserId,
    row: &ServerKeyRow,
) -> Result<ServerKey, Error> {
    let opened = vault.open(&purpose(user), &row.sealed).ok();
    let text = opened.and_then(|bytes| String::from_utf8(bytes.expose().clone()).ok());
    let key = text.and_then(|text| ServerKey::new(text).ok());
    key.ok_or_else(|| {
        tracing::error!(user = user.0, "a merchant's key does not open");
        Error::NotFound
    })
}

impl Gateway {
    /// Every merchant.
    pub fn merchants(&self) -> Vec<Arc<Merchant>> {
        self.view().registry().merchants.values().cloned().collect()
    }

    /// The merchant that is this user.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn merchant(&self, user: UserId) -> Result<Arc<Merchant>, Error> {
        find(&self.view().registry(), user)
    }

    /// The merchant of this server key, and the key to sign its answers with.
    pub fn merchant_of(&self, key: &Secret<String>) -> Option<(Arc<Merchant>, ServerKey)> {
        let id = server_key::id_of(key.expose())?;
        let registry = self.view().registry();
        let row = registry.merchant_of_key(id)?;
        let is_merchant = self.view().user(row.user).is_some_and(|u| u.role == Role::Merchant);
        let good = server_key::matches(&row.key(id)?.hash, key.expose());
        let good = good && is_merchant && !row.disabled;
        let key = ServerKey::new(key.expose().clone()).ok()?;
        good.then(|| (Arc::clone(row), key))
    }

    /// Whether this is a merchant's client key.
    pub fn knows_client_key(&self, key: &str) -> bool {
        let registry = self.view().registry();
        registry.merchants.values().any(|row| row.client_key.as_str() == key && !row.disabled)
    }

    /// An administrator makes a user a merchant, or changes the terms of one, as another one agrees
    /// unless they may decide such things alone. Only then are they shown the first key; a merchant
    /// makes one of its own with [`Gateway::rotate_server_key`].
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field; [`Error::NotFound`] if nobody has the name.
    pub async fn set_merchant(
        &self,
        by: Principal,
        username: &str,
        terms: Terms,
        addresses: Option<Addresses>,
    ) -> Result<Set, Error> {
        let user = self.view().user_by_name(username).ok_or(Error::NotFound)?;
        if user.role != Role::Merchant {
            return Err(Error::invalid("username", "must be a user of the role merchant"));
        }
        let known = self.view().registry().merchants.contains_key(&user.id);
        let made = (!known).then(|| self.seal_new_key(user.id));
        let (row_of_key, shown) = made.unzip();
        let change = |registry: &Registry| {
            let before = match (registry.merchants.get(&user.id), row_of_key) {
                (Some(before), _) => Merchant::clone(before),
                (None, Some(key)) => self.new_row(user.id, key),
                (None, None) => return Err(Error::Conflict("the merchant was removed just now")),
            };
            let Terms { methods, fee_basis_points, fee_fixed, disabled } = terms;
            let row = Merchant { methods, fee_basis_points, fee_fixed, disabled, ..before };
            let row = match addresses {
                None => row,
                Some(Addresses { notify, finish, unfinish }) => {
                    Merchant { notify, finish, unfinish, ..row }
                }
            };
            Ok(RegistryChange::MerchantSet(Box::new(row)))
        };
        self.set(by, user.id, change, shown).await
    }

    fn new_row(&self, user: UserId, key: ServerKeyRow) -> Merchant {
        Merchant {
            user,
            // Nobody else makes one before this is shown, and then the latest place is another.
            endpoint: EndpointId(self.view().position()),
            created: self.engine.clock().now(),
            key,
            previous: None,
            client_key: Line::cut(&server_key::make_client_key(), limits::NAME_MAX),
            notify: Line::empty(),
            finish: Line::empty(),
            unfinish: Line::empty(),
            methods: Vec::new(),
            fee_basis_points: self.settings.merchant_fee,
            fee_fixed: 0,
            disabled: false,
        }
    }

    /// A merchant says where it is told, and where its payers go on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] naming the field.
    pub async fn set_addresses(
        &self,
        by: Principal,
        user: UserId,
        addresses: Addresses,
    ) -> Result<Set, Error> {
        let change = |registry: &Registry| {
            let Addresses { notify, finish, unfinish } = addresses;
            let before = Merchant::clone(&*find(registry, user)?);
            let row = Merchant { notify, finish, unfinish, ..before };
            Ok(RegistryChange::MerchantSet(Box::new(row)))
        };
        self.set(by, user, change, None).await
    }

    /// A new server key, which is shown this once and signs from here on. The one before it still
    /// asks, until it is dropped or the next one is made.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn rotate_server_key(&self, by: Principal, user: UserId) -> Result<Set, Error> {
        let (key, shown) = self.seal_new_key(user);
        let change = |registry: &Registry| {
            let before = Merchant::clone(&*find(registry, user)?);
            let row = Merchant { previous: Some(before.key), key, ..before };
            Ok(RegistryChange::MerchantSet(Box::new(row)))
        };
        self.set(by, user, change, Some(shown)).await
    }

    /// The key before the present one is good no more.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if there is none.
    pub async fn drop_server_key(&self, by: Principal, user: UserId) -> Result<Set, Error> {
        let change = |registry: &Registry| {
            let before = Merchant::clone(&*find(registry, user)?);
            if before.previous.is_none() {
                return Err(Error::Conflict("there is no previous key"));
            }
            Ok(RegistryChange::MerchantSet(Box::new(Merchant { previous: None, ..before })))
        };
        self.set(by, user, change, None).await
    }

    /// A user is no merchant any more. Its orders stay, and what is paid for them is credited.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_merchant(&self, by: Principal, username: &str) -> Result<Recorded, Error> {
        let user = self.view().user_by_name(username).ok_or(Error::NotFound)?.id;
        let change = |registry: &Registry| {
            let endpoint = find(registry, user)?.endpoint;
            Ok(RegistryChange::MerchantRemoved(user, endpoint))
        };
        self.change_by(by, change).await
    }

    async fn set(
        &self,
        by: Principal,
        user: UserId,
        change: impl FnOnce(&Registry) -> Result<RegistryChange, Error>,
        key: Option<Secret<String>>,
    ) -> Result<Set, Error> {
        let recorded = self.change_by(by, change).await?;
        // With it anybody is the merchant, so that nobody else is shown it.
        let is_shown = by == Principal::User(user) || self.decides_alone(by);
        Ok(Set { row: row_of(&recorded)?, recorded, key: key.filter(|_| is_shown) })
    }

    fn seal_new_key(&self, user: UserId) -> (ServerKeyRow, Secret<String>) {
        let server_key::Made { id, key, hash } = server_key::make();
        let sealed = self.vault.seal(&purpose(user), &key);
        (ServerKeyRow { id, hash, sealed }, key)
    }

    /// What can be wrong with a merchant's row.
    pub(in crate::gateway) fn check_merchant(&self, row: &Merchant) -> Result<(), Error> {
        let known = |name: &str| name == method::WALLET || method::parse(name).is_some();
        if let Some(wrong) = row.methods.iter().find(|name| !known(name.as_str())) {
            return Err(Error::invalid("methods", format!("{wrong} is not a way to pay")));
        }
        if row.methods.len() > limits::MERCHANT_METHODS_MAX {
            return Err(Error::invalid("methods", "are too many"));
        }
        if row.fee_fixed > Amount::MAX {
            return Err(Error::invalid("fee_fixed", "is too large"));
        }
        let messenger = self.courier.messenger();
        let all = [
            ("notification_url", &row.notify),
            ("finish_url", &row.finish),
            ("unfinish_url", &row.unfinish),
        ];
        for (field, url) in all.into_iter().filter(|(_, url)| !url.as_str().is_empty()) {
            // What we go to ourselves has to be allowed; what browsers go to, only be a URL.
            let checked = match field {
                "notification_url" => {
                    messenger.url(url.as_str()).map(drop).map_err(|e| e.to_string())
                }
                _ => crate::outbound::Url::parse(url.as_str()).map(drop).map_err(|e| e.to_string()),
            };
            checked.map_err(|error| Error::invalid(field, error))?;
        }
        Ok(())
    }
}

/// The row that was set, or proposed.
fn row_of(recorded: &Recorded) -> Result<Arc<Merchant>, Error> {
    let Fact::RegistryChanged(changed) = &recorded.event.fact else { return Err(Error::NotFound) };
    let row = match &changed.change {
        RegistryChange::MerchantSet(row) => row,
        RegistryChange::Proposed(proposal) => match &proposal.change {
            TableChange::MerchantSet(row) => row,
            _ => return Err(Error::NotFound),
        },
        _ => return Err(Error::NotFound),
    };
    Ok(Arc::new(Merchant::clone(row)))
}

fn find(registry: &Registry, user: UserId) -> Result<Arc<Merchant>, Error> {
    registry.merchants.get(&user).cloned().ok_or(Error::NotFound)
}
