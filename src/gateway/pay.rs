//! A wallet or a batch of a trusted client pays somebody by name.

use super::caller::Caller;
use super::codes::operation::Operation;
use super::{Error, Gateway, accepted, reference};
use crate::engine::{self, Asked, Outcome};
use crate::identity::secret::Secret;
use crate::ledger::command::Command;
use crate::ledger::event::Role;
use crate::ledger::event::{AccountKind, Fee, Movement, MovementKind, Origin, Refusal};
use crate::ledger::id::{AccountId, Principal};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::reference::DigestBuilder;
use crate::ledger::rejection::Rejection;
use crate::ledger::text::{Line, Reference, Username};
use crate::limits;

/// A payment as asked for, its fields checked.
#[derive(Clone, Debug)]
pub struct Pay {
    /// Who is paid.
    pub to: Username,
    /// How much.
    pub amount: Amount,
    /// In what; the default currency if none is named.
    pub currency: Option<Currency>,
    /// For people.
    pub note: Line,
    /// The caller's key, if they gave one.
    pub reference: Option<Reference>,
}

/// A payment in the name of another, by a trusted client.
#[derive(Clone, Debug)]
pub struct PayFrom {
    /// Who pays.
    pub from: Username,
    /// What.
    pub pay: Pay,
}

/// What a payment turned into before anyone is asked.
enum Prepared {
    Command(Command),
    /// Nobody has the payee's name: refused without an account to ask.
    NoPayee(Origin, Amount),
}

impl Gateway {
    /// The caller pays, with a one-time code where policy asks for one.
    ///
    /// # Errors
    /// What is wrong with the request, or why the ledger refused it.
    pub async fn pay(
        &self,
        caller: &Caller,
        pay: Pay,
        code: Option<&Secret<String>>,
    ) -> Result<Outcome, Error> {
        let (account, currency) = self.account_in(&caller.user, pay.currency)?;
        let digest = digest_of("", &pay, currency);
        let origin = reference::origin(caller.principal(), pay.reference.clone(), digest);
        let operation = Operation::Payment { to: pay.to.clone(), amount: pay.amount, currency };
        let taken = self.require_code(caller, &operation, &origin, code).await?;
        let paid = self.pay_from(caller, (origin, account, currency), pay).await;
        taken.settle(paid.as_ref().map(|paid| paid.replayed));
        paid
    }

    async fn pay_from(
        &self,
        caller: &Caller,
        (origin, account, currency): (Origin, AccountId, Currency),
        pay: Pay,
    ) -> Result<Outcome, Error> {
        let prepared = self.prepare(origin, account, currency, pay).await?;
        self.may_name(caller, &prepared)?;
        match prepared {
            Prepared::Command(command) => self.submit(command).await,
            Prepared::NoPayee(origin, amount) => {
                let rejection = Rejection::RecipientNotFound;
                accepted(self.refuse(origin, Some(amount), rejection, Line::empty()).await?)
            }
        }
    }

    /// Fails for who named nobody too often, unless this was answered before.
    fn may_name(&self, caller: &Caller, prepared: &Prepared) -> Result<(), Error> {
        let (origin, payee) = match prepared {
            Prepared::Command(command) => (command.origin(), Ok(())),
            Prepared::NoPayee(origin, _) => (origin, Err(Error::RecipientNotFound)),
        };
        match self.found(caller, payee) {
            Err(error @ Error::RateLimited { .. }) if self.engine.known(origin)?.is_none() => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Whether the caller has asked for this payment before, under the same reference.
    ///
    /// # Errors
    /// [`Error::ReferenceReused`] if it was for something else; no such account; the journal cannot
    /// be read.
    pub(super) fn was_asked(&self, caller: &Caller, pay: &Pay) -> Result<bool, Error> {
        let Some(reference) = pay.reference.clone() else { return Ok(false) };
        let (_, currency) = self.account_in(&caller.user, pay.currency)?;
        let digest = digest_of("", pay, currency);
        let origin = reference::origin(caller.principal(), Some(reference), digest);
        Ok(self.engine.known(&origin)?.is_some())
    }

    /// A trusted client has others pay: results in order, each for itself.
    ///
    /// # Errors
    /// If the caller is no trusted client.
    pub async fn pay_batch(
        &self,
        caller: &Caller,
        items: Vec<Result<PayFrom, Error>>,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        if caller.user.role != Role::Client {
            return Err(Error::Forbidden("batches are for trusted clients"));
        }
        let mut results: Vec<Option<Result<Outcome, Error>>> = Vec::with_capacity(items.len());
        let mut asked = Vec::with_capacity(items.len());
        for item in items {
            let prepared = match item {
                Ok(item) => self.prepare_from(caller.principal(), item).await,
                Err(error) => Err(error),
            };
            results.push(match prepared {
                Ok(Prepared::Command(command)) => {
                    asked.push(Asked::Decide(command));
                    None
                }
                Ok(Prepared::NoPayee(origin, amount)) => {
                    let rejection = Rejection::RecipientNotFound;
                    let (account, amount) = (None, Some(amount));
                    asked.push(Asked::Refuse(Refusal {
                        origin,
                        account,
                        amount,
                        rejection,
                        note: Line::empty(),
                    }));
                    None
                }
                Err(error) => Some(Err(error)),
            });
        }
        let mut done = self.engine.submit_many(asked).await.into_iter();
        let mut next = || done.next().expect("one result for each request");
        Ok(results.into_iter().map(|early| early.unwrap_or_else(|| flatten(next()))).collect())
    }

    async fn prepare_from(&self, principal: Principal, item: PayFrom) -> Result<Prepared, Error> {
        let PayFrom { from, pay } = item;
        let user = self
            .view()
            .user_by_name(from.as_str())
            .ok_or_else(|| Error::invalid("from", "nobody has this name"))?;
        if user.role == Role::Admin {
            return Err(Error::invalid(
                "from",
                "an administrator's money moves by their own token",
            ));
        }
        let (account, currency) = self.account_in(&user, pay.currency)?;
        let digest = digest_of(from.as_str(), &pay, currency);
        let origin = reference::origin(principal, pay.reference.clone(), digest);
        self.prepare(origin, account, currency, pay).await
    }

    async fn prepare(
        &self,
        origin: Origin,
        debit: AccountId,
        currency: Currency,
        pay: Pay,
    ) -> Result<Prepared, Error> {
        let payee = self.view().user_by_name(pay.to.as_str());
        let credit = payee.and_then(|user| self.view().account_of(&user, currency));
        let Some(credit) = credit else { return Ok(Prepared::NoPayee(origin, pay.amount)) };
        let fee = self.fee_of(credit, pay.amount, currency).await?;
        let Pay { amount, note, .. } = pay;
        let kind = MovementKind::Payment;
        let movement = Movement { origin, kind, debit, credit, amount, currency, fee, note };
        Ok(Prepared::Command(Command::Move(movement)))
    }

    /// What the house keeps of a payment to `credit`: less than the amount, or nothing.
    pub(super) async fn fee_of(
        &self,
        credit: AccountId,
        amount: Amount,
        currency: Currency,
    ) -> Result<Option<Fee>, Error> {
        if self.view().kind(credit) != Some(AccountKind::Merchant) {
            return Ok(None);
        }
        let fee = amount.fee_rounded_up(self.settings.merchant_fee);
        let Some(fee) = fee.filter(|fee| *fee < amount) else { return Ok(None) };
        let account = self.house_account(AccountKind::Fees, currency).await?;
        Ok(Some(Fee { account, amount: fee }))
    }
}

/// Checks a note.
///
/// # Errors
/// [`Error::Invalid`].
pub fn note(text: Option<&str>) -> Result<Line, Error> {
    text.map_or_else(|| Ok(Line::empty()), |text| Line::parse(text, limits::NOTE_MAX))
        .map_err(|error| Error::invalid("note", error))
}

fn flatten(result: Result<Outcome, engine::Error>) -> Result<Outcome, Error> {
    accepted(result?)
}

fn digest_of(from: &str, pay: &Pay, currency: Currency) -> crate::ledger::event::Digest {
    DigestBuilder::new("payment")
        .text(from)
        .text(pay.to.as_str())
        .number(pay.amount.get())
        .text(currency.code())
        .text(pay.note.as_str())
        .finish()
}
