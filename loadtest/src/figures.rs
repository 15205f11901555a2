//! Figures of a run: how many, how fast, how late. Integers only; times in microseconds.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What was counted in a run.
#[derive(Clone, Default, Debug)]
pub struct Figures {
    /// Answers by status; 0 stands for a broken connection.
    pub statuses: BTreeMap<u16, u64>,
    /// Latencies in microseconds.
    pub latencies: Vec<u32>,
    /// Over how long it was counted.
    pub elapsed: Duration,
}

impl Figures {
    pub fn add(&mut self, status: u16, latency: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.latencies.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn merge(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.latencies.extend(other.latencies);
    }

    /// Answers of 2xx.
    pub fn good(&self) -> u64 {
        self.statuses.range(200..300).map(|(_, count)| count).sum()
    }

    /// Good answers a second.
    pub fn rate(&self) -> u64 {
        per_second(self.good(), self.elapsed)
    }

    /// The latency that `per_mille` of a thousand did not exceed.
    pub fn percentile(&mut self, per_mille: usize) -> u32 {
        self.latencies.sort_unstable();
        let last = self.latencies.len().saturating_sub(1);
        let rank = (self.latencies.len() * per_mille / 1000).min(last);
        self.latencies.get(rank).copied().unwrap_or(0)
    }

    /// The mean latency.
    pub fn mean(&self) -> u64 {
        let sum: u64 = self.latencies.iter().map(|latency| u64::from(*latency)).sum();
        sum / (self.latencies.len() as u64).max(1)
    }

    /// One line: rate, percentiles, and what went wrong.
    pub fn line(&mut self) -> String {
        let (half, most, worst) =
            (self.percentile(500), self.percentile(990), self.percentile(999));
        let wrong: Vec<String> = self
            .statuses
            .iter()
            .filter(|(status, _)| !(200..300).contains(*status))
            .map(|(status, count)| format!("{status}: {count}"))
            .collect();
        let wrong = if wrong.is_empty() { "no errors".to_owned() } else { wrong.join(", ") };
        format!(
            "{:>7}/s  p50 {:>9}  p99 {:>9}  p999 {:>9}  {wrong}",
            self.rate(),
            Millis(half.into()).to_string(),
            Millis(most.into()).to_string(),
            Millis(worst.into()).to_string(),
        )
    }
}

/// How many a second.
pub fn per_second(count: u64, elapsed: Duration) -> u64 {
    let micros = elapsed.as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

/// Microseconds, shown as milliseconds.
pub struct Millis(pub u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} ms", self.0 / 1000, self.0 % 1000 / 10)
    }
}

/// A share of one, in thousandths, shown as a fraction.
pub struct Share(pub u64);

impl Share {
    pub fn of(part: u64, whole: u64) -> Self {
        Self(part * 1000 / whole.max(1))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// Median, least and greatest.
pub fn spread_of(values: &[u64]) -> (u64, u64, u64) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0);
    (at(sorted.len() / 2), at(0), at(sorted.len().saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_what_was_measured() {
        let mut figures = Figures { elapsed: Duration::from_secs(2), ..Figures::default() };
        (1..=1000).for_each(|micros| figures.add(201, Duration::from_micros(micros)));
        figures.add(503, Duration::from_secs(1));
        assert_eq!(figures.percentile(500), 501);
        assert_eq!(figures.percentile(990), 991);
        assert_eq!(figures.rate(), 500);
        assert_eq!(spread_of(&[5, 1, 9]), (5, 1, 9));
        assert_eq!(Share::of(1, 2).to_string(), "0.500");
    }
}
