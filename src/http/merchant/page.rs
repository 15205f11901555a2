//! The page of one order: how it can be paid, and how it stands.
//!
//! Plain HTML without a script: it loads nothing from elsewhere, may not be framed, and is kept by
//! nobody. Whoever has its address may see it and pick; money moves only by who pays.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION, ORIGIN};

use super::NAME_MAX;
use crate::connector::midtrans::status::Status;
use crate::connector::midtrans::transaction::{Instructions, Transaction};
use crate::gateway::charge::standing::{Standing, State};
use crate::gateway::merchant::details::{self, Details};
use crate::gateway::merchant::pick::is_open_page;
use crate::gateway::{Error, Gateway};
use crate::http::midtrans::Operation;
use crate::http::page::{Escaped, with_headers};
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::language::rupiah;
use crate::ledger::id::Principal;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:2rem auto;\
    padding:0 1rem;color:#1a1a1a}code{font-size:1.2em;word-break:break-all}\
    button{font:inherit;padding:.4rem 1rem;margin:.2rem 0;width:100%}img{max-width:100%}";

const fn open(method: &'static str, pattern: &'static str, name: &'static str) -> Operation {
    Operation { method, pattern, name, keyed: false }
}

const SHOW: Operation = open("GET", "pay/{}", "pay_page");
const PICK: Operation = open("POST", "pay/{}/{}", "pay_pick");
const SHEET: Operation = open("GET", "pay/style.css", "pay_style");

/// What a payer's browser asks for.
pub const PAGES: [Operation; 3] = [SHOW, PICK, SHEET];

/// What a payer's browser asks for by such a request, if it asks for a page or picks. HEAD is
/// answered wherever GET is (RFC 9110, 9.1).
pub fn page_of(method: &Method, segments: &[&str]) -> Option<Operation> {
    match (method.as_str(), segments) {
        ("GET" | "HEAD", ["pay", "style.css"]) => Some(SHEET),
        ("GET" | "HEAD", ["pay", _]) => Some(SHOW),
        ("POST", ["pay", _, _]) => Some(PICK),
        _ => None,
    }
}

/// Whether a path is of a page.
pub(super) fn is_ours(segments: &[&str]) -> bool {
    matches!(segments, ["pay", _] | ["pay", _, _])
}

/// Answers a payer.
pub(super) async fn answer(gateway: &Arc<Gateway>, base: &str, request: &Request) -> Reply {
    let segments = request.segments();
    let answered = match (request.method().as_str(), segments.as_slice()) {
        ("GET" | "HEAD", ["pay", "style.css"]) => {
            return reply(200, STYLE.to_owned(), "text/css; charset=utf-8");
        }
        ("GET" | "HEAD", ["pay", token]) => show(gateway, token),
        ("POST", ["pay", ..]) if is_foreign(request.headers(), base) => {
            Err(Error::Forbidden("the page of somebody else sent this"))
        }
        ("POST", ["pay", token, name]) if name.len() <= NAME_MAX => {
            pick(gateway, token, name).await
        }
        _ => Err(Error::NotFound),
    };
    answered.unwrap_or_else(|error| match error {
        Error::NotFound => page(404, "Not found", "<p>There is no such page.</p>"),
        Error::Forbidden(_) => page(403, "Not from there", "<p>Please open the page anew.</p>"),
        Error::Conflict(_) => {
            page(409, "Too late", "<p>This payment has gone on. Please look again.</p>")
        }
        error => {
            tracing::warn!(%error, "a payment page failed");
            page(503, "Not now", "<p>This way to pay cannot be reached. Please try again.</p>")
        }
    })
}

/// Whether a browser says that a page of somebody else sent a form here. Our own pages send no
/// referrer, so that their origin is `null`; what is no browser says nothing.
fn is_foreign(headers: &HeaderMap, base: &str) -> bool {
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return true;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    headers.get_all(ORIGIN).iter().any(|origin| {
        let Ok(origin) = origin.to_str() else { return true };
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        let is_ours = base == origin || !host.is_empty() && authority == host;
        origin != "null" && !is_ours
    })
}

/// The order of a page, and the attempt at it that counts now.
fn find(gateway: &Gateway, token: &str) -> Result<(Standing, Standing), Error> {
    let first = gateway.order_by_id(token)?.ok_or(Error::NotFound)?;
    let details = Details::of(first.started())?;
    if details.page.is_none() {
        return Err(Error::NotFound);
    }
    let Principal::User(_) = first.started().origin.principal else { return Err(Error::NotFound) };
    let last = gateway.after_page(&first)?;
    Ok((first, last))
}

fn show(gateway: &Gateway, token: &str) -> Result<Reply, Error> {
    let (first, last) = find(gateway, token)?;
    let told = gateway.told(&last)?.transaction;
    let details = Details::of(first.started())?;
    let order = Escaped(&details.order_id);
    let amount = rupiah(told.amount.get());
    let mut body = format!("<p>Order <b>{order}</b>, <b>Rp {amount}</b></p>");
    let picking = is_open_page(&last)?;
    match told.status {
        Status::Pending if matches!(last.state, State::Ended { .. }) => {
            body.push_str("<p><b>Your payment has come, and is being looked at.</b></p>");
        }
        Status::Pending => {
            numbers(&mut body, &told, &last);
            if picking {
                picks(&mut body, token, &details);
            }
        }
        Status::Settlement | Status::Refund | Status::PartialRefund => {
            body.push_str("<p><b>Paid. Thank you.</b></p>");
        }
        _ => put(&mut body, format_args!("<p>Not paid: {}.</p>", told.status.name())),
    }
    if let Some(url) = goes_on(gateway, &first, details.page, told.status) {
        let url = Escaped(&url);
        put(
            &mut body,
            format_args!("<p><a href=\"{url}\" rel=noreferrer>Back to the shop</a></p>"),
        );
    }
    Ok(page(200, "Payment", &body))
}

/// Where the payer goes on: who did not pay, elsewhere, if the merchant says so.
fn goes_on(
    gateway: &Gateway,
    first: &Standing,
    page: Option<details::Page>,
    status: Status,
) -> Option<String> {
    let finish = page.and_then(|page| page.finish);
    match status {
        Status::Expire | Status::Cancel | Status::Deny | Status::Failure => {
            let row = gateway.merchant_of_order(first).ok();
            let unfinish = row.map(|row| row.unfinish.to_string()).filter(|url| !url.is_empty());
            unfinish.or(finish)
        }
        _ => finish,
    }
}

async fn pick(gateway: &Arc<Gateway>, token: &str, name: &str) -> Result<Reply, Error> {
    let (_, last) = find(gateway, token)?;
    if Details::of(last.started())?.page.is_some() {
        gateway.pick(&last, name).await?;
    }
    let place = HeaderValue::from_str(&format!("/pay/{token}")).map_err(|_| Error::NotFound)?;
    Ok(reply(303, String::new(), "text/plain; charset=utf-8").header(LOCATION, place))
}

/// What the payer needs for the way that is picked.
fn numbers(body: &mut String, told: &Transaction, standing: &Standing) {
    let Instructions {
        va_numbers,
        permata_va_number,
        biller_code,
        bill_key,
        payment_code,
        qr_string,
        actions,
        ..
    } = &told.instructions;
    let mut line = |name: &str, value: &str| {
        put(body, format_args!("<p>{name}: <code>{}</code></p>", Escaped(value)));
    };
    for account in va_numbers {
        line(&format!("Virtual account ({})", Escaped(&account.bank)), &account.number);
    }
    let all = [
        ("Virtual account (permata)", permata_va_number),
        ("Biller code", biller_code),
        ("Bill key", bill_key),
        ("Payment code", payment_code),
    ];
    for (name, value) in all {
        if let Some(value) = value {
            line(name, value);
        }
    }
    if qr_string.is_some() {
        line("From your wallet", &standing.id());
        let id = &told.transaction_id;
        put(body, format_args!("<p><img alt=QR src=\"/v2/qris/{id}/qr-code\"></p>"));
    }
    for action in actions.iter().filter(|action| action.url.starts_with("https://")) {
        let url = Escaped(&action.url);
        put(body, format_args!("<p><a href=\"{url}\" rel=noreferrer>Open the wallet</a></p>"));
    }
}

/// What else can be picked.
fn picks(body: &mut String, token: &str, details: &Details) {
    let token = Escaped(token);
    for (name, _) in details.page.iter().flat_map(|page| &page.methods) {
        let name = Escaped(name);
        put(
            body,
            format_args!(
                "<form method=post action=\"/pay/{token}/{name}\"><button>{name}</button></form>"
            ),
        );
    }
}

fn put(body: &mut String, what: std::fmt::Arguments<'_>) {
    body.write_fmt(what).expect("text takes all that is written to it");
}

fn page(status: u16, title: &str, body: &str) -> Reply {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport \
         content=\"width=device-width\"><title>{title}</title>\
         <link rel=stylesheet href=/pay/style.css><h1>{title}</h1>{body}</html>\n"
    );
    reply(status, html, "text/html; charset=utf-8")
}

fn reply(status: u16, body: String, content_type: &'static str) -> Reply {
    let status = status.try_into().expect("every status here is valid");
    with_headers(Reply::bytes(status, Bytes::from(body)))
        .header(CONTENT_TYPE, HeaderValue::from_static(content_type))
        .header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
