//! Every route, who may use it, and what answers it.
//!
//! A path position is either literal or variable, never both. A route without a row here does not
//! exist, and the compiler asks for its access and its handler.

use hyper::Method;

use super::{ADMINS, Context, TRUSTED, admin, batch, history, operations, payments, session};
use super::{stream, topups, wallet};
use crate::gateway::caller::Caller;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::ledger::event::Role;

/// A route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is explained by its pattern in `Route::row`")]
pub enum Route {
    Live,
    Ready,
    Metrics,
    SignUp,
    LogIn,
    LogOut,
    Me,
    LookUp,
    Balance,
    Pay,
    PayBatch,
    Payment,
    Refund,
    Transactions,
    CashFlow,
    Notifications,
    Stream,
    TopUps,
    AnnounceTopUp,
    AwaitingTopUps,
    TopUp,
    ApproveTopUp,
    RejectTopUp,
    SetRole,
    Freeze,
    Adjust,
    OpenAccount,
}

/// Who may use a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// No token is needed.
    Anyone,
    /// Any live token.
    AnyUser,
    /// A live token of a user with one of these roles.
    Roles(&'static [Role]),
}

/// Method, pattern (`{}` is a variable), name in metrics, access.
struct Row(&'static str, &'static str, &'static str, Access);

impl Route {
    /// Every route, in the order they are looked at.
    pub const ALL: [Self; 27] = [
        Self::Pay,
        Self::Balance,
        Self::PayBatch,
        Self::Payment,
        Self::Refund,
        Self::Live,
        Self::Ready,
        Self::Metrics,
        Self::SignUp,
        Self::LogIn,
        Self::LogOut,
        Self::Me,
        Self::LookUp,
        Self::Transactions,
        Self::CashFlow,
        Self::Notifications,
        Self::Stream,
        Self::TopUps,
        Self::AnnounceTopUp,
        Self::AwaitingTopUps,
        Self::TopUp,
        Self::ApproveTopUp,
        Self::RejectTopUp,
        Self::SetRole,
        Self::Freeze,
        Self::Adjust,
        Self::OpenAccount,
    ];

    const fn row(self) -> Row {
        use Access::{AnyUser, Anyone, Roles};
        match self {
            Self::Live => Row("GET", "health/live", "live", Anyone),
            Self::Ready => Row("GET", "health/ready", "ready", Anyone),
            Self::Metrics => Row("GET", "metrics", "metrics", Anyone),
            Self::SignUp => Row("POST", "api/v1/auth/signup", "signup", Anyone),
            Self::LogIn => Row("POST", "api/v1/auth/login", "login", Anyone),
            Self::LogOut => Row("POST", "api/v1/auth/logout", "logout", AnyUser),
            Self::Me => Row("GET", "api/v1/me", "me", AnyUser),
            Self::LookUp => Row("GET", "api/v1/users/{}", "look_up", AnyUser),
            Self::Balance => Row("GET", "api/v1/balance", "balance", AnyUser),
            Self::Pay => Row("POST", "api/v1/payments", "pay", AnyUser),
            Self::PayBatch => Row("POST", "api/v1/payments/batch", "pay_batch", Roles(TRUSTED)),
            Self::Payment => Row("GET", "api/v1/payments/{}", "payment", AnyUser),
            Self::Refund => Row("POST", "api/v1/payments/{}/refund", "refund", AnyUser),
            Self::Transactions => Row("GET", "api/v1/transactions", "transactions", AnyUser),
            Self::CashFlow => Row("GET", "api/v1/cash-flow", "cash_flow", AnyUser),
            Self::Notifications => Row("GET", "api/v1/notifications", "notifications", AnyUser),
            // The token may come in the first message.
            Self::Stream => Row("GET", "api/v1/stream", "stream", Anyone),
            Self::TopUps => Row("GET", "api/v1/topups", "top_ups", AnyUser),
            Self::AnnounceTopUp => {
                Row("POST", "api/v1/topups/bank-transfer", "announce_top_up", AnyUser)
            }
            Self::AwaitingTopUps => {
                Row("GET", "api/v1/admin/topups", "awaiting_top_ups", Roles(ADMINS))
            }
            Self::TopUp => Row("POST", "api/v1/admin/topups", "top_up", Roles(ADMINS)),
            Self::ApproveTopUp => {
                Row("POST", "api/v1/admin/topups/{}/approve", "approve_top_up", Roles(ADMINS))
            }
            Self::RejectTopUp => {
                Row("POST", "api/v1/admin/topups/{}/reject", "reject_top_up", Roles(ADMINS))
            }
            Self::SetRole => Row("POST", "api/v1/admin/users/{}/role", "set_role", Roles(ADMINS)),
            Self::Freeze => Row("POST", "api/v1/admin/users/{}/freeze", "freeze", Roles(ADMINS)),
            Self::Adjust => Row("POST", "api/v1/admin/users/{}/adjust", "adjust", Roles(ADMINS)),
            Self::OpenAccount => {
                Row("POST", "api/v1/admin/users/{}/accounts", "open_account", Roles(ADMINS))
            }
        }
    }

    /// The method.
    pub const fn method(self) -> &'static str {
        self.row().0
    }

    /// The path without its first slash; `{}` stands for a variable.
    pub const fn pattern(self) -> &'static str {
        self.row().1
    }

    /// The name in metrics and logs.
    pub const fn name(self) -> &'static str {
        self.row().2
    }

    /// Who may use it.
    pub const fn access(self) -> Access {
        self.row().3
    }

    /// The route of a request. HEAD is answered wherever GET is (RFC 9110, 9.1).
    ///
    /// # Errors
    /// `not_found`, or `method_not_allowed` with what is allowed at this path.
    pub fn find(method: &Method, segments: &[&str]) -> Result<Self, ApiError> {
        // The edge leaves out the body of an answer to HEAD.
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        let mut elsewhere = None;
        for route in Self::ALL {
            if matches(route.pattern(), segments) {
                if route.method() == method {
                    return Ok(route);
                }
                elsewhere = Some(route);
            }
        }
        match elsewhere {
            None => Err(ApiError::new(Code::NotFound)),
            Some(_) => Err(ApiError::method_not_allowed(allowed(segments))),
        }
    }
}

fn matches(pattern: &str, segments: &[&str]) -> bool {
    let mut given = segments.iter();
    for wanted in pattern.split('/') {
        match given.next() {
            Some(segment) if *segment == wanted || (wanted == "{}" && !segment.is_empty()) => {}
            _ => return false,
        }
    }
    given.next().is_none()
}

/// What `Allow` says for a path that has routes, but not with the method asked for.
fn allowed(segments: &[&str]) -> &'static str {
    let has = |method| {
        Route::ALL
            .iter()
            .any(|route| route.method() == method && matches(route.pattern(), segments))
    };
    match (has("GET"), has("POST")) {
        (true, true) => "GET, HEAD, POST",
        (true, false) => "GET, HEAD",
        (false, _) => "POST",
    }
}

/// Routes without a token.
pub(super) async fn dispatch_public(route: Route, context: Context<'_>) -> Result<Reply, ApiError> {
    match route {
        Route::Live => Ok(operations::live()),
        Route::Ready => Ok(operations::ready(context)),
        Route::Metrics => Ok(operations::metrics(context)),
        Route::SignUp => session::sign_up(context).await,
        Route::LogIn => session::log_in(context).await,
        Route::Stream => stream::open(context),
        _ => Err(ApiError::new(Code::InvalidToken)),
    }
}

/// Routes with a token, whose caller has been admitted.
pub(super) async fn dispatch(
    route: Route,
    context: Context<'_>,
    caller: Caller,
) -> Result<Reply, ApiError> {
    match route {
        Route::Pay => payments::pay(context, &caller).await,
        Route::Balance => wallet::balance(context, &caller),
        // On the heap, or every payment would carry room for the largest of them.
        _ => Box::pin(dispatch_further(route, context, caller)).await,
    }
}

async fn dispatch_further(
    route: Route,
    context: Context<'_>,
    caller: Caller,
) -> Result<Reply, ApiError> {
    match route {
        Route::PayBatch => batch::pay(context, &caller).await,
        Route::Payment => payments::show(context, &caller),
        Route::Refund => payments::refund(context, &caller).await,
        Route::LogOut => session::log_out(context, &caller).await,
        Route::Me => Ok(session::me(context, &caller)),
        Route::LookUp => session::look_up(context),
        Route::Transactions => history::transactions(context, &caller).await,
        Route::CashFlow => history::cash_flow(context, caller).await,
        Route::Notifications => history::notifications(context, &caller).await,
        Route::TopUps => topups::list(context, &caller).await,
        Route::AnnounceTopUp => topups::announce(context, &caller).await,
        Route::AwaitingTopUps => topups::awaiting(context).await,
        Route::TopUp => topups::top_up(context, &caller).await,
        Route::ApproveTopUp => topups::approve(context, &caller).await,
        Route::RejectTopUp => topups::reject(context, &caller).await,
        Route::SetRole => admin::set_role(context, &caller).await,
        Route::Freeze => admin::freeze(context, &caller).await,
        Route::Adjust => admin::adjust(context, &caller).await,
        Route::OpenAccount => admin::open_account(context).await,
        Route::Pay
        | Route::Balance
        | Route::Live
        | Route::Ready
        | Route::Metrics
        | Route::SignUp
        | Route::LogIn
        | Route::Stream => dispatch_public(route, context).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_own_pattern() {
        for route in Route::ALL {
            let path = route.pattern().replace("{}", "x");
            let segments: Vec<&str> = path.split('/').collect();
            let method = Method::from_bytes(route.method().as_bytes()).unwrap();
            assert_eq!(Route::find(&method, &segments), Ok(route), "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_ones() {
        let error = Route::find(&Method::DELETE, &["api", "v1", "admin", "topups"]).unwrap_err();
        assert_eq!(error, ApiError::method_not_allowed("GET, HEAD, POST"));
        let error = Route::find(&Method::GET, &["api", "v1", "nothing"]).unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
        assert!(Route::find(&Method::GET, &["api", "v1", "users", ""]).is_err());
    }
}
