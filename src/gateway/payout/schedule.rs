//! When an unknown payout is asked about again, and one that was not sent is tried again: soon at
//! first, then ever more rarely, and at last no more.

use std::time::Duration;

/// Seconds before each question, in order.
const STEPS: [u64; 14] = [
    2,
    5,
    15,
    30,
    60,
    2 * 60,
    5 * 60,
    10 * 60,
    20 * 60,
    30 * 60,
    3_600,
    2 * 3_600,
    6 * 3_600,
    12 * 3_600,
];

/// How long the schedule is, without jitter: nearly a day.
pub const WHOLE: Duration = Duration::from_secs(whole());

const fn whole() -> u64 {
    let (mut sum, mut step) = (0, 0);
    while step < STEPS.len() {
        sum += STEPS[step];
        step += 1;
    }
    sum
}

/// Seconds before each round of tries after one in which no bank could be reached: a minute in all,
/// as long as a bank service takes to come back, or a breaker to let somebody through.
const ROUNDS: [u64; 6] = [1, 2, 4, 8, 15, 30];

/// How long to wait before the round of tries after `round` ones that were not sent, of which the
/// first is 0; `None` if there is none. `seed` spreads payouts as in [`wait`].
pub fn resend(round: usize, seed: u64) -> Option<Duration> {
    Some(spread(ROUNDS.get(round)? * 1_000, seed ^ (round as u64)))
}

/// How long to wait before the question after `asked` ones; `None` if there is none. `seed` spreads
/// payouts that became unknown together over a fifth of the wait either way.
pub fn wait(asked: usize, seed: u64) -> Option<Duration> {
    Some(spread(STEPS.get(asked)? * 1_000, seed ^ (asked as u64)))
}

fn spread(millis: u64, seed: u64) -> Duration {
    let mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let spread = millis * 2 / 5;
    let offset = mixed % spread;
    Duration::from_millis(millis - spread / 2 + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_become_rarer_and_end() {
        let waits: Vec<_> = (0..).map_while(|asked| wait(asked, 7)).collect();
        assert_eq!(waits.len(), STEPS.len());
        assert!(waits.is_sorted());
        assert_eq!(wait(STEPS.len(), 7), None);
    }

    #[test]
    fn tries_become_rarer_and_end_after_a_minute() {
        for seed in 0..100 {
            let rounds: Vec<_> = (0..).map_while(|round| resend(round, seed)).collect();
            assert_eq!(rounds.len(), ROUNDS.len());
            assert!(rounds.is_sorted());
            let whole: Duration = rounds.iter().sum();
            assert!((48..=72).contains(&whole.as_secs()), "{whole:?}");
        }
    }

    #[test]
    fn payouts_of_one_moment_are_spread() {
        let first: Vec<_> = (0..1_000).map(|seed| wait(0, seed).unwrap().as_millis()).collect();
        assert!(first.iter().all(|wait| (1_600..2_400).contains(wait)));
        let early = first.iter().filter(|wait| **wait < 2_000).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
    }
}
