//! The provider without HTTP in between, for a gateway in the same process: a seeded simulation.
//!
//! It meets the same faults as over HTTP, and what the caller may conclude is what a client would.
//! Notifications are with whoever opened the [`House`].

use tokio::time::sleep;

use super::desk::Desk;
use super::faults::{Faults, Kind};
use super::house::House;
use crate::connector::bank::Asked;
use crate::connector::midtrans::charge::Charge;
use crate::connector::midtrans::refund::RefundRequest;
use crate::connector::midtrans::transaction::{Answer, Transaction};
use crate::connector::outcome::{Outcome, Reason};
use crate::connector::provider::{Known, Provider};
use crate::http::midtrans::{Act, Refusal};
use crate::ledger::time::Timestamp;

/// A way to the provider.
#[derive(Clone)]
pub struct Direct(House);

/// What came of a request.
enum Reached<T> {
    /// An answer.
    Answered(Result<T, Refusal>),
    /// It never got there.
    NotSent(Reason),
    /// It may have got there.
    Lost(Reason),
}

impl Direct {
    /// A way to this provider.
    pub const fn new(house: House) -> Self {
        Self(house)
    }

    async fn reach<T>(
        &self,
        act: impl FnOnce(&mut Desk, Timestamp) -> Result<T, Refusal>,
    ) -> Reached<T> {
        let (Faults { latency, slow, hold, .. }, kind, word) = self.0.begin();
        sleep(latency).await;
        let lost = |code: &str| Reached::Lost(Reason::new(code, "the answer is lost"));
        match kind {
            None => Reached::Answered(self.0.at_desk(act)),
            Some(Kind::Slow) => {
                sleep(slow).await;
                Reached::Answered(self.0.at_desk(act))
            }
            Some(Kind::Outage) if word % 2 == 0 => {
                Reached::NotSent(Reason::new("no_connection", "the provider is out"))
            }
            Some(Kind::Outage) => lost("503"),
            Some(Kind::ErrorBefore) => lost("500"),
            Some(Kind::HoldBefore) => {
                sleep(hold).await;
                lost("timeout")
            }
            Some(Kind::HoldAfter) => {
                // What was done stays done, whoever still listens.
                let _ = self.0.at_desk(act);
                sleep(hold).await;
                lost("timeout")
            }
            Some(Kind::ErrorAfter | Kind::Lost | Kind::Garbage) => {
                let _ = self.0.at_desk(act);
                lost("unreadable_answer")
            }
        }
    }

    async fn change(&self, act: Act, id: &str) -> Outcome<Transaction> {
        let reached = self.reach(|desk, now| desk.act(act, id, now)).await;
        concluded(reached, false, |kept| kept.transaction.to_done(act.done()))
    }
}

impl Provider for Direct {
    fn charge<'a>(&'a self, charge: &'a Charge) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(async move {
            let begin = |desk: &mut Desk, now| desk.charge(charge, Default::default(), now);
            let reached = self.reach(begin).await;
            concluded(reached, true, |kept| kept.transaction.to_charge(kept.method))
        })
    }

    fn status<'a>(&'a self, id: &'a str) -> Asked<'a, Known> {
        Box::pin(async move {
            let reached = self.reach(|desk, now| desk.find(id, now).cloned()).await;
            match reached {
                Reached::Answered(Ok(kept)) => {
                    match received(&kept.transaction.to_status(&self.0.key())) {
                        Some(told) => Known::Found(Box::new(told)),
                        None => Known::Unanswered(unreadable()),
                    }
                }
                Reached::Answered(Err(Refusal::NotFound)) => {
                    Known::NotFound(Reason::new("404", "there is no such transaction"))
                }
                Reached::Answered(Err(_)) => Known::Unanswered(unreadable()),
                Reached::NotSent(reason) | Reached::Lost(reason) => Known::Unanswered(reason),
            }
        })
    }

    fn cancel<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(Act::Cancel, id))
    }

    fn expire<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(Act::Expire, id))
    }

    fn refund<'a>(
        &'a self,
        id: &'a str,
        request: &'a RefundRequest,
    ) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(async move {
            if request.key.is_none() {
                let reason = Reason::new("malformed_request", "a refund needs a key");
                return Outcome::NotSent(reason);
            }
            let give = |desk: &mut Desk, now| desk.refund(id, request.clone(), false, now);
            let reached = self.reach(give).await;
            concluded(reached, false, |(kept, done)| kept.transaction.to_done(done))
        })
    }

    fn approve<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(Act::Approve, id))
    }

    fn deny<'a>(&'a self, id: &'a str) -> Asked<'a, Outcome<Transaction>> {
        Box::pin(self.change(Act::Deny, id))
    }
}

/// What a client concludes, see `connector::midtrans_client`.
fn concluded<T>(
    reached: Reached<T>,
    charging: bool,
    shown: impl FnOnce(T) -> Transaction,
) -> Outcome<Transaction> {
    match reached {
        Reached::Answered(Ok(done)) => match received(&shown(done)) {
            Some(told) => Outcome::Succeeded(told),
            None => Outcome::Unknown(unreadable()),
        },
        Reached::Answered(Err(refusal)) => {
            let said = |code: &str| Reason::new(code, "the provider refused it");
            match refusal {
                Refusal::UnknownKey => Outcome::NotSent(said("401")),
                Refusal::TooMany => Outcome::NotSent(said("429")),
                Refusal::Invalid(_) => Outcome::Refused(said("400")),
                Refusal::NotEnabled => Outcome::Refused(said("402")),
                Refusal::Method => Outcome::Refused(said("405")),
                Refusal::Malformed => Outcome::Refused(said("413")),
                Refusal::NotFound if !charging => Outcome::Refused(said("404")),
                Refusal::State if !charging => Outcome::Refused(said("412")),
                Refusal::RefundAmount if !charging => Outcome::Refused(said("414")),
                _ => Outcome::Unknown(said("another")),
            }
        }
        Reached::NotSent(reason) => Outcome::NotSent(reason),
        Reached::Lost(reason) => Outcome::Unknown(reason),
    }
}

/// As a client reads it.
fn received(told: &Transaction) -> Option<Transaction> {
    match Answer::read(told.to_json().to_string().as_bytes()) {
        Some(Answer::Transaction(transaction)) => Some(*transaction),
        Some(Answer::Failure(_)) | None => None,
    }
}

fn unreadable() -> Reason {
    Reason::new("unreadable_answer", "the answer makes no sense")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::connector::midtrans::key::ServerKey;
    use crate::connector::midtrans::method::{Acquirer, Bank, Method};
    use crate::connector::midtrans::status::Status;
    use crate::ledger::money::Amount;
    use crate::simulator::faults::Chance;
    use crate::simulator::midtrans::{Event, Options};

    fn direct(faults: Faults) -> Direct {
        let options = Options {
            server_key: ServerKey::new("SB-Mid-server-abc123cde456".to_owned()).unwrap(),
            client_key: "SB-Mid-client-1".to_owned(),
            notify: None,
            seed: 7,
            book: None,
        };
        let clock = Clock::manual(Timestamp::from_seconds(1_750_000_000));
        Direct::new(House::open(options, clock, faults, drop).unwrap())
    }

    fn charge(order: &str, method: Method) -> Charge {
        Charge::new(order.to_owned(), Amount::new(44_000).unwrap(), method)
    }

    #[tokio::test(start_paused = true)]
    async fn without_faults_everything_is_certain() {
        let direct = direct(Faults::none());
        let qris = charge("a", Method::Qris(Acquirer::Gopay));
        let Outcome::Succeeded(begun) = direct.charge(&qris).await else { panic!("not charged") };
        assert!(begun.instructions.qr_string.is_some());
        assert!(matches!(direct.charge(&qris).await, Outcome::Unknown(_)));
        assert!(matches!(direct.cancel("nobody").await, Outcome::Refused(_)));
        assert!(matches!(direct.status("nobody").await, Known::NotFound(_)));
        direct.0.happen("a", Event::Paid(None)).unwrap();
        let Known::Found(told) = direct.status("a").await else { panic!("not found") };
        assert_eq!((told.status, told.amount.get()), (Status::Settlement, 44_000));
        assert!(matches!(direct.expire("a").await, Outcome::Refused(_)));
        let mut request = RefundRequest::default();
        assert!(matches!(direct.refund("a", &request).await, Outcome::NotSent(_)));
        request.key = Some("r".to_owned());
        assert!(matches!(direct.refund("a", &request).await, Outcome::Succeeded(_)));
        assert!(matches!(direct.approve("a").await, Outcome::Refused(_)));
        assert!(matches!(direct.deny("a").await, Outcome::Refused(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_fault_makes_a_conclusion_false() {
        let direct = direct(Faults::mixed(Chance::percent(70)));
        let mut names = std::collections::BTreeSet::new();
        for number in 0..400 {
            let order = number.to_string();
            let charge = charge(&order, Method::BankTransfer(Bank::Bca));
            let outcome = direct.charge(&charge).await;
            let kept = direct.0.transactions();
            let begun = kept.iter().any(|kept| kept.transaction.order_id == order);
            match &outcome {
                Outcome::Succeeded(_) => assert!(begun),
                Outcome::Refused(_) | Outcome::NotSent(_) => assert!(!begun),
                Outcome::Unknown(_) => {}
            }
            match direct.status(&order).await {
                Known::Found(_) => assert!(begun),
                Known::NotFound(_) => assert!(!begun),
                Known::Unanswered(_) => {}
            }
            names.insert(outcome.name());
        }
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["not_sent", "succeeded", "unknown"]);
    }
}
