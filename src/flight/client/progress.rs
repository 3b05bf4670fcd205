//! The rows of an endpoint that were received so far.

use std::fmt;
use std::ops::Range;

/// The rows that a reader has received from one endpoint, over all of its streams.
#[derive(Debug)]
pub(super) struct Progress {
    /// The customers of the endpoint, if the ticket names them.
    ids: Option<Range<u64>>,
    /// The first customer that no batch has covered.
    next_id: u64,
    /// The first customer of the last batch.
    last_id: u64,
    /// Whether the mark of the last batch may be wrong.
    is_distrusted: bool,
    rows: u64,
}

impl Progress {
    /// Starts without rows. `ids` are the customers of the endpoint, if the ticket names them.
    pub fn new(ids: Option<Range<u64>>) -> Self {
        let first_id = ids.as_ref().map_or(0, |ids| ids.start);
        Self { next_id: first_id, last_id: first_id, is_distrusted: false, ids, rows: 0 }
    }

    /// Returns the customer to resume at: the first that no batch has covered, or the first of the last batch if its mark
    /// may be wrong.
    pub fn resume_at(&self) -> u64 {
        if self.is_distrusted { self.last_id } else { self.next_id }
    }

    /// Notes that a stream was damaged, perhaps in the mark of the last batch.
    pub fn distrust(&mut self) {
        self.is_distrusted = true;
    }

    /// Returns whether the rows of the endpoint's last customer were received.
    pub fn is_complete(&self) -> bool {
        self.rows > 0 && !self.is_distrusted && self.ids.as_ref().is_some_and(|ids| self.next_id >= ids.end)
    }

    /// Adds a batch of `rows` rows that covers the customers `*stream_next_id..next_id`, and sets `*stream_next_id`,
    /// the position of its stream, to `next_id`. Returns `false` if an earlier stream has sent the batch.
    ///
    /// # Errors
    /// Returns a description of the fault if the marks of the stream do not ascend, pass the end of the endpoint, or
    /// cut the batches at other customers than an earlier stream did.
    pub fn add(&mut self, stream_next_id: &mut u64, next_id: u64, rows: usize) -> Result<bool, String> {
        if next_id <= *stream_next_id {
            return Err(format!("sent the resume mark {next_id} after {stream_next_id}; resume marks must rise"));
        }
        if let Some(ids) = self.ids.as_ref().filter(|ids| next_id > ids.end) {
            return Err(format!("sent the resume mark {next_id}, which is past the endpoint's end at {}", ids.end));
        }
        let first_id = std::mem::replace(stream_next_id, next_id);
        if next_id <= self.next_id {
            return Ok(false);
        }
        if first_id < self.next_id {
            return Err(format!(
                "cut a batch at {first_id} and {next_id}, but an earlier stream cut one at {}",
                self.next_id
            ));
        }
        (self.last_id, self.next_id, self.is_distrusted) = (first_id, next_id, false);
        self.rows += rows as u64;
        Ok(true)
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.rows)?;
        match &self.ids {
            Some(ids) if !ids.is_empty() => {
                write!(f, ", {} of the customers {} to {}", self.next_id - ids.start, ids.start, ids.end - 1)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An endpoint of the customers 11 to 40 after its first batch, and the position of its stream.
    fn after_one_batch() -> (Progress, u64) {
        let (mut progress, mut stream) = (Progress::new(Some(11..41)), 11);
        assert_eq!(progress.add(&mut stream, 21, 5), Ok(true));
        assert_eq!((progress.next_id, stream, progress.rows), (21, 21, 5));
        (progress, stream)
    }

    #[test]
    fn an_endpoint_is_complete_at_its_last_customer() {
        let (mut progress, mut stream) = after_one_batch();
        assert!(!progress.is_complete());
        assert_eq!(progress.to_string(), "5 rows, 10 of the customers 11 to 40");
        assert_eq!(progress.add(&mut stream, 41, 5), Ok(true));
        assert!(progress.is_complete());
    }

    #[test]
    fn marks_that_do_not_ascend_or_pass_the_end_are_refused() {
        for next_id in [0, 20, 21, 42, u64::MAX] {
            let (mut progress, mut stream) = after_one_batch();
            let message = progress.add(&mut stream, next_id, 5).unwrap_err();
            assert!(message.contains(&next_id.to_string()), "{message}");
            assert_eq!((progress.next_id, progress.rows), (21, 5), "a refused batch must not count");
        }
    }

    #[test]
    fn batches_of_a_restarted_stream_are_new_only_once() {
        let mut progress = Progress::new(None);
        let mut stream = 0;
        assert_eq!(progress.add(&mut stream, 3, 5), Ok(true));
        assert_eq!(progress.add(&mut stream, 5, 5), Ok(true));
        let mut stream = 0;
        assert_eq!(progress.add(&mut stream, 3, 5), Ok(false));
        assert_eq!(progress.add(&mut stream, 5, 5), Ok(false));
        assert_eq!(progress.add(&mut stream, 6, 5), Ok(true));
        assert_eq!((progress.rows, progress.is_complete()), (15, false));
        assert_eq!(progress.to_string(), "15 rows");
        // The first half of this batch was received before.
        assert!(progress.add(&mut 4, 9, 5).unwrap_err().contains("but an earlier stream cut one at 6"));
    }
}
