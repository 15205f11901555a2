//! What happened: the facts the journal keeps and everything else is derived from.
//!
//! An event says all that `apply` needs, so that replay reads no clock, no configuration and no
//! other record. Once written, a variant keeps its meaning; a new meaning is a new variant at the
//! end of its enum.

use super::bill::{BillCancelled, BillIssued};
use super::boarding::BoardingChanged;
use super::charge::{ChargeAdvanced, ChargeStarted, Notified};
use super::code::CodeChange;
use super::delivery::DeliveryTried;
use super::id::{AccountId, Position, Principal, UserId};
use super::money::{Amount, Currency};
pub use super::movement::{Debt, Fee, Movement, MovementKind};
use super::odd::{OddHeard, OddSettled};
use super::payout::{CallbackTried, PayoutAdvanced, PayoutFailed, PayoutStarted};
use super::refund::{RefundAdvanced, RefundStarted};
use super::registry::RegistryChanged;
use super::rejection::Rejection;
use super::text::{Email, Line, Reference, Username};
use super::time::Timestamp;
pub use super::touched::{ACCOUNTS_TOUCHED_MAX, AccountsTouched};
pub use super::user::Credential;

/// One entry of the journal: when it was decided, and what it says.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Event {
    /// When it was decided. Limits that count by month use this time.
    pub at: Timestamp,
    /// What was decided.
    pub fact: Fact,
}

/// What an event says.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum Fact {
    /// The journal begins.
    Genesis,
    /// An account exists from here on.
    AccountOpened(AccountOpened),
    /// Somebody signed up; their first account opens with them.
    UserCreated(Box<UserCreated>),
    /// Something about a user changed.
    UserChanged(UserChanged),
    /// A token is dead before its time.
    SessionRevoked(SessionRevoked),
    /// Money moved.
    Moved(Movement),
    /// Money was set aside.
    Held(Hold),
    /// Money set aside is free again: voided by its owner or expired.
    HoldReleased(HoldReleased),
    /// A user says that money is on its way by bank transfer.
    TopUpRequested(TopUpRequested),
    /// An administrator did not find that money.
    TopUpRejected(TopUpRejected),
    /// An account may no longer, or may again, be debited.
    FreezeSet(FreezeSet),
    /// The answer to a request was no, for good.
    Refused(Refusal),
    /// Money is set aside for an account at a bank, and a try to send it is about to begin.
    PayoutStarted(Box<PayoutStarted>),
    /// A payout goes on without ending.
    PayoutAdvanced(Box<PayoutAdvanced>),
    /// A payout ends and nothing was paid.
    PayoutFailed(Box<PayoutFailed>),
    /// A partner, a route or a client is new, another or gone.
    RegistryChanged(Box<RegistryChanged>),
    /// The end of a payout was told to its callback, or that was tried.
    CallbackTried(Box<CallbackTried>),
    /// One account is to pay another.
    BillIssued(Box<BillIssued>),
    /// A bill is not to be paid any more.
    BillCancelled(Box<BillCancelled>),
    /// Money is awaited; its provider is about to be asked.
    ChargeStarted(Box<ChargeStarted>),
    /// A charge goes on, or ends unpaid.
    ChargeAdvanced(Box<ChargeAdvanced>),
    /// The provider said something by itself.
    Notified(Box<Notified>),
    /// A message was told to an endpoint, or that was tried.
    DeliveryTried(Box<DeliveryTried>),
    /// A room, a tenant or a way to pay is new, another or gone.
    BoardingChanged(Box<BoardingChanged>),
    /// Money of a merchant is set aside; its provider is about to be asked to give it back.
    RefundStarted(Box<RefundStarted>),
    /// A refund goes on, or ends and nothing went back.
    RefundAdvanced(Box<RefundAdvanced>),
    /// The provider says what cannot be of a charge that has ended.
    OddHeard(Box<OddHeard>),
    /// A person has looked at that.
    OddSettled(Box<OddSettled>),
}

/// Who asked, what they call the request, and a digest of what they asked.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Origin {
    /// Whose name space the reference lives in.
    pub principal: Principal,
    /// The idempotency key.
    pub reference: Reference,
    /// Of the request as understood, so that a reused key with another request is seen.
    pub digest: Digest,
}

/// The first 128 bits of BLAKE3 over a request's canonical form.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct Digest(pub [u8; 16]);

/// A new account.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct AccountOpened {
    /// The next free row of the book.
    pub account: AccountId,
    /// What it is for, and whether it can refuse.
    pub kind: AccountKind,
    /// The one currency it is kept in.
    pub currency: Currency,
    /// Whose it is; none for the house's own.
    pub owner: Option<UserId>,
    /// The balance it never goes below, in minor units; negative is a credit line.
    pub floor: i64,
    /// Who opened it: the user themself, who made the user, or an administrator.
    pub by: Principal,
}

/// What an account is for. Stable numbers: they are in the journal.
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
#[repr(u8)]
pub enum AccountKind {
    /// A person's e-money.
    Wallet = 0,
    /// What a merchant has taken in.
    Merchant = 1,
    /// What a client application pays out of.
    Escrow = 2,
    /// Where money from outside comes from: its balance is what the outside has paid in, negated.
    Clearing = 3,
    /// What the house has earned.
    Fees = 4,
    /// Money whose owner is not known yet.
    Suspense = 5,
}

impl AccountKind {
    /// All there are, each in the place of its number.
    pub const ALL: [Self; 6] =
        [Self::Wallet, Self::Merchant, Self::Escrow, Self::Clearing, Self::Fees, Self::Suspense];

    /// Its stable number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Wallet => 0,
            Self::Merchant => 1,
            Self::Escrow => 2,
            Self::Clearing => 3,
            Self::Fees => 4,
            Self::Suspense => 5,
        }
    }

    /// Whether a debit can be refused. The house's own accounts are totals and never refuse.
    pub const fn refuses_debits(self) -> bool {
        matches!(self, Self::Wallet | Self::Merchant | Self::Escrow)
    }

    /// The word for it in exports and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Merchant => "merchant",
            Self::Escrow => "escrow",
            Self::Clearing => "clearing",
            Self::Fees => "fees",
            Self::Suspense => "suspense",
        }
    }
}

/// A new user with their first account.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct UserCreated {
    /// The next free row of users.
    pub user: UserId,
    /// Unique among all users.
    pub username: Username,
    /// Unique among all users.
    pub email: Email,
    /// For display.
    pub name: Line,
    /// E.164, if given.
    pub phone: Option<Line>,
    /// What they may do.
    pub role: Role,
    /// How they prove who they are.
    pub credential: Credential,
    /// Whether somebody else chose the password, so that they have to choose another first.
    pub must_change_password: bool,
    /// Their first account.
    pub account: AccountOpened,
}

/// What a user may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
#[repr(u8)]
pub enum Role {
    /// Pays from a wallet.
    Buyer = 0,
    /// Is paid, and refunds.
    Merchant = 1,
    /// Tops up, approves, adjusts, freezes.
    Admin = 2,
    /// An application that is trusted to move others' money, in batches.
    Client = 3,
}

impl Role {
    /// The word for it on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buyer => "buyer",
            Self::Merchant => "merchant",
            Self::Admin => "admin",
            Self::Client => "client",
        }
    }

    /// The role with this word.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Buyer, Self::Merchant, Self::Admin, Self::Client]
            .into_iter()
            .find(|role| role.name() == name)
    }

    /// The kind of account that opens with such a user.
    pub const fn account_kind(self) -> AccountKind {
        match self {
            Self::Buyer | Self::Admin => AccountKind::Wallet,
            Self::Merchant => AccountKind::Merchant,
            Self::Client => AccountKind::Escrow,
        }
    }
}

/// Something about a user changed.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct UserChanged {
    /// Whose.
    pub user: UserId,
    /// Who did it.
    pub by: Principal,
    /// What.
    pub change: UserChange,
}

/// What can change about a user.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub enum UserChange {
    /// Another role.
    Role(Role),
    /// Another password of their own choice, or the same under newer parameters. `sessions_end`
    /// kills older tokens, and says that it is another.
    Credential {
        /// The new hash.
        credential: Credential,
        /// Whether every token issued before this moment is dead.
        sessions_end: bool,
    },
    /// A wrong password was given.
    LoginFailed,
    /// A right password after wrong ones: the count starts again.
    LoginCleared,
    /// Something about their one-time codes.
    Codes(CodeChange),
    /// A password that somebody else chose: older tokens are dead, and it has to be changed first.
    PasswordGiven(Credential),
    /// A wrong password was given by somebody who logged in before.
    KnownFailed,
    /// A right one by them after wrong ones.
    KnownCleared,
}

/// A token is dead before its time.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct SessionRevoked {
    /// Whose token.
    pub user: UserId,
    /// The token's own identity (`jti`).
    pub token: [u8; 16],
    /// When it would have ended by itself; after that it need not be remembered.
    pub expires: Timestamp,
}

/// Money set aside until posted, released or expired.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Hold {
    /// Who asked for it.
    pub origin: Origin,
    /// Whose money.
    pub account: AccountId,
    /// How much.
    pub amount: Amount,
    /// The account's currency.
    pub currency: Currency,
    /// From when on it may be released by itself.
    pub expires: Timestamp,
}

/// A hold ends without a posting.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct HoldReleased {
    /// Who asked for it; the system for expiry.
    pub origin: Origin,
    /// Where the hold stands.
    pub hold: Position,
    /// Whose money.
    pub account: AccountId,
    /// Voided by its owner, or expired.
    pub expired: bool,
}

/// Money is said to be on its way by bank transfer (EZPY-5).
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct TopUpRequested {
    /// Who asked for it.
    pub origin: Origin,
    /// Where it is to arrive.
    pub account: AccountId,
    /// How much.
    pub amount: Amount,
    /// The account's currency.
    pub currency: Currency,
    /// The sending bank's three-digit code.
    pub bank: Line,
    /// The name on the sending account.
    pub sender: Line,
}

/// A requested top-up was not found at the bank.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct TopUpRejected {
    /// Who asked for it.
    pub origin: Origin,
    /// Where the request stands.
    pub request: Position,
    /// Whose request.
    pub account: AccountId,
    /// Why.
    pub reason: Line,
}

/// An account is frozen or released.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct FreezeSet {
    /// Who asked for it.
    pub origin: Origin,
    /// Which account.
    pub account: AccountId,
    /// Whether debits are refused from here on.
    pub frozen: bool,
    /// Why.
    pub reason: Line,
}

/// A request that was refused because of the state it met.
#[derive(Clone, PartialEq, Eq, Debug, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Refusal {
    /// Who asked, and the reference that is used up by this answer.
    pub origin: Origin,
    /// The account that would have decided first; none if none was found to ask.
    pub account: Option<AccountId>,
    /// How much was asked, if it was about an amount.
    pub amount: Option<Amount>,
    /// Why not.
    pub rejection: Rejection,
    /// What stands behind it, as the name of a rule or a bank's code; mostly nothing.
    pub note: Line,
}

impl Fact {
    /// Who asked, for facts that answer a reference.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Moved(movement) => Some(&movement.origin),
            Self::Held(hold) => Some(&hold.origin),
            Self::HoldReleased(released) => Some(&released.origin),
            Self::TopUpRequested(request) => Some(&request.origin),
            Self::TopUpRejected(rejected) => Some(&rejected.origin),
            Self::FreezeSet(set) => Some(&set.origin),
            Self::Refused(refusal) => Some(&refusal.origin),
            Self::PayoutStarted(started) => Some(&started.origin),
            Self::PayoutAdvanced(advanced) => Some(&advanced.origin),
            Self::PayoutFailed(failed) => Some(&failed.origin),
            Self::CallbackTried(tried) => Some(&tried.origin),
            Self::BillIssued(issued) => Some(&issued.origin),
            Self::BillCancelled(cancelled) => Some(&cancelled.origin),
            Self::ChargeStarted(started) => Some(&started.origin),
            Self::ChargeAdvanced(advanced) => Some(&advanced.origin),
            Self::Notified(notified) => Some(&notified.origin),
            Self::DeliveryTried(tried) => Some(&tried.origin),
            Self::RefundStarted(started) => Some(&started.origin),
            Self::RefundAdvanced(advanced) => Some(&advanced.origin),
            Self::OddHeard(heard) => Some(&heard.origin),
            Self::OddSettled(settled) => Some(&settled.origin),
            Self::Genesis
            | Self::AccountOpened(_)
            | Self::UserCreated(_)
            | Self::UserChanged(_)
            | Self::SessionRevoked(_)
            | Self::RegistryChanged(_)
            | Self::BoardingChanged(_) => None,
        }
    }

    /// The order this fact is about: the position of the entry that began it.
    pub const fn subject(&self) -> Option<Position> {
        match self {
            Self::Moved(movement) => movement.kind.subject(),
            Self::HoldReleased(released) => Some(released.hold),
            Self::TopUpRejected(rejected) => Some(rejected.request),
            Self::PayoutAdvanced(advanced) => Some(advanced.payout),
            Self::PayoutFailed(failed) => Some(failed.payout),
            Self::CallbackTried(tried) => Some(tried.payout),
            Self::BillCancelled(cancelled) => Some(cancelled.bill),
            Self::ChargeAdvanced(advanced) => Some(advanced.charge),
            Self::RefundStarted(started) => Some(started.payment),
            Self::RefundAdvanced(advanced) => Some(advanced.refund),
            Self::OddSettled(settled) => Some(settled.heard),
            Self::Genesis
            | Self::AccountOpened(_)
            | Self::UserCreated(_)
            | Self::UserChanged(_)
            | Self::SessionRevoked(_)
            | Self::Held(_)
            | Self::TopUpRequested(_)
            | Self::FreezeSet(_)
            | Self::PayoutStarted(_)
            | Self::Refused(_)
            | Self::RegistryChanged(_)
            | Self::BoardingChanged(_)
            | Self::BillIssued(_)
            | Self::ChargeStarted(_)
            | Self::Notified(_)
            | Self::OddHeard(_)
            | Self::DeliveryTried(_) => None,
        }
    }

    /// Whether an order begins with it, named by its position.
    pub const fn begins_order(&self) -> bool {
        match self {
            Self::Held(_)
            | Self::TopUpRequested(_)
            | Self::PayoutStarted(_)
            | Self::BillIssued(_)
            | Self::ChargeStarted(_)
            | Self::RefundStarted(_)
            | Self::OddHeard(_) => true,
            Self::Moved(movement) => matches!(movement.kind, MovementKind::Suspended { .. }),
            Self::Genesis
            | Self::AccountOpened(_)
            | Self::UserCreated(_)
            | Self::UserChanged(_)
            | Self::SessionRevoked(_)
            | Self::HoldReleased(_)
            | Self::TopUpRejected(_)
            | Self::FreezeSet(_)
            | Self::Refused(_)
            | Self::PayoutAdvanced(_)
            | Self::PayoutFailed(_)
            | Self::RegistryChanged(_)
            | Self::BoardingChanged(_)
            | Self::CallbackTried(_)
            | Self::BillCancelled(_)
            | Self::ChargeAdvanced(_)
            | Self::Notified(_)
            | Self::DeliveryTried(_)
            | Self::RefundAdvanced(_)
            | Self::OddSettled(_) => false,
        }
    }

    /// Every order whose state it changes, one that it begins apart.
    pub fn orders(&self) -> impl Iterator<Item = Position> + use<> {
        let payment =
            if let Self::RefundAdvanced(advanced) = self { Some(advanced.payment) } else { None };
        self.subject().into_iter().chain(self.bill()).chain(payment)
    }

    /// The bill that is paid beside what it is about.
    pub const fn bill(&self) -> Option<Position> {
        if let Self::Moved(movement) = self { movement.kind.bill() } else { None }
    }

    /// The accounts whose history this fact belongs to, each once, giver first.
    pub fn accounts(&self) -> AccountsTouched {
        let mut touched = AccountsTouched::default();
        match self {
            Self::Moved(movement) => {
                touched.push(movement.debit);
                touched.push(movement.credit);
                if let Some(fee) = movement.fee {
                    touched.push(fee.account);
                }
                if let Some(debt) = movement.debt() {
                    touched.push(debt.payer);
                }
            }
            Self::Held(hold) => touched.push(hold.account),
            Self::HoldReleased(released) => touched.push(released.account),
            Self::TopUpRequested(request) => touched.push(request.account),
            Self::TopUpRejected(rejected) => touched.push(rejected.account),
            Self::FreezeSet(set) => touched.push(set.account),
            Self::PayoutStarted(started) => touched.push(started.account),
            Self::PayoutAdvanced(advanced) => touched.push(advanced.account),
            Self::PayoutFailed(failed) => touched.push(failed.account),
            Self::CallbackTried(tried) => touched.push(tried.account),
            Self::BillIssued(issued) => {
                touched.push(issued.account);
                touched.push(issued.payer);
            }
            Self::BillCancelled(cancelled) => {
                touched.push(cancelled.account);
                touched.push(cancelled.payer);
            }
            Self::ChargeStarted(started) => touched.push(started.account),
            Self::ChargeAdvanced(advanced) => {
                touched.push(advanced.account);
                if let Some(payer) = advanced.payer {
                    touched.push(payer);
                }
            }
            Self::RefundStarted(started) => touched.push(started.account),
            Self::RefundAdvanced(advanced) => touched.push(advanced.account),
            Self::AccountOpened(opened) => touched.push(opened.account),
            Self::UserCreated(created) => touched.push(created.account.account),
            Self::Genesis
            | Self::UserChanged(_)
            | Self::SessionRevoked(_)
            | Self::Refused(_)
            | Self::RegistryChanged(_)
            | Self::Notified(_)
            | Self::DeliveryTried(_)
            | Self::BoardingChanged(_)
            | Self::OddHeard(_)
            | Self::OddSettled(_) => {}
        }
        touched
    }
}
