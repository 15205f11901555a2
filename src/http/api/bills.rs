//! Bills: issued, listed, paid and called off (MATA-3, KOST-2), and those of a house (KOST-4).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Context;
use super::charges;
use super::payments::movement;
use super::wire::{self, ListView, Units, cursor, id_of, place, range};
use crate::gateway;
use crate::gateway::bill::{Issue, Place, Standing, State, Wanted, public_id};
use crate::gateway::caller::Caller;
use crate::gateway::charge::invoice::Invoice;
use crate::gateway::history::Page;
use crate::http::amount::{AmountField, CurrencyField};
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::http::request::Query;
use crate::identity::secret::Secret;
use crate::journal::Recorded;
use crate::ledger::event::Fact;
use crate::ledger::id::{AccountId, Position};
use crate::ledger::text::{Line, Reference};
use crate::ledger::time::Timestamp;
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueBody {
    name: String,
    recipient: String,
    amount: AmountField,
    currency: Option<CurrencyField>,
    description: Option<String>,
    due: Option<String>,
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayBody {
    payment: String,
    reference: Option<String>,
    otp: Option<Secret<String>>,
}

/// A bill as it stands.
#[derive(Serialize)]
struct BillView {
    id: String,
    name: String,
    description: String,
    from: String,
    to: String,
    amount: u64,
    currency: String,
    formatted_amount: String,
    status: &'static str,
    #[serde(flatten)]
    rent: Option<RentView>,
    due: Option<String>,
    formatted_due: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_at: Option<String>,
    reference: String,
    position: u64,
    created_at: String,
}

#[derive(Serialize)]
struct RentView {
    month: i32,
    year: i32,
    period: String,
    room: Option<String>,
}

/// A bill as its landlord sees it in the list of the house.
#[derive(Serialize)]
struct HouseBillView {
    total: u64,
    #[serde(flatten)]
    bill: BillView,
}

#[derive(Serialize)]
struct TotalView {
    total: Units,
    count: usize,
    currency: String,
    formatted_total: String,
}

#[derive(Serialize)]
struct CountView {
    total: usize,
}

#[derive(Serialize)]
struct PaidView {
    id: String,
    invoice: String,
    status: &'static str,
    payment: &'static str,
    from: String,
    to: String,
    amount: u64,
    fee: u64,
    currency: String,
    formatted_amount: String,
    deadline: Option<String>,
    formatted_deadline: Option<String>,
    reference: String,
    /// The payer's, and nobody else's to see.
    balance_after: Option<Units>,
    position: u64,
    created_at: String,
}

/// `POST /api/v1/bills`
pub(super) async fn issue(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: IssueBody = context.request.json()?;
    let text = body.description.as_deref().unwrap_or_default();
    let issue = Issue {
        name: wire::line("name", &body.name, limits::NAME_MAX)?,
        recipient: wire::username("recipient", &body.recipient)?,
        amount: wire::amount(body.amount)?,
        currency: wire::currency(body.currency.as_ref())?,
        description: Line::parse(text, limits::NOTE_MAX)
            .map_err(|error| ApiError::field("description", error.to_string()))?,
        due: body.due.as_deref().map(due).transpose()?,
        reference: context.key(body.reference.as_deref())?,
    };
    let outcome = context.gateway.issue_bill(caller, issue).await?;
    let standing = context.gateway.bill_at(outcome.recorded.position)?;
    // The first answer again, whatever became of the bill since.
    let view = context.bill(&Standing { state: State::Open, ..standing })?;
    Ok(wire::written(&outcome, Reply::created(&view)))
}

/// `GET /api/v1/bills`: those the caller is to pay, or with `issued=true` those they made.
pub(super) async fn list(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let known = ["limit", "cursor", "from", "to", "currency", "issued", "status"];
    let query = context.request.query()?.only(&known)?;
    let (limit, cursor_at) = place(&query)?;
    let (from, to) = range(&query)?;
    let page = Page { limit, cursor: cursor_at, from, to };
    let issued = match query.get("issued") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::field("issued", "must be true or false")),
    };
    let status = status(&query)?;
    let (account, _) = context.account(caller, &query)?;
    let gateway = Arc::clone(context.gateway);
    let walk = move || {
        gateway.walk(account, page, |recorded| {
            let Fact::BillIssued(bill) = &recorded.event.fact else { return None };
            let mine = if issued { bill.account == account } else { bill.payer == account };
            let standing = gateway.bill_at(recorded.position).ok().filter(|_| mine)?;
            let is = standing.state.name();
            status.as_ref().is_none_or(|status| status == is).then_some(standing)
        })
    };
    let lines = context.blocking(walk).await?;
    let data = lines.lines.iter().map(|standing| context.bill(standing));
    let data = data.collect::<Result<Vec<_>, _>>()?;
    Ok(Reply::ok(&ListView { data, next_cursor: cursor(lines.next) }))
}

/// `GET /api/v1/bills/total`: what the caller is to pay in all.
pub(super) fn total(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let query = context.request.query()?.only(&["currency"])?;
    let (account, currency) = context.account(caller, &query)?;
    let owed = context.gateway.owed(account);
    Ok(Reply::ok(&TotalView {
        total: Units(i128::try_from(owed.units).unwrap_or(i128::MAX)),
        count: owed.count,
        currency: currency.to_string(),
        formatted_total: context.language().amount(currency, owed.units),
    }))
}

/// `GET /api/v1/bills/{id}`
pub(super) fn show(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let standing = context.gateway.bill(caller, context.segment(3))?;
    Ok(Reply::ok(&context.bill(&standing)?))
}

/// `DELETE /api/v1/bills/{id}`: by its issuer, while it is open.
pub(super) async fn cancel(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let reference = context.key(None)?;
    let outcome = context.gateway.cancel_bill(caller, context.segment(3), reference).await?;
    Ok(wire::written(&outcome, wire::no_content(outcome.recorded.position)))
}

/// `POST /api/v1/bills/{id}/pay`
pub(super) async fn pay(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let body: PayBody = context.request.json()?;
    let reference = context.key(body.reference.as_deref())?;
    match body.payment.as_str() {
        "wallet" => {
            let code = context.code(body.otp)?;
            from_wallet(context, caller, reference, code.as_ref()).await
        }
        method if context.offers(method) => {
            let paid = charges::pay_bill(context, caller, method, reference).await?;
            paid.ok_or_else(|| context.not_offered(method))
        }
        method => Err(context.not_offered(method)),
    }
}

async fn from_wallet(
    context: Context<'_>,
    caller: &Caller,
    reference: Option<Reference>,
    code: Option<&Secret<String>>,
) -> Result<Reply, ApiError> {
    if !context.offers("wallet") {
        return Err(context.not_offered("wallet"));
    }
    let outcome = context.gateway.pay_bill(caller, context.segment(3), reference, code).await?;
    let view = context.paid(caller, &outcome.recorded)?;
    Ok(wire::written(&outcome, Reply::created(&view)))
}

/// `GET /api/v1/invoices/{invoice}`: a charge, or a payment from a wallet.
pub(super) fn invoice(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    match context.gateway.invoice(caller, context.segment(3))? {
        Invoice::Charge(standing) => Ok(Reply::ok(&context.charge(&standing)?)),
        Invoice::Paid(recorded) => Ok(Reply::ok(&context.paid(caller, &recorded)?)),
    }
}

/// `GET /api/v1/admin/bills`: those of a house, newest first.
pub(super) async fn house(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let known = ["limit", "cursor", "status", "room", "month", "year"];
    let issuers = context.issuers(caller, &known)?;
    let query = context.request.query()?;
    let (limit, from) = house_place(&query)?;
    let wanted = Wanted {
        issuers,
        status: status(&query)?,
        room: query.get("room").map(str::to_owned),
        month: number(&query, "month", 1..=12)?,
        year: number(&query, "year", 1970..=9999)?,
        limit,
        from,
    };
    let gateway = Arc::clone(context.gateway);
    let (bills, next) = context.blocking(move || gateway.house_bills(&wanted)).await?;
    let view = |standing: &Standing| {
        let bill = context.bill(standing)?;
        Ok(HouseBillView { total: bill.amount, bill })
    };
    let data = bills.iter().map(view).collect::<Result<Vec<_>, ApiError>>()?;
    Ok(Reply::ok(&ListView { data, next_cursor: next.map(house_cursor) }))
}

/// `GET /api/v1/admin/bills/count`: how many are still to be paid.
pub(super) fn count(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let issuers = context.issuers(caller, &[])?;
    Ok(Reply::ok(&CountView { total: context.gateway.count_unpaid(&issuers) }))
}

/// The cursor of bills of several accounts: the account, and 16 digits of the entry.
fn house_cursor(place: Place) -> String {
    let before = place.before.map_or(0, Position::get);
    format!("{:x}{before:016x}", place.account.0)
}

/// How many rows are wanted, and from where on.
fn house_place(query: &Query<'_>) -> Result<(usize, Option<Place>), ApiError> {
    let Some(text) = query.get("cursor") else { return Ok((place(query)?.0, None)) };
    let wrong = || ApiError::field("cursor", "is not one we gave out");
    let (account, before) =
        text.split_at_checked(text.len().saturating_sub(16)).ok_or_else(wrong)?;
    let is_hex = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let account = u32::from_str_radix(account, 16).ok().filter(|_| is_hex).ok_or_else(wrong)?;
    let before = u64::from_str_radix(before, 16).map_err(|_| wrong())?;
    let place = Place { account: AccountId(account), before: Position::new(before) };
    Ok((wire::limit(query)?, Some(place)))
}

fn due(text: &str) -> Result<Timestamp, ApiError> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| ApiError::field("due", "must be a time as in RFC 3339"))
}

fn status(query: &Query<'_>) -> Result<Option<String>, ApiError> {
    match query.get("status") {
        None => Ok(None),
        Some(status @ ("unpaid" | "paid" | "cancelled")) => Ok(Some(status.to_owned())),
        Some(_) => Err(ApiError::field("status", "must be unpaid, paid or cancelled")),
    }
}

fn number(
    query: &Query<'_>,
    name: &'static str,
    range: std::ops::RangeInclusive<i32>,
) -> Result<Option<i32>, ApiError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let digits = text.bytes().all(|digit| digit.is_ascii_digit());
    let number = text.parse::<i32>().ok().filter(|number| digits && range.contains(number));
    let wrong = || format!("must be from {} to {}", range.start(), range.end());
    number.map(Some).ok_or_else(|| ApiError::field(name, wrong()))
}

impl Context<'_> {
    fn bill(&self, standing: &Standing) -> Result<BillView, ApiError> {
        let (recorded, bill, issued) = (&standing.recorded, &standing.bill, standing.issued());
        let language = self.language();
        let rent = self.gateway.rent_of(standing).map(|rent| {
            let (year, month) = rent.month.year_and_number();
            RentView { month, year, period: language.month(rent.month), room: rent.room }
        });
        let paid = match standing.state {
            State::Paid(at) => Some(self.gateway.view().record(at)),
            State::Open | State::Cancelled(_) => None,
        };
        let paid = paid.transpose().map_err(gateway::Error::from)?;
        let offset = self.api.options.offset_seconds;
        Ok(BillView {
            id: standing.id(),
            name: issued.name.to_string(),
            description: issued.description.to_string(),
            from: self.name_of(bill.account),
            to: self.name_of(bill.payer),
            amount: bill.amount.get(),
            currency: bill.currency.to_string(),
            formatted_amount: language.amount(bill.currency, u128::from(bill.amount.get())),
            status: standing.state.name(),
            rent,
            due: issued.due.map(|due| self.time(due)),
            formatted_due: issued.due.map(|due| language.moment(due, offset)),
            payment: paid.as_ref().map(|paid| id_of("pay", paid.time, paid.position)),
            paid_at: paid.as_ref().map(|paid| self.time(paid.time)),
            reference: issued.origin.reference.to_string(),
            position: recorded.position.get(),
            created_at: self.time(recorded.time),
        })
    }

    /// A payment of a bill, as payer or issuer sees it.
    fn paid(&self, caller: &Caller, recorded: &Recorded) -> Result<PaidView, ApiError> {
        let movement = movement(recorded)?;
        let bill = movement.kind.subject().ok_or_else(|| ApiError::new(Code::Internal))?;
        let bill = self.gateway.view().record(bill).map_err(gateway::Error::from)?;
        let due = match &bill.event.fact {
            Fact::BillIssued(issued) => issued.due,
            _ => None,
        };
        let (language, offset) = (self.language(), self.api.options.offset_seconds);
        let own = |account| self.gateway.owns(&caller.user, account);
        let link = recorded.links.iter().find(|link| link.account == movement.debit);
        let link = link.filter(|link| own(link.account));
        let units = u128::from(movement.amount.get());
        Ok(PaidView {
            id: public_id(&bill),
            invoice: id_of("pay", recorded.time, recorded.position),
            status: "paid",
            payment: "wallet",
            from: self.name_of(movement.debit),
            to: self.name_of(movement.credit),
            amount: movement.amount.get(),
            fee: movement.fee.map_or(0, |fee| fee.amount.get()),
            currency: movement.currency.to_string(),
            formatted_amount: language.amount(movement.currency, units),
            deadline: due.map(|due| self.time(due)),
            formatted_deadline: due.map(|due| language.moment(due, offset)),
            reference: movement.origin.reference.to_string(),
            balance_after: link.map(|link| Units(link.balance_after.units())),
            position: recorded.position.get(),
            created_at: self.time(recorded.time),
        })
    }

    /// Whether a way to pay is offered. The wallet is where nobody has said otherwise.
    fn offers(&self, method: &str) -> bool {
        let houses = self.gateway.view().boarding();
        let row = houses.methods.values().find(|row| row.id.as_str() == method);
        row.map_or(method == "wallet", |row| row.active)
    }

    /// What is said to a way to pay that cannot be taken.
    fn not_offered(&self, method: &str) -> ApiError {
        if self.offers(method) {
            let detail = "this payment method cannot be reached at present";
            return ApiError::with_detail(Code::Unavailable, detail)
                .retry_after(limits::BANK_RETRY_AFTER_SECONDS);
        }
        ApiError::field("payment", "is not offered: see /api/v1/payment-methods")
    }
}
