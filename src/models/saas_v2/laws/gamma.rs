//! The Gamma distribution in equal-probability classes, computed with the same result on every platform.
//!
//! The code uses only `+ - * /` of IEEE 754 and [`libm`], in a fixed order.

use super::super::parameters::CLASSES;

/// The number of halvings of an interval that leave no number between its ends.
const HALVINGS: usize = 2_000;

/// Returns the means of eight equally likely classes of a Gamma distribution with mean 1, ascending. Their mean is 1.
///
/// With shape a = 1 / variance, the mean of x over the class from q to r is 8 (P(a + 1, a r) - P(a + 1, a q)), where P is
/// the regularized lower incomplete gamma function.
pub fn class_means(variance: f64) -> [f64; CLASSES] {
    if variance == 0.0 {
        return [1.0; CLASSES];
    }
    let shape = 1.0 / variance;
    let mut below = 0.0;
    std::array::from_fn(|class| {
        let upto = if class + 1 == CLASSES {
            1.0
        } else {
            regularized(shape + 1.0, quantile(shape, (class + 1) as f64 / CLASSES as f64))
        };
        let mean = CLASSES as f64 * (upto - below);
        below = upto;
        mean
    })
}

/// Returns the x with P(shape, x) = probability, by bisection.
fn quantile(shape: f64, probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, shape);
    while regularized(shape, high) < probability {
        high *= 2.0;
    }
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if regularized(shape, middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Returns P(shape, x), the regularized lower incomplete gamma function, by its power series (DLMF 8.7.1). All terms are
/// positive.
fn regularized(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let (mut term, mut sum, mut n) = (1.0, 1.0, shape);
    while term > sum * 1e-17 {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    sum * libm::exp(shape * libm::log(x) - x - libm::lgamma(shape + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{Continuous, ContinuousCDF, Gamma};

    #[test]
    fn class_means_agree_with_statrs() {
        for variance in [0.001, 0.05, 0.5, 0.8, 1.0, 2.5, 10.0] {
            let gamma = Gamma::new(1.0 / variance, 1.0 / variance).unwrap();
            let means = class_means(variance);
            assert!((means.iter().sum::<f64>() / 8.0 - 1.0).abs() < 1e-12, "{variance}: {means:?}");
            assert!(means.is_sorted(), "{variance}: {means:?}");
            // The sum of x f(x) over a fine grid of the classes in the middle, by the midpoint rule.
            for class in 1..7 {
                let ends = [class, class + 1].map(|end| gamma.inverse_cdf(f64::from(end) / 8.0));
                let step = (ends[1] - ends[0]) / 10_000.0;
                let points = (0..10_000).map(|i| ends[0] + (f64::from(i) + 0.5) * step);
                let mean: f64 = 8.0 * step * points.map(|x| x * gamma.pdf(x)).sum::<f64>();
                let found = means[class as usize];
                assert!((found - mean).abs() < 2e-4 * mean, "{variance}, class {class}: {found} {mean}");
            }
        }
    }

    #[test]
    fn without_variance_all_classes_are_1() {
        assert_eq!(class_means(0.0), [1.0; CLASSES]);
    }

    /// Pins the last digit, so that a change of values is seen.
    #[test]
    fn the_default_classes_have_these_means() {
        let shown = |variance| class_means(variance).map(|mean| format!("{mean:.6}")).join(" ");
        assert_eq!(shown(0.5), "0.192417 0.394132 0.566050 0.743978 0.945304 1.194675 1.551402 2.412042");
        assert_eq!(shown(0.8), "0.099697 0.268297 0.442316 0.639407 0.876890 1.186335 1.649872 2.837186");
    }
}
