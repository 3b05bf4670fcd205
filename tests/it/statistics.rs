//! Statistical tests. Seeds are fixed, so a test either always passes or always fails.

use statrs::distribution::{ChiSquared, ContinuousCDF, Discrete, Poisson};

/// Panics if `observed` is more than `limit` standard deviations from `expected`.
pub fn assert_within(name: &str, observed: f64, expected: f64, sd: f64, limit: f64) {
    let z = (observed - expected) / sd;
    assert!(z.abs() <= limit, "{name}: {observed} observed, {expected} ± {sd}, z = {z:.2}");
}

/// The significance of chi-square tests. They fail for a bad fit and for a fit that is too good.
const SIGNIFICANCE: f64 = 1e-6;

/// Panics if the counts don't fit the expected counts. Cells with an expected count below 10 are merged.
pub fn assert_chi_square(name: &str, observed: &[f64], expected: &[f64], constraints: usize) {
    assert_eq!(observed.len(), expected.len(), "{name}");
    let (mut sum, mut cells) = (0.0, 0);
    let (mut rest_observed, mut rest_expected) = (0.0, 0.0);
    let mut add = |observed: f64, expected: f64| {
        sum += (observed - expected).powi(2) / expected;
        cells += 1;
    };
    for (&observed, &expected) in observed.iter().zip(expected) {
        if expected >= 10.0 {
            add(observed, expected);
        } else {
            rest_observed += observed;
            rest_expected += expected;
        }
    }
    if rest_expected >= 1.0 {
        add(rest_observed, rest_expected);
    } else {
        assert!(rest_observed <= 12.0, "{name}: {rest_observed} observed, {rest_expected} expected");
    }
    assert_p_value(name, sum, (cells - constraints) as f64);
}

/// Panics if a chi-square statistic is too large or too small for its degrees of freedom.
pub fn assert_p_value(name: &str, statistic: f64, freedom: f64) {
    let p = ChiSquared::new(freedom).unwrap().sf(statistic);
    assert!(
        (SIGNIFICANCE..=1.0 - SIGNIFICANCE).contains(&p),
        "{name}: chi-square {statistic:.1} with {freedom} degrees of freedom, p = {p:e}"
    );
}

/// Returns how often each number occurs, starting with 0.
pub fn histogram(values: impl Iterator<Item = i32>) -> Vec<f64> {
    let mut counts: Vec<f64> = Vec::new();
    for value in values {
        let index = value as usize;
        if counts.len() <= index {
            counts.resize(index + 1, 0.0);
        }
        counts[index] += 1.0;
    }
    counts
}

/// Panics if a histogram doesn't follow the Poisson distribution.
pub fn assert_poisson(name: &str, observed: &[f64], mean: f64, total: f64) {
    let distribution = Poisson::new(mean).unwrap();
    let expected: Vec<f64> = (0..observed.len()).map(|value| total * distribution.pmf(value as u64)).collect();
    assert_chi_square(name, observed, &expected, 1);
}

/// Returns the means, the variances and the covariance.
pub fn moments(x: &[f64], y: &[f64]) -> [f64; 5] {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(&x, &y)| f(x - mx, y - my)).sum::<f64>() / n;
    [mx, my, sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y)]
}

#[test]
fn wrong_distributions_are_rejected() {
    let fair = [100.0; 10];
    let observed = [100.0, 95.0, 108.0, 92.0, 111.0, 99.0, 104.0, 88.0, 103.0, 100.0];
    assert_chi_square("fair", &observed, &fair, 1);
    let skewed = [160.0, 95.0, 108.0, 92.0, 111.0, 39.0, 104.0, 88.0, 103.0, 100.0];
    assert!(std::panic::catch_unwind(|| assert_chi_square("skewed", &skewed, &fair, 1)).is_err());
    assert!(std::panic::catch_unwind(|| assert_chi_square("too good", &fair, &fair, 1)).is_err());
    assert!(std::panic::catch_unwind(|| assert_within("far", 15.0, 10.0, 1.0, 4.0)).is_err());
}
