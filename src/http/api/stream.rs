//! Live messages over a WebSocket, and what a message says.
//!
//! The token comes as a subprotocol (`bearer, <token>`) or in the first message
//! (`{"token": "..."}`), never in the address, which ends up in logs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, frame::coding::CloseCode};

use super::wire::name_of;
use super::{Context, notices};
use crate::connector::midtrans::status::Status;
use crate::gateway::Gateway;
use crate::gateway::caller::Caller;
use crate::gateway::charge;
use crate::gateway::history::change_of;
use crate::gateway::payout::public_id;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::http::websocket::{self, Socket};
use crate::journal::Recorded;
use crate::ledger::charge::{ChargeAdvanced, ChargeEnd, ChargePurpose, ChargeStep};
use crate::ledger::event::{Debt, Fact, Movement, MovementKind, TopUpRejected};
use crate::ledger::id::{AccountId, Position};
use crate::ledger::payout::Purpose;
use crate::limits;

/// How long a client may take to send its token.
const TOKEN_TIMEOUT: Duration = limits::FIRST_BYTE_TIMEOUT;
/// Between two looks at whether the token is still alive.
const TOKEN_PERIOD: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    token: String,
}

/// What is said about a record to the owner of one of its accounts.
pub(super) struct Told {
    /// The message's `type`.
    pub(super) kind: &'static str,
    /// Its other fields.
    pub(super) about: Map<String, Value>,
    /// Of a top-up: how it stands, in the word that Midtrans has for it. Live messages carry it.
    pesan: Option<&'static str>,
}

impl Told {
    fn new(kind: &'static str, about: Value) -> Option<Self> {
        let Value::Object(about) = about else { return None };
        Some(Self { kind, about, pesan: None })
    }

    fn with_pesan(self, status: Status) -> Self {
        Self { pesan: Some(status.name()), ..self }
    }
}

/// `GET /api/v1/stream`
pub(super) fn open(context: Context<'_>) -> Result<Reply, ApiError> {
    let offered = websocket::offered_token(context.request)?.map(str::to_owned);
    if let Some(token) = &offered {
        let caller = context.gateway.authenticate(token)?;
        caller.require_own_password()?;
        if context.gateway.owes_app(&caller) {
            return Err(ApiError::new(Code::Forbidden));
        }
    }
    let gateway = Arc::clone(context.gateway);
    let offset_seconds = context.api.options.offset_seconds;
    let origins = &context.api.options.origins;
    let allowed = |origin: &str| origins.iter().any(|known| known == origin);
    websocket::accept(
        context.request,
        allowed,
        Box::new(move |socket, stop| {
            Box::pin(async move {
                let session = Session { gateway, offset_seconds, socket };
                session.run(offered, stop).await;
            })
        }),
    )
}

/// One open socket.
struct Session {
    gateway: Arc<Gateway>,
    offset_seconds: i32,
    socket: Socket,
}

impl Session {
    async fn run(mut self, offered: Option<String>, stop: watch::Receiver<bool>) {
        let token = match offered {
            Some(token) => Some(token),
            None => self.first_message().await,
        };
        let caller = token.as_ref().and_then(|token| self.gateway.authenticate(token).ok());
        let may = |caller: &Caller| {
            caller.require_own_password().is_ok() && !self.gateway.owes_app(caller)
        };
        let caller = caller.filter(may);
        let (Some(token), Some(caller)) = (token, caller) else {
            return self.close(CloseCode::Policy, "a live token is needed").await;
        };
        let most = limits::WEBSOCKETS_PER_USER_MAX;
        let Some(records) = self.gateway.hub().listen(caller.user.id, most) else {
            return self.close(CloseCode::Policy, "too many connections of this user").await;
        };
        self.relay(&token, &caller, records, stop).await;
    }

    async fn first_message(&mut self) -> Option<String> {
        let message = tokio::time::timeout(TOKEN_TIMEOUT, self.socket.next()).await.ok()??.ok()?;
        serde_json::from_str::<First>(message.to_text().ok()?).ok().map(|first| first.token)
    }

    /// Sends what happens to the caller's account until either side has enough.
    async fn relay(
        mut self,
        token: &str,
        caller: &Caller,
        mut records: Receiver<Recorded>,
        mut stop: watch::Receiver<bool>,
    ) {
        let user = caller.user.id;
        let hub = Arc::clone(self.gateway.hub());
        let mut look = tokio::time::interval(TOKEN_PERIOD);
        let farewell = loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break Some((CloseCode::Restart, "restarting")),
                _ = look.tick() => {
                    if self.gateway.authenticate(token).is_err() {
                        break Some((CloseCode::Policy, "the token is dead"));
                    }
                }
                record = records.recv() => {
                    let text = match record {
                        Ok(recorded) => self.text(caller, &recorded),
                        Err(RecvError::Lagged(missed)) => {
                            Some(json!({"type": "missed", "count": missed}).to_string())
                        }
                        Err(RecvError::Closed) => break None,
                    };
                    if let Some(text) = text && self.send(text).await.is_none() {
                        break None;
                    }
                }
                message = self.socket.next() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
                    // Pings are answered by the library; anything else is not for us.
                    Some(Ok(_)) => {}
                },
            }
        };
        hub.leave(user, records);
        if let Some((code, reason)) = farewell {
            self.close(code, reason).await;
        }
    }

    fn text(&self, caller: &Caller, recorded: &Recorded) -> Option<String> {
        let own = self.gateway.view().accounts_of(&caller.user);
        let account = recorded.links.iter().find(|link| own.contains(&link.account))?.account;
        let Told { kind, mut about, pesan } = message(&self.gateway, account, recorded)?;
        about.insert("type".to_owned(), kind.into());
        about.insert("position".to_owned(), recorded.position.get().into());
        about.insert("time".to_owned(), recorded.time.to_rfc3339(self.offset_seconds).into());
        if let Some(pesan) = pesan {
            // The fields the EZPY paper's clients read.
            about.insert("user".to_owned(), caller.user.email().into());
            let nominal = about.get("amount").map_or_else(String::new, Value::to_string);
            about.insert("nominal".to_owned(), nominal.into());
            about.insert("pesan".to_owned(), pesan.into());
        }
        Some(Value::Object(about).to_string())
    }

    /// `None` if the client is gone or does not read.
    async fn send(&mut self, text: String) -> Option<()> {
        let sent = self.socket.send(Message::text(text));
        tokio::time::timeout(limits::WRITE_STALL_TIMEOUT, sent).await.ok()?.ok()
    }

    async fn close(mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let closing = self.socket.close(Some(frame));
        // A client that does not read its farewell does without.
        let _ = tokio::time::timeout(limits::WRITE_STALL_TIMEOUT, closing).await;
    }
}

/// Until a stop is asked for.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody is left to ask for one.
    drop(stop.wait_for(|stop| *stop).await);
}

/// What is said about a withdrawal that has ended. Nothing about an application's transfer, whose
/// end is told to its callback.
fn withdrawn(gateway: &Gateway, payout: Position, words: &str) -> Option<Value> {
    let began = gateway.view().record(payout).ok()?;
    match &began.event.fact {
        Fact::PayoutStarted(started) if started.purpose == Purpose::Withdrawal => Some(json!({
            "payout": public_id(&began),
            "amount": started.amount.get(),
            "currency": started.currency.code(),
            "note": words,
            "reference": started.origin.reference.as_str(),
        })),
        _ => None,
    }
}

/// What is said about a bill to who is to pay it.
fn billed(gateway: &Gateway, bill: Position) -> Option<Value> {
    let standing = gateway.bill_at(bill).ok()?;
    Some(json!({
        "bill": standing.id(),
        "name": standing.issued().name.as_str(),
        "amount": standing.bill.amount.get(),
        "currency": standing.bill.currency.code(),
        "from": name_of(gateway, standing.bill.account),
    }))
}

/// What is said about a bill that is paid, to whom it was paid and to who owed it.
fn paid(gateway: &Gateway, account: AccountId, movement: &Movement, debt: Debt) -> Option<Value> {
    let amount = match account {
        account if account == movement.credit => movement.received(),
        account if account == debt.payer => movement.amount,
        _ => return None,
    };
    let mut about = billed(gateway, debt.bill)?;
    about["amount"] = amount.get().into();
    about["from"] = name_of(gateway, debt.payer).into();
    about["to"] = name_of(gateway, movement.credit).into();
    about["note"] = movement.note.as_str().into();
    about["reference"] = movement.origin.reference.as_str().into();
    Some(about)
}

/// What is said about a movement to the owner of one of its accounts.
fn moved(
    gateway: &Gateway,
    account: AccountId,
    recorded: &Recorded,
    movement: &Movement,
) -> Option<Told> {
    if let MovementKind::PaidOut { payout, .. } = movement.kind {
        let about = withdrawn(gateway, payout, movement.note.as_str())?;
        return Told::new("withdrawal_succeeded", about);
    }
    if let Some(debt) = movement.debt() {
        return Told::new("bill_paid", paid(gateway, account, movement, debt)?);
    }
    let change = change_of(account, recorded.clone())?;
    let kind = match (movement.kind, change.incoming) {
        (MovementKind::Payment, true) => "payment_received",
        (MovementKind::Refund { .. }, true) => "refund_received",
        (
            MovementKind::TopUp { .. }
            | MovementKind::ChargePaid { purpose: ChargePurpose::TopUp, .. },
            true,
        ) => "top_up_settled",
        (MovementKind::ChargePaid { purpose: ChargePurpose::Order, .. }, true) => "charge_paid",
        (MovementKind::Resolved { .. }, true) => "late_money_received",
        (MovementKind::Adjustment { .. }, _) => "balance_adjusted",
        _ => return None,
    };
    let about = json!({
        "amount": change.amount.get(),
        "currency": movement.currency.code(),
        "from": name_of(gateway, movement.debit),
        "note": movement.note.as_str(),
        "reference": movement.origin.reference.as_str(),
    });
    let told = Told::new(kind, about)?;
    let is_top_up = matches!(kind, "top_up_settled" | "late_money_received");
    Some(if is_top_up { told.with_pesan(Status::Settlement) } else { told })
}

/// What is said about a charge that has ended, to who asked for it.
fn ended(gateway: &Gateway, account: AccountId, advanced: &ChargeAdvanced) -> Option<Told> {
    let ChargeStep::Ended { end, reason, .. } = &advanced.step else { return None };
    if advanced.asker() != account {
        return None;
    }
    let begun = gateway.view().record(advanced.charge).ok()?;
    let Fact::ChargeStarted(started) = &begun.event.fact else { return None };
    let about = json!({
        "charge": charge::public_id(&begun),
        "purpose": started.purpose.name(),
        "amount": started.amount.get(),
        "currency": started.currency.code(),
        "status": end.name(),
        "reason": reason.as_str(),
    });
    let told = Told::new("charge_ended", about)?;
    let status = match end {
        ChargeEnd::Failed => Status::Failure,
        ChargeEnd::Denied => Status::Deny,
        ChargeEnd::Cancelled => Status::Cancel,
        ChargeEnd::Expired => Status::Expire,
        ChargeEnd::Suspended => Status::Pending,
    };
    let is_top_up = started.purpose == ChargePurpose::TopUp;
    Some(if is_top_up { told.with_pesan(status) } else { told })
}

/// What is said about a top-up that was announced and not found.
fn not_found(gateway: &Gateway, rejected: &TopUpRejected) -> Option<Told> {
    let asked = gateway.view().record(rejected.request).ok()?;
    let Fact::TopUpRequested(request) = &asked.event.fact else { return None };
    let about = json!({
        "amount": request.amount.get(),
        "currency": request.currency.code(),
        "reason": rejected.reason.as_str(),
    });
    Some(Told::new("top_up_rejected", about)?.with_pesan(Status::Deny))
}

/// What is said about `recorded` to the owner of `account`. Of what they did themselves they are told
/// that a bill of theirs is paid, and nothing else.
pub(super) fn message(gateway: &Gateway, account: AccountId, recorded: &Recorded) -> Option<Told> {
    match &recorded.event.fact {
        Fact::Moved(movement) => moved(gateway, account, recorded, movement),
        Fact::PayoutFailed(failed) => {
            let about = withdrawn(gateway, failed.payout, failed.reason.as_str())?;
            Told::new("withdrawal_failed", about)
        }
        Fact::BillIssued(issued) if issued.payer == account => {
            Told::new("bill_issued", billed(gateway, recorded.position)?)
        }
        Fact::BillCancelled(cancelled) if cancelled.payer == account => {
            Told::new("bill_cancelled", billed(gateway, cancelled.bill)?)
        }
        Fact::ChargeAdvanced(advanced) => ended(gateway, account, advanced),
        Fact::TopUpRejected(rejected) => not_found(gateway, rejected),
        Fact::FreezeSet(set) => {
            let kind = if set.frozen { "account_frozen" } else { "account_released" };
            Told::new(kind, json!({"reason": set.reason.as_str()}))
        }
        fact => {
            let (kind, about) = notices::of(gateway, fact)?;
            Told::new(kind, about)
        }
    }
}
