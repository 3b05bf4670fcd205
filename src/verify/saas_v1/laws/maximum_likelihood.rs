//! Maximum-likelihood estimates of the retention curve.

use super::retention::{Activity, reached};
use crate::verify::statistics::{LEAST_EXPECTED, Measured, Outcome, TOO_FEW, normal};
use nalgebra::{DMatrix, DVector};

impl Activity<'_> {
    /// Tests the maximum-likelihood estimates of each plan's base and of the decay in days against the model.
    ///
    /// The likelihood of the counts by plan and age is binomial, with the parameters `log base` and `1 / decay`. Their
    /// covariance is the sandwich estimator: the covariance of the score, which includes the loss rates, between two
    /// inverses of the information matrix.
    pub fn test_estimates(&self) -> Vec<(String, Outcome)> {
        let plans: Vec<usize> = (0..self.model.plans.len()).filter(|&plan| self.can_be_estimated(plan)).collect();
        let mut results: Vec<(String, Outcome)> = Vec::new();
        let decay = self.model.parameters.retention.decay_days;
        let estimates = self.maximum_likelihood(&plans);
        for (plan, derived) in self.model.plans.iter().enumerate() {
            let outcome = match (&estimates, plans.iter().position(|&estimated| estimated == plan)) {
                (Some((parameters, covariance)), Some(index)) => {
                    let sd = covariance[(index, index)].sqrt();
                    Ok(transformed(parameters[index], derived.active[0].ln(), sd, f64::exp))
                }
                _ => Err(TOO_FEW.to_string()),
            };
            results.push((format!("base of {}, fitted", derived.name), outcome));
        }
        let last = plans.len();
        let outcome = match &estimates {
            Some((parameters, covariance)) => {
                Ok(transformed(parameters[last], 1.0 / decay, covariance[(last, last)].sqrt(), |rate| 1.0 / rate))
            }
            None => Err(TOO_FEW.to_string()),
        };
        results.push(("decay in days, fitted".into(), outcome));
        results
    }

    /// Returns whether a plan has enough rows, and a base that is not too close to 1 for a normal approximation.
    fn can_be_estimated(&self, plan: usize) -> bool {
        let base = self.model.plans[plan].active[0] * self.survival.mean;
        let expected: f64 = self.signups.row(plan).iter().sum::<u64>() as f64 * base;
        let rows: u64 = self.usage.by_age.row(plan).iter().sum();
        expected >= LEAST_EXPECTED * LEAST_EXPECTED && base < 0.99 && rows > 0
    }

    /// Returns the parameters with the maximum likelihood and their covariance, by Newton's method with the expected
    /// information. Returns `None` if it does not converge.
    fn maximum_likelihood(&self, plans: &[usize]) -> Option<(DVector<f64>, DMatrix<f64>)> {
        if plans.is_empty() {
            return None;
        }
        let size = plans.len() + 1;
        let decay = self.model.parameters.retention.decay_days;
        let mut parameters = DVector::from_fn(size, |index, _| match plans.get(index) {
            Some(&plan) => self.model.plans[plan].active[0].ln(),
            None => 1.0 / decay,
        });
        // The customers of each plan that have reached each age.
        let reached: Vec<Vec<f64>> = plans.iter().map(|&plan| reached(self.signups.row(plan))).collect();
        let gradient = |index: usize, age: usize| {
            let mut gradient = DVector::zeros(size);
            gradient[index] = 1.0;
            gradient[size - 1] = -(age as f64);
            gradient
        };
        let row_probability = |parameters: &DVector<f64>, index: usize, age: usize| {
            let active = (parameters[index] - parameters[size - 1] * age as f64).exp();
            (active * self.survival.mean).min(0.999)
        };
        let mut information = DMatrix::<f64>::zeros(size, size);
        for _ in 0..50 {
            let mut score = DVector::zeros(size);
            information.fill(0.0);
            for (index, &plan) in plans.iter().enumerate() {
                let counts = reached[index].iter().zip(self.usage.by_age.row(plan));
                for (age, (customers, &count)) in counts.enumerate() {
                    let probability = row_probability(&parameters, index, age);
                    let gradient = gradient(index, age);
                    score += &gradient * ((count as f64 - customers * probability) / (1.0 - probability));
                    information += &gradient * gradient.transpose() * (customers * probability / (1.0 - probability));
                }
            }
            let step = information.clone().cholesky()?.solve(&score);
            parameters += &step;
            if step.iter().zip(parameters.iter()).all(|(step, value)| step.abs() <= 1e-10 * value.abs().max(1e-3)) {
                let covariance = self.covariance(plans, &parameters, &information, row_probability, gradient)?;
                return Some((parameters, covariance));
            }
        }
        None
    }

    fn covariance(
        &self,
        plans: &[usize],
        parameters: &DVector<f64>,
        information: &DMatrix<f64>,
        row_probability: impl Fn(&DVector<f64>, usize, usize) -> f64,
        gradient: impl Fn(usize, usize) -> DVector<f64>,
    ) -> Option<DMatrix<f64>> {
        let size = parameters.len();
        let mut score_covariance = DMatrix::<f64>::zeros(size, size);
        let mut by_day = DMatrix::<f64>::zeros(size, self.model.days());
        // Gradients and weights depend on plan and age only, so they are computed once for all signup days.
        let weighted: Vec<Vec<(DVector<f64>, f64)>> = (0..plans.len())
            .map(|index| {
                let at_age = |age| (gradient(index, age), 1.0 / (1.0 - row_probability(parameters, index, age)));
                (0..self.model.days()).map(at_age).collect()
            })
            .collect();
        let mut variances = vec![vec![0.0; self.model.days()]; plans.len()];
        for exposure in self.exposures() {
            let Some(index) = plans.iter().position(|&plan| plan == exposure.plan) else { continue };
            variances[index][exposure.age] += self.own_variance(&exposure);
            let (_, weight) = weighted[index][exposure.age];
            let day = exposure.signup + exposure.age;
            by_day[(index, day)] += weight * exposure.active;
            by_day[(size - 1, day)] -= weight * exposure.active * exposure.age as f64;
        }
        for (ages, variances) in weighted.iter().zip(&variances) {
            for ((gradient, weight), variance) in ages.iter().zip(variances) {
                score_covariance += gradient * gradient.transpose() * (weight * weight * variance);
            }
        }
        score_covariance += &by_day * by_day.transpose() * self.survival.sd.powi(2);
        let inverse = information.clone().cholesky()?.inverse();
        Some(&inverse * score_covariance * &inverse)
    }
}

/// Tests a value with a normal distribution. The result shows all values as transformed by `show`.
fn transformed(observed: f64, expected: f64, sd: f64, show: impl Fn(f64) -> f64) -> Measured {
    let measured = normal(observed, expected, sd);
    let [a, b] = measured.interval.map(&show);
    Measured { expected: show(expected), observed: show(observed), interval: [a.min(b), a.max(b)], p: measured.p }
}
