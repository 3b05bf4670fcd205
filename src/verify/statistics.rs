//! Tests of hypotheses: what was observed against what a law expects, with a p-value.
//!
//! Where a law holds, its p-value is uniform over 0..1; the tests see to that over hundreds of seeds. Wherever it can be
//! told, a fit that is better than chance allows is as telling as one that is worse.

use nalgebra::{DMatrix, DVector};
use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF, Discrete, Normal, Poisson};

/// Of right data sets, the share whose figure lies inside the interval that is shown with it.
pub const INTERVAL: f64 = 0.99;

/// Cells that expect fewer are put together: a chi-square statistic is near its law from about there on.
pub(super) const LEAST_EXPECTED: f64 = 10.0;

/// Degrees of freedom from which on a chi-square statistic can be too small for chance. With few cells, whole numbers
/// meet their expectations exactly now and then: 50 of 100 customers do in every twelfth data set.
const LEAST_FREEDOM: f64 = 30.0;

/// A value expected this seldom in the whole data set does not occur by chance.
const IMPOSSIBLE: f64 = 1e-9;

/// A figure of a law, and how far from it the data set is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// What the model says.
    pub expected: f64,
    /// What the data set has.
    pub observed: f64,
    /// Where the observed figure lies in 99 of 100 right data sets.
    pub interval: [f64; 2],
    /// How often a right data set is as far off, in either direction.
    pub p: f64,
}

/// A test's result, or why there is none.
pub(super) type Outcome = Result<Measured, String>;

/// How many standard deviations the interval of a normal figure reaches to either side.
pub(super) fn interval_reach() -> f64 {
    standard_normal().inverse_cdf((1.0 + INTERVAL) / 2.0)
}

/// A figure whose law is normal.
pub(super) fn normal(observed: f64, expected: f64, sd: f64) -> Measured {
    let reach = interval_reach() * sd;
    let p = match sd > 0.0 {
        true => 2.0 * standard_normal().cdf(-((observed - expected) / sd).abs()),
        false => f64::from(u8::from(observed == expected)),
    };
    Measured { expected, observed, interval: [expected - reach, expected + reach], p }
}

/// A statistic whose law is chi-square.
pub(super) fn chi_square(statistic: f64, freedom: f64) -> Outcome {
    let law = ChiSquared::new(freedom).map_err(|_| TOO_FEW.to_string())?;
    let tail = (1.0 - INTERVAL) / 2.0;
    let (interval, p) = if freedom < LEAST_FREEDOM {
        ([0.0, law.inverse_cdf(INTERVAL)], law.sf(statistic))
    } else {
        let both = two_sided(law.cdf(statistic), law.sf(statistic));
        ([law.inverse_cdf(tail), law.inverse_cdf(1.0 - tail)], both)
    };
    Ok(Measured { expected: freedom, observed: statistic, interval, p })
}

/// The p-value of a figure that is as small with one probability and as large with another.
pub(super) fn two_sided(lower: f64, upper: f64) -> f64 {
    (2.0 * lower.min(upper)).clamp(0.0, 1.0)
}

/// Why there is no result.
pub(super) const TOO_FEW: &str = "too few rows to tell";

/// Adds up a chi-square statistic over several sets of counts.
#[derive(Debug, Default)]
pub(super) struct ChiSquare {
    statistic: f64,
    freedom: f64,
    impossible: Option<f64>,
}

impl ChiSquare {
    /// Takes in counts that `expected` says the law of; their sums are equal. Neighbouring cells are put together
    /// until enough is expected of each.
    pub fn add(&mut self, observed: &[u64], expected: &[f64]) {
        let (mut cells, mut sum_observed, mut sum_expected): (Vec<(f64, f64)>, f64, f64) = (Vec::new(), 0.0, 0.0);
        for (&observed, &expected) in observed.iter().zip(expected) {
            if observed > 0 && expected < IMPOSSIBLE {
                self.impossible = Some(self.impossible.unwrap_or(1.0).min(expected.max(0.0)));
            }
            sum_observed += observed as f64;
            sum_expected += expected;
            if sum_expected >= LEAST_EXPECTED {
                cells.push((sum_observed, sum_expected));
                (sum_observed, sum_expected) = (0.0, 0.0);
            }
        }
        if let Some(last) = cells.last_mut() {
            last.0 += sum_observed;
            last.1 += sum_expected;
            self.statistic +=
                cells.iter().map(|(observed, expected)| (observed - expected).powi(2) / expected).sum::<f64>();
            self.freedom += cells.len() as f64 - 1.0;
        }
    }

    /// The result; none where everything had to be put together.
    pub fn outcome(self) -> Outcome {
        match (self.impossible, chi_square(self.statistic, self.freedom)) {
            (Some(p), Ok(measured)) => Ok(Measured { p: p.min(measured.p), ..measured }),
            (Some(p), Err(_)) => Ok(Measured { expected: 0.0, observed: f64::INFINITY, interval: [0.0, 0.0], p }),
            (None, outcome) => outcome,
        }
    }
}

/// Counts against shares of their sum.
pub(super) fn shares(observed: &[u64], shares: &[f64]) -> Outcome {
    let mut test = ChiSquare::default();
    add_shares(&mut test, observed, shares);
    test.outcome()
}

/// Each row of counts against the same shares of its own sum.
pub(super) fn shares_of_rows<'a>(rows: impl Iterator<Item = &'a [u64]>, shares: &[f64]) -> Outcome {
    let mut test = ChiSquare::default();
    rows.for_each(|row| add_shares(&mut test, row, shares));
    test.outcome()
}

fn add_shares(test: &mut ChiSquare, observed: &[u64], shares: &[f64]) {
    let sum = observed.iter().sum::<u64>() as f64;
    test.add(observed, &shares.iter().map(|share| share * sum).collect::<Vec<_>>());
}

/// Whether rows and columns of a table of counts are independent, whatever the shares of each.
pub(super) fn independence<'a>(rows: impl Iterator<Item = &'a [u64]>) -> Outcome {
    let rows: Vec<&[u64]> = rows.filter(|row| row.iter().any(|&count| count > 0)).collect();
    let width = rows.first().map_or(0, |row| row.len());
    let of_column = |column: usize| rows.iter().map(|row| row[column]).sum::<u64>() as f64;
    let columns: Vec<(usize, f64)> =
        (0..width).map(|column| (column, of_column(column))).filter(|&(_, sum)| sum > 0.0).collect();
    let total: f64 = columns.iter().map(|(_, sum)| sum).sum();
    let mut statistic = 0.0;
    for row in &rows {
        let of_row = row.iter().sum::<u64>() as f64;
        for &(column, of_column) in &columns {
            let expected = of_row * of_column / total;
            if expected < LEAST_EXPECTED / 2.0 {
                return Err(TOO_FEW.to_string());
            }
            statistic += (row[column] as f64 - expected).powi(2) / expected;
        }
    }
    chi_square(statistic, (rows.len().max(1) - 1) as f64 * (columns.len().max(1) - 1) as f64)
}

/// The chi-square statistic of figures that are not independent: residuals weighed by their covariance.
pub(super) fn correlated(residuals: Vec<f64>, covariance: DMatrix<f64>) -> Outcome {
    let freedom = residuals.len() as f64;
    let residuals = DVector::from_vec(residuals);
    let factor = covariance.cholesky().ok_or_else(|| TOO_FEW.to_string())?;
    let statistic = residuals.dot(&factor.solve(&residuals));
    chi_square(statistic, freedom)
}

/// The same, of figures that each vary enough to be near normal.
pub(super) fn correlated_if_enough(residuals: Vec<f64>, covariance: DMatrix<f64>) -> Outcome {
    if covariance.diagonal().iter().any(|&variance| variance < LEAST_EXPECTED) {
        return Err(TOO_FEW.to_string());
    }
    correlated(residuals, covariance)
}

/// Residuals and covariance of counts by cell that are the sum of several strata, of each of which the number is given
/// and the law by cell: one cell is left out of `observed` and of the laws, which follows from the others.
pub(super) fn strata(
    observed: impl Iterator<Item = f64>,
    strata: impl Iterator<Item = (f64, Vec<f64>)>,
) -> (Vec<f64>, DMatrix<f64>) {
    let mut residuals: Vec<f64> = observed.collect();
    let mut covariance = DMatrix::<f64>::zeros(residuals.len(), residuals.len());
    for (number, shares) in strata {
        for (i, share) in shares.iter().enumerate() {
            residuals[i] -= number * share;
            covariance[(i, i)] += number * share;
            for (j, other) in shares.iter().enumerate() {
                covariance[(i, j)] -= number * share * other;
            }
        }
    }
    (residuals, covariance)
}

/// A sum of squared standard scores, whose excess kurtoses are given, by a chi-square law of the same mean and
/// variance (F. E. Satterthwaite, 1946).
pub(super) fn squares(scores: impl Iterator<Item = (f64, f64)>) -> Outcome {
    let (mut sum, mut count, mut variance) = (0.0, 0.0, 0.0);
    for (score, excess) in scores {
        sum += score * score;
        count += 1.0;
        variance += 2.0 + excess;
    }
    let scale = variance / (2.0 * count);
    let scaled = chi_square(sum / scale, count / scale)?;
    let [low, high] = scaled.interval;
    Ok(Measured { expected: count, observed: sum, interval: [low * scale, high * scale], ..scaled })
}

/// The probabilities of 0, 1, … under a Poisson law; the last one takes all beyond.
pub(super) fn poisson(mean: f64, values: usize) -> Vec<f64> {
    let law = Poisson::new(mean).ok();
    let at = |value: usize| law.map_or(f64::from(u8::from(value == 0)), |law| law.pmf(value as u64));
    with_rest((0..values - 1).map(at).collect())
}

/// The probabilities of 0, 1, … under a Normal law rounded to whole numbers and clamped; the last one takes all
/// beyond, which has none.
pub(super) fn rounded_normal(mean: f64, sd: f64, (lowest, highest): (i32, i32), values: usize) -> Vec<f64> {
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
    // What is left by rounding alone is nothing.
    probabilities.push(if rest > 1e-12 { rest } else { 0.0 });
    probabilities
}

pub(super) fn standard_normal() -> Normal {
    Normal::standard()
}

/// Which of the p-values reject their laws, so that of right data sets no more than `error_rate` have any rejected
/// (S. Holm, 1979): in the order of size, each is held against the rate over the number not yet rejected.
pub(super) fn holm(p_values: &[f64], error_rate: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut rejected = vec![false; p_values.len()];
    for (rank, &index) in order.iter().enumerate() {
        if !(p_values[index] <= error_rate / (p_values.len() - rank) as f64) {
            break;
        }
        rejected[index] = true;
    }
    rejected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_the_textbooks() {
        assert!((normal(1.96, 0.0, 1.0).p - 0.05).abs() < 1e-4);
        assert!((normal(5.0, 5.0, 2.0).p - 1.0).abs() < 1e-12);
        assert_eq!((normal(3.0, 3.0, 0.0).p, normal(3.0, 4.0, 0.0).p), (1.0, 0.0));
        // The upper 5 % point of chi-square with 10 degrees of freedom is 18.307; those with 40 are 55.758 and 26.509.
        assert!((chi_square(18.307, 10.0).unwrap().p - 0.05).abs() < 1e-4);
        assert_eq!(chi_square(0.0, 10.0).unwrap().p, 1.0);
        for statistic in [55.758, 26.509] {
            assert!((chi_square(statistic, 40.0).unwrap().p - 0.10).abs() < 1e-4);
        }
        let interval = normal(0.0, 0.0, 1.0).interval;
        assert!((interval[1] - 2.5758).abs() < 1e-4 && interval[0] == -interval[1]);
    }

    #[test]
    fn far_tails_are_not_lost() {
        assert!((normal(8.0, 0.0, 1.0).p / 1.2442e-15 - 1.0).abs() < 1e-3);
        let p = chi_square(1_000.0, 500.0).unwrap().p;
        assert!(p > 1e-40 && p < 1e-30, "{p:e}");
        let p = chi_square(9_000.0, 10_000.0).unwrap().p;
        assert!(p > 1e-14 && p < 1e-10, "{p:e}");
    }

    #[test]
    fn few_expected_are_put_together_and_too_few_are_told() {
        let fair = shares(&[100, 100, 3, 2, 5], &[0.45, 0.45, 0.02, 0.02, 0.06]).unwrap();
        assert_eq!(fair.expected, 2.0);
        assert_eq!(shares(&[1, 2], &[0.5, 0.5]), Err(TOO_FEW.to_string()));
        assert_eq!(independence([&[9, 1][..], &[5, 5]].into_iter()), Err(TOO_FEW.to_string()));
    }

    #[test]
    fn what_cannot_be_is_found_however_rare() {
        let odd = shares(&[1_000_000, 1_000_000, 1], &[0.5, 0.5, 0.0]).unwrap();
        assert_eq!(odd.p, 0.0);
    }

    #[test]
    fn correlated_figures_of_no_correlation_are_chi_square() {
        let covariance = DMatrix::from_diagonal(&DVector::from_vec(vec![4.0, 9.0]));
        let measured = correlated(vec![2.0, 6.0], covariance).unwrap();
        assert!((measured.observed - 5.0).abs() < 1e-12 && measured.expected == 2.0);
        assert!(correlated(vec![1.0, 1.0], DMatrix::zeros(2, 2)).is_err());
    }

    #[test]
    fn holm_holds_each_against_what_is_left() {
        assert_eq!(holm(&[0.02, 0.001, 0.5, 0.013], 0.04), [true, true, false, true]);
        assert_eq!(holm(&[0.02, 0.011, 0.5, 0.013], 0.04), [false; 4]);
        assert_eq!(holm(&[0.0, f64::NAN], 0.01), [true, false]);
        assert!(holm(&[], 0.01).is_empty());
    }
}
