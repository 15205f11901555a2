//! Rows of partners and clients as administrators write them, and the key tokens that go with them.
//!
//! A key token is made here, sealed, and handed out once: to whoever made the row or put a new key
//! in the place of the old one. After that nobody is shown it again.
//!
//! # Invariants
//!
//! - At most two keys of a row are good: the newest, and the one before it until the next change of
//!   keys or until it is dropped.
//! - A change of a row leaves its keys, and a change of keys leaves the row.

use super::{Error, Gateway, client, payout};
use crate::connector::webhook;
use crate::gateway::identity::SignUp;
use crate::identity::secret::Secret;
use crate::identity::vault::new_key_token;
use crate::journal::Recorded;
use crate::ledger::event::Role;
use crate::ledger::id::{Principal, UserId};
use crate::ledger::money::Amount;
use crate::ledger::registry::{
    BankCode, Callback, Client, Keys, Partner, Registry, RegistryChange, SealedKey, Window,
};
use crate::ledger::text::{ClientId, Email, Line, Username};

/// A partner without its keys.
#[derive(Clone, Debug)]
pub struct PartnerRow {
    /// Which bank.
    pub code: BankCode,
    /// For display.
    pub name: Line,
    /// The smallest goes first.
    pub priority: u16,
    /// Where its bank service listens.
    pub base_url: Line,
    /// When it is not asked, every day.
    pub maintenance: Option<Window>,
    /// Whether it is passed over until further notice.
    pub disabled: bool,
}

/// A client without its keys, its user and its callback.
#[derive(Clone, Debug)]
pub struct ClientRow {
    /// What it calls itself in its tokens.
    pub id: ClientId,
    /// For display.
    pub name: Line,
    /// The escrow account's number as the application knows it.
    pub account_number: Line,
    /// The name that goes with it.
    pub account_name: Line,
    /// Addresses and ranges it may come from.
    pub allow: Vec<Line>,
    /// The largest single transfer.
    pub per_transfer_max: Option<Amount>,
    /// The most in a day of the books.
    pub per_day_max: Option<Amount>,
    /// How often it may ask.
    pub requests_per_second: Option<u32>,
    /// Whether another bank may do it, for a fee.
    pub allow_interbank_fallback: bool,
    /// Whether it is turned away until further notice.
    pub disabled: bool,
}

/// Whose keys.
#[derive(Clone, Debug)]
pub enum Holder {
    /// A partner's.
    Partner(BankCode),
    /// A client's.
    Client(ClientId),
}

/// A row with a key token that was made for it just now.
pub struct Issued {
    /// The change, in which the key is sealed.
    pub recorded: Recorded,
    /// The key token, to be shown this once.
    pub token: Secret<String>,
}

impl Gateway {
    /// A new partner with a key of its own.
    ///
    /// # Errors
    /// [`Error::Conflict`] if there is such a partner; what is wrong with the row.
    pub async fn add_partner(&self, by: Principal, row: PartnerRow) -> Result<Issued, Error> {
        let (token, key) = self.new_key(&Holder::Partner(row.code));
        let change = |registry: &Registry| match registry.partners.contains_key(&row.code) {
            true => Err(Error::Conflict("there is such a partner")),
            false => Ok(RegistryChange::PartnerSet(row.with(only(key)))),
        };
        Ok(Issued { recorded: self.change_by(by, change).await?, token })
    }

    /// Another row for a partner, which keeps its keys.
    ///
    /// # Errors
    /// [`Error::NotFound`]; what is wrong with the row.
    pub async fn change_partner(&self, by: Principal, row: PartnerRow) -> Result<Recorded, Error> {
        let change = |registry: &Registry| {
            let before = registry.partners.get(&row.code).ok_or(Error::NotFound)?;
            Ok(RegistryChange::PartnerSet(row.with(before.keys.clone())))
        };
        self.change_by(by, change).await
    }

    /// A new client with a key of its own. It acts as the user of this name, who is made if there
    /// is none: of the role for clients, with an escrow account and a password nobody knows.
    ///
    /// # Errors
    /// [`Error::Conflict`] if there is such a client; what is wrong with the row or its user.
    pub async fn add_client(
        &self,
        by: Principal,
        row: ClientRow,
        username: Username,
    ) -> Result<Issued, Error> {
        let taken = || Error::Conflict("there is such a client");
        if self.view().registry().clients.contains_key(&row.id) {
            return Err(taken());
        }
        let (token, key) = self.new_key(&Holder::Client(row.id.clone()));
        self.check_client_row(&row.clone().with(UserId(u32::MAX), only(key.clone())))?;
        let user = self.escrow_user(by, username, row.name.clone()).await?;
        let change = |registry: &Registry| match registry.clients.contains_key(&row.id) {
            true => Err(taken()),
            false => Ok(RegistryChange::ClientSet(row.with(user, only(key)))),
        };
        Ok(Issued { recorded: self.change_by(by, change).await?, token })
    }

    /// Another row for a client, which keeps what is no part of that row.
    ///
    /// # Errors
    /// [`Error::NotFound`]; what is wrong with the row.
    pub async fn change_client(&self, by: Principal, row: ClientRow) -> Result<Recorded, Error> {
        let change = |registry: &Registry| {
            let before = registry.clients.get(&row.id).ok_or(Error::NotFound)?;
            let callback = before.callback.clone();
            let row = row.with(before.user, before.keys.clone());
            Ok(RegistryChange::ClientSet(Client { callback, ..row }))
        };
        self.change_by(by, change).await
    }

    /// A new key. The one before it stays good until the next or until it is dropped.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn rotate_key(&self, by: Principal, holder: Holder) -> Result<Issued, Error> {
        let (token, key) = self.new_key(&holder);
        let rotated = |keys: &Keys| Ok(Keys { current: key, previous: Some(keys.current.clone()) });
        let recorded = self.change_by(by, |registry| holder.change(registry, rotated)).await?;
        Ok(Issued { recorded, token })
    }

    /// From here on only the newest key is good.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if there is no other.
    pub async fn drop_previous_key(
        &self,
        by: Principal,
        holder: Holder,
    ) -> Result<Recorded, Error> {
        let dropped = |keys: &Keys| match &keys.previous {
            Some(_) => Ok(only(keys.current.clone())),
            None => Err(Error::Conflict("there is no previous key")),
        };
        self.change_by(by, |registry| holder.change(registry, dropped)).await
    }

    /// Has the ends of a client's transfers told to `url` from here on. The secret that messages are
    /// signed with is new, and handed out here only.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] if the address may not be called.
    pub async fn set_callback(
        &self,
        by: Principal,
        id: &ClientId,
        url: Line,
    ) -> Result<(Recorded, Secret<String>), Error> {
        let secret = webhook::Key::generate();
        let sealed = self.vault.seal(&payout::callbacks::purpose(id), &secret);
        let callback = Some(Callback { url, secret: sealed });
        Ok((self.change_callback(by, id, callback).await?, secret))
    }

    /// Tells a client nothing more.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_callback(&self, by: Principal, id: &ClientId) -> Result<Recorded, Error> {
        self.change_callback(by, id, None).await
    }

    async fn change_callback(
        &self,
        by: Principal,
        id: &ClientId,
        callback: Option<Callback>,
    ) -> Result<Recorded, Error> {
        let change = |registry: &Registry| {
            let row = (**registry.clients.get(id).ok_or(Error::NotFound)?).clone();
            Ok(RegistryChange::ClientSet(Client { callback, ..row }))
        };
        self.change_by(by, change).await
    }

    fn new_key(&self, holder: &Holder) -> (Secret<String>, SealedKey) {
        let token = new_key_token();
        let key = self.vault.seal(&holder.purpose(), &token);
        (token, key)
    }

    async fn escrow_user(
        &self,
        by: Principal,
        username: Username,
        name: Line,
    ) -> Result<UserId, Error> {
        if let Ok(user) = self.look_up(username.as_str()) {
            return Ok(user.id);
        }
        let email = format!("{username}@client.invalid");
        let wanted = SignUp {
            name,
            email: Email::parse(&email).map_err(|error| Error::invalid("user", error))?,
            phone: None,
            // Thrown away: it signs requests with its key and never logs in.
            password: new_key_token(),
            role: Role::Client,
            username: username.clone(),
        };
        self.make_user(wanted, by, false).await?;
        Ok(self.look_up(username.as_str())?.id)
    }
}

const fn only(current: SealedKey) -> Keys {
    Keys { current, previous: None }
}

impl Holder {
    fn purpose(&self) -> String {
        match self {
            Self::Partner(code) => payout::partners::purpose(*code),
            Self::Client(id) => client::purpose(id),
        }
    }

    /// The change that gives this holder's row other keys.
    fn change(
        &self,
        registry: &Registry,
        keys: impl FnOnce(&Keys) -> Result<Keys, Error>,
    ) -> Result<RegistryChange, Error> {
        match self {
            Self::Partner(code) => {
                let row = registry.partners.get(code).ok_or(Error::NotFound)?.clone();
                Ok(RegistryChange::PartnerSet(Partner { keys: keys(&row.keys)?, ..row }))
            }
            Self::Client(id) => {
                let row = (**registry.clients.get(id).ok_or(Error::NotFound)?).clone();
                Ok(RegistryChange::ClientSet(Client { keys: keys(&row.keys)?, ..row }))
            }
        }
    }
}

impl PartnerRow {
    fn with(self, keys: Keys) -> Partner {
        let Self { code, name, priority, base_url, maintenance, disabled } = self;
        Partner { code, name, priority, keys, base_url, maintenance, disabled }
    }
}

impl ClientRow {
    fn with(self, user: UserId, keys: Keys) -> Client {
        Client {
            id: self.id,
            name: self.name,
            user,
            account_number: self.account_number,
            account_name: self.account_name,
            allow: self.allow,
            keys,
            per_transfer_max: self.per_transfer_max,
            per_day_max: self.per_day_max,
            requests_per_second: self.requests_per_second,
            allow_interbank_fallback: self.allow_interbank_fallback,
            callback: None,
            disabled: self.disabled,
        }
    }
}
