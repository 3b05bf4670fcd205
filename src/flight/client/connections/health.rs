//! The servers that failed recently, shared by all readers of a client.

use crate::flight::location::Location;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time after a failure in which the replicas of a server are preferred to it.
const AVOIDED_FOR: Duration = Duration::from_secs(60);

/// The recent failures of servers, and the number of batches that were received.
#[derive(Debug, Default)]
pub(in crate::flight::client) struct ServerHealth {
    failures: Mutex<HashMap<Location, Instant>>,
    batches: AtomicU64,
}

impl ServerHealth {
    /// Returns the location to try next: the first one without a recent failure, else the one whose failure is the
    /// oldest. Returns `None` if `locations` is empty.
    pub fn best<'a>(&self, locations: &'a [Location]) -> Option<&'a Location> {
        let failures = self.failures();
        let recent = |location: &Location| failures.get(location).filter(|at| at.elapsed() < AVOIDED_FOR).copied();
        locations.iter().min_by_key(|location| recent(location))
    }

    /// Records that the server at `location` failed or has reached a limit.
    pub fn record_failure(&self, location: &Location) {
        self.failures().insert(location.clone(), Instant::now());
    }

    /// Records that the server at `location` sent a batch.
    pub fn record_batch(&self, location: &Location) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.failures().remove(location);
    }

    /// Returns the number of batches that all readers received from all servers.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<Location, Instant>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_location_has_no_recent_failure_or_the_oldest() {
        let locations = ["grpc://a:1", "grpc://b:1", "grpc://c:1"].map(|uri| uri.parse::<Location>().unwrap());
        let health = ServerHealth::default();
        let [a, b, c] = &locations;
        assert_eq!(health.best(&locations), Some(a));
        health.record_failure(a);
        assert_eq!(health.best(&locations), Some(b));
        health.record_failure(b);
        health.record_failure(c);
        assert_eq!(health.best(&locations), Some(a));
        health.record_failure(a);
        assert_eq!(health.best(&locations), Some(b));
        health.record_batch(c);
        assert_eq!(health.best(&locations), Some(c));
        assert_eq!(health.batches(), 1);
        assert_eq!(health.best(&[]), None);
    }
}
