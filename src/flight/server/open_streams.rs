//! Counts of open DoGet streams: all of them, and those of each token's name.

use super::limits::Limits;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The open streams of one server.
#[derive(Debug, Default)]
pub(super) struct OpenStreams {
    count: watch::Sender<u64>,
    by_name: Mutex<HashMap<Arc<str>, u64>>,
}

impl OpenStreams {
    /// Returns the number of open streams, to read or to wait for.
    pub fn count(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// Counts one more stream until the returned value is dropped. `name` is the name of the caller's token, if any.
    ///
    /// # Errors
    /// [`Error::Limit`] if `limits` allow no more streams, in all or with that name.
    pub fn open(self: &Arc<Self>, limits: &Limits, name: Option<&Arc<str>>) -> Result<OpenStream> {
        if let Some(name) = name {
            let most = limits.streams_of_name;
            let mut by_name = self.by_name();
            let open = by_name.entry(Arc::clone(name)).or_default();
            if *open >= most {
                return Err(Error::Limit(format!(
                    "{most} streams of {name} are open; --max-streams-per-name allows no more. Try again when one has ended"
                )));
            }
            *open += 1;
        }
        // From here on, dropping `stream` takes both counts back.
        let stream = OpenStream { streams: Arc::clone(self), name: name.cloned() };
        let most = limits.streams;
        let has_room = self.count.send_if_modified(|open| {
            let has_room = *open < most;
            *open += 1;
            has_room
        });
        if !has_room {
            return Err(Error::Limit(format!(
                "{most} streams are open; --max-streams allows no more. Try again when one has ended"
            )));
        }
        Ok(stream)
    }

    fn by_name(&self) -> MutexGuard<'_, HashMap<Arc<str>, u64>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open stream. It is counted until this is dropped.
#[derive(Debug)]
pub(super) struct OpenStream {
    streams: Arc<OpenStreams>,
    name: Option<Arc<str>>,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.streams.count.send_modify(|open| *open -= 1);
        let Some(name) = &self.name else { return };
        let mut by_name = self.streams.by_name();
        if let Some(open) = by_name.get_mut(name) {
            *open -= 1;
            if *open == 0 {
                by_name.remove(name);
            }
        }
    }
}
