//! The journal for people and other programs: NDJSON with everything, CSV with the postings.
//!
//! Password hashes and tokens are left out always. It reads history and writes a stream; it changes
//! nothing, and it computes nothing that is not in the records.

mod boarding;
mod charges;
mod registry;
mod words;

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use self::words::{fact_name, movement_name};
use super::codec::Recorded;
use super::error::Error;
use super::history::History;
use crate::ledger::book::Link;
use crate::ledger::event::{
    AccountOpened, Fact, Fee, Hold, Movement, MovementKind, Origin, TopUpRequested, UserChange,
    UserCreated,
};
use crate::ledger::id::{AccountId, Position, Principal, PublicId, UserId};
use crate::ledger::money::{Amount, Balance};
use crate::ledger::payout::{PayoutStarted, PayoutStep, Try};
use crate::ledger::time::Timestamp;

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] Error),
    /// The output could not be written.
    #[error("cannot write the export: {0}")]
    Output(#[from] io::Error),
}

/// The names of the columns of [`csv()`].
pub const COLUMNS: [&str; 11] = [
    "position",
    "time",
    "kind",
    "debit",
    "credit",
    "amount",
    "currency",
    "reference",
    "note",
    "debit_balance_after",
    "credit_balance_after",
];

/// One JSON object per record from `from` on, fields by name, amounts as whole minor units.
/// Returns the number of lines.
///
/// # Errors
/// The journal cannot be read, or `out` not written.
pub fn ndjson(history: &History, from: Position, out: &mut dyn Write) -> Result<u64, ExportError> {
    let mut lines = 0;
    each_record(history, from, |names, record| {
        serde_json::to_writer(&mut *out, &names.record(record)).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        lines += 1;
        Ok(())
    })?;
    out.flush()?;
    Ok(lines)
}

/// One line per posting of the records from `from` on, under [`COLUMNS`]. Texts that a spreadsheet
/// would take for a formula begin with `'`. Returns the number of postings.
///
/// # Errors
/// The journal cannot be read, or `out` not written.
pub fn csv(history: &History, from: Position, out: &mut dyn Write) -> Result<u64, ExportError> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS).map_err(io::Error::from)?;
    let mut lines = 0;
    each_record(history, from, |names, record| {
        let Fact::Moved(movement) = &record.event.fact else { return Ok(()) };
        let balance_after = |id: AccountId| {
            let link = record.links.iter().find(|link| link.account == id);
            link.map_or_else(String::new, |link| link.balance_after.to_string())
        };
        for posting in movement.postings() {
            let is_fee = movement.fee.is_some_and(|fee| fee.account == posting.credit)
                && posting.credit != movement.credit;
            writer
                .write_record([
                    record.position.to_string(),
                    record.time.to_string(),
                    if is_fee { "fee" } else { movement_name(movement.kind) }.to_owned(),
                    names.account(posting.debit),
                    names.account(posting.credit),
                    posting.amount.to_string(),
                    movement.currency.to_string(),
                    guarded(movement.origin.reference.as_str()),
                    guarded(movement.note.as_str()),
                    balance_after(posting.debit),
                    balance_after(posting.credit),
                ])
                .map_err(io::Error::from)?;
            lines += 1;
        }
        Ok(())
    })?;
    writer.flush()?;
    Ok(lines)
}

/// A text that no spreadsheet takes for a formula.
pub fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// Reads from the beginning, since public ids hold the time their account or user began, and gives
/// the records from `from` on.
fn each_record(
    history: &History,
    from: Position,
    mut give: impl FnMut(&Names, &Recorded) -> Result<(), io::Error>,
) -> Result<(), ExportError> {
    let mut names = Names::default();
    for batch in history.batches_from(Position::FIRST) {
        for record in batch?.records() {
            let record = record?;
            names.learn(&record);
            if record.position >= from {
                give(&names, &record)?;
            }
        }
    }
    Ok(())
}

/// When accounts and users began: the part of their public ids that is not their number.
#[derive(Default)]
struct Names {
    accounts: Vec<Timestamp>,
    users: Vec<Timestamp>,
}

impl Names {
    fn learn(&mut self, record: &Recorded) {
        match &record.event.fact {
            Fact::AccountOpened(_) => self.accounts.push(record.event.at),
            Fact::UserCreated(_) => {
                self.users.push(record.event.at);
                self.accounts.push(record.event.at);
            }
            _ => {}
        }
    }

    fn account(&self, id: AccountId) -> String {
        public_id("acc", &self.accounts, id.0)
    }

    fn user(&self, id: UserId) -> String {
        public_id("usr", &self.users, id.0)
    }

    fn principal(&self, principal: Principal) -> String {
        match principal {
            Principal::System => "system".to_owned(),
            Principal::User(user) => self.user(user),
            Principal::Operator => "operator".to_owned(),
        }
    }

    fn record(&self, record: &Recorded) -> Value {
        let mut fields = Map::new();
        fields.insert("position".to_owned(), json!(record.position.get()));
        fields.insert("time".to_owned(), json!(record.time.to_string()));
        fields.insert("at".to_owned(), json!(record.event.at.to_string()));
        fields.insert("kind".to_owned(), json!(fact_name(&record.event.fact)));
        if let Some(origin) = record.event.fact.origin() {
            fields.insert("origin".to_owned(), self.origin(origin));
        }
        if let Value::Object(own) = self.fact(&record.event.fact) {
            fields.extend(own);
        }
        if !record.links.is_empty() {
            let links = record.links.iter().map(|link| self.link(link)).collect();
            fields.insert("links".to_owned(), Value::Array(links));
        }
        Value::Object(fields)
    }

    fn origin(&self, origin: &Origin) -> Value {
        let digest: String = origin.digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "principal": self.principal(origin.principal),
            "reference": origin.reference.as_str(),
            "digest": digest,
        })
    }

    fn link(&self, link: &Link) -> Value {
        json!({
            "account": self.account(link.account),
            "previous": link.previous.map(Position::get),
            "balance_after": balance(link.balance_after),
        })
    }

    fn fact(&self, fact: &Fact) -> Value {
        match fact {
            Fact::Genesis => json!({}),
            Fact::AccountOpened(opened) => self.opened(opened),
            Fact::UserCreated(created) => self.created(created),
            Fact::UserChanged(changed) => json!({
                "user": self.user(changed.user),
                "by": self.principal(changed.by),
                "change": change(&changed.change),
            }),
            Fact::SessionRevoked(revoked) => json!({
                "user": self.user(revoked.user),
                "expires": revoked.expires.to_string(),
            }),
            Fact::Moved(movement) => self.moved(movement),
            Fact::Held(hold) => self.held(hold),
            Fact::HoldReleased(released) => json!({
                "hold": released.hold.get(),
                "account": self.account(released.account),
                "expired": released.expired,
            }),
            Fact::TopUpRequested(request) => self.requested(request),
            Fact::TopUpRejected(rejected) => json!({
                "request": rejected.request.get(),
                "account": self.account(rejected.account),
                "reason": rejected.reason.as_str(),
            }),
            Fact::FreezeSet(set) => json!({
                "account": self.account(set.account),
                "frozen": set.frozen,
                "reason": set.reason.as_str(),
            }),
            Fact::RegistryChanged(changed) => registry::change(self, changed),
            Fact::BoardingChanged(changed) => boarding::change(self, changed),
            Fact::Refused(refusal) => json!({
                "account": refusal.account.map(|account| self.account(account)),
                "amount": refusal.amount.map(|amount| amount.get()),
                "rejection": refusal.rejection.code(),
                "note": refusal.note.as_str(),
            }),
            Fact::PayoutStarted(started) => self.payout_started(started),
            Fact::PayoutAdvanced(advanced) => json!({
                "payout": advanced.payout.get(),
                "account": self.account(advanced.account),
                "attempt": advanced.attempt,
                "step": payout_step(self, &advanced.step),
            }),
            Fact::CallbackTried(tried) => registry::callback_tried(self, tried),
            Fact::BillIssued(_)
            | Fact::BillCancelled(_)
            | Fact::ChargeStarted(_)
            | Fact::ChargeAdvanced(_)
            | Fact::Notified(_)
            | Fact::RefundStarted(_)
            | Fact::RefundAdvanced(_)
            | Fact::OddHeard(_)
            | Fact::OddSettled(_) => charges::fact(self, fact),
            Fact::DeliveryTried(tried) => registry::delivery_tried(self, tried),
            Fact::PayoutFailed(failed) => json!({
                "payout": failed.payout.get(),
                "account": self.account(failed.account),
                "by": self.principal(failed.by),
                "code": failed.code.as_str(),
                "reason": failed.reason.as_str(),
            }),
        }
    }

    fn opened(&self, opened: &AccountOpened) -> Value {
        json!({
            "account": self.account(opened.account),
            "account_kind": opened.kind.name(),
            "currency": opened.currency.code(),
            "owner": opened.owner.map(|owner| self.user(owner)),
            "floor": opened.floor,
            "by": self.principal(opened.by),
        })
    }

    fn created(&self, created: &UserCreated) -> Value {
        json!({
            "user": self.user(created.user),
            "username": created.username.as_str(),
            "email": created.email.as_str(),
            "name": created.name.as_str(),
            "phone": created.phone.as_ref().map(|phone| phone.as_str()),
            "role": created.role.name(),
            "must_change_password": created.must_change_password,
            "opened": self.opened(&created.account),
        })
    }

    fn moved(&self, movement: &Movement) -> Value {
        let fee =
            |fee: Fee| json!({ "account": self.account(fee.account), "amount": fee.amount.get() });
        json!({
            "movement": movement_name(movement.kind),
            "subject": movement.kind.subject().map(Position::get),
            "bill": movement.kind.bill().map(Position::get),
            "debtor": movement.debt().map(|debt| self.account(debt.payer)),
            "by": self.administrator(movement.kind),
            "debit": self.account(movement.debit),
            "credit": self.account(movement.credit),
            "amount": movement.amount.get(),
            "currency": movement.currency.code(),
            "fee": movement.fee.map(fee),
            "note": movement.note.as_str(),
        })
    }

    fn administrator(&self, kind: MovementKind) -> Option<String> {
        match kind {
            MovementKind::TopUp { by, .. }
            | MovementKind::Adjustment { by }
            | MovementKind::PaidOut { by, .. }
            | MovementKind::Resolved { by, .. }
            | MovementKind::GivenBack { by, .. } => Some(self.principal(by)),
            MovementKind::Payment
            | MovementKind::Refund { .. }
            | MovementKind::HoldPosted { .. }
            | MovementKind::ChargePaid { .. }
            | MovementKind::BillPaid { .. }
            | MovementKind::Suspended { .. } => None,
        }
    }

    fn held(&self, hold: &Hold) -> Value {
        json!({
            "account": self.account(hold.account),
            "amount": hold.amount.get(),
            "currency": hold.currency.code(),
            "expires": hold.expires.to_string(),
        })
    }

    fn payout_started(&self, started: &PayoutStarted) -> Value {
        json!({
            "account": self.account(started.account),
            "amount": started.amount.get(),
            "currency": started.currency.code(),
            "purpose": started.purpose.name(),
            "sender": started.sender.as_str(),
            "beneficiary": {
                "bank": started.beneficiary.bank.as_str(),
                "number": started.beneficiary.number.as_str(),
                "name": started.beneficiary.name.as_str(),
            },
            "remark": started.remark.as_str(),
            "route": route(&started.route),
            "rule": started.rule.as_str(),
            "callback": started.callback,
            "fee_max": started.fee_max,
            "challenged_until": started.challenged_until.map(|until| until.to_string()),
        })
    }

    fn requested(&self, request: &TopUpRequested) -> Value {
        json!({
            "account": self.account(request.account),
            "amount": request.amount.get(),
            "currency": request.currency.code(),
            "bank": request.bank.as_str(),
            "sender": request.sender.as_str(),
        })
    }
}

fn public_id(prefix: &str, began: &[Timestamp], number: u32) -> String {
    let time = usize::try_from(number).ok().and_then(|row| began.get(row));
    PublicId::new(time.copied().unwrap_or(Timestamp::EPOCH), number.into()).text(prefix)
}

/// A whole number; as text in the case, which no real store reaches, that JSON readers could not
/// hold it.
fn balance(balance: Balance) -> Value {
    i64::try_from(balance.units()).map_or_else(|_| json!(balance.to_string()), |units| json!(units))
}

fn route(route: &Try) -> Value {
    json!({
        "bank": route.bank.as_str(),
        "interbank": route.interbank,
        "fee": route.fee.map(Amount::get),
        "why": route.why.as_str(),
    })
}

fn payout_step(names: &Names, step: &PayoutStep) -> Value {
    match step {
        PayoutStep::Released { by, reason } => {
            json!({ "released_by": names.principal(*by), "reason": reason.as_str() })
        }
        PayoutStep::NextTry { route: next, reason } => {
            json!({ "next_try": route(next), "reason": reason.as_str() })
        }
        PayoutStep::Unknown { reason } => json!({ "unknown": reason.as_str() }),
    }
}

fn change(change: &UserChange) -> Value {
    match change {
        UserChange::Role(role) => json!({ "role": role.name() }),
        UserChange::Credential { sessions_end, .. } => {
            json!({ "credential": "changed", "sessions_end": sessions_end })
        }
        UserChange::LoginFailed => json!("login_failed"),
        UserChange::LoginCleared => json!("login_cleared"),
        // Nothing that could be tried out.
        UserChange::Codes(change) => json!({ "codes": change.name() }),
        UserChange::KnownFailed => json!("known_login_failed"),
        UserChange::KnownCleared => json!("known_login_cleared"),
        UserChange::PasswordGiven(_) => json!({ "credential": "given", "sessions_end": true }),
    }
}
