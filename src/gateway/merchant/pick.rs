//! The payer of a page picks a way to pay: the order goes on as one of its own, by that way.
//!
//! ```text
//!          closed              made, or nobody can say
//!  page ──────────▶ (picking) ─────────────────────────▶ an order by the way picked
//!   ▲                │     │
//!   │   not made     │     │ neither: the process ended, or the merchant may charge no more
//!   └────────────────┘     └──────────────────────────▶ the merchant is told that it is cancelled
//! ```
//!
//! # Invariants
//!
//! - A page stays as it is if the provider is known to be away, or what would follow it has no room.
//! - What can be paid from a wallet is closed before the provider is asked, so that nobody pays both.
//! - From the closing on it runs on a task of its own: a payer who leaves cuts nothing off.
//! - What follows a page says so, in its details: an order that the merchant begins anew under the
//!   same name is neither seen nor ended by the page's token.
//! - A page that was closed is followed by an order or by a page again, or its merchant is told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::details::{Details, Page};
use super::orders::{Wanted, Way};
use crate::connector::midtrans::method::Method;
use crate::gateway::charge::drive::PICKED;
use crate::gateway::charge::standing::{Standing, State, standing};
use crate::gateway::{Error, Gateway};
use crate::ledger::id::Position;
use crate::ledger::merchant::Merchant;
use crate::limits;

/// Pages whose payers are picking right now.
#[derive(Default)]
pub struct Picks(Mutex<BTreeSet<Position>>);

/// One of them, until it is dropped.
struct Turn {
    picks: Arc<Picks>,
    page: Position,
}

impl Picks {
    fn begin(self: &Arc<Self>, page: Position) -> Result<Turn, Error> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= limits::PICKS_MAX {
            return Err(Error::Busy { retry_after_seconds: limits::RETRY_AFTER_SECONDS.into() });
        }
        if !pages.insert(page) {
            return Err(Error::Conflict("a way is being picked"));
        }
        Ok(Turn { picks: Arc::clone(self), page })
    }

    /// Whether the payer of this page is picking.
    pub(in crate::gateway) fn contains(&self, page: Position) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&page)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.picks.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.page);
    }
}

/// Whether a page was closed so that its order goes on.
pub fn was_picked(state: &State) -> bool {
    matches!(state, State::Ended { reason, .. } if reason == PICKED)
}

/// Whether a payer can pick on it.
///
/// # Errors
/// [`Error::NotFound`] if it is no order of a merchant.
pub fn is_open_page(standing: &Standing) -> Result<bool, Error> {
    let is_page = Details::of(standing.started())?.page.is_some();
    Ok(is_page && standing.state == State::Pending)
}

/// Where the page began of which this is one, or which was opened again as this.
fn page_of(page: &Standing, details: &Details) -> Position {
    details.of_page.unwrap_or(page.recorded.position)
}

/// What is picked.
struct Picked {
    method: Method,
    way: Way,
}

impl Gateway {
    /// What the page that began as `first` stands for now: itself, or what was picked on it, or the
    /// page that was opened again for it. What the merchant began anew under its name is another.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is no order of a merchant; the journal cannot be read.
    pub fn after_page(&self, first: &Standing) -> Result<Standing, Error> {
        if !was_picked(&first.state) {
            return Ok(first.clone());
        }
        let details = Details::of(first.started())?;
        let page = page_of(first, &details);
        let attempts = self.attempts(first.started().origin.principal, &details.order_id)?;
        for attempt in attempts.into_iter().rev() {
            if Details::of(attempt.started())?.of_page == Some(page) {
                return Ok(attempt);
            }
        }
        Ok(first.clone())
    }

    /// The payer picks a way on the page. If that cannot be had, the page can be picked on again.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what cannot be picked; [`Error::Conflict`] if it is picked, paid or
    /// closed; [`Error::Unavailable`] if the provider cannot be reached, or did not make it.
    pub async fn pick(self: &Arc<Self>, page: &Standing, name: &str) -> Result<(), Error> {
        let details = Details::of(page.started())?;
        let of_page = details.page.as_ref().ok_or(Error::NotFound)?;
        let picked = of_page.methods.iter().find(|(known, _)| known == name);
        let method = picked.ok_or(Error::NotFound)?.1;
        let merchant = self.merchant_of_order(page)?;
        let way = self.way(&merchant, method).ok_or(Error::NotFound)?;
        if way.is_none() {
            // It can be paid from a wallet as it is.
            return Ok(());
        }
        if !self.charges.is_reachable() {
            return Err(Error::Unavailable);
        }
        let before = self.attempts(page.started().origin.principal, &details.order_id)?.len();
        // One for what is picked, and one for the page if that is not made.
        if before + 2 > limits::ORDER_ATTEMPTS_MAX {
            return Err(Error::Conflict("too many ways were picked"));
        }
        let turn = self.courier.picks().begin(page.recorded.position)?;
        let (gateway, page) = (Arc::clone(self), page.clone());
        let task = async move {
            let _turn = turn;
            gateway.go_on(&merchant, &page, details, Picked { method, way }).await
        };
        tokio::spawn(task).await.unwrap_or_else(|error| {
            tracing::error!(%error, "what a payer picked did not end well");
            Err(Error::Unavailable)
        })
    }

    async fn go_on(
        &self,
        merchant: &Merchant,
        page: &Standing,
        details: Details,
        Picked { method, way }: Picked,
    ) -> Result<(), Error> {
        let charge = page.recorded.position;
        self.charges.close_page(charge).await;
        if !was_picked(&standing(self.view(), charge)?.state) {
            return Err(Error::Conflict("it is paid, or closed"));
        }
        let bounds = method.bounds();
        let seconds = self.seconds_left(page).clamp(bounds.min, bounds.max);
        let (amount, of_page) = (page.started().amount, details.page.clone());
        let page_began = Some(page_of(page, &details));
        let details =
            Details { method, page: None, of_page: page_began, request_key: None, ..details };
        let wanted = Wanted { amount, seconds, details };
        let error = match self.begin_order(merchant, wanted.clone(), way).await {
            Ok(order) if !matches!(order.state, State::Ended { .. }) => return Ok(()),
            Ok(_) => Error::Unavailable,
            Err(error) => error,
        };
        tracing::info!(%charge, %error, "a payer has to pick again");
        self.open_again(merchant, page, (wanted, of_page)).await;
        Err(error)
    }

    /// Opens a page again whose order did not go on, unless it did after all.
    async fn open_again(
        &self,
        merchant: &Merchant,
        page: &Standing,
        (wanted, of_page): (Wanted, Option<Page>),
    ) {
        let method = super::details::ON_PAGE;
        let details = Details { method, page: of_page, ..wanted.details };
        let mut pause = limits::INSIST_PAUSE;
        loop {
            let seconds = self.seconds_left(page);
            if seconds <= 0 {
                return;
            }
            let again = Wanted { amount: wanted.amount, seconds, details: details.clone() };
            match self.begin_order(merchant, again, None).await {
                // The name is taken by what followed.
                Ok(_) | Err(Error::Conflict(_)) => return,
                Err(Error::Busy { .. } | Error::Journal(_)) => {}
                Err(error) => {
                    tracing::warn!(%error, "a page could not be opened again");
                    return;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(limits::INSIST_PAUSE_MAX);
        }
    }

    /// How long a page is open.
    fn seconds_left(&self, page: &Standing) -> i64 {
        page.expires().seconds() - self.engine.clock().now().seconds()
    }
}
