//! Which request is which call, by method and path.
//!
//! It looks at nothing else: not at the body, and not at the query, which may hold a card's number.

use hyper::Method;

/// A call of Midtrans' API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Call {
    /// `POST /v2/charge`
    Charge,
    /// `GET /v2/{id}/status`
    Status(String),
    /// `GET /v2/{id}/status/b2b`
    StatusOfAll(String),
    /// `POST /v2/{id}/…`
    Act(Act, String),
    /// `POST /v2/{id}/refund` and `POST /v2/{id}/refund/online/direct`
    Refund {
        /// Order id or transaction id.
        id: String,
        /// Whether the provider of the method is asked at once.
        direct: bool,
    },
    /// `POST /snap/v1/transactions`
    SnapOpen,
    /// `POST /snap/v1/transactions/{token}/cancel`
    SnapCancel(String),
    /// `GET /v2/qris/{id}/qr-code`, for anybody who knows the transaction's id.
    Picture(String),
    /// What takes a card, and is called with the client key.
    CardFromBrowser,
    /// What takes a card or is about one, and is called with the server key.
    Card,
    /// A service that no merchant has here.
    NotOffered(Family),
}

/// What is done to a transaction without more words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Of a challenged payment: it is taken.
    Approve,
    /// Of a challenged payment: it is not.
    Deny,
    /// It is not to be paid any more, or not to be settled.
    Cancel,
    /// It is not to be paid any more, as if its time had passed.
    Expire,
}

/// How errors of a call look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    /// HTTP 200 and the code in the body, but for wrong keys.
    Core,
    /// The HTTP status, and `error_messages`.
    Snap,
    /// The HTTP status, and `status_message`.
    Subscriptions,
}

/// A call as the API's own description names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation {
    /// The method.
    pub method: &'static str,
    /// The path without its first slash; `{}` stands for a variable.
    pub pattern: &'static str,
    /// The name.
    pub name: &'static str,
    /// Whether it takes a server key; else anybody may who knows the path.
    pub keyed: bool,
}

const fn keyed(method: &'static str, pattern: &'static str, name: &'static str) -> Operation {
    Operation { method, pattern, name, keyed: true }
}

/// Every call that a merchant has here. Cards are not among them.
pub const OPERATIONS: [Operation; 12] = [
    keyed("POST", "v2/charge", "midtrans_charge"),
    keyed("GET", "v2/{}/status", "midtrans_status"),
    keyed("GET", "v2/{}/status/b2b", "midtrans_status_of_all"),
    keyed("POST", "v2/{}/approve", "midtrans_approve"),
    keyed("POST", "v2/{}/deny", "midtrans_deny"),
    keyed("POST", "v2/{}/cancel", "midtrans_cancel"),
    keyed("POST", "v2/{}/expire", "midtrans_expire"),
    keyed("POST", "v2/{}/refund", "midtrans_refund"),
    keyed("POST", "v2/{}/refund/online/direct", "midtrans_refund_directly"),
    keyed("POST", "snap/v1/transactions", "snap_open"),
    keyed("POST", "snap/v1/transactions/{}/cancel", "snap_cancel"),
    Operation { keyed: false, ..keyed("GET", "v2/qris/{}/qr-code", "midtrans_picture") },
];

/// Why there is no call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoCall {
    /// The path is none of this API's.
    Path,
    /// The path is known with another method.
    Method,
}

impl Call {
    /// The call of a method and a path's decoded segments.
    pub(super) fn find(method: &Method, segments: &[&str]) -> Result<Self, NoCall> {
        let (expected, call) = Self::at(segments).ok_or(NoCall::Path)?;
        if expected.contains(&method) { Ok(call) } else { Err(NoCall::Method) }
    }

    fn at(segments: &[&str]) -> Option<(&'static [&'static Method], Self)> {
        const GET: &[&Method] = &[&Method::GET];
        const POST: &[&Method] = &[&Method::POST];
        const ANY: &[&Method] = &[&Method::GET, &Method::POST, &Method::PATCH, &Method::DELETE];
        let act = |act, id: &str| Self::Act(act, id.to_owned());
        Some(match segments {
            ["v2", "charge"] => (POST, Self::Charge),
            ["v2", "capture"] => (POST, Self::Card),
            ["v2", "token"] | ["v2", "card", "register"] => (GET, Self::CardFromBrowser),
            ["v2", "point_inquiry", _] => (GET, Self::Card),
            ["v2", "qris" | "gopay", id, "qr-code"] => (GET, Self::Picture((*id).to_owned())),
            ["v2", "pay", "account", ..] => (ANY, Self::NotOffered(Family::Core)),
            ["v1", "bins", _] => (GET, Self::NotOffered(Family::Core)),
            ["v1", "subscriptions", ..] => (ANY, Self::NotOffered(Family::Subscriptions)),
            ["v1", "payment-links" | "invoices", ..] => (ANY, Self::NotOffered(Family::Snap)),
            ["v2", id, rest @ ..] if !id.is_empty() => match rest {
                ["status"] => (GET, Self::Status((*id).to_owned())),
                ["status", "b2b"] => (GET, Self::StatusOfAll((*id).to_owned())),
                ["approve"] => (POST, act(Act::Approve, id)),
                ["deny"] => (POST, act(Act::Deny, id)),
                ["cancel"] => (POST, act(Act::Cancel, id)),
                ["expire"] => (POST, act(Act::Expire, id)),
                ["refund"] => (POST, Self::Refund { id: (*id).to_owned(), direct: false }),
                ["refund", "online", "direct"] => {
                    (POST, Self::Refund { id: (*id).to_owned(), direct: true })
                }
                _ => return None,
            },
            ["snap", "v1", "transactions"] => (POST, Self::SnapOpen),
            ["snap", "v1", "transactions", token, "cancel"] if !token.is_empty() => {
                (POST, Self::SnapCancel((*token).to_owned()))
            }
            _ => return None,
        })
    }

    /// As it is described; nothing for what no merchant has here.
    pub(super) fn operation(&self) -> Option<&'static Operation> {
        let name = match self {
            Self::Charge => "midtrans_charge",
            Self::Status(_) => "midtrans_status",
            Self::StatusOfAll(_) => "midtrans_status_of_all",
            Self::Act(Act::Approve, _) => "midtrans_approve",
            Self::Act(Act::Deny, _) => "midtrans_deny",
            Self::Act(Act::Cancel, _) => "midtrans_cancel",
            Self::Act(Act::Expire, _) => "midtrans_expire",
            Self::Refund { direct: false, .. } => "midtrans_refund",
            Self::Refund { direct: true, .. } => "midtrans_refund_directly",
            Self::SnapOpen => "snap_open",
            Self::SnapCancel(_) => "snap_cancel",
            Self::Picture(_) => "midtrans_picture",
            Self::CardFromBrowser | Self::Card | Self::NotOffered(_) => return None,
        };
        OPERATIONS.iter().find(|operation| operation.name == name)
    }

    /// How its errors look.
    pub(super) const fn family(&self) -> Family {
        match self {
            Self::SnapOpen | Self::SnapCancel(_) => Family::Snap,
            Self::NotOffered(family) => *family,
            Self::Charge
            | Self::Status(_)
            | Self::StatusOfAll(_)
            | Self::Act(..)
            | Self::Refund { .. }
            | Self::Picture(_)
            | Self::CardFromBrowser
            | Self::Card => Family::Core,
        }
    }

    /// Whether a second try with the same `Idempotency-Key` gets the answer of the first.
    pub(super) const fn is_replayed(&self) -> bool {
        match self {
            Self::Charge
            | Self::Act(..)
            | Self::Refund { .. }
            | Self::SnapOpen
            | Self::SnapCancel(_) => true,
            Self::Status(_)
            | Self::StatusOfAll(_)
            | Self::Picture(_)
            | Self::CardFromBrowser
            | Self::Card
            | Self::NotOffered(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &str, path: &str) -> Result<Call, NoCall> {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        Call::find(&method.parse().unwrap(), &segments)
    }

    #[test]
    fn every_row_of_the_table_is_found() {
        let id = || "order-1".to_owned();
        let rows = [
            ("POST", "/v2/charge", Call::Charge),
            ("POST", "/v2/capture", Call::Card),
            ("GET", "/v2/order-1/status", Call::Status(id())),
            ("GET", "/v2/order-1/status/b2b", Call::StatusOfAll(id())),
            ("POST", "/v2/order-1/approve", Call::Act(Act::Approve, id())),
            ("POST", "/v2/order-1/deny", Call::Act(Act::Deny, id())),
            ("POST", "/v2/order-1/cancel", Call::Act(Act::Cancel, id())),
            ("POST", "/v2/order-1/expire", Call::Act(Act::Expire, id())),
            ("POST", "/v2/order-1/refund", Call::Refund { id: id(), direct: false }),
            ("POST", "/v2/order-1/refund/online/direct", Call::Refund { id: id(), direct: true }),
            ("GET", "/v2/qris/order-1/qr-code", Call::Picture(id())),
            ("GET", "/v2/gopay/order-1/qr-code", Call::Picture(id())),
            ("GET", "/v2/token", Call::CardFromBrowser),
            ("GET", "/v2/card/register", Call::CardFromBrowser),
            ("GET", "/v2/point_inquiry/481111-1114", Call::Card),
            ("POST", "/v2/pay/account", Call::NotOffered(Family::Core)),
            ("GET", "/v2/pay/account/a", Call::NotOffered(Family::Core)),
            ("POST", "/v2/pay/account/a/unbind", Call::NotOffered(Family::Core)),
            ("POST", "/v1/subscriptions", Call::NotOffered(Family::Subscriptions)),
            ("PATCH", "/v1/subscriptions/a", Call::NotOffered(Family::Subscriptions)),
            ("POST", "/v1/payment-links", Call::NotOffered(Family::Snap)),
            ("POST", "/v1/invoices", Call::NotOffered(Family::Snap)),
            ("GET", "/v1/bins/48111111", Call::NotOffered(Family::Core)),
            ("POST", "/snap/v1/transactions", Call::SnapOpen),
            ("POST", "/snap/v1/transactions/t/cancel", Call::SnapCancel("t".to_owned())),
        ];
        for (method, path, call) in rows {
            assert_eq!(find(method, path), Ok(call), "{method} {path}");
            assert_eq!(find("PUT", path), Err(NoCall::Method), "{path}");
        }
    }

    #[test]
    fn every_operation_is_the_one_that_its_path_leads_to() {
        for operation in &OPERATIONS {
            let path = format!("/{}", operation.pattern.replace("{}", "order-1"));
            let call = find(operation.method, &path).unwrap();
            assert_eq!(call.operation(), Some(operation));
        }
    }

    #[test]
    fn what_is_none_of_the_table_is_not_found() {
        for path in ["/", "/v2", "/v2//status", "/v2/a", "/v2/a/b", "/v2/a/refund/online", "/v3/a"]
        {
            assert_eq!(find("GET", path), Err(NoCall::Path), "{path}");
        }
        assert_eq!(find("GET", "/snap/v1/transactions//cancel"), Err(NoCall::Path));
        assert_eq!(find("GET", "/v2/charge"), Err(NoCall::Method));
        // An order that is called like a path is still an order.
        assert_eq!(find("GET", "/v2/charge/status"), Ok(Call::Status("charge".to_owned())));
    }
}
