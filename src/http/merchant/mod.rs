//! The gateway as Midtrans: what stands behind `http::midtrans` for merchants who have their account
//! here, and the page on which a payer picks how to pay.
//!
//! It says the gateway's answers in Midtrans' words and decides nothing. Cards are not taken, and
//! nothing is ever challenged, so nothing can be approved or denied.

mod page;

pub use self::page::{PAGES, page_of};

use std::sync::Arc;

use serde_json::Map;

use super::midtrans::session::Session;
use super::midtrans::{Act, Backend, Kept, Merchant, Opened, Places, Refusal, Server};
use super::reply::Reply;
use super::request::Request;
use crate::connector::midtrans::answer::Done;
use crate::connector::midtrans::charge::Charge;
use crate::connector::midtrans::method::Method;
use crate::connector::midtrans::refund::RefundRequest;
use crate::connector::midtrans::text;
use crate::connector::midtrans::transaction::{Action, Refunded, Transaction};
use crate::gateway::charge::order::CallOff;
use crate::gateway::charge::standing::State;
use crate::gateway::merchant::details::{self, Details};
use crate::gateway::merchant::orders::{ON_PAGE, Wanted};
use crate::gateway::merchant::told::Told;
use crate::gateway::{Error, Gateway};
use crate::identity::random::random_bytes;
use crate::identity::secret::Secret;
use crate::ledger::charge::ChargeEnd;
use crate::ledger::id::UserId;
use crate::ledger::merchant;
use crate::ledger::rejection::Rejection;
use crate::ledger::time::Timestamp;
use crate::limits;

/// The merchants of a gateway.
pub struct Merchants {
    gateway: Arc<Gateway>,
    /// Where payers reach us, without a slash at the end.
    base: String,
}

/// The API for merchants, and the pages of their payers.
pub struct MerchantApi(Server<Merchants>);

impl MerchantApi {
    /// The API over `gateway`, which payers reach at `base`.
    pub fn new(gateway: Arc<Gateway>, base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        Self(Server::new(Merchants { gateway, base }))
    }

    /// Whether a path, in decoded segments, is of this API.
    pub fn is_ours(segments: &[&str]) -> bool {
        super::midtrans::is_ours(segments) || page::is_ours(segments)
    }

    /// Answers a request.
    pub async fn answer(&self, request: &Request) -> Reply {
        if page::is_ours(request.segments().as_slice()) {
            let Merchants { gateway, base } = self.0.backend();
            return page::answer(gateway, base, request).await;
        }
        self.0.answer(request).await
    }
}

impl Merchants {
    fn row(&self, merchant: &Merchant) -> Result<Arc<merchant::Merchant>, Refusal> {
        let user = merchant.id.parse().map(UserId).map_err(|_| Refusal::Internal)?;
        self.gateway.merchant(user).map_err(|_| Refusal::UnknownKey)
    }

    fn kept(&self, told: Told) -> Kept {
        let Told { mut transaction, method } = told;
        if let Method::Qris(_) = method {
            let id = &transaction.transaction_id;
            let url = format!("{}/v2/qris/{id}/qr-code", self.base);
            let (name, verb) = ("generate-qr-code".to_owned(), "GET".to_owned());
            transaction.instructions.actions =
                vec![Action { name, method: verb, url, fields: None }];
        }
        Kept { transaction, method }
    }
}

impl Backend for Merchants {
    fn now(&self) -> Timestamp {
        self.gateway.engine().clock().now()
    }

    fn fresh_id(&self) -> String {
        text::uuid(random_bytes())
    }

    fn merchant(&self, key: &Secret<String>) -> Option<Merchant> {
        let (row, key) = self.gateway.merchant_of(key)?;
        let (id, key) = (Arc::from(row.user.0.to_string()), Arc::new(key));
        Some(Merchant { id, key, request_key: None })
    }

    fn knows_client_key(&self, key: &str) -> bool {
        self.gateway.knows_client_key(key)
    }

    async fn qr(&self, transaction_id: &str) -> Option<String> {
        let Some(standing) = self.gateway.order_by_id(transaction_id).ok()? else {
            return self.gateway.code_of_merchant(transaction_id);
        };
        self.gateway.told(&standing).ok()?.transaction.instructions.qr_string
    }

    async fn charge(&self, of: &Merchant, charge: Charge, to: Places) -> Result<Kept, Refusal> {
        let row = self.row(of)?;
        let wanted = wanted(of, &charge, to, self.now());
        let told = self.gateway.take_order(&row, wanted).await.map_err(refusal)?;
        Ok(self.kept(told))
    }

    async fn find(&self, of: &Merchant, id: &str) -> Result<Kept, Refusal> {
        let standing = self.gateway.order_named(&*self.row(of)?, id).map_err(refusal)?;
        Ok(self.kept(self.gateway.told(&standing).map_err(refusal)?))
    }

    async fn act(&self, of: &Merchant, act: Act, id: &str) -> Result<Kept, Refusal> {
        let row = self.row(of)?;
        let standing = self.gateway.order_named(&row, id).map_err(refusal)?;
        let what = match act {
            Act::Cancel => CallOff::Cancel,
            Act::Expire => CallOff::Expire,
            Act::Approve | Act::Deny => return Err(Refusal::State),
        };
        let what = (what, of.request_key.as_deref());
        let told = self.gateway.end_order(&row, &standing, what).await.map_err(refusal)?;
        Ok(self.kept(told))
    }

    async fn refund(
        &self,
        of: &Merchant,
        id: &str,
        request: RefundRequest,
        direct: bool,
    ) -> Result<(Kept, Done), Refusal> {
        let row = self.row(of)?;
        let standing = self.gateway.order_named(&row, id).map_err(refusal)?;
        let request = (&request, of.request_key.as_deref());
        let refunded = self.gateway.refund_order(row.user, &standing, request).await;
        let refunded = refunded.map_err(|error| match error {
            Error::ReferenceReused => Refusal::RefundKeyTaken,
            Error::Invalid { .. } => Refusal::RefundAmount,
            other => refusal(other),
        })?;
        let mut kept = self.kept(refunded.told);
        kept.transaction.refunded = Refunded {
            amount: Some(refunded.part.amount),
            chargeback_id: Some(refunded.part.chargeback_id),
            key: refunded.part.key,
            parts: Vec::new(),
        };
        Ok((kept, if direct { Done::RefundedDirectly } else { Done::Refunded }))
    }

    async fn open(&self, of: &Merchant, session: Session, to: Places) -> Result<Opened, Refusal> {
        let row = self.row(of)?;
        let wallet = self.gateway.offers(&row, ON_PAGE);
        let methods = session.methods.iter().filter(|(_, way)| self.gateway.offers(&row, *way));
        let methods: Vec<_> = methods.map(|(name, way)| ((*name).to_owned(), *way)).collect();
        let Some(charge) = session.methods.first().and_then(|(name, _)| session.pick(name)) else {
            return Err(Refusal::NotEnabled);
        };
        if methods.is_empty() || !wallet && !self.gateway.charges().has_provider() {
            return Err(Refusal::NotEnabled);
        }
        let Wanted { amount, details, .. } = wanted(of, &charge, to, self.now());
        let finish = session
            .finish
            .clone()
            .or_else(|| Some(row.finish.to_string()).filter(|url| !url.is_empty()));
        let page = Some(details::Page { methods, finish });
        // What is picked there has fields of its own.
        let details = Details { method: ON_PAGE, page, wishes: Map::new(), ..details };
        let wanted = Wanted { amount, seconds: session.seconds, details };
        let Told { transaction: Transaction { transaction_id: token, .. }, .. } =
            self.gateway.take_page(&row, wanted).await.map_err(refusal)?;
        let redirect_url = format!("{}/pay/{token}", self.base);
        Ok(Opened { token, redirect_url })
    }

    async fn close(&self, of: &Merchant, token: &str) -> Result<Timestamp, Refusal> {
        let row = self.row(of)?;
        let standing = self.gateway.page_or_order(&row, token).map_err(refusal)?;
        if Details::of(standing.started()).map_err(refusal)?.page.is_none() {
            return Err(Refusal::NotFound);
        }
        let last = self.gateway.after_page(&standing).map_err(refusal)?;
        if Details::of(last.started()).map_err(refusal)?.page.is_none() {
            return Err(Refusal::SessionInProgress);
        }
        let key = of.request_key.as_deref();
        let is_again = self.gateway.ended_under(&last, key).map_err(refusal)?.is_some();
        if !is_again && matches!(last.state, State::Ended { end: ChargeEnd::Cancelled, .. }) {
            return Err(Refusal::SessionCancelled);
        }
        let ended = self.gateway.end_order(&row, &last, (CallOff::Cancel, key)).await;
        ended.map_err(|error| match error {
            Error::Conflict(_) => Refusal::SessionInProgress,
            other => refusal(other),
        })?;
        self.gateway.latest_word(&last).map_err(refusal)
    }
}

fn wanted(of: &Merchant, charge: &Charge, places: Places, now: Timestamp) -> Wanted {
    let (usual, others) = match places {
        Places::Usual => (true, Vec::new()),
        Places::Also(urls) => (true, urls),
        Places::Instead(urls) => (false, urls),
    };
    Wanted {
        amount: charge.amount,
        seconds: charge.expires(now).seconds().saturating_sub(now.seconds()),
        details: Details {
            order_id: charge.order_id.clone(),
            method: charge.method,
            echo: charge.echo.clone(),
            places: details::Places { usual, others },
            page: None,
            of_page: None,
            request_key: of.request_key.as_ref().map(ToString::to_string),
            wishes: details::wishes(&charge.options),
        },
    }
}

/// The gateway's no in Midtrans' words.
fn refusal(error: Error) -> Refusal {
    match error {
        Error::NotFound => Refusal::NotFound,
        Error::Forbidden(_) => Refusal::NotEnabled,
        Error::Conflict("the order is open, or paid") => Refusal::OrderIdTaken,
        Error::Conflict(_) => Refusal::State,
        Error::Unavailable => Refusal::Unreachable,
        Error::Invalid { field, message } => Refusal::invalid(format!("{field} {message}")),
        Error::Busy { .. } | Error::RateLimited { .. } => Refusal::TooMany,
        Error::Rejected { rejection: Rejection::RefundExceedsPayment, .. } => Refusal::RefundAmount,
        // A refund that the merchant has not the money for is an amount that cannot be given.
        Error::Rejected { rejection: Rejection::InsufficientFunds, .. } => Refusal::RefundAmount,
        Error::Rejected { .. } => Refusal::State,
        other => {
            tracing::error!(error = %other, "a merchant's request failed");
            Refusal::Internal
        }
    }
}

/// Longest name of a way on a page.
const NAME_MAX: usize = limits::NAME_MAX;
