//! Who is paid: evenly, some much more than others, or one by all. From a seed, so that two runs
//! ask for the same.

/// A small generator (xorshift64*): the same numbers from the same seed, everywhere.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds lie far apart, and none is zero.
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from((self.next() >> 16) % bound).expect("it is below a usize")
    }
}

/// How payments spread over receivers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Spread {
    /// Everybody is paid equally often.
    Uniform,
    /// The n-th is paid one n-th as often as the first.
    Zipf,
    /// The first is paid by all.
    OneMerchant,
}

/// Picks receivers by number.
#[derive(Clone)]
pub struct Picker {
    spread: Spread,
    count: usize,
    /// Running sums of the weights under Zipf's law.
    sums: Vec<u64>,
}

impl Picker {
    pub fn new(spread: Spread, count: usize) -> Self {
        let mut sum = 0;
        let weights = (1..=count as u64).map(|rank| {
            sum += 1_000_000_000 / rank;
            sum
        });
        let sums = if spread == Spread::Zipf { weights.collect() } else { Vec::new() };
        Self { spread, count, sums }
    }

    pub fn pick(&self, random: &mut Random) -> usize {
        match self.spread {
            Spread::Uniform => random.below(self.count),
            Spread::OneMerchant => 0,
            Spread::Zipf => {
                let total = self.sums.last().copied().unwrap_or(1);
                let at = random.next() % total;
                self.sums.partition_point(|sum| *sum <= at)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_paid_twice_as_often_as_the_second_under_zipf() {
        let (picker, mut random) = (Picker::new(Spread::Zipf, 10), Random::new(7));
        let mut counts = [0_u32; 10];
        (0..100_000).for_each(|_| counts[picker.pick(&mut random)] += 1);
        assert!((190..210).contains(&(counts[0] * 100 / counts[1])), "{counts:?}");
        assert!(counts[9] > 0);
    }
}
