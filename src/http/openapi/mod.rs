//! The OpenAPI document of everything public, and the pages that show it.
//!
//! ```text
//!  docs/openapi/base.json ─┐
//!  docs/openapi/*.json ────┼─▶ assemble ──▶ Document ──▶ /openapi.json
//!  Route::ALL, Code::ALL ──┘                   └─ page ──▶ /docs, /docs/errors
//! ```
//!
//! It is made once, when it is first asked for, and never changes while the process runs. How an
//! operation is added stands in `docs/openapi/README.md`; `tests/it/document` holds every answer of
//! every test against it.

mod assemble;
mod message;
mod node;
mod page;
mod prose;
mod sample;
mod schema;

use std::sync::LazyLock;

use bytes::Bytes;

use self::assemble::{Assembly, Fragment};
use self::node::Node;
use super::api::routes::Route;

/// The files of `docs/openapi/`, in the order in which they are shown.
const FRAGMENTS: &[Fragment] = &[
    ("identity", include_str!("../../../docs/openapi/identity.json")),
    ("codes", include_str!("../../../docs/openapi/codes.json")),
    ("wallet", include_str!("../../../docs/openapi/wallet.json")),
    ("bills", include_str!("../../../docs/openapi/bills.json")),
    ("history", include_str!("../../../docs/openapi/history.json")),
    ("topups", include_str!("../../../docs/openapi/topups.json")),
    ("charges", include_str!("../../../docs/openapi/charges.json")),
    ("withdrawals", include_str!("../../../docs/openapi/withdrawals.json")),
    ("webhooks", include_str!("../../../docs/openapi/webhooks.json")),
    ("keys", include_str!("../../../docs/openapi/keys.json")),
    ("merchants", include_str!("../../../docs/openapi/merchants.json")),
    ("midtrans", include_str!("../../../docs/openapi/midtrans.json")),
    ("pages", include_str!("../../../docs/openapi/pages.json")),
    ("qr", include_str!("../../../docs/openapi/qr.json")),
    ("transfer", include_str!("../../../docs/openapi/transfer.json")),
    ("boarding", include_str!("../../../docs/openapi/boarding.json")),
    ("admin-users", include_str!("../../../docs/openapi/admin-users.json")),
    ("admin-tables", include_str!("../../../docs/openapi/admin-tables.json")),
    ("admin-proposals", include_str!("../../../docs/openapi/admin-proposals.json")),
    ("admin-payouts", include_str!("../../../docs/openapi/admin-payouts.json")),
    ("operations", include_str!("../../../docs/openapi/operations.json")),
];
const BASE: &str = include_str!("../../../docs/openapi/base.json");
const PROBLEMS: &str = include_str!("../../../docs/openapi/problems.json");

/// The style of the pages.
pub const STYLE: &str = include_str!("assets/style.css");
/// What makes them handier where scripts run.
pub const SCRIPT: &str = include_str!("assets/script.js");

/// A text that is served, with the tag by which a client knows that it has it already.
#[derive(Clone, Debug)]
pub struct Served {
    /// The text.
    pub body: Bytes,
    /// Its entity tag, quoted.
    pub tag: String,
}

/// The document and its pages.
#[derive(Debug)]
pub struct Document {
    /// `/openapi.json`
    pub json: Served,
    /// `/docs`
    pub page: Served,
    /// `/docs/errors`
    pub errors: Served,
    /// `/docs/style.css`
    pub style: Served,
    /// `/docs/script.js`
    pub script: Served,
    /// What does not fit together; nothing in what is released.
    pub complaints: Vec<String>,
    root: Node,
}

/// The document.
pub fn document() -> &'static Document {
    static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
        let assembly = Assembly::of(BASE, PROBLEMS, FRAGMENTS);
        Document::of(assembly.expect("a test reads the files that are compiled in"))
    });
    &DOCUMENT
}

impl Document {
    fn of(Assembly { mut root, complaints }: Assembly) -> Self {
        *root.entry("info").entry("version") = Node::text(env!("CARGO_PKG_VERSION"));
        Self {
            json: Served::of(root.compact()),
            page: Served::of(page::operations(&root)),
            errors: Served::of(page::problems(&root)),
            style: Served::of(STYLE),
            script: Served::of(SCRIPT),
            complaints,
            root,
        }
    }

    /// The operation of a route, as JSON.
    pub fn operation(&self, route: Route) -> Option<String> {
        assemble::operation(&self.root, route).map(Node::compact)
    }
}

impl Served {
    /// A text as it is served.
    pub fn of(text: impl Into<String>) -> Self {
        let text = text.into();
        let hash = blake3::hash(text.as_bytes()).to_hex();
        Self { tag: format!("\"{}\"", &hash[..32]), body: Bytes::from(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_fit_together_and_with_the_routes() {
        let assembly = Assembly::of(BASE, PROBLEMS, FRAGMENTS).unwrap();
        assert_eq!(assembly.complaints, [""; 0]);
    }

    #[test]
    fn what_does_not_fit_is_complained_about() {
        let fragment = r#"{"tag": {"name": "X"}, "paths": {
            "/api/v1/nothing": {"get": {}},
            "/api/v1/me": {"get": {"x-problems": ["no_such_code", "invalid_token"]}}
        }, "messages": {"ping": {}}, "more": 1}"#;
        let assembly = Assembly::of("{}", "{\"nonsense\": \"x\"}", &[("x", fragment)]).unwrap();
        let said = assembly.complaints.join("\n");
        for complaint in [
            "problems.json: there is no code nonsense",
            "problems.json says nothing about busy",
            "x.json: no route is GET /api/v1/nothing",
            "x.json: no code is no_such_code",
            "x.json: invalid_token of me goes without saying",
            "x.json: what is `more`?",
            "Pay (POST /api/v1/payments) has no operation",
            "no file in docs/openapi/ has the message payment.received",
        ] {
            assert!(said.contains(complaint), "{complaint} is not in {said}");
        }
        assert!(!said.contains("Me ("), "{said}");
    }
}
