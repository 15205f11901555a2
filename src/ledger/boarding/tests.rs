//! What may be done to the boarding houses, and which months are due, as tables.

use super::*;

const ISSUER: UserId = UserId(1);
const OTHER: UserId = UserId(2);

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn line(text: &str) -> Line {
    Line::parse(text, 100).unwrap()
}

fn amount(units: u64) -> Amount {
    Amount::new(units).unwrap()
}

pub(crate) fn room(id: u32, code: &str) -> Room {
    Room {
        id: RoomId(id),
        issuer: ISSUER,
        code: line(code),
        name: line("Kamar"),
        rate: amount(850_000),
        added_at: Timestamp::from_seconds(1_790_000_000),
        removed: false,
    }
}

pub(crate) fn agreement(rate: u64) -> Agreement {
    Agreement { at: Timestamp::from_seconds(1_790_000_000), rate: amount(rate) }
}

pub(crate) fn tenant(id: u32, user: u32, room: u32) -> Tenant {
    Tenant {
        id: TenantId(id),
        issuer: ISSUER,
        user: UserId(user),
        name: line("Ani"),
        email: Email::parse("ani@contoh.id").unwrap(),
        room: RoomId(room),
        rate: None,
        start: at("2026-09-20T00:00:00+07:00"),
        added_at: Timestamp::from_seconds(1_790_000_000),
        deleted_at: None,
        agreed: Some(agreement(850_000)),
    }
}

pub(crate) fn method(id: &str, place: u16) -> Method {
    Method {
        id: line(id),
        name: line(id),
        title: line("Dompet"),
        logo: line("/logo/wallet.svg"),
        place,
        active: true,
    }
}

/// Two rooms, the first with a tenant; a room that is let no more; a tenant who has left.
fn houses() -> Boarding {
    let mut houses = Boarding::default();
    for change in [
        BoardingChange::RoomSet(room(0, "A1")),
        BoardingChange::RoomSet(room(1, "A2")),
        BoardingChange::RoomSet(room(2, "A3")),
        BoardingChange::RoomSet(Room { issuer: OTHER, ..room(3, "A1") }),
        BoardingChange::TenantSet(tenant(0, 7, 0)),
        BoardingChange::TenantSet(tenant(1, 8, 1)),
        BoardingChange::MethodSet(method("wallet", 0)),
        BoardingChange::TenantDeleted { tenant: TenantId(1), at: at("2026-10-02T00:00:00Z") },
        BoardingChange::RoomRemoved(RoomId(2)),
    ] {
        houses.decide(&change).unwrap();
        houses.apply(&change);
    }
    houses
}

#[test]
fn changes_and_what_is_said_to_them() {
    use BoardingChange::{MethodRemoved, RoomRemoved, RoomSet, TenantDeleted, TenantSet};
    use BoardingError as E;
    let gone = |tenant| TenantDeleted { tenant: TenantId(tenant), at: Timestamp::EPOCH };
    let cases = [
        (RoomSet(room(4, "A4")), Ok(())),
        (RoomSet(room(4, "A3")), Ok(())),
        (RoomSet(room(5, "A5")), Err(E::Number)),
        (RoomSet(Room { removed: true, ..room(4, "A4") }), Err(E::Number)),
        (RoomSet(room(4, "A1")), Err(E::CodeTaken)),
        (RoomSet(Room { rate: amount(1), ..room(0, "A1") }), Ok(())),
        (RoomSet(room(0, "A2")), Err(E::CodeTaken)),
        (RoomSet(Room { issuer: OTHER, ..room(0, "A9") }), Err(E::Fixed)),
        (RoomSet(room(2, "A3")), Err(E::NoSuchRoom)),
        (RoomRemoved(RoomId(0)), Err(E::RoomTaken)),
        (RoomRemoved(RoomId(1)), Ok(())),
        (RoomRemoved(RoomId(2)), Err(E::NoSuchRoom)),
        (RoomRemoved(RoomId(9)), Err(E::NoSuchRoom)),
        (TenantSet(tenant(2, 8, 1)), Ok(())),
        (TenantSet(tenant(3, 8, 1)), Err(E::Number)),
        (TenantSet(tenant(2, 8, 0)), Err(E::RoomTaken)),
        (TenantSet(tenant(2, 8, 2)), Err(E::NoSuchRoom)),
        (TenantSet(tenant(2, 8, 3)), Err(E::NoSuchRoom)),
        (TenantSet(tenant(2, 7, 1)), Err(E::UserTaken)),
        (TenantSet(Tenant { issuer: OTHER, ..tenant(2, 7, 3) }), Ok(())),
        (TenantSet(tenant(0, 7, 1)), Ok(())),
        (TenantSet(tenant(0, 9, 0)), Err(E::Fixed)),
        (TenantSet(Tenant { start: Timestamp::EPOCH, ..tenant(0, 7, 0) }), Err(E::Fixed)),
        (TenantSet(tenant(1, 8, 1)), Err(E::NoSuchTenant)),
        (gone(0), Ok(())),
        (gone(1), Err(E::NoSuchTenant)),
        (gone(9), Err(E::NoSuchTenant)),
        (MethodRemoved(line("wallet")), Ok(())),
        (MethodRemoved(line("bca_va")), Err(E::NoSuchMethod)),
    ];
    let houses = houses();
    for (change, said) in cases {
        assert_eq!(houses.decide(&change), said, "{change:?}");
    }
}

#[test]
fn rows_stay_for_the_bills_that_name_them() {
    let houses = houses();
    assert!(houses.rooms.get(&RoomId(2)).unwrap().removed);
    assert_eq!(houses.tenants.get(&TenantId(1)).unwrap().user, UserId(8));
    assert!(houses.tenant_in(RoomId(1)).is_none());
    assert_eq!(houses.rooms_of(ISSUER).count(), 2);
    assert_eq!(houses.tenants_of(ISSUER).count(), 1);
}

#[test]
fn the_tables_are_led_to_by_their_changes() {
    let houses = houses();
    let mut again = Boarding::default();
    houses.changes().for_each(|change| again.apply(&change));
    assert_eq!(again, houses);
}

#[test]
fn months_are_due_from_the_first_day_to_the_present_one() {
    let cases = [
        // Not before the day itself, although its month has begun.
        ("2026-09-19T16:59:59.999999Z", ""),
        ("2026-09-19T17:00:00Z", "2026-09"),
        ("2026-09-30T16:59:59Z", "2026-09"),
        // The first of the month is that of Jakarta.
        ("2026-09-30T17:00:00Z", "2026-09 2026-10"),
        ("2027-01-31T00:00:00Z", "2026-09 2026-10 2026-11 2026-12 2027-01"),
        ("2025-12-31T00:00:00Z", ""),
    ];
    let houses = houses();
    for (now, months) in cases {
        let due = houses.rents(&tenant(0, 7, 0), at(now));
        let due: Vec<String> = due.map(|rent| rent.month.to_string()).collect();
        assert_eq!(due.join(" "), months, "{now}");
    }
}

#[test]
fn rent_is_the_tenants_own_or_the_rooms() {
    let houses = houses();
    let now = at("2026-09-25T00:00:00Z");
    let due = |tenant: Tenant| -> Vec<u64> {
        houses.rents(&tenant, now).map(|rent| rent.amount.get()).collect()
    };
    assert_eq!(due(tenant(0, 7, 0)), [850_000]);
    assert_eq!(due(Tenant { rate: Some(amount(700_000)), ..tenant(0, 7, 0) }), [700_000]);
    assert!(due(houses.tenants.get(&TenantId(1)).unwrap().clone()).is_empty(), "she has left");
}

#[test]
fn nobody_is_billed_before_they_agree_and_they_agree_once() {
    let mut houses = houses();
    let id = houses.next_tenant();
    let free = houses.next_room();
    houses.apply(&BoardingChange::RoomSet(room(free.0, "B9")));
    let invited = Tenant { agreed: None, ..tenant(id.0, 9, free.0) };
    houses.apply(&BoardingChange::TenantSet(invited.clone()));
    let now = at("2026-11-21T00:00:00+07:00");
    let months = |houses: &Boarding| houses.rents(houses.tenant(id).unwrap(), now).count();
    assert_eq!(months(&houses), 0);
    let to = |rate| BoardingChange::TenantAgreed { tenant: id, at: now, rate: amount(rate) };
    for other in [1, 849_999, 850_001] {
        assert_eq!(houses.decide(&to(other)), Err(BoardingError::RateDiffers), "{other}");
    }
    let agreed = to(850_000);
    assert_eq!(houses.decide(&agreed), Ok(()));
    houses.apply(&agreed);
    assert_eq!((months(&houses), houses.decide(&agreed)), (3, Err(BoardingError::Agreed)));
    // No other change gives or takes it.
    let taken = BoardingChange::TenantSet(invited);
    assert_eq!(houses.decide(&taken), Err(BoardingError::Fixed));
}

#[test]
fn nobody_is_billed_for_more_than_they_agreed_to() {
    let now = at("2026-09-25T00:00:00Z");
    let own = |rate: u64| {
        BoardingChange::TenantSet(Tenant { rate: Some(amount(rate)), ..tenant(0, 7, 0) })
    };
    let dear = |rate: u64| BoardingChange::RoomSet(Room { rate: amount(rate), ..room(0, "A1") });
    let moved = BoardingChange::TenantSet(tenant(0, 7, 1));
    let worded = |rate: u64| {
        let agreed = Some(agreement(rate));
        BoardingChange::TenantSet(Tenant { rate: Some(amount(900_000)), agreed, ..tenant(0, 7, 0) })
    };
    // (changes, what is billed for the month then)
    let cases = [
        (vec![own(850_000)], vec![850_000]),
        (vec![own(1)], vec![1]),
        (vec![own(850_001)], vec![]),
        (vec![dear(849_999)], vec![849_999]),
        (vec![dear(850_001)], vec![]),
        (vec![dear(850_001), own(850_000)], vec![850_000]),
        (vec![moved], vec![850_000]),
        (vec![worded(900_000)], vec![900_000]),
    ];
    for (changes, billed) in cases {
        let mut houses = houses();
        for change in &changes {
            assert_eq!(houses.decide(change), Ok(()), "{change:?}");
            houses.apply(change);
        }
        let row = houses.tenant(TenantId(0)).unwrap();
        assert_eq!(houses.agreed(row), !billed.is_empty(), "{changes:?}");
        let due: Vec<u64> = houses.rents(row, now).map(|rent| rent.amount.get()).collect();
        assert_eq!(due, billed, "{changes:?}");
    }
    // Another's word is for what a month costs, and nothing less.
    assert_eq!(houses().decide(&worded(899_999)), Err(BoardingError::Fixed));
}
