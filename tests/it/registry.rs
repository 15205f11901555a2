//! The registry through the whole gateway: decided one change at a time, shown at once, there again
//! after a restart.

use gerbang::gateway::Error;
use gerbang::identity::secret::Secret;
use gerbang::identity::vault::{Vault, new_key_token};
use gerbang::ledger::event::{Fact, Role};
use gerbang::ledger::id::{Principal, UserId};
use gerbang::ledger::money::BasisPoints;
use gerbang::ledger::registry::{
    BankCode, Callback, Client, Keys, Partner, RegistryChange, Route, Usage,
};
use gerbang::ledger::text::{ClientId, Line};

use crate::support::{TestGateway, funded};

fn line(text: &str) -> Line {
    Line::parse(text, 255).unwrap()
}

fn keys() -> Keys {
    Keys { current: Vault::in_memory(1).seal("test", &new_key_token()), previous: None }
}

fn partner(code: &str, priority: u16) -> RegistryChange {
    RegistryChange::PartnerSet(Partner {
        code: BankCode::parse(code).unwrap(),
        name: line("PT Bank Negara Indonesia Tbk"),
        priority,
        keys: keys(),
        base_url: line("http://10.10.1.3:2002"),
        maintenance: None,
        disabled: false,
    })
}

fn route(code: &str) -> RegistryChange {
    RegistryChange::RouteSet(Route {
        bank: BankCode::parse(code).unwrap(),
        usage: Usage::Transfer,
        local: line("/api/bni/transfer"),
        external: line("https://{{hostBNI}}/p2pl/payment/transfer"),
        fee_fixed: 0,
        fee_basis_points: BasisPoints::new(0).unwrap(),
    })
}

fn client(id: &str, user: UserId) -> Client {
    Client {
        id: ClientId::parse(id).unwrap(),
        name: line("IKI PPOB"),
        user,
        account_number: line("0847652590"),
        account_name: line("IKIMODAL"),
        allow: vec![line("139.99.60.117")],
        keys: keys(),
        per_transfer_max: None,
        per_day_max: None,
        requests_per_second: None,
        allow_interbank_fallback: true,
        callback: None,
        disabled: false,
    }
}

async fn change(gateway: &TestGateway, change: RegistryChange) -> Result<Fact, String> {
    let changed = gateway.gateway.change_registry(Principal::Operator, change).await;
    changed.map(|recorded| recorded.event.fact).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_change_is_shown_at_once_and_survives_a_restart() {
    let (gateway, _) = funded().await;
    let user = gateway.gateway.look_up("kasir").unwrap();
    assert_eq!(user.role, Role::Client);
    for wanted in [partner("009", 1), route("009"), RegistryChange::ClientSet(client("1", user.id))]
    {
        let fact = change(&gateway, wanted.clone()).await.unwrap();
        assert!(matches!(fact, Fact::RegistryChanged(changed) if changed.change == wanted));
    }
    let before = gateway.gateway.view().registry();
    assert_eq!((before.partners.len(), before.routes.len(), before.clients.len()), (1, 1, 1));
    assert_eq!(before.client_of(user.id).unwrap().id.as_str(), "1");
    let gateway = gateway.reopened();
    assert_eq!(gateway.gateway.view().registry(), before);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_its_field_and_leaves_no_trace() {
    let (gateway, _) = funded().await;
    let id = |username: &str| gateway.gateway.look_up(username).unwrap().id;
    let (user, buyer) = (id("kasir"), id("ani"));
    change(&gateway, partner("009", 1)).await.unwrap();
    let position = gateway.position();
    let bank = BankCode::parse("014").unwrap();
    let set = |client| RegistryChange::ClientSet(client);
    let hook = |url: &str| {
        let secret = Vault::in_memory(1).seal("hook", &Secret::new(vec![1; 32]));
        Client { callback: Some(Callback { url: line(url), secret }), ..client("1", user) }
    };
    let allow = |entry: &str| Client { allow: vec![line(entry)], ..client("1", user) };
    let cases = [
        (route("014"), "bank: there is no such partner"),
        (RegistryChange::PartnerRemoved(bank), "not found"),
        (RegistryChange::RouteRemoved(bank, Usage::Transfer), "not found"),
        (RegistryChange::ClientRemoved(ClientId::parse("9").unwrap()), "not found"),
        (set(client("1", buyer)), "user: must be a user of the role client"),
        (set(client("1", UserId(99))), "user: must be a user of the role client"),
        (set(allow("10.0.0.0/33")), "allow: entry 1: must be an address"),
        (set(allow("fe80::1%eth0")), "allow: entry 1: must be an address"),
        (set(hook("ftp://iki.contoh.id/hook")), "callback: must begin with https://"),
        (set(hook("https://a@iki.contoh.id/hook")), "callback: must hold no user"),
    ];
    for (wanted, expected) in cases {
        let error = change(&gateway, wanted.clone()).await.unwrap_err();
        assert!(error.starts_with(expected), "{wanted:?}: {error}");
    }
    assert_eq!(gateway.position(), position);
    change(&gateway, set(hook("https://iki.contoh.id/hook?from=gerbang"))).await.unwrap();
}

#[tokio::test]
async fn of_two_changes_that_exclude_each_other_one_happens() {
    let (gateway, _) = funded().await;
    change(&gateway, partner("009", 1)).await.unwrap();
    let bank = BankCode::parse("009").unwrap();
    let inner = &gateway.gateway;
    let (set, removed) = tokio::join!(
        inner.change_registry(Principal::Operator, route("009")),
        inner.change_registry(Principal::Operator, RegistryChange::PartnerRemoved(bank)),
    );
    let registry = inner.view().registry();
    match (set, removed) {
        (Ok(_), Err(Error::Invalid { field: "code", .. })) => {
            assert_eq!((registry.partners.len(), registry.routes.len()), (1, 1));
        }
        (Err(Error::Invalid { field: "bank", .. }), Ok(_)) => {
            assert_eq!((registry.partners.len(), registry.routes.len()), (0, 0));
        }
        (set, removed) => panic!("{set:?} and {removed:?}"),
    }
}
