//! Tests of hypotheses, for data drawn with fixed seeds: a check passes always or never.

use statrs::distribution::{ChiSquared, ContinuousCDF, Discrete, Poisson};

/// Fails where `observed` is further than `limit` standard deviations from `expected`.
pub fn assert_within(what: &str, observed: f64, expected: f64, sd: f64, limit: f64) {
    let z = (observed - expected) / sd;
    assert!(z.abs() <= limit, "{what}: {observed} against {expected} ± {sd}, z = {z:.2}");
}

/// Significance of a chi-square test: neither too bad nor too good a fit than chance gives once in a million.
const SIGNIFICANCE: f64 = 1e-6;

/// Fails where the counts don't follow the expectations; cells that expect fewer than 10 are put together.
pub fn assert_chi_square(what: &str, observed: &[f64], expected: &[f64], constraints: usize) {
    assert_eq!(observed.len(), expected.len(), "{what}");
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
        assert!(rest_observed <= 12.0, "{what}: {rest_observed} where {rest_expected} were expected");
    }
    assert_p_value(what, sum, (cells - constraints) as f64);
}

/// Fails where a chi-square statistic is too large or too small for its degrees of freedom.
pub fn assert_p_value(what: &str, statistic: f64, freedom: f64) {
    let p = ChiSquared::new(freedom).unwrap().sf(statistic);
    assert!(
        (SIGNIFICANCE..=1.0 - SIGNIFICANCE).contains(&p),
        "{what}: chi-square {statistic:.1} with {freedom} degrees of freedom, p = {p:e}"
    );
}

/// How often each number occurs, from 0 on.
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

/// Fails where a histogram does not follow the Poisson law.
pub fn assert_poisson(what: &str, observed: &[f64], mean: f64, total: f64) {
    let law = Poisson::new(mean).unwrap();
    let expected: Vec<f64> = (0..observed.len()).map(|value| total * law.pmf(value as u64)).collect();
    assert_chi_square(what, observed, &expected, 1);
}

/// Means, variances and covariance.
pub fn moments(x: &[f64], y: &[f64]) -> [f64; 5] {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(&x, &y)| f(x - mx, y - my)).sum::<f64>() / n;
    [mx, my, sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y)]
}

#[test]
fn a_wrong_law_is_found() {
    let fair = [100.0; 10];
    let observed = [100.0, 95.0, 108.0, 92.0, 111.0, 99.0, 104.0, 88.0, 103.0, 100.0];
    assert_chi_square("fair", &observed, &fair, 1);
    let skewed = [160.0, 95.0, 108.0, 92.0, 111.0, 39.0, 104.0, 88.0, 103.0, 100.0];
    assert!(std::panic::catch_unwind(|| assert_chi_square("skewed", &skewed, &fair, 1)).is_err());
    assert!(std::panic::catch_unwind(|| assert_chi_square("too good", &fair, &fair, 1)).is_err());
    assert!(std::panic::catch_unwind(|| assert_within("far", 15.0, 10.0, 1.0, 4.0)).is_err());
}
