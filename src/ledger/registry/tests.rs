//! Tables: which changes are refused, and the paper's rows.

use super::*;
use crate::ledger::api_key::{KeyHash, Scope};
use crate::ledger::merchant::ServerKeyRow;
use RegistryChange::{
    ClientRemoved, ClientSet, PartnerRemoved, PartnerSet, RouteRemoved, RouteSet,
};

pub(crate) fn bank(code: &str) -> BankCode {
    BankCode::parse(code).unwrap()
}

fn line(text: &str) -> Line {
    Line::parse(text, 255).unwrap()
}

fn keys() -> Keys {
    Keys { current: SealedKey((*b"never to be printed").into()), previous: None }
}

pub(crate) fn partner(code: &str, priority: u16) -> Partner {
    Partner {
        code: bank(code),
        name: line(&format!("Bank {code}")),
        priority,
        keys: keys(),
        base_url: line(&format!("http://10.10.1.3:2{code}")),
        maintenance: None,
        disabled: false,
    }
}

pub(crate) fn route(code: &str, usage: Usage) -> Route {
    let word = if usage == Usage::Transfer { "transfer" } else { "transferInterbank" };
    Route {
        bank: bank(code),
        usage,
        local: line(&format!("/api/{code}/{word}")),
        external: line(&format!("https://{{{{host{code}}}}}/{word}")),
        fee_fixed: 0,
        fee_basis_points: BasisPoints::new(0).unwrap(),
    }
}

pub(crate) fn merchant(user: u32) -> Merchant {
    let [low, ..] = user.to_le_bytes();
    let row = |byte| ServerKeyRow {
        id: KeyId([byte, low, 0, 0, 0, 0, 0, 0]),
        hash: KeyHash([byte; 32]),
        sealed: SealedKey((*b"never to be printed").into()),
    };
    Merchant {
        user: UserId(user),
        endpoint: EndpointId(Position::new(20).unwrap()),
        created: Timestamp::from_seconds(1_790_000_000),
        key: row(7),
        previous: Some(row(8)),
        client_key: line("GB-client-0707070707070707"),
        notify: line("https://warung.contoh.id/midtrans"),
        finish: line("https://warung.contoh.id/paid"),
        unfinish: Line::empty(),
        methods: vec![line("wallet"), line("bank_transfer/bca")],
        fee_basis_points: BasisPoints::new(70).unwrap(),
        fee_fixed: 100,
        disabled: false,
    }
}

pub(crate) fn client(id: &str, user: u32) -> Client {
    Client {
        id: ClientId::parse(id).unwrap(),
        name: line("IKI PPOB"),
        user: UserId(user),
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

/// The paper's tables: three partners, four routes, two clients. An interbank transfer costs 6,500.
pub(crate) fn papers_rows() -> Registry {
    let partners = [
        ("009", "PT Bank Negara Indonesia Tbk", 1, "http://10.10.1.3:2002"),
        ("014", "PT Bank Central Asia Tbk", 2, "http://10.10.1.3:2004"),
        ("008", "PT Bank Mandiri Tbk", 3, "http://10.10.1.3:2003"),
    ]
    .map(|(code, name, priority, url)| {
        let (name, base_url) = (line(name), line(url));
        PartnerSet(Partner { name, base_url, ..partner(code, priority) })
    });
    let routes = [
        ("009", Usage::Transfer, "/api/bni/transfer", "{{hostBNI}}/p2pl/payment/transfer"),
        (
            "009",
            Usage::Interbank,
            "/api/bni/transferInterbank",
            "{{hostBNI}}/p2pl/payment/interbank",
        ),
        ("014", Usage::Transfer, "/api/bca/transfer", "{{hostBCA}}/banking/corporates/transfers"),
        ("008", Usage::Transfer, "/api/mandiri/transfer", "{{hostMandiri}}/gateway/doPayment"),
    ]
    .map(|(code, usage, local, external)| {
        let (local, external) = (line(local), line(&format!("https://{external}")));
        let fee_fixed = if usage == Usage::Interbank { 6_500 } else { 0 };
        RouteSet(Route { local, external, fee_fixed, ..route(code, usage) })
    });
    let clients = [("1", "IKI PPOB", "139.99.60.117"), ("2", "IKI Modal", "103.74.212.111")];
    let clients = (0..).zip(clients).map(|(user, (id, name, address))| {
        let (name, allow) = (line(name), vec![line(address)]);
        ClientSet(Client { name, allow, ..client(id, user) })
    });
    let mut registry = Registry::default();
    for change in partners.into_iter().chain(routes).chain(clients) {
        assert_eq!(registry.decide(&change), Ok(()), "{change:?}");
        registry.apply(&change);
    }
    registry
}

#[test]
fn bank_codes_are_three_digits() {
    assert_eq!(bank("009").to_string(), "009");
    for wrong in ["", "9", "09", "0009", " 09", "00a", "0\u{664}", "+09", "BNI"] {
        assert_eq!(BankCode::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn changes_that_do_not_fit_are_refused() {
    let registry = papers_rows();
    let window = |from, until| {
        PartnerSet(Partner { maintenance: Some(Window { from, until }), ..partner("009", 1) })
    };
    let fee = |usage, fee_fixed, points| {
        let fee_basis_points = BasisPoints::new(points).unwrap();
        RouteSet(Route { fee_fixed, fee_basis_points, ..route("009", usage) })
    };
    let id = |id| ClientId::parse(id).unwrap();
    let allow = |entries| {
        let allow = vec![line("10.0.0.1"); entries];
        ClientSet(Client { allow, ..client("1", 0) })
    };
    let rate = |rate| ClientSet(Client { requests_per_second: Some(rate), ..client("1", 0) });
    let cases = [
        (PartnerSet(partner("200", 1)), Ok(())),
        (window(0, 1_439), Ok(())),
        (window(1_380, 60), Ok(())),
        (window(60, 60), Err(RegistryError::Window)),
        (window(0, 1_440), Err(RegistryError::Window)),
        (PartnerRemoved(bank("200")), Err(RegistryError::NoSuchPartner)),
        (PartnerRemoved(bank("009")), Err(RegistryError::PartnerHasRoutes)),
        (RouteSet(route("200", Usage::Transfer)), Err(RegistryError::NoSuchPartner)),
        (RouteSet(route("014", Usage::Interbank)), Ok(())),
        (fee(Usage::Interbank, Amount::MAX, 10_000), Ok(())),
        (fee(Usage::Interbank, Amount::MAX + 1, 0), Err(RegistryError::FeeTooLarge)),
        (fee(Usage::Transfer, 1, 0), Err(RegistryError::FeeOnTransfer)),
        (fee(Usage::Transfer, 0, 1), Err(RegistryError::FeeOnTransfer)),
        (RouteRemoved(bank("009"), Usage::Interbank), Ok(())),
        (RouteRemoved(bank("014"), Usage::Interbank), Err(RegistryError::NoSuchRoute)),
        (ClientSet(client("3", 2)), Ok(())),
        (ClientSet(client("3", 1)), Err(RegistryError::UserTaken)),
        (ClientSet(client("1", 2)), Err(RegistryError::UserDiffers)),
        (allow(0), Ok(())),
        (allow(limits::ALLOW_MAX), Ok(())),
        (allow(limits::ALLOW_MAX + 1), Err(RegistryError::AllowTooLong)),
        (rate(1), Ok(())),
        (rate(0), Err(RegistryError::RateIsZero)),
        (ClientRemoved(id("2")), Ok(())),
        (ClientRemoved(id("3")), Err(RegistryError::NoSuchClient)),
    ];
    for (change, expected) in cases {
        assert_eq!(registry.decide(&change), expected, "{change:?}");
    }
}

#[test]
fn the_table_of_clients_has_an_end() {
    let mut registry = Registry::default();
    for number in 0..limits::CLIENTS_MAX {
        let user = u32::try_from(number).unwrap();
        registry.apply(&ClientSet(client(&number.to_string(), user)));
    }
    let more = ClientSet(client("more", u32::MAX));
    assert_eq!(registry.decide(&more), Err(RegistryError::TooManyClients));
    assert_eq!(registry.decide(&ClientSet(client("0", 0))), Ok(()), "those there may change");
}

#[test]
fn what_is_removed_is_gone_and_the_rest_stays() {
    let mut registry = papers_rows();
    for change in [
        RouteRemoved(bank("014"), Usage::Transfer),
        PartnerRemoved(bank("014")),
        ClientRemoved(ClientId::parse("2").unwrap()),
        PartnerSet(Partner { disabled: true, ..partner("009", 9) }),
    ] {
        assert_eq!(registry.decide(&change), Ok(()), "{change:?}");
        registry.apply(&change);
    }
    assert_eq!(registry.partners.keys().copied().collect::<Vec<_>>(), ["008", "009"].map(bank));
    assert_eq!(registry.partners.get(&bank("009")).unwrap().priority, 9);
    assert_eq!(registry.routes.len(), 3);
    assert_eq!(registry.client_of(UserId(0)).unwrap().id.as_str(), "1");
    assert_eq!(registry.client_of(UserId(1)), None);
}

#[test]
fn its_changes_make_it_again() {
    let registry = papers_rows();
    let mut again = Registry::default();
    for change in registry.changes() {
        assert_eq!(again.decide(&change), Ok(()), "{change:?}");
        again.apply(&change);
    }
    assert_eq!(again, registry);
}

#[test]
fn fees_have_a_fixed_part_and_a_share_rounded_up() {
    let fee = |fee_fixed, points, units| {
        let fee_basis_points = BasisPoints::new(points).unwrap();
        let route = Route { fee_fixed, fee_basis_points, ..route("009", Usage::Interbank) };
        route.fee_rounded_up(Amount::new(units).unwrap()).map_or(0, Amount::get)
    };
    let cases = [
        (0, 0, 2_475_000, 0),
        (6_500, 0, 2_475_000, 6_500),
        (0, 10, 2_475_000, 2_475),
        (0, 10, 2_475_001, 2_476),
        (6_500, 10, 1, 6_501),
        (Amount::MAX, 10_000, Amount::MAX, Amount::MAX),
    ];
    for (fixed, points, units, expected) in cases {
        assert_eq!(fee(fixed, points, units), expected, "{fixed} + {points} of {units}");
    }
}

#[test]
fn keys_are_not_printed() {
    let printed = format!("{:?}", papers_rows());
    assert!(printed.contains("SealedKey(..)"), "{printed}");
    let bytes = b"never to be printed".map(|byte| byte.to_string()).join(", ");
    assert!(!printed.contains("never") && !printed.contains(&bytes), "{printed}");
}

pub(crate) fn api_key(id: u8, owner: u32) -> ApiKey {
    ApiKey {
        id: KeyId([id; 8]),
        owner: UserId(owner),
        name: line("toko"),
        scopes: [Scope::Read].into_iter().collect(),
        hash: KeyHash([11; 32]),
        codes_exempt: false,
        created: Timestamp::from_seconds(1_790_000_000),
        expires: None,
        last_used: None,
    }
}

#[test]
fn keys_belong_to_their_owner_who_has_not_too_many() {
    let set = |id, owner| RegistryChange::ApiKeySet(Box::new(api_key(id, owner)));
    let mut registry = Registry::default();
    let mut decide = |change: RegistryChange| {
        let decided = registry.decide(&change);
        if decided.is_ok() {
            registry.apply(&change);
        }
        decided
    };
    let used = |id| RegistryChange::ApiKeyUsed(KeyId([id; 8]), Timestamp::EPOCH);
    let removed = |id| RegistryChange::ApiKeyRemoved(KeyId([id; 8]));
    assert_eq!(decide(used(1)), Err(RegistryError::NoSuchKey));
    assert_eq!(decide(removed(1)), Err(RegistryError::NoSuchKey));
    for id in 1..=16 {
        assert_eq!(decide(set(id, 1)), Ok(()));
    }
    // (change, the answer)
    let table = [
        (set(17, 1), Err(RegistryError::TooManyKeys)),
        (set(17, 2), Ok(())),
        (set(1, 1), Ok(())),
        (set(1, 2), Err(RegistryError::OwnerDiffers)),
        (used(1), Ok(())),
        (removed(1), Ok(())),
        (removed(1), Err(RegistryError::NoSuchKey)),
        (set(18, 1), Ok(())),
    ];
    for (row, (change, expected)) in table.into_iter().enumerate() {
        assert_eq!(decide(change), expected, "row {row}");
    }
    let again = registry.changes().fold(Registry::default(), |mut again, change| {
        again.apply(&change);
        again
    });
    assert_eq!(again, registry);
}

#[test]
fn a_merchant_is_found_by_its_keys_and_told_at_its_endpoint() {
    let mut registry = Registry::default();
    let row = merchant(0);
    let set = |row: &Merchant| RegistryChange::MerchantSet(Box::new(row.clone()));
    assert_eq!(registry.decide(&set(&row)), Ok(()));
    registry.apply(&set(&row));
    let previous = row.previous.clone().unwrap();
    for id in [row.key.id, previous.id] {
        assert_eq!(registry.merchant_of_key(id).map(|row| row.user), Some(UserId(0)));
    }
    assert_eq!(registry.endpoints_of(UserId(0)).count(), 1);
    let moved = Merchant { endpoint: EndpointId(Position::FIRST), ..row.clone() };
    assert_eq!(registry.decide(&set(&moved)), Err(RegistryError::EndpointDiffers));
    // What was replaced is nobody's.
    registry.apply(&set(&Merchant { key: previous.clone(), previous: None, ..row.clone() }));
    assert!(registry.merchant_of_key(row.key.id).is_none());
    let mut again = Registry::default();
    let changes: Vec<_> = registry.changes().collect();
    changes.iter().for_each(|change| again.apply(change));
    assert_eq!(again, registry);
    let gone = RegistryChange::MerchantRemoved(UserId(0), row.endpoint);
    let other = RegistryChange::MerchantRemoved(UserId(0), EndpointId(Position::FIRST));
    assert_eq!(registry.decide(&other), Err(RegistryError::NoSuchMerchant));
    assert_eq!(registry.decide(&gone), Ok(()));
    registry.apply(&gone);
    assert!(registry.is_empty() && registry.merchant_of_key(previous.id).is_none());
}
