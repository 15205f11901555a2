//! Endpoints as their owners write them, and the secrets that go with them.
//!
//! A secret is made here, sealed, and handed out once: to whoever made the endpoint or put a new
//! secret in the place of the old one. For a while after that messages carry both signatures.

use std::sync::Arc;

use serde_json::json;

use super::courier::purpose;
use crate::connector::webhook::Key;
use crate::gateway::{Error, Gateway};
use crate::identity::random::random_bytes;
use crate::identity::secret::Secret;
use crate::journal::Recorded;
use crate::ledger::endpoint::{Endpoint, EndpointId, EventKind, Format};
use crate::ledger::event::Fact;
use crate::ledger::id::{Position, Principal, PublicId, UserId};
use crate::ledger::registry::{Keys, Registry, RegistryChange};
use crate::ledger::text::Line;
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};

/// What an owner decides about an endpoint.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Where messages go.
    pub url: Line,
    /// For the owner.
    pub description: Line,
    /// What is told; everything if empty.
    pub events: Vec<EventKind>,
    /// Whether nothing is told until further notice.
    pub disabled: bool,
}

/// What came of a message that only tests.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The message's id.
    pub id: String,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// Why none came.
    pub note: String,
}

/// The public id of an endpoint.
pub fn endpoint_public_id(endpoint: &Endpoint) -> String {
    PublicId::new(endpoint.created, endpoint.id.0.get()).text("whk")
}

impl Gateway {
    /// Where a user is told, oldest first.
    pub fn webhooks(&self, owner: UserId) -> Vec<Arc<Endpoint>> {
        self.view().registry().endpoints_of(owner).cloned().collect()
    }

    /// A user's endpoint.
    ///
    /// # Errors
    /// [`Error::NotFound`] if they have none of this id.
    pub fn webhook(&self, owner: UserId, id: &str) -> Result<Arc<Endpoint>, Error> {
        find(&self.view().registry(), owner, id)
    }

    /// A new endpoint with a secret of its own, which is shown this once.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field; [`Error::Conflict`] if there are too many.
    pub async fn add_webhook(
        &self,
        by: Principal,
        owner: UserId,
        wish: Wish,
    ) -> Result<(Recorded, Secret<String>), Error> {
        let secret = Key::generate();
        let change = |_: &Registry| {
            // Nobody else makes one before this is shown, and then the latest place is another.
            let id = EndpointId(self.view().position());
            let current = self.vault.seal(&purpose(owner, id), &secret);
            let endpoint = Endpoint {
                id,
                owner,
                created: self.engine.clock().now(),
                url: wish.url,
                description: wish.description,
                secrets: Keys { current, previous: None },
                rotated: None,
                events: wish.events,
                format: Format::Standard,
                disabled: wish.disabled,
            };
            Ok(RegistryChange::EndpointSet(endpoint))
        };
        Ok((self.change_by(by, change).await?, secret))
    }

    /// Another row for an endpoint, which keeps its secrets.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] naming the field.
    pub async fn change_webhook(
        &self,
        by: Principal,
        owner: UserId,
        id: &str,
        wish: Wish,
    ) -> Result<Recorded, Error> {
        let change = |registry: &Registry| {
            let Wish { url, description, events, disabled } = wish;
            let before = own(registry, owner, id)?;
            let row = Endpoint { url, description, events, disabled, ..before };
            Ok(RegistryChange::EndpointSet(row))
        };
        self.change_by(by, change).await
    }

    /// Tells an endpoint nothing any more; what is pending for it is forgotten.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_webhook(
        &self,
        by: Principal,
        owner: UserId,
        id: &str,
    ) -> Result<Recorded, Error> {
        let change = |registry: &Registry| {
            let id = own(registry, owner, id)?.id;
            Ok(RegistryChange::EndpointRemoved(owner, id))
        };
        self.change_by(by, change).await
    }

    /// A new secret, which is shown this once.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn rotate_webhook_secret(
        &self,
        by: Principal,
        owner: UserId,
        id: &str,
    ) -> Result<(Recorded, Secret<String>), Error> {
        let secret = Key::generate();
        let change = |registry: &Registry| {
            let before = own(registry, owner, id)?;
            let current = self.vault.seal(&purpose(owner, before.id), &secret);
            let secrets = Keys { current, previous: Some(before.secrets.current) };
            let rotated = Some(self.engine.clock().now());
            Ok(RegistryChange::EndpointSet(Endpoint { secrets, rotated, ..before }))
        };
        Ok((self.change_by(by, change).await?, secret))
    }

    /// Sends a message that only tests: it is about no event and stands nowhere.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn test_webhook(&self, owner: UserId, id: &str) -> Result<Tested, Error> {
        let endpoint = own(&self.view().registry(), owner, id)?;
        let now: Timestamp = self.engine.clock().now();
        let number = u64::from_le_bytes(random_bytes());
        let id = PublicId::new(now, number).text("msg");
        let message = json!({
            "type": "ping",
            "timestamp": now.to_rfc3339(BOOK_OFFSET_SECONDS),
            "data": { "webhook": endpoint_public_id(&endpoint) },
        });
        let body = serde_json::to_vec(&message).expect("strings become JSON");
        let told = self.courier.test(&endpoint, &id, &body).await?;
        Ok(Tested { id, status: told.status, note: told.note })
    }

    /// What can be wrong with an endpoint's row.
    pub(in crate::gateway) fn check_endpoint(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let url = self.courier.messenger().url(endpoint.url.as_str());
        url.map(drop).map_err(|error| Error::invalid("url", error))
    }
}

/// A user's endpoint of this public id.
pub(super) fn find(registry: &Registry, owner: UserId, id: &str) -> Result<Arc<Endpoint>, Error> {
    let number = PublicId::parse("whk", id).ok_or(Error::NotFound)?.number;
    let number = EndpointId(Position::new(number).ok_or(Error::NotFound)?);
    let endpoint = registry.endpoints.get(&(owner, number)).ok_or(Error::NotFound)?;
    if endpoint_public_id(endpoint) == id { Ok(Arc::clone(endpoint)) } else { Err(Error::NotFound) }
}

/// The same, if it is changed by itself: a merchant's follows from the merchant.
fn own(registry: &Registry, owner: UserId, id: &str) -> Result<Endpoint, Error> {
    let endpoint = find(registry, owner, id)?;
    match endpoint.format {
        Format::Standard => Ok(Endpoint::clone(&*endpoint)),
        Format::Midtrans => {
            Err(Error::Conflict("it belongs to the merchant: see /api/v1/merchant"))
        }
    }
}

/// The endpoint that a change set, as it stands in the record.
///
/// # Errors
/// [`Error::NotFound`] if it set none.
pub fn set_by(recorded: &Recorded) -> Result<&Endpoint, Error> {
    match &recorded.event.fact {
        Fact::RegistryChanged(changed) => match &changed.change {
            RegistryChange::EndpointSet(endpoint) => Ok(endpoint),
            _ => Err(Error::NotFound),
        },
        _ => Err(Error::NotFound),
    }
}
