//! Every route, who may use it, and what answers it.
//!
//! Where a path is spelled out and would fit a variable too, its row stands first. A route without a row here does not
//! exist, and the compiler asks for its access and its handler.

use hyper::Method;

use super::pattern::{allowed, matches};
use super::{
    ADMINS, Context, LANDLORDS, MERCHANTS, OWNERS, TRUSTED, admin, batch, bills, charges, codes,
    documents, history, logos, operations, payments, payouts, session, stream, tenancies, topups,
    wallet, webhooks,
};
use crate::gateway::caller::Caller;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::ledger::api_key::Scope;
use crate::ledger::event::Role;

/// Who may use a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// No token is needed.
    Anyone,
    /// Any live token.
    AnyUser,
    /// A live token of a user with one of these roles.
    Roles(&'static [Role]),
    /// A token that a client application signed, from where it may come.
    Application,
}

/// Method, pattern (`{}` is a variable), name in metrics, access.
struct Row(&'static str, &'static str, &'static str, Access);

/// Makes the routes from one table, in the order they are looked at.
macro_rules! routes {
    ($($route:ident: $method:literal $pattern:literal $name:literal $access:expr;)*) => {
        /// A route.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[expect(missing_docs, reason = "each is explained by its pattern in the table")]
        pub enum Route {
            $($route,)*
        }

        impl Route {
            /// Every route, in the order they are looked at.
            pub const ALL: &'static [Self] = &[$(Self::$route,)*];

            const fn row(self) -> Row {
                use Access::{AnyUser, Anyone, Application, Roles};
                match self {
                    $(Self::$route => Row($method, $pattern, $name, $access),)*
                }
            }
        }
    };
}

routes! {
    Pay: "POST" "api/v1/payments" "pay" AnyUser;
    Balance: "GET" "api/v1/balance" "balance" AnyUser;
    PayBatch: "POST" "api/v1/payments/batch" "pay_batch" Roles(TRUSTED);
    Payment: "GET" "api/v1/payments/{}" "payment" AnyUser;
    Refund: "POST" "api/v1/payments/{}/refund" "refund" AnyUser;
    Transfer: "POST" "api/transfer" "transfer" Application;
    TransferStanding: "GET" "api/transfer/{}" "transfer_standing" Application;
    Live: "GET" "health/live" "live" Anyone;
    Ready: "GET" "health/ready" "ready" Anyone;
    Metrics: "GET" "metrics" "metrics" Anyone;
    SignUp: "POST" "api/v1/auth/signup" "signup" Anyone;
    LogIn: "POST" "api/v1/auth/login" "login" Anyone;
    LogOut: "POST" "api/v1/auth/logout" "logout" AnyUser;
    ChangePassword: "PUT" "api/v1/auth/password" "change_password" AnyUser;
    AskCode: "POST" "api/v1/auth/otp" "ask_code" AnyUser;
    EnrolApp: "POST" "api/v1/auth/totp" "enrol_app" AnyUser;
    ConfirmApp: "POST" "api/v1/auth/totp/confirm" "confirm_app" AnyUser;
    RemoveApp: "DELETE" "api/v1/auth/totp" "remove_app" AnyUser;
    Me: "GET" "api/v1/me" "me" AnyUser;
    LookUp: "GET" "api/v1/users/{}" "look_up" AnyUser;
    Transactions: "GET" "api/v1/transactions" "transactions" AnyUser;
    CashFlow: "GET" "api/v1/cash-flow" "cash_flow" AnyUser;
    Notifications: "GET" "api/v1/notifications" "notifications" AnyUser;
    // The token may come in the first message.
    Stream: "GET" "api/v1/stream" "stream" Anyone;
    TopUps: "GET" "api/v1/topups" "top_ups" AnyUser;
    AnnounceTopUp: "POST" "api/v1/topups/bank-transfer" "announce_top_up" AnyUser;
    VirtualAccount: "POST" "api/v1/topups/virtual-account" "virtual_account" AnyUser;
    Charge: "GET" "api/v1/charges/{}" "charge" AnyUser;
    Invoice: "GET" "api/v1/invoices/{}" "invoice" AnyUser;
    NotifiedByMidtrans: "POST" "api/v1/notifications/midtrans" "notified_by_midtrans" Anyone;
    LateMoney: "GET" "api/v1/admin/late" "late_money" Roles(ADMINS);
    SettleOdd: "POST" "api/v1/admin/odd/{}/settle" "settle_odd" Roles(ADMINS);
    ResolveLate: "POST" "api/v1/admin/late/{}/resolve" "resolve_late" Roles(ADMINS);
    Withdraw: "POST" "api/v1/withdrawals" "withdraw" AnyUser;
    Withdrawals: "GET" "api/v1/withdrawals" "withdrawals" AnyUser;
    WithdrawalFee: "GET" "api/v1/withdrawal-fee" "withdrawal_fee" AnyUser;
    Withdrawal: "GET" "api/v1/withdrawals/{}" "withdrawal" AnyUser;
    MyKeys: "GET" "api/v1/api-keys" "my_keys" Roles(MERCHANTS);
    MakeMyKey: "POST" "api/v1/api-keys" "make_my_key" Roles(MERCHANTS);
    RevokeMyKey: "DELETE" "api/v1/api-keys/{}" "revoke_my_key" Roles(MERCHANTS);
    Keys: "GET" "api/v1/admin/api-keys" "keys" Roles(ADMINS);
    MakeKey: "POST" "api/v1/admin/api-keys" "make_key" Roles(ADMINS);
    RevokeKey: "DELETE" "api/v1/admin/api-keys/{}" "revoke_key" Roles(ADMINS);
    Merchants: "GET" "api/v1/admin/merchants" "merchants" Roles(ADMINS);
    SetMerchant: "PUT" "api/v1/admin/merchants/{}" "set_merchant" Roles(ADMINS);
    RemoveMerchant: "DELETE" "api/v1/admin/merchants/{}" "remove_merchant" Roles(ADMINS);
    Merchant: "GET" "api/v1/merchant" "merchant" Roles(MERCHANTS);
    ChangeMerchant: "PUT" "api/v1/merchant" "change_merchant" Roles(MERCHANTS);
    RotateServerKey: "POST" "api/v1/merchant/rotate-key" "rotate_server_key" Roles(MERCHANTS);
    DropServerKey: "DELETE" "api/v1/merchant/previous-key" "drop_server_key" Roles(MERCHANTS);
    MerchantQr: "GET" "api/v1/merchant/qr" "merchant_qr" Roles(MERCHANTS);
    ReadQr: "POST" "api/v1/qr/read" "read_qr" AnyUser;
    PayQr: "POST" "api/v1/qr/pay" "pay_qr" AnyUser;
    PayCharge: "POST" "api/v1/charges/{}/pay" "pay_charge" AnyUser;
    Webhooks: "GET" "api/v1/webhooks" "webhooks" Roles(OWNERS);
    AddWebhook: "POST" "api/v1/webhooks" "add_webhook" Roles(OWNERS);
    Webhook: "GET" "api/v1/webhooks/{}" "webhook" Roles(OWNERS);
    ChangeWebhook: "PUT" "api/v1/webhooks/{}" "change_webhook" Roles(OWNERS);
    RemoveWebhook: "DELETE" "api/v1/webhooks/{}" "remove_webhook" Roles(OWNERS);
    RotateWebhook: "POST" "api/v1/webhooks/{}/rotate-secret" "rotate_webhook" Roles(OWNERS);
    TestWebhook: "POST" "api/v1/webhooks/{}/test" "test_webhook" Roles(OWNERS);
    Deliveries: "GET" "api/v1/webhooks/{}/deliveries" "deliveries" Roles(OWNERS);
    RedeliverEvent: "POST" "api/v1/webhooks/{}/deliveries/{}/redeliver" "redeliver_event" Roles(OWNERS);
    UserWebhooks: "GET" "api/v1/admin/users/{}/webhooks" "user_webhooks" Roles(ADMINS);
    UserWebhook: "GET" "api/v1/admin/users/{}/webhooks/{}" "user_webhook" Roles(ADMINS);
    ChangeUserWebhook: "PUT" "api/v1/admin/users/{}/webhooks/{}" "change_user_webhook" Roles(ADMINS);
    RemoveUserWebhook: "DELETE" "api/v1/admin/users/{}/webhooks/{}" "remove_user_webhook" Roles(ADMINS);
    UserDeliveries: "GET" "api/v1/admin/users/{}/webhooks/{}/deliveries" "user_deliveries" Roles(ADMINS);
    RedeliverUserEvent: "POST" "api/v1/admin/users/{}/webhooks/{}/deliveries/{}/redeliver" "redeliver_user_event" Roles(ADMINS);
    Bills: "GET" "api/v1/bills" "bills" AnyUser;
    IssueBill: "POST" "api/v1/bills" "issue_bill" AnyUser;
    BillsTotal: "GET" "api/v1/bills/total" "bills_total" AnyUser;
    Bill: "GET" "api/v1/bills/{}" "bill" AnyUser;
    CancelBill: "DELETE" "api/v1/bills/{}" "cancel_bill" AnyUser;
    PayBill: "POST" "api/v1/bills/{}/pay" "pay_bill" AnyUser;
    PaymentMethods: "GET" "api/v1/payment-methods" "payment_methods" AnyUser;
    SetMethod: "PUT" "api/v1/admin/payment-methods/{}" "set_method" Roles(ADMINS);
    RemoveMethod: "DELETE" "api/v1/admin/payment-methods/{}" "remove_method" Roles(ADMINS);
    HouseBills: "GET" "api/v1/admin/bills" "house_bills" Roles(LANDLORDS);
    CountBills: "GET" "api/v1/admin/bills/count" "count_bills" Roles(LANDLORDS);
    Rooms: "GET" "api/v1/admin/rooms" "rooms" Roles(LANDLORDS);
    AddRoom: "POST" "api/v1/admin/rooms" "add_room" Roles(LANDLORDS);
    ChangeRoom: "PUT" "api/v1/admin/rooms/{}" "change_room" Roles(LANDLORDS);
    RemoveRoom: "DELETE" "api/v1/admin/rooms/{}" "remove_room" Roles(LANDLORDS);
    Tenants: "GET" "api/v1/admin/tenants" "tenants" Roles(LANDLORDS);
    AddTenant: "POST" "api/v1/admin/tenants" "add_tenant" Roles(LANDLORDS);
    ChangeTenant: "PUT" "api/v1/admin/tenants/{}" "change_tenant" Roles(LANDLORDS);
    Tenancies: "GET" "api/v1/tenancies" "tenancies" AnyUser;
    AcceptTenancy: "POST" "api/v1/tenancies/{}/accept" "accept_tenancy" AnyUser;
    DeclineTenancy: "DELETE" "api/v1/tenancies/{}" "decline_tenancy" AnyUser;
    DeleteTenant: "DELETE" "api/v1/admin/tenants/{}" "delete_tenant" Roles(LANDLORDS);
    OpenPayouts: "GET" "api/v1/admin/payouts" "open_payouts" Roles(ADMINS);
    ReleasePayout: "POST" "api/v1/admin/payouts/{}/release" "release_payout" Roles(ADMINS);
    DenyPayout: "POST" "api/v1/admin/payouts/{}/deny" "deny_payout" Roles(ADMINS);
    SettlePayout: "POST" "api/v1/admin/payouts/{}/settle" "settle_payout" Roles(ADMINS);
    OpenRefunds: "GET" "api/v1/admin/refunds" "open_refunds" Roles(ADMINS);
    SettleRefund: "POST" "api/v1/admin/refunds/{}/settle" "settle_refund" Roles(ADMINS);
    Partners: "GET" "api/v1/admin/partners" "partners" Roles(ADMINS);
    AddPartner: "POST" "api/v1/admin/partners" "add_partner" Roles(ADMINS);
    ChangePartner: "PUT" "api/v1/admin/partners/{}" "change_partner" Roles(ADMINS);
    RemovePartner: "DELETE" "api/v1/admin/partners/{}" "remove_partner" Roles(ADMINS);
    RotatePartnerKey: "POST" "api/v1/admin/partners/{}/rotate-key" "rotate_partner_key" Roles(ADMINS);
    DropPartnerKey: "DELETE" "api/v1/admin/partners/{}/previous-key" "drop_partner_key" Roles(ADMINS);
    Routes: "GET" "api/v1/admin/routes" "routes" Roles(ADMINS);
    SetRoute: "POST" "api/v1/admin/routes" "set_route" Roles(ADMINS);
    RemoveRoute: "DELETE" "api/v1/admin/routes/{}/{}" "remove_route" Roles(ADMINS);
    Clients: "GET" "api/v1/admin/clients" "clients" Roles(ADMINS);
    AddClient: "POST" "api/v1/admin/clients" "add_client" Roles(ADMINS);
    ChangeClient: "PUT" "api/v1/admin/clients/{}" "change_client" Roles(ADMINS);
    RemoveClient: "DELETE" "api/v1/admin/clients/{}" "remove_client" Roles(ADMINS);
    RotateClientKey: "POST" "api/v1/admin/clients/{}/rotate-key" "rotate_client_key" Roles(ADMINS);
    DropClientKey: "DELETE" "api/v1/admin/clients/{}/previous-key" "drop_client_key" Roles(ADMINS);
    SetCallback: "PUT" "api/v1/admin/clients/{}/callback" "set_callback" Roles(ADMINS);
    RemoveCallback: "DELETE" "api/v1/admin/clients/{}/callback" "remove_callback" Roles(ADMINS);
    Proposals: "GET" "api/v1/admin/proposals" "proposals" Roles(ADMINS);
    ApproveProposal: "POST" "api/v1/admin/proposals/{}/approve" "approve_proposal" Roles(ADMINS);
    RefuseProposal: "POST" "api/v1/admin/proposals/{}/refuse" "refuse_proposal" Roles(ADMINS);
    CallbackLog: "GET" "api/v1/admin/payouts/{}/callbacks" "callback_log" Roles(ADMINS);
    Redeliver: "POST" "api/v1/admin/payouts/{}/redeliver" "redeliver" Roles(ADMINS);
    PreviewRoute: "POST" "api/v1/admin/route-preview" "preview_route" Roles(ADMINS);
    PreviewScreening: "POST" "api/v1/admin/screen-preview" "preview_screening" Roles(ADMINS);
    Reconcile: "POST" "api/v1/admin/reconcile" "reconcile" Roles(ADMINS);
    ReconcileDay: "POST" "api/v1/admin/reconcile/midtrans" "reconcile_day" Roles(ADMINS);
    AwaitingTopUps: "GET" "api/v1/admin/topups" "awaiting_top_ups" Roles(ADMINS);
    TopUp: "POST" "api/v1/admin/topups" "top_up" Roles(ADMINS);
    ApproveTopUp: "POST" "api/v1/admin/topups/{}/approve" "approve_top_up" Roles(ADMINS);
    RejectTopUp: "POST" "api/v1/admin/topups/{}/reject" "reject_top_up" Roles(ADMINS);
    SetRole: "POST" "api/v1/admin/users/{}/role" "set_role" Roles(ADMINS);
    Freeze: "POST" "api/v1/admin/users/{}/freeze" "freeze" Roles(ADMINS);
    Adjust: "POST" "api/v1/admin/users/{}/adjust" "adjust" Roles(ADMINS);
    OpenAccount: "POST" "api/v1/admin/users/{}/accounts" "open_account" Roles(ADMINS);
    MethodLogo: "GET" "assets/methods/{}" "method_logo" Anyone;
    OpenApi: "GET" "openapi.json" "openapi" Anyone;
    Docs: "GET" "docs" "docs" Anyone;
    DocsErrors: "GET" "docs/errors" "docs_errors" Anyone;
    DocsStyle: "GET" "docs/style.css" "docs_style" Anyone;
    DocsScript: "GET" "docs/script.js" "docs_script" Anyone;
}

impl Route {
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

    /// What an application's key has to be for to use it: any of these will do; with none, no key
    /// does. A route that is not named here is for people.
    pub const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Me
            | Self::LookUp
            | Self::Balance
            | Self::Payment
            | Self::Transactions
            | Self::CashFlow
            | Self::Notifications
            | Self::TopUps
            | Self::Withdrawals
            | Self::Withdrawal
            | Self::Bills
            | Self::BillsTotal
            | Self::PaymentMethods
            | Self::HouseBills
            | Self::CountBills
            | Self::Rooms
            | Self::Tenants => &[Scope::Read],
            // What makes them may see what became of them.
            Self::Bill | Self::Charge | Self::Invoice => &[Scope::Read, Scope::Charge],
            Self::IssueBill | Self::CancelBill | Self::VirtualAccount => &[Scope::Charge],
            // By a charge, or from the wallet: the gateway tells them apart.
            Self::PayBill => &[Scope::Charge, Scope::Batch],
            Self::Pay | Self::PayCharge | Self::PayBatch | Self::Refund => &[Scope::Batch],
            Self::Withdraw => &[Scope::Payout],
            _ => &[],
        }
    }

    /// Whether it is open to who has to change their password before anything else.
    pub const fn comes_before_password(self) -> bool {
        matches!(self, Self::Me | Self::ChangePassword | Self::LogOut)
    }

    /// Whether an administrator who needs an authenticator may use it before they have one.
    pub(super) const fn leads_to_app(self) -> bool {
        matches!(
            self,
            Self::Me
                | Self::LogOut
                | Self::ChangePassword
                | Self::AskCode
                | Self::EnrolApp
                | Self::ConfirmApp
        )
    }

    /// The route of a request. HEAD is answered wherever GET is (RFC 9110, 9.1).
    ///
    /// # Errors
    /// `not_found`, or `method_not_allowed` with what is allowed at this path.
    pub fn find(method: &Method, segments: &[&str]) -> Result<Self, ApiError> {
        // The edge leaves out the body of an answer to HEAD.
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        let mut elsewhere: Option<&'static str> = None;
        for route in Self::ALL.iter().copied() {
            let pattern = route.pattern();
            // What is spelled out is no variable's value: `bills/total` is no bill.
            let shadowed = elsewhere.is_some_and(|path| path != pattern && !path.contains("{}"));
            if !shadowed && matches(pattern, segments) {
                if route.method() == method {
                    return Ok(route);
                }
                elsewhere = Some(pattern);
            }
        }
        match elsewhere {
            None => Err(ApiError::new(Code::NotFound)),
            Some(pattern) => Err(ApiError::method_not_allowed(allowed(pattern))),
        }
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
        Route::NotifiedByMidtrans => charges::notified(context).await,
        Route::MethodLogo => logos::show(context),
        Route::OpenApi | Route::Docs | Route::DocsErrors | Route::DocsStyle | Route::DocsScript => {
            Ok(documents::show(route, context))
        }
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
        Route::ChangePassword => session::change_password(context, &caller).await,
        Route::AskCode => codes::ask(context, &caller).await,
        Route::EnrolApp => codes::enrol(context, &caller).await,
        Route::ConfirmApp => codes::confirm(context, &caller).await,
        Route::RemoveApp => codes::remove(context, &caller).await,
        Route::Me => Ok(session::me(context, &caller)),
        Route::LookUp => session::look_up(context, &caller),
        Route::Transactions => history::transactions(context, &caller).await,
        Route::CashFlow => history::cash_flow(context, caller).await,
        Route::Notifications => history::notifications(context, &caller).await,
        Route::TopUps => topups::list(context, &caller).await,
        Route::AnnounceTopUp => topups::announce(context, &caller).await,
        Route::VirtualAccount => charges::top_up(context, &caller).await,
        Route::Charge => charges::show(context, &caller),
        Route::Invoice => bills::invoice(context, &caller),
        Route::AwaitingTopUps => topups::awaiting(context).await,
        Route::TopUp => topups::top_up(context, &caller).await,
        Route::ApproveTopUp => topups::approve(context, &caller).await,
        Route::RejectTopUp => topups::reject(context, &caller).await,
        Route::SetRole => admin::set_role(context, &caller).await,
        Route::Freeze => admin::freeze(context, &caller).await,
        Route::Adjust => admin::adjust(context, &caller).await,
        Route::OpenAccount => admin::open_account(context, &caller).await,
        Route::Withdraw => payouts::withdraw(context, &caller).await,
        Route::Withdrawals => payouts::withdrawals(context, &caller).await,
        Route::WithdrawalFee => payouts::fee(context),
        Route::Withdrawal => payouts::withdrawal(context, &caller),
        _ => Box::pin(webhooks::dispatch(route, context, caller)).await,
    }
}

/// Bills.
pub(super) async fn dispatch_bills(
    route: Route,
    context: Context<'_>,
    caller: Caller,
) -> Result<Reply, ApiError> {
    match route {
        Route::Bills => bills::list(context, &caller).await,
        Route::IssueBill => bills::issue(context, &caller).await,
        Route::BillsTotal => bills::total(context, &caller),
        Route::Bill => bills::show(context, &caller),
        Route::CancelBill => bills::cancel(context, &caller).await,
        Route::PayBill => bills::pay(context, &caller).await,
        Route::HouseBills => bills::house(context, &caller).await,
        Route::CountBills => bills::count(context, &caller),
        _ => Box::pin(tenancies::dispatch(route, context, caller)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_own_pattern() {
        for route in Route::ALL.iter().copied() {
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
