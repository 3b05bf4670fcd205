//! How often, and how soon, a failed call is made again.

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;

/// The first wait, without its random share. Each further wait is twice as long, up to [`MAX_WAIT`].
///
/// A random share of up to the same length is added to each wait, so that the readers of a server that failed do not
/// all return at the same moment.
const MIN_WAIT: Duration = Duration::from_millis(50);

/// The longest wait, without its random share.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The limits within which a client retries when servers fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The number of waits without a batch in between. After each wait, every location is tried once.
    pub retries: usize,
    /// Whether the first contact is retried as often. If not, a client fails at once if it can't connect, and soon if
    /// its first call fails: the user learns that the address is wrong.
    pub waits_for_server: bool,
    /// The time without a message after which a server counts as gone. A batch has up to 2 MiB, so it must be long
    /// enough for a slow link to transfer that much.
    pub stall_timeout: Duration,
}

impl RetryPolicy {
    /// The default number of retries. Eight give a server about 17 s to come back.
    pub const DEFAULT_RETRIES: usize = 8;

    /// The default stall timeout, in seconds.
    pub const DEFAULT_STALL_SECONDS: u64 = 60;
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: Self::DEFAULT_RETRIES,
            waits_for_server: false,
            stall_timeout: Duration::from_secs(Self::DEFAULT_STALL_SECONDS),
        }
    }
}

/// The failures in a row, and the waits between them.
#[derive(Debug)]
pub(super) struct Retries {
    policy: RetryPolicy,
    locations: usize,
    waits: ExponentialBackoff,
    failures: usize,
    failures_since_wait: usize,
}

impl Retries {
    /// Starts without failures. All of the `locations` are tried before each wait.
    pub fn new(policy: RetryPolicy, locations: usize) -> Self {
        Self { policy, locations, waits: waits(policy), failures: 0, failures_since_wait: 0 }
    }

    /// Forgets the failures so far.
    pub fn reset(&mut self) {
        if self.failures > 0 {
            (self.waits, self.failures) = (waits(self.policy), 0);
        }
    }

    /// Counts a failure and returns the wait before the next try. The wait is zero while there are locations that were
    /// not tried since the last wait. Returns `None` when the retries are used up.
    pub fn next_wait(&mut self) -> Option<Duration> {
        self.failures += 1;
        self.failures_since_wait += 1;
        if self.failures_since_wait < self.locations {
            return Some(Duration::ZERO);
        }
        self.failures_since_wait = 0;
        self.waits.next()
    }

    /// Returns the number of failures in a row.
    pub fn failures(&self) -> usize {
        self.failures
    }
}

fn waits(policy: RetryPolicy) -> ExponentialBackoff {
    let waits = ExponentialBuilder::new().with_min_delay(MIN_WAIT).with_max_delay(MAX_WAIT).with_jitter();
    waits.with_max_times(policy.retries).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retries(retries: usize, locations: usize) -> Retries {
        Retries::new(RetryPolicy { retries, ..RetryPolicy::default() }, locations)
    }

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let mut retries = retries(10, 1);
        for round in 0..10 {
            let least = MAX_WAIT.min(MIN_WAIT * 2_u32.pow(round));
            let wait = retries.next_wait().unwrap();
            assert!((least..=2 * least).contains(&wait), "{round}: {wait:?}");
        }
        assert_eq!(retries.next_wait(), None);
        assert_eq!(retries.failures(), 11);
    }

    #[test]
    fn waits_have_a_random_share() {
        let waits: Vec<_> = (0..8).map(|_| retries(1, 1).next_wait()).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    }

    #[test]
    fn all_locations_are_tried_before_a_wait() {
        let mut retries = retries(1, 3);
        let is_wait: Vec<_> = (0..6).map(|_| retries.next_wait().map(|wait| !wait.is_zero())).collect();
        assert_eq!(is_wait, [Some(false), Some(false), Some(true), Some(false), Some(false), None]);
    }

    #[test]
    fn a_reset_starts_the_count_and_the_waits_again() {
        let mut retries = retries(2, 1);
        for _ in 0..10 {
            assert!(retries.next_wait().unwrap() <= 2 * MIN_WAIT);
            retries.reset();
            assert_eq!(retries.failures(), 0);
        }
    }
}
