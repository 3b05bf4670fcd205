//! Discrete probability distributions as lists of probabilities.

use statrs::distribution::{ContinuousCDF, Discrete, Normal, Poisson};

/// Returns the probabilities of the first `values` values of a Poisson distribution. The last one includes all larger
/// values.
pub fn poisson(mean: f64, values: usize) -> Vec<f64> {
    let distribution = Poisson::new(mean).ok();
    let at = |value: usize| distribution.map_or(f64::from(u8::from(value == 0)), |poisson| poisson.pmf(value as u64));
    with_rest((0..values - 1).map(at).collect())
}

/// Returns the probabilities of the first `values` values of a normal distribution that is rounded to whole numbers and
/// clamped to `lowest..=highest`.
pub fn rounded_normal(mean: f64, sd: f64, (lowest, highest): (i32, i32), values: usize) -> Vec<f64> {
    let below = |x: f64| standard_normal().cdf((x - mean) / sd);
    let at = |value: usize| {
        let value = value as i32;
        let from = if value <= lowest { 0.0 } else { below(f64::from(value) - 0.5) };
        let to = if value >= highest { 1.0 } else { below(f64::from(value) + 0.5) };
        if (lowest..=highest).contains(&value) { to - from } else { 0.0 }
    };
    (0..values).map(at).collect()
}

fn with_rest(mut probabilities: Vec<f64>) -> Vec<f64> {
    let rest = 1.0 - probabilities.iter().sum::<f64>();
    // A smaller rest is a rounding error.
    probabilities.push(if rest > 1e-12 { rest } else { 0.0 });
    probabilities
}

/// Returns the normal distribution with mean 0 and standard deviation 1.
pub fn standard_normal() -> Normal {
    Normal::standard()
}
