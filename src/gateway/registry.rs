//! Changes of partners, routes and clients (EDR-2): one at a time, live at once, or once a second
//! administrator agrees.
//!
//! What is wrong in form is refused here, before the tables are asked: an address that is none, an
//! endpoint that would lead elsewhere. Keys arrive sealed; who makes and shows them is the caller.

use super::{Error, Gateway};
use crate::engine::{NameKind, Reservation};
use crate::identity::allow::AllowList;
use crate::journal::Recorded;
use crate::ledger::event::{Fact, Role};
use crate::ledger::id::Principal;
use crate::ledger::registry::{
    Client, Partner, Registry, RegistryChange, RegistryChanged, RegistryError, Route,
};
use crate::ledger::text::Line;
use crate::outbound::{Host, Url};

impl Gateway {
    /// Makes one change of the tables, for `by`: an administrator or the operator. An administrator's
    /// may have to wait for another; see [`super::proposals`].
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field, [`Error::NotFound`] for a removal of what is not there,
    /// or if too much is waiting.
    pub async fn change_registry(
        &self,
        by: Principal,
        change: RegistryChange,
    ) -> Result<Recorded, Error> {
        self.change_by(by, |_| Ok(change)).await
    }

    /// [`Gateway::change_registry`] by a change that follows from the tables as they are.
    pub(super) async fn change_by(
        &self,
        by: Principal,
        make: impl FnOnce(&Registry) -> Result<RegistryChange, Error>,
    ) -> Result<Recorded, Error> {
        // Held until the change is shown, so that the next one is decided against it.
        let reservation = self.engine.reserve(NameKind::Registry, "registry").await;
        let registry = self.view().registry();
        let change = make(&registry)?;
        self.check_change(&change)?;
        registry.decide(&change).map_err(|error| refused(&change, error))?;
        let change = self.or_propose(by, change);
        if let RegistryChange::Proposed(_) = &change {
            registry.decide(&change).map_err(|error| refused(&change, error))?;
        }
        self.record_change(by, change, reservation).await
    }

    /// Writes a change down that was decided while `reservation` was held.
    pub(super) async fn record_change(
        &self,
        by: Principal,
        change: RegistryChange,
        reservation: Reservation,
    ) -> Result<Recorded, Error> {
        let fact = Fact::RegistryChanged(Box::new(RegistryChanged { by, change }));
        Ok(*self.engine.record(fact, vec![reservation]).await?)
    }

    /// What is wrong with a change in form.
    pub(super) fn check_change(&self, change: &RegistryChange) -> Result<(), Error> {
        match change {
            RegistryChange::PartnerSet(partner) => {
                check_partner(partner, self.settings.plain_banks)
            }
            RegistryChange::RouteSet(route) => check_route(route),
            RegistryChange::ClientSet(client) => self.check_client(client),
            RegistryChange::EndpointSet(endpoint) => self.check_endpoint(endpoint),
            RegistryChange::MerchantSet(merchant) => self.check_merchant(merchant),
            RegistryChange::ApiKeySet(key) => self.check_owner(key.owner),
            RegistryChange::RoleSet(user, role) => self.check_stays(*user, *role),
            RegistryChange::PartnerRemoved(_)
            | RegistryChange::RouteRemoved(..)
            | RegistryChange::ClientRemoved(_)
            | RegistryChange::ApiKeyRemoved(_)
            | RegistryChange::ApiKeyUsed(..)
            | RegistryChange::EndpointRemoved(..)
            | RegistryChange::MerchantRemoved(..)
            | RegistryChange::Proposed(_)
            | RegistryChange::Approved(_)
            | RegistryChange::ProposalRefused(..)
            | RegistryChange::Decided(_) => Ok(()),
        }
    }

    fn check_client(&self, client: &Client) -> Result<(), Error> {
        self.check_client_row(client)?;
        let user = self.view().user(client.user);
        match user.is_some_and(|user| user.role == Role::Client) {
            true => Ok(()),
            false => Err(Error::invalid("user", "must be a user of the role client")),
        }
    }

    /// What can be wrong with a client's row, but for its user.
    pub(super) fn check_client_row(&self, client: &Client) -> Result<(), Error> {
        let change = RegistryChange::ClientSet(client.clone());
        let decided = self.view().registry().decide(&change);
        if let Err(error) = decided
            && !matches!(error, RegistryError::UserDiffers | RegistryError::UserTaken)
        {
            return Err(refused(&change, error));
        }
        let entries = client.allow.iter().map(Line::as_str);
        AllowList::parse(entries).map_err(|error| Error::invalid("allow", error))?;
        if let Some(callback) = &client.callback {
            let url = self.desk.callbacks().url(callback.url.as_str());
            url.map_err(|error| Error::invalid("callback", error))?;
        }
        Ok(())
    }
}

/// Without TLS, what tells a bank service to pay could be read and changed on the way: that takes a way
/// that does not leave this machine, or `plain`, by which an operator says that theirs is safe.
fn check_partner(partner: &Partner, plain: bool) -> Result<(), Error> {
    let url = check_origin("base_url", partner.base_url.as_str())?;
    let is_here = match &url.host {
        Host::Name(name) => name == "localhost",
        Host::Address(address) => address.is_loopback(),
    };
    match url.secure || is_here || plain {
        true => Ok(()),
        false => {
            Err(Error::invalid("base_url", "must be https but for this machine (banks.plain_http)"))
        }
    }
}

fn check_route(route: &Route) -> Result<(), Error> {
    let local = route.local.as_str();
    let plain = |c: u8| c.is_ascii_graphic() && !b"?#%\\".contains(&c);
    let stays = !local.split('/').any(|part| part == "." || part == "..");
    // Two slashes at the beginning would name another host.
    let good = local.starts_with('/') && !local.starts_with("//") && local.bytes().all(plain);
    match good && stays {
        true => Ok(()),
        false => Err(Error::invalid("local", "must be a path like /api/bni/transfer")),
    }
}

/// `url`, if it is a scheme and a host, perhaps with a port, and nothing else.
fn check_origin(field: &'static str, url: &str) -> Result<Url, Error> {
    let parsed = Url::parse(url);
    // What is parsed has a path, if only a slash; none may have been given.
    let is_bare = !url.ends_with('/') && !url.contains('?');
    let good = parsed.ok().filter(|url| url.target == "/" && is_bare);
    good.ok_or_else(|| Error::invalid(field, "must be http:// or https:// and a plain host"))
}

pub(super) fn refused(change: &RegistryChange, error: RegistryError) -> Error {
    let field = match (error, change) {
        (RegistryError::NoSuchPartner, RegistryChange::RouteSet(_)) => "bank",
        (
            RegistryError::NoSuchPartner
            | RegistryError::NoSuchRoute
            | RegistryError::NoSuchClient
            | RegistryError::NoSuchKey
            | RegistryError::NoSuchEndpoint
            | RegistryError::NoSuchMerchant
            | RegistryError::NoSuchProposal,
            _,
        ) => return Error::NotFound,
        (RegistryError::PartnerHasRoutes, _) => "code",
        (RegistryError::Window, _) => "maintenance",
        (RegistryError::FeeOnTransfer | RegistryError::FeeTooLarge, _) => "fee_fixed",
        (RegistryError::RateIsZero, _) => "requests_per_second",
        (RegistryError::AllowTooLong, _) => "allow",
        (RegistryError::UserDiffers | RegistryError::UserTaken, _) => "user",
        (RegistryError::TooManyClients, _) => "id",
        (RegistryError::OwnerDiffers | RegistryError::TooManyKeys, _) => "owner",
        (RegistryError::TooManyEndpoints, _) => {
            return Error::Conflict("there are too many webhooks");
        }
        (RegistryError::EndpointDiffers, _) => return Error::Conflict("the merchant is another"),
        (RegistryError::TooManyMerchants, _) => {
            return Error::Conflict("there are too many merchants");
        }
        (RegistryError::TooManyProposals, _) => {
            return Error::Conflict("there are too many proposals");
        }
        (RegistryError::ProposalExpired, _) => return Error::Conflict("the proposal has expired"),
        (RegistryError::OwnProposal, _) => {
            return Error::Forbidden("another administrator has to approve it");
        }
    };
    Error::invalid(field, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::registry::tests::{partner, route};

    fn line(text: &str) -> Line {
        Line::parse(text, 255).unwrap()
    }

    #[test]
    fn services_have_a_scheme_and_a_host_and_nothing_else() {
        let check =
            |url| check_partner(&Partner { base_url: line(url), ..partner("009", 1) }, true);
        for good in ["http://10.10.1.3:2002", "https://bni.internal", "http://[::1]:2002"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for wrong in [
            "",
            "10.10.1.3:2002",
            "ftp://h",
            "http://",
            "http://h/",
            "http://h/api",
            "http://h?x",
            "http://a@h",
            "http://h#x",
            "http://h h",
            "HTTP://h",
            "http://é",
        ] {
            let error = check(wrong).unwrap_err().to_string();
            assert!(error.starts_with("base_url: "), "{wrong}: {error}");
        }
    }

    #[test]
    fn without_tls_a_service_is_on_this_machine() {
        let check = |url, plain| {
            check_partner(&Partner { base_url: line(url), ..partner("009", 1) }, plain).is_ok()
        };
        let here = [
            "http://127.0.0.1:2002",
            "http://127.8.9.1",
            "http://[::1]:2002",
            "http://localhost:1",
        ];
        assert!(here.iter().all(|url| check(url, false)));
        assert!(check("https://bni.internal", false));
        let there =
            ["http://10.10.1.3:2002", "http://bni.internal", "http://[::2]:2002", "http://0.0.0.0"];
        for url in there {
            assert_eq!((check(url, false), check(url, true)), (false, true), "{url}");
        }
    }

    #[test]
    fn local_endpoints_are_paths_that_stay() {
        use crate::ledger::registry::Usage;
        let check =
            |path| check_route(&Route { local: line(path), ..route("009", Usage::Transfer) });
        for good in ["/api/bni/transfer", "/x", "/api/..bni"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for wrong in [
            "",
            "api",
            "//evil/x",
            "/a?b",
            "/a#b",
            "/a b",
            "/a/../b",
            "/./a",
            "/%2e%2e/a",
            "/a\\b",
            "http://h/a",
        ] {
            let error = check(wrong).unwrap_err().to_string();
            assert!(error.starts_with("local: "), "{wrong}: {error}");
        }
    }
}
