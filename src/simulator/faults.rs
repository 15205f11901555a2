//! What goes wrong at a simulated bank, and how often.
//!
//! A request meets one fault at most. Which one follows from the seed and the request's number
//! alone: the same seed gives the same faults to the same sequence of requests.

use std::str::FromStr;
use std::time::Duration;

/// How likely something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chance {
    per_million: u32,
}

/// What is no chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a chance is a number from 0 to 1 with at most six decimals, as 0.3")]
pub struct NoChance;

impl Chance {
    /// Does not happen.
    pub const NEVER: Self = Self { per_million: 0 };
    /// Happens each time.
    pub const ALWAYS: Self = Self { per_million: 1_000_000 };

    /// So many times in a hundred, at most all of them.
    pub const fn percent(percent: u32) -> Self {
        Self { per_million: if percent > 100 { 1_000_000 } else { percent * 10_000 } }
    }

    /// So many times in a million.
    pub const fn per_million(self) -> u32 {
        self.per_million
    }

    /// The same chance shared out evenly.
    #[must_use]
    pub const fn shared_by(self, parts: u32) -> Self {
        let per_million = match self.per_million.checked_div(parts) {
            Some(share) => share,
            None => 0,
        };
        Self { per_million }
    }
}

impl FromStr for Chance {
    type Err = NoChance;

    fn from_str(text: &str) -> Result<Self, NoChance> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 3 || fraction.len() > 6 {
            return Err(NoChance);
        }
        let whole: u32 = whole.parse().map_err(|_| NoChance)?;
        let fraction: u32 = format!("{fraction:0<6}").parse().map_err(|_| NoChance)?;
        let per_million = whole * 1_000_000 + fraction;
        if per_million > Self::ALWAYS.per_million {
            Err(NoChance)
        } else {
            Ok(Self { per_million })
        }
    }
}

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The answer takes [`Faults::slow`] longer.
    Slow,
    /// A no of the bank's, of varying reason. It stays a no.
    Refuse,
    /// 500, and nothing was done.
    ErrorBefore,
    /// 500, and it was done.
    ErrorAfter,
    /// No answer for [`Faults::hold`], then 504; nothing was done.
    HoldBefore,
    /// It was done; the answer takes [`Faults::hold`].
    HoldAfter,
    /// It is done only after [`Faults::hold`]; until then nothing is known of it, then 504.
    Late,
    /// It was done; the connection closes within the answer.
    Reset,
    /// It was done; the answer is the 409 of a reference seen before.
    Duplicate,
    /// It was done; the answer is 200 and a page for people.
    Garbage,
    /// It was done; the answer is 202.
    InProgress,
    /// The token is said to have expired, and has; nothing was done.
    ExpireToken,
    /// 503 and a page for people; nothing was done.
    Maintenance,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Slow,
        Self::Refuse,
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::HoldBefore,
        Self::HoldAfter,
        Self::Late,
        Self::Reset,
        Self::Duplicate,
        Self::Garbage,
        Self::InProgress,
        Self::ExpireToken,
        Self::Maintenance,
    ];
}

/// Which requests meet faults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Affects {
    /// All of them, tokens and questions too.
    Everything,
    /// Transfers only.
    Transfers,
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
    /// Which requests meet faults.
    pub affects: Affects,
    chances: [Chance; Kind::ALL.len()],
}

impl Faults {
    /// Nothing goes wrong, and at once.
    pub const fn none() -> Self {
        Self {
            latency: Duration::ZERO,
            slow: Duration::from_secs(2),
            hold: Duration::from_secs(30),
            affects: Affects::Everything,
            chances: [Chance::NEVER; Kind::ALL.len()],
        }
    }

    /// Every kind of fault as often as the next, together as often as `chance` says.
    pub fn mixed(chance: Chance) -> Self {
        let parts = u32::try_from(Kind::ALL.len()).expect("a few kinds");
        Self { chances: [chance.shared_by(parts); Kind::ALL.len()], ..Self::none() }
    }

    /// The same faults with this one so likely. Chances add up; what exceeds certainty does not
    /// happen.
    #[must_use]
    pub fn with(mut self, kind: Kind, chance: Chance) -> Self {
        let place = Kind::ALL.iter().position(|known| *known == kind).expect("all are listed");
        self.chances[place] = chance;
        self
    }

    /// The same faults for transfers, and none for anything else.
    #[must_use]
    pub const fn transfers_only(mut self) -> Self {
        self.affects = Affects::Transfers;
        self
    }

    /// What happens to request `number`, and a random word for the details of it.
    pub fn draw(&self, seed: u64, number: u64) -> (Option<Kind>, u64) {
        let (place, word) = draw(&self.chances, seed, number);
        (place.map(|place| Kind::ALL[place]), word)
    }
}

/// Which of these chances, one at most, comes true for `number`, and a random word for the details
/// of it. What exceeds certainty together does not happen.
pub(super) fn draw(chances: &[Chance], seed: u64, number: u64) -> (Option<usize>, u64) {
    let word = mix(mix(seed) ^ number);
    let roll = word % u64::from(Chance::ALWAYS.per_million);
    let mut end = 0;
    let hit = chances.iter().position(|chance| {
        end += u64::from(chance.per_million);
        roll < end
    });
    (hit, mix(word))
}

/// One step of splitmix64: scatters a number over all others, the same way everywhere.
pub(super) const fn mix(number: u64) -> u64 {
    let mut word = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let faults = Faults::mixed(Chance::percent(30));
        let draw = |seed| (0..1_000).map(|number| faults.draw(seed, number)).collect::<Vec<_>>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn each_kind_comes_as_often_as_it_should() {
        let faults = Faults::mixed(Chance::percent(26));
        for kind in Kind::ALL {
            let hits =
                (0..100_000).filter(|number| faults.draw(1, *number).0 == Some(kind)).count();
            assert!((1_800..2_200).contains(&hits), "{kind:?} {hits}");
        }
        assert!((0..1_000).all(|number| Faults::none().draw(1, number).0.is_none()));
        let always = Faults::none().with(Kind::Late, Chance::ALWAYS);
        assert!((0..1_000).all(|number| always.draw(1, number).0 == Some(Kind::Late)));
    }

    #[test]
    fn chances_are_read_without_floats() {
        for (text, per_million) in
            [("0", 0), ("1", 1_000_000), ("0.3", 300_000), ("0.000001", 1), ("1.0", 1_000_000)]
        {
            assert_eq!(text.parse::<Chance>().map(Chance::per_million), Ok(per_million), "{text}");
        }
        for bad in ["", ".3", "1.1", "2", "-0.1", "0.", "1e-3", "0.1234567", "30%", "9999"] {
            assert_eq!(bad.parse::<Chance>(), Err(NoChance), "{bad}");
        }
        assert_eq!(Chance::percent(200), Chance::ALWAYS);
        assert_eq!(Chance::ALWAYS.shared_by(0), Chance::NEVER);
    }
}
