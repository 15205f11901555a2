//! What is sent to whom, and when: notifications with what goes wrong with them.
//!
//! It sends nothing. The same seed makes the same notices of the same changes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::desk::Change;
use super::faults::{Faults, Notice as Fault};
use crate::connector::midtrans::key::ServerKey;
use crate::connector::midtrans::notification;
use crate::connector::midtrans::status::Status;
use crate::connector::midtrans::transaction::Transaction;
use crate::http::midtrans::Kept;
use crate::ledger::money::Amount;
use crate::simulator::faults::mix;

/// A notification on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Its number, from which the shifts of its tries follow.
    pub number: u64,
    /// Where to.
    pub url: String,
    /// How long until it is sent.
    pub after: Duration,
    /// What is sent.
    pub body: Bytes,
}

/// Makes notices.
pub(super) struct Notices {
    seed: u64,
    key: Arc<ServerKey>,
    /// The merchant's own URL.
    usual: Option<String>,
    made: u64,
    /// What comes only behind the next.
    held: Vec<Notice>,
}

impl Notices {
    pub(super) const fn new(seed: u64, key: Arc<ServerKey>, usual: Option<String>) -> Self {
        Self { seed, key, usual, made: 0, held: Vec::new() }
    }

    /// What is sent because of a change, in the order it is sent.
    pub(super) fn of(&mut self, change: &Change, faults: &Faults) -> Vec<Notice> {
        if faults.mute {
            return Vec::new();
        }
        let urls: Vec<String> =
            change.places.all(self.usual.as_deref()).map(ToOwned::to_owned).collect();
        urls.iter().flat_map(|url| self.to(url, &change.kept, faults)).collect()
    }

    fn to(&mut self, url: &str, kept: &Kept, faults: &Faults) -> Vec<Notice> {
        self.made += 1;
        let (fault, word) = faults.draw_notice(self.seed, self.made);
        let notice = |kept: &Kept, key: &ServerKey, after| Notice {
            number: self.made,
            url: url.to_owned(),
            after,
            body: Bytes::from(notification::write(&kept.transaction, kept.method, key).to_string()),
        };
        let plain = notice(kept, &self.key, Duration::ZERO);
        let sent = match fault {
            None => vec![plain],
            Some(Fault::Unsent) => Vec::new(),
            Some(Fault::Repeated) => {
                let again = |times: u64| {
                    let after = Duration::from_millis(times * (word % 1_500));
                    Notice { after, ..plain.clone() }
                };
                (0..2 + word % 3).map(again).collect()
            }
            Some(Fault::Late) => vec![Notice { after: faults.late, ..plain }],
            Some(Fault::Reordered) => {
                self.held.push(plain);
                return Vec::new();
            }
            Some(Fault::Forged) => {
                let stranger = format!("SB-Mid-server-{word:016x}");
                let stranger = ServerKey::new(stranger).expect("letters and digits");
                vec![notice(&claimed_paid(kept), &stranger, Duration::ZERO), plain]
            }
            Some(Fault::WrongAmount) => {
                vec![notice(&with_other_amount(kept, word), &self.key, Duration::ZERO)]
            }
        };
        sent.into_iter().chain(std::mem::take(&mut self.held)).collect()
    }
}

fn claimed_paid(kept: &Kept) -> Kept {
    let Transaction { time, .. } = kept.transaction;
    let transaction =
        Transaction { status: Status::Settlement, settled: time, ..kept.transaction.clone() };
    Kept { transaction, method: kept.method }
}

fn with_other_amount(kept: &Kept, word: u64) -> Kept {
    let right = kept.transaction.amount.get();
    let wrong = right + 1 + mix(word) % right;
    let amount = Amount::new(wrong).unwrap_or(kept.transaction.amount);
    Kept { transaction: Transaction { amount, ..kept.transaction.clone() }, method: kept.method }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::midtrans::answer::Begun;
    use crate::connector::midtrans::charge::Charge;
    use crate::connector::midtrans::method::Method;
    use crate::connector::midtrans::notification::Notification;
    use crate::connector::midtrans::transaction::Instructions;
    use crate::http::midtrans::Places;
    use crate::ledger::time::Timestamp;
    use crate::simulator::faults::Chance;

    fn key() -> ServerKey {
        ServerKey::new("SB-Mid-server-abc123cde456".to_owned()).unwrap()
    }

    fn change(order: &str, places: Places) -> Change {
        let method = Method::Gopay;
        let charge = Charge::new(order.to_owned(), Amount::new(10_000).unwrap(), method);
        let begun = Begun {
            transaction_id: format!("t-{order}"),
            merchant_id: "M".to_owned(),
            time: Timestamp::from_seconds(1_700_000_000),
            instructions: Instructions::default(),
        };
        Change { kept: Kept { transaction: Transaction::begun(&charge, begun), method }, places }
    }

    fn notices(faults: &Faults, changes: &[Change]) -> Vec<Notice> {
        let usual = Some("http://m.example/".to_owned());
        let mut notices = Notices::new(7, Arc::new(key()), usual);
        changes.iter().flat_map(|change| notices.of(change, faults)).collect()
    }

    fn read(notice: &Notice) -> Notification {
        Notification::read(&notice.body).unwrap()
    }

    #[test]
    fn every_place_is_told_and_signed_for() {
        let also = Places::Also(vec!["http://a.example/".to_owned()]);
        let sent = notices(&Faults::none(), &[change("a", also)]);
        let urls: Vec<&str> = sent.iter().map(|notice| notice.url.as_str()).collect();
        assert_eq!(urls, ["http://m.example/", "http://a.example/"]);
        assert!(sent.iter().all(|notice| read(notice).is_signed_with(&key())));
        let mute = Faults::none().muted();
        assert_eq!(notices(&mute, &[change("a", Places::Usual)]), []);
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let with = |fault| Faults::none().with_notice(fault, Chance::ALWAYS);
        let changes: Vec<Change> =
            ["a", "b", "c"].map(|order| change(order, Places::Usual)).to_vec();
        assert_eq!(notices(&with(Fault::Unsent), &changes), []);
        assert_eq!(notices(&with(Fault::Reordered), &changes), []);
        let repeated = notices(&with(Fault::Repeated), &changes[..1]);
        assert!(repeated.len() > 1 && repeated.iter().all(|n| n.body == repeated[0].body));
        let late = notices(&with(Fault::Late), &changes[..1]);
        assert_eq!(late[0].after, Faults::none().late);
        let forged = notices(&with(Fault::Forged), &changes[..1]);
        let signed: Vec<bool> = forged.iter().map(|n| read(n).is_signed_with(&key())).collect();
        assert_eq!(signed, [false, true]);
        assert_eq!(read(&forged[0]).transaction.status, Status::Settlement);
        let wrong = notices(&with(Fault::WrongAmount), &changes[..1]);
        let told = read(&wrong[0]);
        assert!(told.is_signed_with(&key()) && told.transaction.amount.get() > 10_000);
    }

    #[test]
    fn what_is_held_comes_behind_the_next() {
        let faults = Faults::none().with_notice(Fault::Reordered, Chance::percent(50));
        let changes: Vec<Change> = (0..50).map(|n| change(&n.to_string(), Places::Usual)).collect();
        let sent = notices(&faults, &changes);
        let numbers: Vec<u64> = sent.iter().map(|notice| notice.number).collect();
        assert!(!numbers.is_sorted() && numbers.len() > 40, "{numbers:?}");
        assert_eq!(notices(&faults, &changes), sent);
    }
}
