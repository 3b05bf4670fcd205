//! Destinations for the values of a column: a vector, or memory that the caller provides.

/// Takes the values of a column in order.
///
/// Kernels compute whole lanes. They push more values than there are rows, and then truncate.
pub trait OutputColumn<T> {
    /// Appends `values`.
    fn push<const N: usize>(&mut self, values: &[T; N]);

    /// Keeps the first `rows` values.
    fn truncate_rows(&mut self, rows: usize);
}

impl<T: Copy> OutputColumn<T> for Vec<T> {
    #[inline(always)]
    fn push<const N: usize>(&mut self, values: &[T; N]) {
        self.extend_from_slice(values);
    }

    #[inline(always)]
    fn truncate_rows(&mut self, rows: usize) {
        self.truncate(rows);
    }
}

/// An output column in a slice with one element for each row. Values past the end are dropped.
pub struct OutputSlice<'a, T> {
    slice: &'a mut [T],
    /// The number of values pushed, including dropped ones.
    pushed: usize,
}

impl<'a, T> OutputSlice<'a, T> {
    /// Writes to `slice`. What it holds before has no meaning.
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { slice, pushed: 0 }
    }

    /// Returns whether the number of values equals the length of the slice.
    pub fn is_full(&self) -> bool {
        self.pushed == self.slice.len()
    }
}

impl<T: Copy> OutputColumn<T> for OutputSlice<'_, T> {
    #[inline(always)]
    fn push<const N: usize>(&mut self, values: &[T; N]) {
        let rest = self.slice.get_mut(self.pushed..).unwrap_or_default();
        match rest.first_chunk_mut::<N>() {
            Some(chunk) => *chunk = *values,
            None => push_last(rest, values),
        }
        self.pushed += N;
    }

    #[inline(always)]
    fn truncate_rows(&mut self, rows: usize) {
        self.pushed = self.pushed.min(rows);
    }
}

/// Writes the values that fit. This happens only near the end of a column.
#[cold]
fn push_last<T: Copy>(rest: &mut [T], values: &[T]) {
    for (element, &value) in rest.iter_mut().zip(values) {
        *element = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes eight values at a time and keeps five of them.
    fn fill(column: &mut impl OutputColumn<u32>, rows: usize) {
        let (mut first, mut value) = (0, 0);
        while first < rows {
            let end = (first + 5).min(rows);
            column.push::<8>(&std::array::from_fn(|lane| value + lane as u32));
            column.truncate_rows(end);
            (first, value) = (end, value + 100);
        }
    }

    #[test]
    fn a_slice_takes_the_values_of_a_vector_and_is_full_with_the_last_row() {
        for rows in 0..30 {
            let mut vector = Vec::new();
            fill(&mut vector, rows);
            let mut memory = vec![u32::MAX; rows + 8];
            let (own, behind) = memory.split_at_mut(rows);
            let mut slice = OutputSlice::new(own);
            assert_eq!(slice.is_full(), rows == 0);
            fill(&mut slice, rows);
            assert!(slice.is_full());
            slice.truncate_rows(rows.saturating_sub(1));
            assert_eq!(slice.is_full(), rows == 0);
            assert_eq!((own, behind), (&mut vector[..], &mut [u32::MAX; 8][..]));
        }
    }

    #[test]
    fn values_past_the_end_of_a_slice_are_dropped() {
        let mut memory = [0; 3];
        let mut slice = OutputSlice::new(&mut memory);
        slice.push(&[9]);
        slice.truncate_rows(3);
        assert!(!slice.is_full(), "one value of three was pushed");
        slice.truncate_rows(0);
        for values in [[1, 2], [3, 4], [5, 6]] {
            slice.push(&values);
        }
        assert!(!slice.is_full());
        slice.truncate_rows(3);
        assert!(slice.is_full());
        assert_eq!(memory, [1, 2, 3]);
    }
}
