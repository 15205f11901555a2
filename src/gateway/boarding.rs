//! Landlords and what they let (KOST-3, KOST-4): one change at a time, live at once.
//!
//! A landlord is a merchant and sees to their own house; an administrator sees to all and names the
//! house by the landlord's username, which may be left out while there is only one.
//!
//! # Invariants
//!
//! - Who has a user already is invited, and agrees before anything is billed; an administrator's word
//!   is enough.
//! - A tenant's first password is made here, handed out once, and kept as a hash only.
//! - What belongs to another landlord is not found.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::caller::Caller;
use super::identity::SignUp;
use super::{Error, Gateway};
use crate::engine::{NameKind, Reservation};
use crate::identity::random;
use crate::identity::secret::Secret;
use crate::journal::Recorded;
use crate::ledger::boarding::{
    Agreement, Boarding, BoardingChange, BoardingChanged, BoardingError, Method, Room, RoomId,
    Tenant, TenantId,
};
use crate::ledger::event::{Fact, Role};
use crate::ledger::id::{Principal, PublicId, UserId};
use crate::ledger::money::Amount;
use crate::ledger::text::{Email, Line, Username};
use crate::ledger::time::Timestamp;
use crate::ledger::user::User;
use crate::limits;

/// A room as a landlord writes it.
#[derive(Clone, Debug)]
pub struct RoomRow {
    /// What stands on the door.
    pub code: Line,
    /// For display.
    pub name: Line,
    /// What a month costs.
    pub rate: Amount,
}

/// A tenant as a landlord writes them.
#[derive(Clone, Debug)]
pub struct TenantRow {
    /// For display.
    pub name: Line,
    /// Where they can be written to; unique if the user is new.
    pub email: Email,
    /// The room: its id or its code.
    pub room: String,
    /// Midnight of the day they move in.
    pub start: Timestamp,
    /// What a month costs them, if not what it costs others.
    pub rate: Option<Amount>,
    /// The user they are, or are to be; made of the address if none is named.
    pub username: Option<Username>,
}

/// A tenant that was added just now.
pub struct NewTenant {
    /// The change.
    pub recorded: Recorded,
    /// The first password of a user that was made for it, to be shown this once.
    pub password: Option<Secret<String>>,
}

impl Gateway {
    /// Whose house a caller means: their own, or for an administrator the one named.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for another's; [`Error::Invalid`] if it is not clear which.
    pub fn landlord(&self, caller: &Caller, named: Option<&Username>) -> Result<Arc<User>, Error> {
        if caller.user.role != Role::Admin {
            let own = named.is_none_or(|name| name.as_str() == caller.user.username());
            return match own {
                true => Ok(Arc::clone(&caller.user)),
                false => Err(Error::Forbidden("this is another's house")),
            };
        }
        let Some(name) = named else {
            let mut landlords = self.landlords();
            landlords.truncate(2);
            let only = landlords.pop().filter(|_| landlords.is_empty());
            let only = only.and_then(|user| self.view().user(user));
            return only.ok_or_else(|| Error::invalid("issuer", "is required"));
        };
        let user = self.view().user_by_name(name.as_str());
        user.filter(|user| user.role == Role::Merchant)
            .ok_or_else(|| Error::invalid("issuer", "must be the username of a merchant"))
    }

    /// The users who let rooms, or did.
    pub fn landlords(&self) -> Vec<UserId> {
        let houses = self.view().boarding();
        let mut landlords: Vec<UserId> = houses.rooms.values().map(|room| room.issuer).collect();
        landlords.sort_unstable();
        landlords.dedup();
        landlords
    }

    /// Lets a new room.
    ///
    /// # Errors
    /// [`Error::Conflict`] if there is such a room.
    pub async fn add_room(
        &self,
        by: Principal,
        issuer: UserId,
        row: RoomRow,
    ) -> Result<Recorded, Error> {
        let added_at = self.engine.clock().now();
        let RoomRow { code, name, rate } = row;
        let change = |houses: &Boarding| {
            if houses.rooms_of(issuer).count() >= limits::ROOMS_MAX {
                return Err(Error::invalid("code", "there are too many rooms"));
            }
            let id = houses.next_room();
            let room = Room { id, issuer, code, name, rate, added_at, removed: false };
            Ok(BoardingChange::RoomSet(room))
        };
        self.change_boarding(by, change).await
    }

    /// Another row for a room. Bills from here on go by it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if there is another with this code.
    pub async fn change_room(
        &self,
        caller: &Caller,
        id: &str,
        row: RoomRow,
    ) -> Result<Recorded, Error> {
        let RoomRow { code, name, rate } = row;
        let change = |houses: &Boarding| {
            let before = room_of(houses, caller, id)?.clone();
            Ok(BoardingChange::RoomSet(Room { code, name, rate, ..before }))
        };
        self.change_boarding(caller.principal(), change).await
    }

    /// A room is let no more.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while somebody lives there.
    pub async fn remove_room(&self, caller: &Caller, id: &str) -> Result<Recorded, Error> {
        let change =
            |houses: &Boarding| Ok(BoardingChange::RoomRemoved(room_of(houses, caller, id)?.id));
        self.change_boarding(caller.principal(), change).await
    }

    /// A new tenant. A user of that name is invited; one who is not there is made.
    ///
    /// # Errors
    /// What is wrong with the row; [`Error::Conflict`] if the room or the user has somebody, or too many
    /// tenants have not changed their first password; [`Error::RateLimited`].
    pub async fn add_tenant(
        &self,
        caller: &Caller,
        issuer: UserId,
        row: TenantRow,
    ) -> Result<NewTenant, Error> {
        let now = self.engine.clock().now();
        check_start(row.start, now)?;
        // Held to the end: nobody takes the room while the user is made.
        let turn = self.boarding_turn().await;
        let houses = self.view().boarding();
        let room = houses.rooms_of(issuer).find(|room| is_called(room, &row.room));
        let room = room.ok_or_else(|| Error::invalid("room", "there is no such room"))?.id;
        let known = row.username.as_ref().and_then(|name| self.view().user_by_name(name.as_str()));
        let nobody = UserId(u32::MAX);
        let mut tenant = Tenant {
            id: houses.next_tenant(),
            issuer,
            user: known.as_ref().map_or(nobody, |user| user.id),
            name: row.name,
            email: row.email,
            room,
            rate: row.rate,
            start: row.start,
            added_at: now,
            deleted_at: None,
            agreed: None,
        };
        if known.is_none() || caller.user.role == Role::Admin {
            tenant.agreed = houses.rate(&tenant).map(|rate| Agreement { at: now, rate });
        }
        let change = BoardingChange::TenantSet(tenant.clone());
        houses.decide(&change).map_err(|error| refused(&change, error))?;
        let password = match known {
            Some(user) if user.role == Role::Buyer => None,
            Some(_) => return Err(Error::invalid("username", "must be the user of a wallet")),
            None => {
                if caller.user.role != Role::Admin {
                    self.may_make_tenant(issuer, now)?;
                }
                // Before: what is made is there, and its password is shown this once.
                self.may_miss(caller)?;
                let made = self.make_tenant_user(caller.principal(), &tenant, row.username).await;
                let (user, password) = self.note_miss(caller, made)?;
                tenant.user = user;
                Some(password)
            }
        };
        let recorded = self
            .record_boarding(caller.principal(), BoardingChange::TenantSet(tenant), turn)
            .await?;
        self.moved_in.notify_one();
        Ok(NewTenant { recorded, password })
    }

    /// A tenant is none any more. Bills they have stay.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_tenant(&self, caller: &Caller, id: &str) -> Result<Recorded, Error> {
        let at = self.engine.clock().now();
        let change = |houses: &Boarding| {
            let tenant = tenant_of(houses, caller, id)?.id;
            Ok(BoardingChange::TenantDeleted { tenant, at })
        };
        self.change_boarding(caller.principal(), change).await
    }

    /// A way to pay is so from here on, new or not.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field.
    pub async fn set_method(&self, by: Principal, method: Method) -> Result<Recorded, Error> {
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        if method.id.as_str().is_empty() || !method.id.as_str().bytes().all(plain) {
            return Err(Error::invalid("id", "must be of a-z, 0-9 and _"));
        }
        let change = |houses: &Boarding| {
            let full = houses.methods.len() >= limits::METHODS_MAX;
            if full && !houses.methods.contains_key(&method.id) {
                return Err(Error::invalid("id", "there are too many payment methods"));
            }
            Ok(BoardingChange::MethodSet(method))
        };
        self.change_boarding(by, change).await
    }

    /// A way to pay is gone.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_method(&self, by: Principal, id: &str) -> Result<Recorded, Error> {
        let id = Line::parse(id, limits::METHOD_ID_MAX).map_err(|_| Error::NotFound)?;
        self.change_boarding(by, |_| Ok(BoardingChange::MethodRemoved(id))).await
    }

    /// Fails if a landlord has made many users of late, or has made many who never took their account
    /// for theirs: each holds an e-mail address that may be anybody's.
    fn may_make_tenant(&self, issuer: UserId, now: Timestamp) -> Result<(), Error> {
        let houses = self.view().boarding();
        let of = houses.tenants.values().filter(|tenant| tenant.issuer == issuer);
        let is_unclaimed =
            |user: &UserId| self.view().user(*user).is_some_and(|user| user.must_change_password);
        let unclaimed: BTreeSet<UserId> =
            of.map(|tenant| tenant.user).filter(is_unclaimed).collect();
        if unclaimed.len() >= limits::TENANTS_UNCLAIMED_MAX {
            return Err(Error::Conflict("too many tenants have not changed their first password"));
        }
        let spent = self.tenants_made.spend(&issuer.0, now);
        spent.map_err(|wait| Error::RateLimited { retry_after_seconds: wait.0 })
    }

    async fn make_tenant_user(
        &self,
        by: Principal,
        tenant: &Tenant,
        username: Option<Username>,
    ) -> Result<(UserId, Secret<String>), Error> {
        let username = match username {
            Some(username) => username,
            None => username_of(&tenant.email)?,
        };
        let password = random::reference().to_ascii_lowercase();
        let wanted = SignUp {
            username: username.clone(),
            name: tenant.name.clone(),
            email: tenant.email.clone(),
            phone: None,
            password: Secret::new(password.clone()),
            role: Role::Buyer,
        };
        // Whoever shows it to them knows it: it lasts until they log in.
        self.make_user(wanted, by, true).await?;
        Ok((self.look_up(username.as_str())?.id, Secret::new(password)))
    }

    pub(super) async fn boarding_turn(&self) -> Reservation {
        self.engine.reserve(NameKind::Registry, "boarding").await
    }

    /// Makes a change that follows from the tables as they are.
    pub(super) async fn change_boarding(
        &self,
        by: Principal,
        make: impl FnOnce(&Boarding) -> Result<BoardingChange, Error>,
    ) -> Result<Recorded, Error> {
        // Held until the change is shown, so that the next one is decided against it.
        let turn = self.boarding_turn().await;
        let change = make(&self.view().boarding())?;
        self.record_boarding(by, change, turn).await
    }

    async fn record_boarding(
        &self,
        by: Principal,
        change: BoardingChange,
        turn: Reservation,
    ) -> Result<Recorded, Error> {
        let decided = self.view().boarding().decide(&change);
        decided.map_err(|error| refused(&change, error))?;
        let fact = Fact::BoardingChanged(Box::new(BoardingChanged { by, change }));
        Ok(*self.engine.record(fact, vec![turn]).await?)
    }
}

/// The public id of a room.
pub fn room_id(room: &Room) -> String {
    PublicId::new(room.added_at, u64::from(room.id.0)).text("rom")
}

/// The public id of a tenant.
pub fn tenant_id(tenant: &Tenant) -> String {
    PublicId::new(tenant.added_at, u64::from(tenant.id.0)).text("ten")
}

/// The room in which a tenant of this row lives, or lived.
pub fn room_of_tenant(houses: &Boarding, tenant: TenantId) -> Option<&Room> {
    houses.rooms.get(&houses.tenants.get(&tenant)?.room)
}

/// The tenant of this public id.
pub fn tenant_called<'a>(houses: &'a Boarding, id: &str) -> Option<&'a Tenant> {
    let number = PublicId::parse("ten", id)?.number;
    let tenant = houses.tenants.get(&TenantId(u32::try_from(number).ok()?))?;
    (tenant_id(tenant) == id).then_some(tenant)
}

/// A tenant of this id, for who may see to them.
pub(super) fn tenant_of<'a>(
    houses: &'a Boarding,
    caller: &Caller,
    id: &str,
) -> Result<&'a Tenant, Error> {
    let tenant = tenant_called(houses, id).filter(|tenant| may_see(caller, tenant.issuer));
    tenant.filter(|tenant| tenant.deleted_at.is_none()).ok_or(Error::NotFound)
}

fn may_see(caller: &Caller, issuer: UserId) -> bool {
    caller.user.role == Role::Admin || caller.user.id == issuer
}

fn room_of<'a>(houses: &'a Boarding, caller: &Caller, id: &str) -> Result<&'a Room, Error> {
    let parsed = PublicId::parse("rom", id).and_then(|id| u32::try_from(id.number).ok());
    let room = parsed.and_then(|number| houses.room(RoomId(number)).ok());
    let genuine = room.filter(|room| room_id(room) == id && may_see(caller, room.issuer));
    genuine.ok_or(Error::NotFound)
}

pub(super) fn is_called(room: &Room, name: &str) -> bool {
    room.code.as_str() == name || room_id(room) == name
}

/// Bills go back to the first day, so a slip of the year must not make a hundred of them.
fn check_start(start: Timestamp, now: Timestamp) -> Result<(), Error> {
    let days = start.micros_since(now) / 1_000_000 / 86_400;
    match days.abs() <= limits::START_DAYS_MAX {
        true => Ok(()),
        false => Err(Error::invalid("start_date", "must be within a year of today")),
    }
}

/// What stands before the `@`, as far as a username can hold it.
fn username_of(email: &Email) -> Result<Username, Error> {
    let local = email.as_str().split('@').next().unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    let kept: String = local.chars().filter(plain).take(limits::USERNAME_MAX).collect();
    Username::parse(&kept)
        .map_err(|_| Error::invalid("username", "is required: the e-mail address gives none"))
}

fn refused(change: &BoardingChange, error: BoardingError) -> Error {
    match (error, change) {
        (BoardingError::NoSuchRoom, BoardingChange::TenantSet(_)) => Error::invalid("room", error),
        (
            BoardingError::NoSuchRoom | BoardingError::NoSuchTenant | BoardingError::NoSuchMethod,
            _,
        ) => Error::NotFound,
        (BoardingError::CodeTaken, _) => Error::Conflict("there is a room with this code"),
        (BoardingError::RoomTaken, _) => Error::Conflict("the room has a tenant"),
        (BoardingError::UserTaken, _) => Error::Conflict("the user has a room here"),
        (BoardingError::Agreed, _) => Error::Conflict("you have agreed already"),
        (BoardingError::RateDiffers, _) => Error::Conflict("rate: it is another, look again"),
        (BoardingError::Number | BoardingError::Fixed, _) => {
            Error::Conflict("the row was changed by another at the same time")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_come_from_addresses() {
        let cases = [
            ("rina@contoh.id", Some("rina")),
            ("rina+kost@contoh.id", Some("rinakost")),
            ("Rina.Wulandari@contoh.id", Some("rina.wulandari")),
            ("ab@contoh.id", None),
            ("_ab@contoh.id", None),
        ];
        for (email, username) in cases {
            let made = username_of(&Email::parse(email).unwrap()).ok();
            assert_eq!(made.as_ref().map(Username::as_str), username, "{email}");
        }
    }

    #[test]
    fn first_days_lie_near() {
        let now = Timestamp::from_seconds(1_790_000_000);
        for (days, good) in [(0, true), (-366, true), (366, true), (-367, false), (367, false)] {
            assert_eq!(check_start(now.plus_seconds(days * 86_400), now).is_ok(), good, "{days}");
        }
    }
}
