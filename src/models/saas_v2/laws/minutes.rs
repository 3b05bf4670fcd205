//! Usage minutes of an active day, from its sessions and a standard normal number.
//!
//! The normal number has 1,024 equally likely values: the means of the normal distribution over classes of equal
//! probability, in steps of 2^-13. They lie symmetrically around 0. The minutes are computed in 32-bit floats by
//! operations that IEEE 754 rounds in one way, so all platforms agree.

use super::super::parameters::{Parameters, STATES};

/// The number of values of the normal number, of one sign.
pub const LEVELS: usize = 512;

/// The number of steps of 1.
const STEPS: f64 = 8_192.0;

/// Returns the positive values of the normal number in steps of 2^-13, ascending.
///
/// The mean over the class from a to b is 1,024 (phi(a) - phi(b)), where phi is the density.
fn normal_levels() -> [u16; LEVELS] {
    let density = |x: f64| libm::exp(-0.5 * x * x) / libm::sqrt(2.0 * std::f64::consts::PI);
    let classes = 2.0 * LEVELS as f64;
    let mut from = density(0.0);
    std::array::from_fn(|level| {
        let upto = if level + 1 == LEVELS { 0.0 } else { density(quantile(0.5 + (level + 1) as f64 / classes)) };
        let mean = classes * (from - upto);
        from = upto;
        (mean * STEPS).round() as u16
    })
}

/// Returns the x below which a standard normal number is with this probability, by bisection.
fn quantile(probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if 1.0 - 0.5 * libm::erfc(middle / std::f64::consts::SQRT_2) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The usage minutes of all plans.
#[derive(Debug)]
pub struct MinutesLaws {
    /// The minutes of each plan.
    pub plans: [Minutes; STATES],
    /// The positive values of the normal number.
    pub normal: [u16; LEVELS],
}

impl MinutesLaws {
    /// Returns the laws of `parameters`.
    pub fn new(parameters: &Parameters) -> Self {
        let sd_share = parameters.usage.minutes_sd;
        Self {
            plans: parameters.plans.values().map(|plan| Minutes::new(plan.minutes, sd_share)),
            normal: normal_levels(),
        }
    }
}

/// The minutes of one plan.
#[derive(Debug, Clone, Copy)]
pub struct Minutes {
    /// The mean minutes of a session.
    pub mean: f32,
    /// The standard deviation for one session, for each step of the normal number.
    pub sd_of_step: f32,
}

impl Minutes {
    /// Returns the minutes of a plan with these mean minutes of a session, and this standard deviation as a share of
    /// them.
    pub fn new(mean: f64, sd_share: f64) -> Self {
        Self { mean: mean as f32, sd_of_step: (mean * sd_share / STEPS) as f32 }
    }

    /// Returns the minutes of `sessions` sessions, which are at least 1. `steps` is the normal number.
    #[inline(always)]
    pub fn of(self, sessions: i32, steps: i32) -> i32 {
        let count = sessions as f32;
        let minutes = count * self.mean + steps as f32 * self.sd_of_step * count.sqrt();
        (minutes.round_ties_even() as i32).max(sessions)
    }
}

/// Returns the normal number that `word` gives, in steps: the first bit is the sign, the next nine are the level.
#[inline(always)]
pub fn steps_of(levels: &[u16; LEVELS], word: u32) -> i32 {
    let size = i32::from(levels[(word >> 22) as usize % LEVELS]);
    if word >> 31 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_are_those_of_a_standard_normal_number() {
        let levels = normal_levels();
        assert!(levels.is_sorted());
        let squares: f64 = levels.iter().map(|&level| (f64::from(level) / STEPS).powi(2)).sum();
        // The means of classes vary a little less than the numbers within them.
        assert!((0.998..1.0).contains(&(squares / LEVELS as f64)), "{squares}");
        let share_below_1 = levels.iter().filter(|&&level| f64::from(level) < STEPS).count() as f64 / LEVELS as f64;
        assert!((share_below_1 - 0.682_689).abs() < 1.0 / LEVELS as f64, "{share_below_1}");
    }

    #[test]
    fn words_give_each_level_with_both_signs() {
        let levels = normal_levels();
        for (level, &size) in levels.iter().enumerate() {
            let word = (level as u32) << 22 | 0x3F_FFFF;
            assert_eq!(steps_of(&levels, word), i32::from(size));
            assert_eq!(steps_of(&levels, word | 1 << 31), -i32::from(size));
        }
    }

    #[test]
    fn a_session_has_at_least_a_minute() {
        let minutes = Minutes::new(0.01, 1.0);
        assert_eq!(minutes.of(40, -20_000), 40);
        let minutes = Minutes::new(7.5, 0.35);
        assert_eq!(minutes.of(4, 0), 30);
        // 4 x 7.5 + 0.5 x 0.35 x 7.5 x 2 = 32.6
        assert_eq!(minutes.of(4, 4_096), 33);
    }
}
