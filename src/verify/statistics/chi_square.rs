//! Chi-square tests.

use super::measured::{INTERVAL, Measured, Outcome, TOO_FEW, two_sided};
use nalgebra::{DMatrix, DVector};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// The smallest expected count of a cell. With smaller counts, a chi-square statistic is not close enough to its
/// distribution, so neighbouring cells are merged.
pub const LEAST_EXPECTED: f64 = 10.0;

/// The number of degrees of freedom from which a test is two-sided, so that a statistic can also be too small.
///
/// With few cells, counts often equal their expected values exactly. For example, one data set in twelve has 50
/// customers of 100 where 50 are expected.
const LEAST_FREEDOM: f64 = 30.0;

/// The expected count below which a value does not occur by chance.
const IMPOSSIBLE: f64 = 1e-9;

/// Tests a statistic that has a chi-square distribution with `freedom` degrees of freedom.
pub fn chi_square(statistic: f64, freedom: f64) -> Outcome {
    let distribution = ChiSquared::new(freedom).map_err(|_| TOO_FEW.to_string())?;
    let tail = (1.0 - INTERVAL) / 2.0;
    let (interval, p) = if freedom < LEAST_FREEDOM {
        ([0.0, distribution.inverse_cdf(INTERVAL)], distribution.sf(statistic))
    } else {
        let both = two_sided(distribution.cdf(statistic), distribution.sf(statistic));
        ([distribution.inverse_cdf(tail), distribution.inverse_cdf(1.0 - tail)], both)
    };
    Ok(Measured { expected: freedom, observed: statistic, interval, p })
}

/// A chi-square test over one or more sets of counts.
#[derive(Debug, Default)]
pub struct ChiSquare {
    statistic: f64,
    freedom: f64,
    impossible: Option<f64>,
}

impl ChiSquare {
    /// Adds observed counts and their expected values, which have the same sum. Neighbouring cells are merged until
    /// each has a large enough expected count.
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

    /// Returns the result. There is none if all cells had to be merged.
    pub fn outcome(self) -> Outcome {
        match (self.impossible, chi_square(self.statistic, self.freedom)) {
            (Some(p), Ok(measured)) => Ok(Measured { p: p.min(measured.p), ..measured }),
            (Some(p), Err(_)) => Ok(Measured { expected: 0.0, observed: f64::INFINITY, interval: [0.0, 0.0], p }),
            (None, outcome) => outcome,
        }
    }
}

/// Tests counts against the expected shares of their sum.
pub fn shares(observed: &[u64], shares: &[f64]) -> Outcome {
    let mut test = ChiSquare::default();
    add_shares(&mut test, observed, shares);
    test.outcome()
}

/// Tests each row of counts against the same expected shares of its sum.
pub fn shares_of_rows<'a>(rows: impl Iterator<Item = &'a [u64]>, shares: &[f64]) -> Outcome {
    let mut test = ChiSquare::default();
    rows.for_each(|row| add_shares(&mut test, row, shares));
    test.outcome()
}

fn add_shares(test: &mut ChiSquare, observed: &[u64], shares: &[f64]) {
    let sum = observed.iter().sum::<u64>() as f64;
    test.add(observed, &shares.iter().map(|share| share * sum).collect::<Vec<_>>());
}

/// Tests whether the rows and columns of a contingency table are independent. The shares of rows and columns are taken
/// from the table.
pub fn independence<'a>(rows: impl Iterator<Item = &'a [u64]>) -> Outcome {
    let rows: Vec<&[u64]> = rows.filter(|row| row.iter().any(|&count| count > 0)).collect();
    let width = rows.first().map_or(0, |row| row.len());
    let column_sum = |column: usize| rows.iter().map(|row| row[column]).sum::<u64>() as f64;
    let columns: Vec<(usize, f64)> =
        (0..width).map(|column| (column, column_sum(column))).filter(|&(_, sum)| sum > 0.0).collect();
    let total: f64 = columns.iter().map(|(_, sum)| sum).sum();
    let mut statistic = 0.0;
    for row in &rows {
        let row_sum = row.iter().sum::<u64>() as f64;
        for &(column, column_sum) in &columns {
            let expected = row_sum * column_sum / total;
            if expected < LEAST_EXPECTED / 2.0 {
                return Err(TOO_FEW.to_string());
            }
            statistic += (row[column] as f64 - expected).powi(2) / expected;
        }
    }
    chi_square(statistic, (rows.len().max(1) - 1) as f64 * (columns.len().max(1) - 1) as f64)
}

/// Tests values that are not independent: the residuals, weighted by the inverse of their covariance.
pub fn correlated(residuals: Vec<f64>, covariance: DMatrix<f64>) -> Outcome {
    let freedom = residuals.len() as f64;
    let residuals = DVector::from_vec(residuals);
    let factor = covariance.cholesky().ok_or_else(|| TOO_FEW.to_string())?;
    let statistic = residuals.dot(&factor.solve(&residuals));
    chi_square(statistic, freedom)
}

/// Like [`correlated`], for counts. There is no result if a variance is too small for a normal approximation.
pub fn correlated_if_enough(residuals: Vec<f64>, covariance: DMatrix<f64>) -> Outcome {
    if covariance.diagonal().iter().any(|&variance| variance < LEAST_EXPECTED) {
        return Err(TOO_FEW.to_string());
    }
    correlated(residuals, covariance)
}

/// Returns the residuals and the covariance of counts by cell that are summed over several strata.
///
/// Each stratum is given as its number of items and the probability of each cell. The last cell follows from the
/// others, so `observed` and the probabilities leave it out.
pub fn strata(
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

/// Tests the sum of squared standard scores, given as pairs of a score and its excess kurtosis. The distribution of the
/// sum is approximated by a scaled chi-square distribution with the same mean and variance (F. E. Satterthwaite, 1946).
pub fn squares(scores: impl Iterator<Item = (f64, f64)>) -> Outcome {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::statistics::normal;

    #[test]
    fn p_values_match_textbook_tables() {
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
    fn p_values_far_in_the_tails_are_not_rounded_to_zero() {
        assert!((normal(8.0, 0.0, 1.0).p / 1.2442e-15 - 1.0).abs() < 1e-3);
        let p = chi_square(1_000.0, 500.0).unwrap().p;
        assert!(p > 1e-40 && p < 1e-30, "{p:e}");
        let p = chi_square(9_000.0, 10_000.0).unwrap().p;
        assert!(p > 1e-14 && p < 1e-10, "{p:e}");
    }

    #[test]
    fn cells_with_small_expected_counts_are_merged() {
        let merged = shares(&[100, 100, 3, 2, 5], &[0.45, 0.45, 0.02, 0.02, 0.06]).unwrap();
        assert_eq!(merged.expected, 2.0);
        assert_eq!(shares(&[1, 2], &[0.5, 0.5]), Err(TOO_FEW.to_string()));
        assert_eq!(independence([&[9, 1][..], &[5, 5]].into_iter()), Err(TOO_FEW.to_string()));
    }

    #[test]
    fn one_impossible_value_is_enough_to_fail() {
        let impossible = shares(&[1_000_000, 1_000_000, 1], &[0.5, 0.5, 0.0]).unwrap();
        assert_eq!(impossible.p, 0.0);
    }

    #[test]
    fn uncorrelated_values_have_the_usual_chi_square_statistic() {
        let covariance = DMatrix::from_diagonal(&DVector::from_vec(vec![4.0, 9.0]));
        let measured = correlated(vec![2.0, 6.0], covariance).unwrap();
        assert!((measured.observed - 5.0).abs() < 1e-12 && measured.expected == 2.0);
        assert!(correlated(vec![1.0, 1.0], DMatrix::zeros(2, 2)).is_err());
    }
}
