//! When an unknown payout is asked about again: soon at first, then ever more rarely, and at last no
//! more.

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

/// How long to wait before the question after `asked` ones; `None` if there is none. `seed` spreads
/// payouts that became unknown together over a fifth of the wait either way.
pub fn wait(asked: usize, seed: u64) -> Option<Duration> {
    let millis = STEPS.get(asked)? * 1_000;
    let mixed = (seed ^ (asked as u64)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let spread = millis * 2 / 5;
    let offset = mixed % spread;
    Some(Duration::from_millis(millis - spread / 2 + offset))
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
    fn payouts_of_one_moment_are_spread() {
        let first: Vec<_> = (0..1_000).map(|seed| wait(0, seed).unwrap().as_millis()).collect();
        assert!(first.iter().all(|wait| (1_600..2_400).contains(wait)));
        let early = first.iter().filter(|wait| **wait < 2_000).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
    }
}
