//! What stands behind the API: the simulated provider, or the gateway.

use std::sync::Arc;

use super::call::Act;
use super::places::Places;
use super::refusal::Refusal;
use super::session::Session;
use crate::connector::midtrans::answer::Done;
use crate::connector::midtrans::charge::Charge;
use crate::connector::midtrans::key::ServerKey;
use crate::connector::midtrans::method::Method;
use crate::connector::midtrans::refund::RefundRequest;
use crate::connector::midtrans::transaction::Transaction;
use crate::identity::secret::Secret;
use crate::ledger::time::Timestamp;

/// Who is asking. It cannot be printed, since its key could be.
#[derive(Clone)]
pub struct Merchant {
    /// Its own name, the same for as long as there is the merchant.
    pub id: Arc<str>,
    /// With which what it is told is signed.
    pub key: Arc<ServerKey>,
    /// The `Idempotency-Key` of this request, to be kept with what it does.
    pub request_key: Option<Arc<str>>,
}

/// A transaction as it stands, with everything there is to tell of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The transaction.
    pub transaction: Transaction,
    /// How it is paid.
    pub method: Method,
}

/// A session that was opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// Its name, a UUID.
    pub token: String,
    /// Where the payer goes.
    pub redirect_url: String,
}

/// What stands behind the API. It sees a request only when its key is good and its body makes
/// sense, and nothing of a card ever.
///
/// Every method is run to its end, whether the caller stays or not. A merchant sees its own
/// transactions and sessions only: what is another's is [`Refusal::NotFound`].
pub trait Backend: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;

    /// The name of an answer, a UUID, for whoever asks about it later.
    fn fresh_id(&self) -> String;

    /// Whose server key this is, in a time that does not tell how nearly it was one.
    fn merchant(&self, key: &Secret<String>) -> Option<Merchant>;

    /// Whether this is anybody's client key.
    fn knows_client_key(&self, key: &str) -> bool;

    /// The QR text of the transaction that we call so, for whoever was given its name.
    fn qr(&self, transaction_id: &str) -> impl Future<Output = Option<String>> + Send;

    /// Begins a transaction, by any method but cards.
    fn charge(
        &self,
        merchant: &Merchant,
        charge: Charge,
        places: Places,
    ) -> impl Future<Output = Result<Kept, Refusal>> + Send;

    /// A transaction, by the merchant's name for it or ours.
    fn find(
        &self,
        merchant: &Merchant,
        id: &str,
    ) -> impl Future<Output = Result<Kept, Refusal>> + Send;

    /// Changes a transaction, and tells how it stands then.
    fn act(
        &self,
        merchant: &Merchant,
        act: Act,
        id: &str,
    ) -> impl Future<Output = Result<Kept, Refusal>> + Send;

    /// Gives money back. What is told has this refund in `refunded`, and not their sum; how it
    /// went is one of the three ends of a refund.
    fn refund(
        &self,
        merchant: &Merchant,
        id: &str,
        request: RefundRequest,
        direct: bool,
    ) -> impl Future<Output = Result<(Kept, Done), Refusal>> + Send;

    /// Opens a page on which the payer picks a method.
    fn open(
        &self,
        merchant: &Merchant,
        session: Session,
        places: Places,
    ) -> impl Future<Output = Result<Opened, Refusal>> + Send;

    /// Closes it before the payer has picked one, and says when.
    fn close(
        &self,
        merchant: &Merchant,
        token: &str,
    ) -> impl Future<Output = Result<Timestamp, Refusal>> + Send;
}
