//! Which servers failed lately, so that not every reader has to find out by itself.

use super::location::Location;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a server that failed is asked after its replicas.
const AVOIDED_FOR: Duration = Duration::from_secs(60);

/// What the readers of a client know of its servers.
#[derive(Debug, Default)]
pub(super) struct Health {
    failed: Mutex<HashMap<Location, Instant>>,
    batches: AtomicU64,
}

impl Health {
    /// The one of `locations` to try next: the first that hasn't failed lately, or the one whose failure is the longest
    /// ago; `None` where there are none.
    pub fn best<'a>(&self, locations: &'a [Location]) -> Option<&'a Location> {
        let failed = self.failed();
        let failure = |location: &Location| failed.get(location).filter(|at| at.elapsed() < AVOIDED_FOR).copied();
        locations.iter().min_by_key(|location| failure(location))
    }

    /// The server at `location` failed, or has no room.
    pub fn has_failed(&self, location: &Location) {
        self.failed().insert(location.clone(), Instant::now());
    }

    /// The server at `location` sent a batch.
    pub fn has_sent(&self, location: &Location) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.failed().remove(location);
    }

    /// How many batches came, from all servers to all readers.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<Location, Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_did_not_fail_then_the_longest_ago() {
        let locations = ["grpc://a:1", "grpc://b:1", "grpc://c:1"].map(|uri| uri.parse::<Location>().unwrap());
        let health = Health::default();
        let [a, b, c] = &locations;
        assert_eq!(health.best(&locations), Some(a));
        health.has_failed(a);
        assert_eq!(health.best(&locations), Some(b));
        health.has_failed(b);
        health.has_failed(c);
        assert_eq!(health.best(&locations), Some(a));
        health.has_failed(a);
        assert_eq!(health.best(&locations), Some(b));
        health.has_sent(c);
        assert_eq!(health.best(&locations), Some(c));
        assert_eq!(health.batches(), 1);
        assert_eq!(health.best(&[]), None);
    }
}
