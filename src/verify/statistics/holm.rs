//! Correction for multiple tests.

/// Returns which tests fail, so that at most the share `error_rate` of correct data sets fails any test (S. Holm,
/// 1979).
///
/// The p-values are compared in ascending order, each with `error_rate` divided by the number of tests that have not
/// failed yet.
pub fn holm(p_values: &[f64], error_rate: f64) -> Vec<bool> {
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
    fn each_p_value_is_compared_with_the_rate_over_the_remaining_tests() {
        assert_eq!(holm(&[0.02, 0.001, 0.5, 0.013], 0.04), [true, true, false, true]);
        assert_eq!(holm(&[0.02, 0.011, 0.5, 0.013], 0.04), [false; 4]);
        assert_eq!(holm(&[0.0, f64::NAN], 0.01), [true, false]);
        assert!(holm(&[], 0.01).is_empty());
    }
}
