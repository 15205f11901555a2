//! How a payout begins: routed, its beneficiary known to a bank, screened, and then written.
//!
//! Nothing is held and nothing used up until the last step, but by a "no" that depends on the state
//! of things: a rule's, a bank's about the account, the tables' about the bank. Those are recorded
//! and final for their reference. A bank that cannot be asked is no answer: the caller hears
//! `unavailable` and may ask again under the same reference. Of twins that come together one begins,
//! and the others get its answer.

use std::collections::HashMap;
use std::sync::Mutex;

use super::drive::start_of;
use super::{Standing, standing};
use crate::connector::outcome::{Outcome, Reason};
use crate::connector::standard::InquiryRequest;
use crate::engine::{self, NameKind};
use crate::gateway::allowance::{Share, Wanted};
use crate::gateway::routing::{self, Candidate, NoWay, Question};
use crate::gateway::scribe::line;
use crate::gateway::{Error, Gateway, rejected, screening};
use crate::identity::random;
use crate::ledger::command::Command;
use crate::ledger::event::{Fact, Origin};
use crate::ledger::id::{AccountId, UserId};
use crate::ledger::money::{Amount, Currency};
use crate::ledger::payout::{Beneficiary, PayoutStarted, Purpose};
use crate::ledger::registry::BankCode;
use crate::ledger::rejection::Rejection;
use crate::ledger::text::Line;
use crate::ledger::time::Timestamp;
use crate::limits;

/// A payout as asked for, its fields checked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who asks, under which reference.
    pub origin: Origin,
    /// Whose money, for rules.
    pub user: UserId,
    /// The account it leaves.
    pub account: AccountId,
    /// What the beneficiary is to get.
    pub amount: Amount,
    /// The account's currency.
    pub currency: Currency,
    /// What asks.
    pub purpose: Purpose,
    /// The sender's account as the application names it.
    pub sender: Line,
    /// The bank that is to receive it.
    pub bank: BankCode,
    /// The account there.
    pub number: Line,
    /// The name the asker says is on it: a bank that says otherwise stops it.
    pub expected: Option<Line>,
    /// For the beneficiary's statement.
    pub remark: Line,
    /// Whether another bank may do it, for a fee, when the beneficiary's own cannot.
    pub fallback: bool,
    /// Whether its end is to be told to a callback.
    pub callback: bool,
    /// The most that may leave the account in a day.
    pub per_day_max: Option<Amount>,
    /// The most that a way may cost, zero included; whatever its route says if there is none.
    pub fee_max: Option<u64>,
}

/// A payout that is in the journal.
#[derive(Clone, Debug)]
pub struct Begun {
    /// How it stands.
    pub standing: Standing,
    /// Whether it was asked for before, under the same reference.
    pub replayed: bool,
}

/// Names that banks gave for accounts, kept for a while.
#[derive(Default)]
pub struct Names(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    names: HashMap<(BankCode, Line), (Line, Timestamp)>,
    swept: Option<Timestamp>,
}

impl Names {
    fn find(&self, bank: BankCode, number: &Line, now: Timestamp) -> Option<Line> {
        let kept = self.0.lock().expect("no holder of this lock panics");
        let (name, until) = kept.names.get(&(bank, number.clone()))?;
        (now < *until).then(|| name.clone())
    }

    fn keep(&self, bank: BankCode, number: &Line, name: &Line, now: Timestamp) {
        let mut kept = self.0.lock().expect("no holder of this lock panics");
        let Kept { names, swept } = &mut *kept;
        // A look at all of them at most once a minute, however many new ones come.
        let is_due = swept.is_none_or(|at| at.plus_seconds(60) <= now);
        if names.len() >= limits::BENEFICIARIES_KEPT && is_due {
            *swept = Some(now);
            names.retain(|_, (_, until)| now < *until);
        }
        if names.len() < limits::BENEFICIARIES_KEPT {
            let until = now.plus_seconds(limits::BENEFICIARY_SECONDS);
            names.insert((bank, number.clone()), (name.clone(), until));
        }
    }
}

/// Where an inquiry led.
enum Inquired {
    /// To a name, by this way.
    Name(Line, Candidate),
    /// To a bank that knows no such account.
    Nobody(Reason),
    /// To no bank that could be asked.
    Nowhere,
}

/// A refusal that depends on the state of things, and what stands behind it.
type No = (Rejection, Line);

impl Gateway {
    /// Begins a payout, or finds the one this reference began.
    ///
    /// # Errors
    /// A refusal, recorded; a reference used for something else; no bank to be reached.
    pub async fn begin_payout(&self, ask: Ask) -> Result<Begun, Error> {
        // A twin waits for the first and finds its answer: no rule counts it, and no bank is asked,
        // a second time.
        let name = format!("{:x}", ask.origin.fingerprint());
        let _turn = self.engine.reserve(NameKind::Payout, &name).await;
        if let Some(recorded) = self.engine.known(&ask.origin)? {
            return self.begun(engine::Outcome { recorded, replayed: true });
        }
        let now = self.engine.clock().now();
        let (name, way) = match self.way_to(&ask, now).await? {
            Ok(found) => found,
            Err((rejection, note)) => return self.refuse_payout(ask, rejection, note).await,
        };
        let share = match self.share_of_the_day(&ask, now).await? {
            Ok(share) => share,
            Err((rejection, note)) => return self.refuse_payout(ask, rejection, note).await,
        };
        let decision = self.screen(&ask, now);
        let rule = decision.rule.as_deref().map_or_else(Line::empty, line);
        let challenged_until = match decision.outcome {
            screening::Outcome::Accept => None,
            screening::Outcome::Challenge => Some(now.plus_seconds(limits::CHALLENGE_SECONDS)),
            screening::Outcome::Deny => {
                if let Some(share) = share {
                    share.give_back();
                }
                return self.refuse_payout(ask, Rejection::ScreenedOut, rule).await;
            }
        };
        let started = started(ask, name, &way, rule, challenged_until);
        let outcome = self.decide(Command::StartPayout(Box::new(started))).await;
        let is_void = match &outcome {
            Ok(done) => {
                done.replayed || !matches!(done.recorded.event.fact, Fact::PayoutStarted(_))
            }
            // What the journal could not say may have begun.
            Err(error) => !matches!(error, Error::Journal(_)),
        };
        if let Some(share) = share.filter(|_| is_void) {
            share.give_back();
        }
        self.begun(outcome?)
    }

    /// The beneficiary's name and the way to try first, or what is to be recorded as the answer.
    async fn way_to(
        &self,
        ask: &Ask,
        now: Timestamp,
    ) -> Result<Result<(Line, Candidate), No>, Error> {
        let question = Question {
            bank: ask.bank,
            amount: ask.amount,
            at: now,
            fallback: ask.fallback,
            fee_max: ask.fee_max,
        };
        let banks = self.desk.banks();
        let plan =
            routing::plan(&self.view().registry(), &question, |code| banks.is_available(code, now));
        match plan.first() {
            Err(NoWay::NotFound) => return Ok(Err((Rejection::RouteNotFound, Line::empty()))),
            Err(NoWay::Unavailable) => return Err(Error::Unavailable),
            Ok(_) => {}
        }
        Ok(match self.inquire(ask, plan.candidates, now).await {
            Inquired::Name(name, way) => match &ask.expected {
                Some(expected) if !same_name(expected, &name) => {
                    Err((Rejection::BeneficiaryNotFound, line("another name")))
                }
                _ => Ok((name, way)),
            },
            Inquired::Nobody(reason) => Err((Rejection::BeneficiaryNotFound, line(&reason.code))),
            Inquired::Nowhere => return Err(Error::Unavailable),
        })
    }

    /// A share of what may leave the account today, if that is limited.
    async fn share_of_the_day(
        &self,
        ask: &Ask,
        now: Timestamp,
    ) -> Result<Result<Option<Share<'_>>, No>, Error> {
        let Some(max) = ask.per_day_max else { return Ok(Ok(None)) };
        let wanted = Wanted { account: ask.account, amount: ask.amount, max };
        let share = self.allowance.take(self.view(), wanted, now).await?;
        Ok(share.map(Some).ok_or_else(|| (Rejection::TransferLimit, line("per day"))))
    }

    fn begun(&self, outcome: engine::Outcome) -> Result<Begun, Error> {
        let engine::Outcome { recorded, replayed } = outcome;
        match &recorded.event.fact {
            Fact::PayoutStarted(_) => {
                let standing = standing(self.view(), recorded.position)?;
                Ok(Begun { standing, replayed })
            }
            Fact::Refused(refusal) => Err(rejected(refusal, recorded.position, replayed)),
            // The digest holds the operation's name, so nothing else matches it.
            other => unreachable!("the answer to a payout is one: {other:?}"),
        }
    }

    /// Whether the rules let it go.
    fn screen(&self, ask: &Ask, now: Timestamp) -> screening::Decision {
        let subject = screening::Subject {
            client: ask.user,
            bank: ask.bank,
            account: ask.number.as_str(),
            amount: ask.amount,
            at: now,
        };
        self.screening.lock().expect("no holder of this lock panics").judge(&subject)
    }

    /// Asks whose account it is, the ways in order, until one answers.
    async fn inquire(&self, ask: &Ask, ways: Vec<Candidate>, now: Timestamp) -> Inquired {
        if let Some(name) = self.names_at_banks.find(ask.bank, &ask.number, now)
            && let Some(way) = ways.first()
        {
            return Inquired::Name(name, way.clone());
        }
        for way in ways {
            let Some(bank) = self.desk.banks().bank(way.bank, way.usage) else { continue };
            let request = InquiryRequest {
                reference: random::reference(),
                beneficiary_bank_code: ask.bank.to_string(),
                beneficiary_account_number: ask.number.as_str().to_owned(),
            };
            match bank.inquire(&request).await {
                Outcome::Succeeded(beneficiary) => {
                    let name = Line::cut(&beneficiary.account_name, limits::NAME_MAX);
                    self.names_at_banks.keep(ask.bank, &ask.number, &name, now);
                    return Inquired::Name(name, way);
                }
                Outcome::Refused(reason) => return Inquired::Nobody(reason),
                Outcome::NotSent(reason) | Outcome::Unknown(reason) => {
                    tracing::warn!(
                        bank = %way.bank,
                        code = reason.code,
                        "a beneficiary could not be asked about"
                    );
                }
            }
        }
        Inquired::Nowhere
    }

    pub(in crate::gateway) async fn refuse_payout(
        &self,
        ask: Ask,
        rejection: Rejection,
        note: Line,
    ) -> Result<Begun, Error> {
        let Ask { origin, amount, .. } = ask;
        self.begun(self.refuse(origin, Some(amount), rejection, note).await?)
    }
}

fn started(
    ask: Ask,
    name: Line,
    way: &Candidate,
    rule: Line,
    challenged_until: Option<Timestamp>,
) -> PayoutStarted {
    PayoutStarted {
        origin: ask.origin,
        account: ask.account,
        amount: ask.amount,
        currency: ask.currency,
        purpose: ask.purpose,
        sender: ask.sender,
        beneficiary: Beneficiary { bank: ask.bank, number: ask.number, name },
        remark: ask.remark,
        route: start_of(way),
        rule,
        challenged_until,
        callback: ask.callback,
        fee_max: ask.fee_max,
    }
}

/// Whether two names are one but for case and spacing, as banks write them.
fn same_name(a: &Line, b: &Line) -> bool {
    let words = |name: &Line| -> Vec<String> {
        name.as_str().split_whitespace().map(str::to_uppercase).collect()
    };
    words(a) == words(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_banks_write_them() {
        assert!(same_name(&line("Erry  Julio"), &line("ERRY JULIO")));
        assert!(!same_name(&line("Erry Julia"), &line("ERRY JULIO")));
    }

    #[test]
    fn a_name_is_kept_for_a_while() {
        let names = Names::default();
        let bank = BankCode::parse("009").unwrap();
        let (number, now) = (line("0115471119"), Timestamp::from_seconds(1_790_000_000));
        assert_eq!(names.find(bank, &number, now), None);
        names.keep(bank, &number, &line("ERRY JULIO"), now);
        let later = |seconds| names.find(bank, &number, now.plus_seconds(seconds));
        assert_eq!(later(limits::BENEFICIARY_SECONDS - 1), Some(line("ERRY JULIO")));
        assert_eq!(later(limits::BENEFICIARY_SECONDS), None);
        assert_eq!(names.find(BankCode::parse("014").unwrap(), &number, now), None);
    }
}
