//! A bank as the gateway sees it: three questions, whoever answers them.

use std::pin::Pin;

use super::outcome::{Beneficiary, Outcome, Standing, Transferred};
use super::standard::{InquiryRequest, StatusRequest, TransferRequest};
use crate::ledger::time::Timestamp;

/// An answer to come.
///
/// If it is dropped, what was asked may have arrived nonetheless: a transfer whose answer nobody
/// waited for is unknown.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to one bank. The gateway holds it as `Arc<dyn Bank>`; simulations supply their own.
pub trait Bank: Send + Sync + 'static {
    /// Whether it is worth asking at `now`. One that is not answers every call at once with
    /// `NotSent`.
    fn is_available(&self, _now: Timestamp) -> bool {
        true
    }

    /// Moves money. The caller sends each reference once.
    fn transfer<'a>(&'a self, request: &'a TransferRequest) -> Asked<'a, Outcome<Transferred>>;

    /// Asks whose account it is.
    fn inquire<'a>(&'a self, request: &'a InquiryRequest) -> Asked<'a, Outcome<Beneficiary>>;

    /// Asks what became of a transfer. Whatever keeps the question from being answered makes the
    /// transfer `Found(Unknown)`, for it says nothing about the transfer.
    fn status<'a>(&'a self, request: &'a StatusRequest) -> Asked<'a, Standing>;
}
