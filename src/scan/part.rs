//! A part of a data set, for jobs that share the work.

use crate::error::{Error, Result};
use crate::models::Table;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// One of several parts of a data set, numbered from 1.
///
/// Parts have nearly equal numbers of customers. They nest: part 1 of 5 equals parts 1 to 10 of 50.
///
/// ```
/// use saasgen::scan::Part;
///
/// let part = Part::new(3, 16)?;
/// assert_eq!(part.of(1..100_001), 12_501..18_751);
/// assert_eq!(part.to_string(), "part-00003-of-00016");
/// # Ok::<(), saasgen::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Part {
    part: u64,
    parts: u64,
}

#[derive(Deserialize)]
struct Unchecked {
    part: u64,
    parts: u64,
}

impl TryFrom<Unchecked> for Part {
    type Error = Error;

    fn try_from(Unchecked { part, parts }: Unchecked) -> Result<Self> {
        Self::new(part, parts)
    }
}

impl Part {
    /// The most parts. The numbers of parts have five digits in file names.
    pub const MAX: u64 = 99_999;

    /// Returns part `part` of `parts`.
    ///
    /// # Errors
    /// Returns [`Error::Misuse`] if `parts` is not from 1 to [`Self::MAX`], or `part` not from 1 to `parts`.
    pub fn new(part: u64, parts: u64) -> Result<Self> {
        let most = Self::MAX;
        if !(1..=most).contains(&parts) {
            return Err(Error::Misuse(format!("`parts` is {parts}; it must be a whole number from 1 to {most}")));
        }
        if !(1..=parts).contains(&part) {
            return Err(Error::Misuse(format!(
                "`part` is {part}; with {parts} parts it must be a whole number from 1 to {parts}"
            )));
        }
        Ok(Self { part, parts })
    }

    /// Returns the number of the part, counted from 1.
    pub fn part(&self) -> u64 {
        self.part
    }

    /// Returns the number of parts.
    pub fn parts(&self) -> u64 {
        self.parts
    }

    /// Returns whether the part has rows of `table`. The first part has all rows of a table without customers.
    pub fn has(&self, table: Table) -> bool {
        table.has_customers() || self.part == 1
    }

    /// Returns the part of `ids`.
    pub fn of(&self, ids: Range<u64>) -> Range<u64> {
        cut(&ids, self.part - 1, self.parts)..cut(&ids, self.part, self.parts)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "part-{:05}-of-{:05}", self.part, self.parts)
    }
}

/// Returns the first id of part `index` of `count`, counted from 0. The cuts for a count are among the cuts for each of
/// its multiples.
pub(super) fn cut(ids: &Range<u64>, index: u64, count: u64) -> u64 {
    let customers = ids.end.saturating_sub(ids.start);
    ids.start + (u128::from(customers) * u128::from(index) / u128::from(count)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_range_have_similar_sizes_and_nest() {
        let parts = |parts| (1..=parts).map(move |part| Part::new(part, parts).unwrap().of(7..1_010));
        let (five, fifty): (Vec<_>, Vec<_>) = (parts(5).collect(), parts(50).collect());
        assert_eq!(five, [7..207, 207..408, 408..608, 608..809, 809..1_010]);
        for (part, nested) in five.iter().zip(fifty.chunks(10)) {
            assert_eq!((part.start, part.end), (nested[0].start, nested[9].end));
            assert!(nested.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
        assert_eq!(Part::new(2, 3).unwrap().of(5..5), 5..5);
        let last = Part::new(Part::MAX, Part::MAX).unwrap().of(1..1_000_000_000_001);
        assert_eq!(last.end, 1_000_000_000_001);
    }

    #[test]
    fn parts_out_of_range_are_refused() {
        for (part, parts, message) in [
            (0, 4, "`part` is 0; with 4 parts it must be a whole number from 1 to 4"),
            (5, 4, "`part` is 5; with 4 parts it must be a whole number from 1 to 4"),
            (1, 0, "`parts` is 0; it must be a whole number from 1 to 99999"),
            (1, 100_000, "`parts` is 100000; it must be a whole number from 1 to 99999"),
        ] {
            assert_eq!(Part::new(part, parts).unwrap_err().to_string(), message);
        }
        assert!(serde_json::from_str::<Part>("{\"part\": 0, \"parts\": 4}").is_err());
    }
}
