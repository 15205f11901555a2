//! Boarding houses (KOST-3, KOST-4): rooms, their tenants and the ways to pay, as tables derived
//! from events.
//!
//! A house is a landlord: a merchant who issues the bills. There may be several under one roof, and
//! a room or a tenant belongs to one of them for good. The ways to pay are the same for all.
//! A month is billed in full, the first and the last one too: what is to be less is agreed between
//! people, and the bill is cancelled and issued by hand.
//!
//! # Invariants
//!
//! - A room has at most one tenant, and a room with a tenant is not removed.
//! - Nobody is billed who has not agreed to live there, nor for more a month than they agreed to: who
//!   is to pay more is invited again.
//! - A tenant is one user for good, and a user has at most one room of a landlord at a time.
//! - Rows of rooms and tenants stay, removed or deleted: bills name them.

use std::collections::BTreeMap;

use super::id::{Principal, UserId};
use super::money::Amount;
use super::text::{Email, Line};
use super::time::{Month, Timestamp};

/// A room: its row, counted from 0 in the order of adding.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct RoomId(pub u32);

/// A tenant: their row, counted from 0 in the order of adding.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct TenantId(pub u32);

/// A room that can be let.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Room {
    /// Its row.
    pub id: RoomId,
    /// The landlord.
    pub issuer: UserId,
    /// What stands on the door; unique among the landlord's rooms.
    pub code: Line,
    /// For display.
    pub name: Line,
    /// What a month costs, in minor units of the default currency.
    pub rate: Amount,
    /// When it was added.
    pub added_at: Timestamp,
    /// Whether it is let no more.
    pub removed: bool,
}

/// Somebody who lives in a room, or did.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Tenant {
    /// Their row.
    pub id: TenantId,
    /// The landlord.
    pub issuer: UserId,
    /// Who pays.
    pub user: UserId,
    /// For display.
    pub name: Line,
    /// Where they can be written to.
    pub email: Email,
    /// Where they live.
    pub room: RoomId,
    /// What a month costs them, if not what it costs others.
    pub rate: Option<Amount>,
    /// Midnight, at the books' offset (+07:00), of the day they move in.
    pub start: Timestamp,
    /// When they were added.
    pub added_at: Timestamp,
    /// When they were deleted.
    pub deleted_at: Option<Timestamp>,
    /// What they agreed to; until then the room is kept for them, and no month is billed.
    pub agreed: Option<Agreement>,
}

/// What a tenant agreed to, or an administrator for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Agreement {
    /// When.
    pub at: Timestamp,
    /// The most that a month may cost them.
    pub rate: Amount,
}

/// A way to pay, as people choose it.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Method {
    /// Its name in requests.
    pub id: Line,
    /// Its short name.
    pub name: Line,
    /// What is shown above it.
    pub title: Line,
    /// A path or an address of its picture.
    pub logo: Line,
    /// The smallest is shown first.
    pub place: u16,
    /// Whether it is offered.
    pub active: bool,
}

/// One change of one table.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum BoardingChange {
    /// A room is so from here on, new or not.
    RoomSet(Room),
    /// A room is let no more.
    RoomRemoved(RoomId),
    /// A tenant is so from here on, new or not.
    TenantSet(Tenant),
    /// A tenant is none any more; what they owe they owe.
    TenantDeleted {
        /// Which.
        tenant: TenantId,
        /// When.
        at: Timestamp,
    },
    /// A way to pay is so from here on, new or not.
    MethodSet(Method),
    /// A way to pay is gone.
    MethodRemoved(Line),
    /// A tenant agrees to be one.
    TenantAgreed {
        /// Which.
        tenant: TenantId,
        /// When.
        at: Timestamp,
        /// To what a month: what it costs by then.
        rate: Amount,
    },
}

/// A change of the boarding houses, and whose it is.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct BoardingChanged {
    /// The landlord, an administrator, or the operator.
    pub by: Principal,
    /// What changed.
    pub change: BoardingChange,
}

/// Why a change is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BoardingError {
    /// There is no such room, or it is let no more.
    #[error("there is no such room")]
    NoSuchRoom,
    /// There is no such tenant, or they are deleted.
    #[error("there is no such tenant")]
    NoSuchTenant,
    /// There is no such way to pay.
    #[error("there is no such payment method")]
    NoSuchMethod,
    /// A new row does not come next, or is removed from the beginning.
    #[error("rows are numbered in order")]
    Number,
    /// A row keeps its landlord, its user, its first day, and when it was added and agreed to.
    #[error("this stays as it is")]
    Fixed,
    /// The landlord has a room with this code.
    #[error("there is such a room")]
    CodeTaken,
    /// Tenants go before their room.
    #[error("the room has a tenant")]
    RoomTaken,
    /// One room for each.
    #[error("the user has a room here")]
    UserTaken,
    /// Once is enough.
    #[error("the tenant has agreed")]
    Agreed,
    /// A month costs something else than what was agreed to.
    #[error("the rate is another")]
    RateDiffers,
}

/// A month that a tenant is to pay for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rent {
    /// Who.
    pub tenant: TenantId,
    /// Which month.
    pub month: Month,
    /// How much, at today's rate.
    pub amount: Amount,
}

/// The three tables.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Boarding {
    /// Rooms, those let no more among them.
    pub rooms: BTreeMap<RoomId, Room>,
    /// Tenants, the deleted among them.
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// Ways to pay.
    pub methods: BTreeMap<Line, Method>,
}

impl Boarding {
    /// Whether `change` may happen.
    ///
    /// # Errors
    /// Why not.
    pub fn decide(&self, change: &BoardingChange) -> Result<(), BoardingError> {
        match change {
            BoardingChange::RoomSet(room) => self.decide_room(room),
            BoardingChange::RoomRemoved(room) => {
                self.room(*room)?;
                require(self.tenant_in(*room).is_none(), BoardingError::RoomTaken)
            }
            BoardingChange::TenantSet(tenant) => self.decide_tenant(tenant),
            BoardingChange::TenantDeleted { tenant, .. } => self.tenant(*tenant).map(|_| ()),
            BoardingChange::MethodSet(_) => Ok(()),
            BoardingChange::MethodRemoved(id) => {
                require(self.methods.contains_key(id), BoardingError::NoSuchMethod)
            }
            BoardingChange::TenantAgreed { tenant, rate, .. } => {
                let tenant = self.tenant(*tenant)?;
                require(!self.agreed(tenant), BoardingError::Agreed)?;
                require(self.rate(tenant) == Some(*rate), BoardingError::RateDiffers)
            }
        }
    }

    fn decide_room(&self, room: &Room) -> Result<(), BoardingError> {
        require(!room.removed, BoardingError::Number)?;
        match self.rooms.get(&room.id) {
            None => require(room.id == self.next_room(), BoardingError::Number)?,
            Some(before) => {
                self.room(room.id)?;
                let same = before.issuer == room.issuer && before.added_at == room.added_at;
                require(same, BoardingError::Fixed)?;
            }
        }
        let mut others = self.rooms_of(room.issuer).filter(|other| other.id != room.id);
        require(!others.any(|other| other.code == room.code), BoardingError::CodeTaken)
    }

    fn decide_tenant(&self, tenant: &Tenant) -> Result<(), BoardingError> {
        require(tenant.deleted_at.is_none(), BoardingError::Number)?;
        match self.tenants.get(&tenant.id) {
            None => require(tenant.id == self.next_tenant(), BoardingError::Number)?,
            Some(before) => {
                self.tenant(tenant.id)?;
                let same = before.issuer == tenant.issuer
                    && before.user == tenant.user
                    && before.start == tenant.start
                    && before.added_at == tenant.added_at
                    && before.agreed.is_some() == tenant.agreed.is_some();
                // An administrator's word for what a month costs now.
                let agreed = before.agreed == tenant.agreed || self.agreed(tenant);
                require(same && agreed, BoardingError::Fixed)?;
            }
        }
        let room = self.room(tenant.room)?;
        require(room.issuer == tenant.issuer, BoardingError::NoSuchRoom)?;
        let mut others = self.tenants_of(tenant.issuer).filter(|other| other.id != tenant.id);
        let other_room = self.tenant_in(tenant.room).is_none_or(|other| other.id == tenant.id);
        require(other_room, BoardingError::RoomTaken)?;
        require(!others.any(|other| other.user == tenant.user), BoardingError::UserTaken)
    }

    /// Follows a change. Cannot fail.
    pub fn apply(&mut self, change: &BoardingChange) {
        match change {
            BoardingChange::RoomSet(room) => {
                self.rooms.insert(room.id, room.clone());
            }
            BoardingChange::RoomRemoved(room) => {
                if let Some(room) = self.rooms.get_mut(room) {
                    room.removed = true;
                }
            }
            BoardingChange::TenantSet(tenant) => {
                self.tenants.insert(tenant.id, tenant.clone());
            }
            BoardingChange::TenantDeleted { tenant, at } => {
                if let Some(tenant) = self.tenants.get_mut(tenant) {
                    tenant.deleted_at = Some(*at);
                }
            }
            BoardingChange::MethodSet(method) => {
                self.methods.insert(method.id.clone(), method.clone());
            }
            BoardingChange::MethodRemoved(id) => {
                self.methods.remove(id);
            }
            BoardingChange::TenantAgreed { tenant, at, rate } => {
                if let Some(tenant) = self.tenants.get_mut(tenant) {
                    tenant.agreed = Some(Agreement { at: *at, rate: *rate });
                }
            }
        }
    }

    /// Changes that lead from empty tables to these, for [`Boarding::apply`].
    pub fn changes(&self) -> impl Iterator<Item = BoardingChange> + '_ {
        let rooms = self.rooms.values().cloned().map(BoardingChange::RoomSet);
        let tenants = self.tenants.values().cloned().map(BoardingChange::TenantSet);
        let methods = self.methods.values().cloned().map(BoardingChange::MethodSet);
        rooms.chain(tenants).chain(methods)
    }

    /// A room that is let.
    ///
    /// # Errors
    /// [`BoardingError::NoSuchRoom`].
    pub fn room(&self, id: RoomId) -> Result<&Room, BoardingError> {
        let room = self.rooms.get(&id).filter(|room| !room.removed);
        room.ok_or(BoardingError::NoSuchRoom)
    }

    /// A tenant who is one.
    ///
    /// # Errors
    /// [`BoardingError::NoSuchTenant`].
    pub fn tenant(&self, id: TenantId) -> Result<&Tenant, BoardingError> {
        let tenant = self.tenants.get(&id).filter(|tenant| tenant.deleted_at.is_none());
        tenant.ok_or(BoardingError::NoSuchTenant)
    }

    /// A landlord's rooms.
    pub fn rooms_of(&self, issuer: UserId) -> impl Iterator<Item = &Room> {
        self.rooms.values().filter(move |room| room.issuer == issuer && !room.removed)
    }

    /// A landlord's tenants.
    pub fn tenants_of(&self, issuer: UserId) -> impl Iterator<Item = &Tenant> {
        let is_one = move |tenant: &&Tenant| tenant.issuer == issuer && tenant.deleted_at.is_none();
        self.tenants.values().filter(is_one)
    }

    /// Who lives in a room.
    pub fn tenant_in(&self, room: RoomId) -> Option<&Tenant> {
        self.tenants.values().find(|tenant| tenant.room == room && tenant.deleted_at.is_none())
    }

    /// What a month costs a tenant now.
    pub fn rate(&self, tenant: &Tenant) -> Option<Amount> {
        tenant.rate.or_else(|| self.rooms.get(&tenant.room).map(|room| room.rate))
    }

    /// Whether a tenant has agreed to what a month costs them now.
    pub fn agreed(&self, tenant: &Tenant) -> bool {
        let most = tenant.agreed.map(|agreement| agreement.rate);
        most.zip(self.rate(tenant)).is_some_and(|(most, rate)| rate <= most)
    }

    /// The number of the next room.
    pub fn next_room(&self) -> RoomId {
        RoomId(next(self.rooms.keys().next_back().map(|id| id.0)))
    }

    /// The number of the next tenant.
    pub fn next_tenant(&self) -> TenantId {
        TenantId(next(self.tenants.keys().next_back().map(|id| id.0)))
    }

    /// What a tenant is to have been billed for at `now`, oldest month first: every month from that
    /// of their first day to the present one. Nothing before that day, nothing once deleted, and
    /// nothing before they agreed to today's rate.
    pub fn rents(&self, tenant: &Tenant, now: Timestamp) -> impl Iterator<Item = Rent> + use<> {
        let is_one = tenant.deleted_at.is_none() && self.agreed(tenant);
        let lives_here = is_one && tenant.start <= now;
        let amount = self.rate(tenant).filter(|_| lives_here);
        let (id, last) = (tenant.id, now.month());
        let months = std::iter::successors(Some(tenant.start.month()), |month| Some(month.next()))
            .take_while(move |month| *month <= last);
        amount.into_iter().flat_map(move |amount| {
            months.clone().map(move |month| Rent { tenant: id, month, amount })
        })
    }
}

const fn next(last: Option<u32>) -> u32 {
    match last {
        None => 0,
        Some(last) => last.saturating_add(1),
    }
}

const fn require(holds: bool, otherwise: BoardingError) -> Result<(), BoardingError> {
    if holds { Ok(()) } else { Err(otherwise) }
}

#[cfg(test)]
pub(crate) mod tests;
