//! Which beneficiaries a client has paid before, in bounded memory.
//!
//! A pair is known while its last transfer is not too long ago. Where there is no room to remember
//! another pair it stays new, so a rule about new ones goes on firing: too careful, not too little.

use std::collections::BTreeMap;

use super::Subject;
use crate::ledger::id::UserId;
use crate::ledger::registry::BankCode;
use crate::ledger::time::Timestamp;
use crate::limits;

type Pair = (UserId, BankCode, Box<str>);

/// Pairs of client and beneficiary, and when the one last paid the other.
#[derive(Debug)]
pub(super) struct Known {
    last: BTreeMap<Pair, Timestamp>,
    pairs_max: usize,
    /// When the oldest were last thrown away.
    swept: Timestamp,
}

impl Known {
    /// Room for `pairs_max` pairs.
    pub(super) const fn new(pairs_max: usize) -> Self {
        Self { last: BTreeMap::new(), pairs_max, swept: Timestamp::EPOCH }
    }

    /// Whether the subject's client has paid its beneficiary lately.
    pub(super) fn knows(&self, subject: &Subject<'_>) -> bool {
        self.last.get(&pair(subject)).is_some_and(|last| *last >= since(subject.at))
    }

    /// Remembers the subject's pair; false if there is no room.
    pub(super) fn record(&mut self, subject: &Subject<'_>) -> bool {
        let pair = pair(subject);
        if let Some(last) = self.last.get_mut(&pair) {
            *last = subject.at.max(*last);
            return true;
        }
        // It looks at every pair, so at most once a minute.
        let rested = subject.at.seconds().div_euclid(60) != self.swept.seconds().div_euclid(60);
        if self.last.len() >= self.pairs_max && rested {
            self.swept = subject.at;
            self.last.retain(|_, last| *last >= since(subject.at));
        }
        let room = self.last.len() < self.pairs_max;
        if room {
            self.last.insert(pair, subject.at);
        }
        room
    }
}

fn pair(subject: &Subject<'_>) -> Pair {
    (subject.client, subject.bank, subject.account.into())
}

const fn since(at: Timestamp) -> Timestamp {
    at.plus_seconds(-limits::BENEFICIARY_KNOWN_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::money::Amount;

    fn subject(account: &str, days: i64) -> Subject<'_> {
        Subject {
            client: UserId(0),
            bank: BankCode::parse("009").unwrap(),
            account,
            amount: Amount::new(1).unwrap(),
            at: Timestamp::from_seconds(1_790_000_000 + days * 24 * 3600),
        }
    }

    #[test]
    fn pairs_are_known_for_a_while_and_only_as_pairs() {
        let mut known = Known::new(10);
        assert!(!known.knows(&subject("1", 0)));
        assert!(known.record(&subject("1", 0)));
        assert!(known.knows(&subject("1", 0)));
        assert!(known.knows(&subject("1", 180)));
        assert!(!known.knows(&subject("1", 181)));
        assert!(!known.knows(&Subject { client: UserId(1), ..subject("1", 0) }));
        let bank = BankCode::parse("014").unwrap();
        assert!(!known.knows(&Subject { bank, ..subject("1", 0) }));
        assert!(known.record(&subject("1", 100)) && known.record(&subject("1", 50)));
        assert!(known.knows(&subject("1", 280)), "the latest counts");
    }

    #[test]
    fn without_room_a_pair_stays_new() {
        let mut known = Known::new(1);
        assert!(known.record(&subject("1", 0)));
        assert!(!known.record(&subject("2", 1)));
        assert!(!known.knows(&subject("2", 1)) && known.knows(&subject("1", 1)));
        assert!(known.record(&subject("2", 181)), "what is too long ago makes room");
        assert_eq!(known.last.len(), 1);
    }
}
