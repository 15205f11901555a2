//! What goes wrong at the simulated provider, and how often.
//!
//! A request meets one fault at most, and so does a notification. Which one follows from the seed
//! and its number alone: the same seed gives the same faults to the same sequence.

use std::time::Duration;

use crate::simulator::faults::{Chance, draw, mix};

/// What can go wrong with an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The answer takes [`Faults::slow`] longer.
    Slow,
    /// 500, and nothing was done.
    ErrorBefore,
    /// 500, and it was done.
    ErrorAfter,
    /// No answer for [`Faults::hold`], then 504; nothing was done.
    HoldBefore,
    /// It was done; the answer takes [`Faults::hold`].
    HoldAfter,
    /// It was done; the connection closes within the answer.
    Lost,
    /// It was done; the answer is 200 and a page for people.
    Garbage,
    /// 503 and a page for people, for this and some of the next requests; nothing is done.
    Outage,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Slow,
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::HoldBefore,
        Self::HoldAfter,
        Self::Lost,
        Self::Garbage,
        Self::Outage,
    ];
}

/// What can go wrong with a notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// It is never sent.
    Unsent,
    /// It is sent several times.
    Repeated,
    /// It is sent [`Faults::late`] later.
    Late,
    /// It is sent only behind the next one.
    Reordered,
    /// Another comes with it that somebody else made: paid, it says, signed with another key.
    Forged,
    /// It is signed well and tells another amount.
    WrongAmount,
}

impl Notice {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Unsent,
        Self::Repeated,
        Self::Late,
        Self::Reordered,
        Self::Forged,
        Self::WrongAmount,
    ];
}

/// What goes wrong how often.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Faults {
    /// What every answer takes.
    pub latency: Duration,
    /// What a slow answer takes on top.
    pub slow: Duration,
    /// How long an answer is held back: longer than a caller waits.
    pub hold: Duration,
    /// How much later a late notification comes.
    pub late: Duration,
    /// No notification is sent at all.
    pub mute: bool,
    answers: [Chance; Kind::ALL.len()],
    notices: [Chance; Notice::ALL.len()],
}

/// Notifications draw from another sequence than answers.
const NOTICES: u64 = 0x6E6F_7469_6365_7300;

impl Faults {
    /// Nothing goes wrong, and at once.
    pub const fn none() -> Self {
        Self {
            latency: Duration::ZERO,
            slow: Duration::from_secs(2),
            hold: Duration::from_secs(30),
            late: Duration::from_secs(45),
            mute: false,
            answers: [Chance::NEVER; Kind::ALL.len()],
            notices: [Chance::NEVER; Notice::ALL.len()],
        }
    }

    /// Every kind of fault of an answer as often as the next, together as often as `chance` says;
    /// and the same for notifications.
    pub fn mixed(chance: Chance) -> Self {
        let share = |kinds: usize| chance.shared_by(u32::try_from(kinds).expect("a few kinds"));
        let (answers, notices) = (share(Kind::ALL.len()), share(Notice::ALL.len()));
        Self {
            answers: [answers; Kind::ALL.len()],
            notices: [notices; Notice::ALL.len()],
            ..Self::none()
        }
    }

    /// The same faults with this one of an answer so likely.
    #[must_use]
    pub fn with(mut self, kind: Kind, chance: Chance) -> Self {
        let place = Kind::ALL.iter().position(|known| *known == kind).expect("all are listed");
        self.answers[place] = chance;
        self
    }

    /// The same faults with this one of a notification so likely.
    #[must_use]
    pub fn with_notice(mut self, kind: Notice, chance: Chance) -> Self {
        let place = Notice::ALL.iter().position(|known| *known == kind).expect("all are listed");
        self.notices[place] = chance;
        self
    }

    /// The same faults, and no notification at all.
    #[must_use]
    pub const fn muted(mut self) -> Self {
        self.mute = true;
        self
    }

    /// What happens to request `number`, and a random word for the details of it.
    pub fn draw(&self, seed: u64, number: u64) -> (Option<Kind>, u64) {
        let (place, word) = draw(&self.answers, seed, number);
        (place.map(|place| Kind::ALL[place]), word)
    }

    /// What happens to notification `number`, and a random word for the details of it.
    pub fn draw_notice(&self, seed: u64, number: u64) -> (Option<Notice>, u64) {
        let (place, word) = draw(&self.notices, mix(seed ^ NOTICES), number);
        (place.map(|place| Notice::ALL[place]), word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_met_and_the_same_seed_meets_the_same() {
        let faults = Faults::mixed(Chance::percent(50));
        let answers = |seed| (0..2_000).map(|n| faults.draw(seed, n)).collect::<Vec<_>>();
        let notices = |seed| (0..2_000).map(|n| faults.draw_notice(seed, n)).collect::<Vec<_>>();
        assert_eq!((answers(7), notices(7)), (answers(7), notices(7)));
        assert_ne!(answers(7), answers(8));
        let (drawn, told) = (answers(7), notices(7));
        for kind in Kind::ALL {
            assert!(drawn.iter().any(|(met, _)| *met == Some(kind)), "{kind:?}");
        }
        for kind in Notice::ALL {
            assert!(told.iter().any(|(met, _)| *met == Some(kind)), "{kind:?}");
        }
        let half = drawn.iter().filter(|(kind, _)| kind.is_some()).count();
        assert!((900..1_100).contains(&half), "{half}");
    }

    #[test]
    fn what_is_certain_happens_each_time() {
        let lost = Faults::none().with(Kind::Lost, Chance::ALWAYS);
        assert!((0..100).all(|n| lost.draw(1, n).0 == Some(Kind::Lost)));
        assert!((0..100).all(|n| lost.draw_notice(1, n).0.is_none()));
        let forged = Faults::none().with_notice(Notice::Forged, Chance::ALWAYS);
        assert!((0..100).all(|n| forged.draw_notice(1, n).0 == Some(Notice::Forged)));
        assert!((0..100).all(|n| forged.draw(1, n).0.is_none()));
    }
}
