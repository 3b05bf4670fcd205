//! Tests of a number of events whose probabilities are known one by one.

use super::measured::{Measured, Outcome, TOO_FEW, normal, two_sided};
use statrs::function::gamma::ln_gamma;

/// The variance from which the sum is tested with a normal distribution.
const LARGE_VARIANCE: f64 = 1e4;

/// A term of a tail below this share of the sum ends the summation.
const NEGLIGIBLE: f64 = 1e-17;

/// Events with known probabilities, and the number of those that happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventSum {
    pub events: u64,
    pub happened: u64,
    /// The sum of the probabilities p.
    pub mean: f64,
    /// The sum of p (1 - p).
    pub variance: f64,
}

impl EventSum {
    /// Adds events with the same probability.
    pub fn add(&mut self, events: u64, happened: u64, probability: f64) {
        self.events += events;
        self.happened += happened;
        self.mean += events as f64 * probability;
        self.variance += events as f64 * probability * (1.0 - probability);
    }

    /// Tests the number of events that happened. Each event is independent of the others, or its probability is the one
    /// given all that came before it.
    ///
    /// Small sums are far from normal in the tails that matter. They are tested with the binomial distribution of the
    /// same mean, whose tails are at least as large as those of events with different probabilities (W. Hoeffding,
    /// 1956).
    pub fn outcome(&self) -> Outcome {
        if self.events == 0 || self.mean == 0.0 && self.happened == 0 {
            return Err(TOO_FEW.to_string());
        }
        let sd = self.variance.max(0.0).sqrt();
        let approximate = normal(self.happened as f64, self.mean, sd);
        if self.variance >= LARGE_VARIANCE {
            return Ok(approximate);
        }
        let [low, high] = approximate.interval;
        let interval = [low.max(0.0), high.min(self.events as f64)];
        let trials = self.events as f64;
        let binomial = Binomial { trials, probability: (self.mean / trials).clamp(0.0, 1.0) };
        Ok(Measured { interval, p: binomial.p_value(self.happened as f64), ..approximate })
    }
}

struct Binomial {
    trials: f64,
    probability: f64,
}

impl Binomial {
    fn p_value(&self, observed: f64) -> f64 {
        if self.probability == 0.0 || self.probability == 1.0 {
            return f64::from(u8::from(observed == self.trials * self.probability));
        }
        let (mut lower, mut upper) = (0.0, 0.0);
        let at = self.at(observed);
        let (mut term, mut value) = (at, observed);
        while term > NEGLIGIBLE * lower {
            lower += term;
            term *= self.below(value);
            value -= 1.0;
        }
        (term, value) = (at, observed);
        while term > NEGLIGIBLE * upper {
            upper += term;
            term *= self.above(value);
            value += 1.0;
        }
        two_sided(lower, upper)
    }

    /// Returns the probability of `value`.
    fn at(&self, value: f64) -> f64 {
        let rest = self.trials - value;
        if rest < 0.0 {
            return 0.0;
        }
        let ways = ln_gamma(self.trials + 1.0) - ln_gamma(value + 1.0) - ln_gamma(rest + 1.0);
        (ways + value * self.probability.ln() + rest * (-self.probability).ln_1p()).exp()
    }

    /// Returns the probability of `value` + 1 over that of `value`.
    fn above(&self, value: f64) -> f64 {
        (self.trials - value).max(0.0) * self.probability / ((value + 1.0) * (1.0 - self.probability))
    }

    /// Returns the probability of `value` - 1 over that of `value`.
    fn below(&self, value: f64) -> f64 {
        value * (1.0 - self.probability) / ((self.trials - value + 1.0) * self.probability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{Binomial as Reference, DiscreteCDF};

    fn sum(events: u64, happened: u64, probability: f64) -> EventSum {
        let mut sum = EventSum::default();
        sum.add(events, happened, probability);
        sum
    }

    #[test]
    fn p_values_agree_with_statrs() {
        for (trials, probability) in [(8, 0.83), (20, 0.3), (300, 0.05), (1_000, 0.83), (40, 0.9), (100_000, 1e-4)] {
            let reference = Reference::new(probability, trials).unwrap();
            for happened in [0, 1, trials / 3, trials / 2, (trials as f64 * probability) as u64, trials - 1, trials] {
                let upper = if happened == 0 { 1.0 } else { reference.sf(happened - 1) };
                let expected = two_sided(reference.cdf(happened), upper);
                let found = sum(trials, happened, probability).outcome().unwrap().p;
                assert!((found - expected).abs() <= 1e-9 + 1e-6 * expected, "{trials} {happened}: {found} {expected}");
            }
        }
    }

    /// A distribution with the mean and the variance of these events would rule out 6 of them.
    #[test]
    fn events_with_different_probabilities_can_all_happen() {
        let mut events = sum(5, 5, 0.9);
        events.add(5, 1, 0.05);
        assert!(events.outcome().unwrap().p > 0.05);
    }

    #[test]
    fn certain_and_impossible_events_decide() {
        let p = |events, happened, probability| sum(events, happened, probability).outcome().unwrap().p;
        assert_eq!([p(7, 7, 1.0), p(7, 6, 1.0), p(7, 1, 0.0)], [1.0, 0.0, 0.0]);
        assert_eq!(sum(7, 0, 0.0).outcome(), Err(TOO_FEW.to_string()));
        assert_eq!(sum(0, 0, 0.5).outcome(), Err(TOO_FEW.to_string()));
    }

    #[test]
    fn large_sums_are_normal() {
        let large = sum(1_000_000, 402_000, 0.4);
        assert_eq!(large.outcome().unwrap(), normal(402_000.0, 4e5, 2.4e5_f64.sqrt()));
        let small = sum(99_000, 9_700, 0.1);
        let found = small.outcome().unwrap().p / normal(9_700.0, small.mean, small.variance.sqrt()).p;
        assert!((found - 1.0).abs() < 0.1, "{found}");
    }
}
