//! One of so many parts of a data set, for jobs that share the work.

use crate::error::{Error, Result};
use crate::tables::Table;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// Part `part` of `parts`, counted from 1.
///
/// Parts have like numbers of customers and nest: part 1 of 5 is parts 1 to 10 of 50.
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
    /// The most parts there can be: their numbers have five digits in file names.
    pub const MAX: u64 = 99_999;

    /// Part `part` of `parts`.
    ///
    /// # Errors
    /// [`Error::Misuse`] where there is no such part.
    pub fn new(part: u64, parts: u64) -> Result<Self> {
        let most = Self::MAX;
        if !(1..=most).contains(&parts) {
            return Err(Error::Misuse(format!("`parts` is {parts}; it must be a whole number from 1 to {most}")));
        }
        if !(1..=parts).contains(&part) {
            return Err(Error::Misuse(format!("`part` is {part}; of {parts} parts it must be one from 1 to {parts}")));
        }
        Ok(Self { part, parts })
    }

    /// Which part, counted from 1.
    pub fn part(&self) -> u64 {
        self.part
    }

    /// How many parts there are.
    pub fn parts(&self) -> u64 {
        self.parts
    }

    /// Whether it has rows of `table`: one without customers can't be split, so the first part has all of it.
    pub fn has(&self, table: Table) -> bool {
        table.has_customers() || self.part == 1
    }

    /// The part of `ids`.
    pub fn of(&self, ids: Range<u64>) -> Range<u64> {
        cut(&ids, self.part - 1, self.parts)..cut(&ids, self.part, self.parts)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "part-{:05}-of-{:05}", self.part, self.parts)
    }
}

/// Where part `index` of `count`, counted from 0, begins. The cuts of a count are among those of its multiples.
pub(super) fn cut(ids: &Range<u64>, index: u64, count: u64) -> u64 {
    let customers = ids.end.saturating_sub(ids.start);
    ids.start + (u128::from(customers) * u128::from(index) / u128::from(count)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole_near_each_other_and_nest() {
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
    fn parts_that_are_not_there_are_refused() {
        for (part, parts, message) in [
            (0, 4, "`part` is 0; of 4 parts it must be one from 1 to 4"),
            (5, 4, "`part` is 5; of 4 parts it must be one from 1 to 4"),
            (1, 0, "`parts` is 0; it must be a whole number from 1 to 99999"),
            (1, 100_000, "`parts` is 100000; it must be a whole number from 1 to 99999"),
        ] {
            assert_eq!(Part::new(part, parts).unwrap_err().to_string(), message);
        }
        assert!(serde_json::from_str::<Part>("{\"part\": 0, \"parts\": 4}").is_err());
    }
}
