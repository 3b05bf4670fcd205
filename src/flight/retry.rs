//! What is tried again, and when.

use super::location::Location;
use crate::error::Error;
use arrow_flight::error::FlightError;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use std::time::Duration;
use tonic::{Code, Status};

/// The wait before the first retry, at least; each next one is twice as long. Chance adds up to as much again, so that
/// readers whose server went don't all come back at the same moment.
const MIN_WAIT: Duration = Duration::from_millis(50);

/// The longest wait, without what chance adds.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// How long a client goes on when servers fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often in a row it waits, and tries all places again, without a batch in between.
    pub retries: usize,
    /// How long a server may send nothing before it is taken for gone. A batch has up to 2 MiB, so links of less than
    /// that in this time need a longer one.
    pub stall_timeout: Duration,
}

impl RetryPolicy {
    /// Eight retries: some 17 s in which a server can come back.
    pub const DEFAULT_RETRIES: usize = 8;

    /// The stall timeout by default, in seconds.
    pub const DEFAULT_STALL_SECONDS: u64 = 60;
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: Self::DEFAULT_RETRIES, stall_timeout: Duration::from_secs(Self::DEFAULT_STALL_SECONDS) }
    }
}

/// How a call failed, by what may help.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server or the way to it: another try may do, over another connection or elsewhere.
    Broken(Error),
    /// The server has as much to do as it takes: it may do later, or elsewhere.
    Busy(Error),
    /// Asked again, it would be the same.
    Refused(Error),
}

impl Failure {
    /// What `status`, which came from `server` or stands for the way to it, means.
    pub fn of_status(server: &Location, status: &Status) -> Self {
        let message = format!("{server}: {}", status.message());
        let remote = || Error::Remote(format!("{message} ({:?})", status.code()));
        match status.code() {
            Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition => Self::Refused(Error::Misuse(message)),
            Code::ResourceExhausted => Self::Busy(Error::Limit(message)),
            // A message whose length was damaged on the way is "out of range".
            Code::Unavailable
            | Code::Internal
            | Code::Unknown
            | Code::OutOfRange
            | Code::Aborted
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::DataLoss => Self::Broken(remote()),
            _ => Self::Refused(remote()),
        }
    }

    /// What an error within a stream of `server` means.
    pub fn of_stream(server: &Location, error: &FlightError) -> Self {
        match error {
            FlightError::Tonic(status) => Self::of_status(server, status),
            error => Self::Broken(Error::Remote(format!("{server}: {error}"))),
        }
    }

    /// The error itself.
    pub fn into_error(self) -> Error {
        match self {
            Self::Broken(error) | Self::Busy(error) | Self::Refused(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Remote(_) => Self::Broken(error),
            error => Self::Refused(error),
        }
    }
}

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Retries {
    policy: RetryPolicy,
    /// How many places there are to try.
    places: usize,
    waits: ExponentialBackoff,
    failures: usize,
    failures_since_wait: usize,
}

impl Retries {
    /// None yet, of something that can be had at so many places.
    pub fn new(policy: RetryPolicy, places: usize) -> Self {
        Self { policy, places, waits: waits(policy), failures: 0, failures_since_wait: 0 }
    }

    /// Something came: counts from none again.
    pub fn renew(&mut self) {
        if self.failures > 0 {
            (self.waits, self.failures) = (waits(self.policy), 0);
        }
    }

    /// One more failure: how long to wait before the next try, not at all where other places haven't been tried since
    /// the last wait; `None` where it is time to give up.
    pub fn next_wait(&mut self) -> Option<Duration> {
        self.failures += 1;
        self.failures_since_wait += 1;
        if self.failures_since_wait < self.places {
            return Some(Duration::ZERO);
        }
        self.failures_since_wait = 0;
        self.waits.next()
    }

    /// How many failures there were in a row.
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

    fn retries(retries: usize, places: usize) -> Retries {
        Retries::new(RetryPolicy { retries, ..RetryPolicy::default() }, places)
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
    fn waits_differ_by_chance() {
        let waits: Vec<_> = (0..8).map(|_| retries(1, 1).next_wait()).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    }

    #[test]
    fn all_places_are_tried_before_a_wait() {
        let mut retries = retries(1, 3);
        let is_wait: Vec<_> = (0..6).map(|_| retries.next_wait().map(|wait| !wait.is_zero())).collect();
        assert_eq!(is_wait, [Some(false), Some(false), Some(true), Some(false), Some(false), None]);
    }

    #[test]
    fn progress_begins_the_count_anew() {
        let mut retries = retries(2, 1);
        for _ in 0..10 {
            assert!(retries.next_wait().unwrap() <= 2 * MIN_WAIT);
            retries.renew();
            assert_eq!(retries.failures(), 0);
        }
    }

    #[test]
    fn only_what_may_mend_is_tried_again() {
        let server: Location = "grpc://a:1".parse().unwrap();
        let of = |code| Failure::of_status(&server, &Status::new(code, "word"));
        for code in [Code::Unavailable, Code::Internal, Code::Unknown, Code::OutOfRange, Code::Cancelled] {
            assert!(matches!(of(code), Failure::Broken(Error::Remote(_))), "{code:?}");
        }
        assert!(matches!(of(Code::ResourceExhausted), Failure::Busy(Error::Limit(_))));
        for code in [Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition] {
            assert!(matches!(of(code), Failure::Refused(Error::Misuse(_))), "{code:?}");
        }
        for code in [Code::Unauthenticated, Code::PermissionDenied, Code::Unimplemented] {
            assert!(matches!(of(code), Failure::Refused(Error::Remote(_))), "{code:?}");
        }
    }
}
