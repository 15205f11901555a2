//! Pages for people: what waits to be paid, and the page a payer picks a method on.
//!
//! They load nothing from elsewhere, run no script, and may not be framed.

use std::fmt::Write as _;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};

use super::numbers;
use crate::connector::midtrans::status::Status;
use crate::connector::midtrans::text;
use crate::http::midtrans::Kept;
use crate::http::midtrans::session::Session;
use crate::http::page::{Escaped, with_headers};
use crate::http::reply::Reply;
use crate::language::rupiah;

/// Most transactions on one page.
const SHOWN_MAX: usize = 200;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
    padding:0 1rem;color:#1a1a1a}table{border-collapse:collapse;width:100%}td,th{padding:.4rem .6rem;\
    border-bottom:1px solid #ddd;text-align:left}td.amount{text-align:right}form{display:inline}\
    button{font:inherit;padding:.2rem .8rem}code{word-break:break-all}";

/// The style of every page.
pub(super) fn style() -> Reply {
    reply(200, STYLE.to_owned(), "text/css; charset=utf-8")
}

/// Back to a page, after a form was sent.
pub(super) fn back_to(place: &str) -> Reply {
    let place = HeaderValue::from_str(place);
    let place = place.unwrap_or_else(|_| HeaderValue::from_static("/"));
    reply(303, String::new(), "text/plain").header(LOCATION, place)
}

/// What there is, the newest first.
pub(super) fn list<'a>(transactions: impl Iterator<Item = &'a Kept>) -> Reply {
    let mut rows = String::new();
    for kept in transactions.take(SHOWN_MAX) {
        row(&mut rows, kept);
    }
    if rows.is_empty() {
        rows.push_str("<tr><td colspan=5>Nothing yet.</td></tr>");
    }
    let table = format!(
        "<table><tr><th>Order</th><th>By</th><th>Number</th><th>Amount</th><th>Status</th></tr>\
         {rows}</table>"
    );
    page(200, "Simulated provider", &table)
}

/// The page of a session.
pub(super) fn session(token: &str, session: &Session, begun: Option<&Kept>) -> Reply {
    let order = Escaped(session.order_id());
    let mut body = format!("<p>Order <b>{order}</b>, <b>Rp {}</b></p>", rupiah(session.amount()));
    let written = match begun {
        None => session.methods.iter().try_for_each(|(name, _)| {
            let action = format!("/snap/v3/redirection/{token}?method={name}");
            write!(body, "<p>{}</p>", button(&action, name))
        }),
        Some(kept) => {
            let mut rows = String::new();
            row(&mut rows, kept);
            write!(body, "<table>{rows}</table>")
        }
    };
    written.expect("text takes all that is written to it");
    if let Some(url) = &session.finish {
        let link =
            format!("<p><a href=\"{}\" rel=\"noreferrer\">Back to the shop</a></p>", Escaped(url));
        body.push_str(&link);
    }
    page(200, "Payment", &body)
}

/// There is no such page.
pub(super) fn none() -> Reply {
    page(404, "Not found", "<p>There is no such page, or it is closed.</p>")
}

fn row(rows: &mut String, kept: &Kept) {
    let transaction = &kept.transaction;
    let numbers = numbers::named_by(&transaction.instructions);
    let number = numbers.first().copied().unwrap_or(&transaction.transaction_id);
    let act = |what: &str| {
        let action = format!("/simulator/{what}?id={}", transaction.transaction_id);
        button(&action, what)
    };
    let doing = match transaction.status {
        Status::Pending => [act("pay"), act("deny"), act("expire")].concat(),
        Status::Settlement => act("deny"),
        _ => String::new(),
    };
    let written = write!(
        rows,
        "<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td class=amount>{}</td>\
         <td>{} {doing}</td></tr>",
        Escaped(&transaction.order_id),
        Escaped(&transaction.payment_type),
        Escaped(number),
        Escaped(&text::amount(transaction.amount.get())),
        transaction.status.name(),
    );
    written.expect("text takes all that is written to it");
}

fn button(action: &str, words: &str) -> String {
    let (action, words) = (Escaped(action), Escaped(words));
    format!("<form method=post action=\"{action}\"><button>{words}</button></form> ")
}

fn page(status: u16, title: &str, body: &str) -> Reply {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport \
         content=\"width=device-width\"><title>{title}</title>\
         <link rel=stylesheet href=/simulator/style.css><h1>{title}</h1>{body}</html>\n"
    );
    reply(status, html, "text/html; charset=utf-8")
}

fn reply(status: u16, body: String, content_type: &'static str) -> Reply {
    let status = status.try_into().expect("every status here is valid");
    with_headers(Reply::bytes(status, Bytes::from(body)))
        .header(CONTENT_TYPE, HeaderValue::from_static(content_type))
}

#[cfg(test)]
mod tests {
    use hyper::header::CONTENT_SECURITY_POLICY;

    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            Escaped("<b onclick='x'>\"&").to_string(),
            "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;"
        );
        assert_eq!(rupiah(44_000), "44.000");
        assert_eq!(rupiah(7), "7");
        assert_eq!(rupiah(1_234_567), "1.234.567");
    }

    #[test]
    fn no_page_may_load_or_run_anything_else() {
        let reply = none();
        let policy = reply.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert!(!reply.body_text().contains("<script"));
        assert!(!reply.body_text().contains("http"));
    }
}
