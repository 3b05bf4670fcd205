//! Where the values of a column go: a vector of its own, or memory that somebody else laid out.

/// Takes the values of a column in order.
///
/// Kernels make whole lanes: they put some values too many, and then cut back to the rows that there are.
pub(super) trait Room<T> {
    /// Adds `values`.
    fn put<const N: usize>(&mut self, values: &[T; N]);

    /// Keeps the first `rows` values of those that were put.
    fn cut(&mut self, rows: usize);
}

impl<T: Copy> Room<T> for Vec<T> {
    #[inline(always)]
    fn put<const N: usize>(&mut self, values: &[T; N]) {
        self.extend_from_slice(values);
    }

    #[inline(always)]
    fn cut(&mut self, rows: usize) {
        self.truncate(rows);
    }
}

/// Memory for just the values of a column. What is put beyond its end is left out.
pub(super) struct Slots<'a, T> {
    slots: &'a mut [T],
    /// More than there are slots where values were left out.
    put: usize,
}

impl<'a, T> Slots<'a, T> {
    /// These, whatever they hold.
    pub fn new(slots: &'a mut [T]) -> Self {
        Self { slots, put: 0 }
    }

    /// Whether each was given its value.
    pub fn are_full(&self) -> bool {
        self.put == self.slots.len()
    }
}

impl<T: Copy> Room<T> for Slots<'_, T> {
    #[inline(always)]
    fn put<const N: usize>(&mut self, values: &[T; N]) {
        let rest = self.slots.get_mut(self.put..).unwrap_or_default();
        match rest.first_chunk_mut::<N>() {
            Some(chunk) => *chunk = *values,
            None => put_last(rest, values),
        }
        self.put += N;
    }

    #[inline(always)]
    fn cut(&mut self, rows: usize) {
        self.put = self.put.min(rows);
    }
}

/// Once a column, at most.
#[cold]
fn put_last<T: Copy>(rest: &mut [T], values: &[T]) {
    for (slot, &value) in rest.iter_mut().zip(values) {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts eight at a time, of which some are cut.
    fn fill(room: &mut impl Room<u32>, rows: usize) {
        let (mut first, mut value) = (0, 0);
        while first < rows {
            let end = (first + 5).min(rows);
            room.put::<8>(&std::array::from_fn(|lane| value + lane as u32));
            room.cut(end);
            (first, value) = (end, value + 100);
        }
    }

    #[test]
    fn slots_hold_what_a_vector_does_and_are_full_with_the_last_row() {
        for rows in 0..30 {
            let mut vector = Vec::new();
            fill(&mut vector, rows);
            let mut memory = vec![u32::MAX; rows + 8];
            let (own, behind) = memory.split_at_mut(rows);
            let mut slots = Slots::new(own);
            assert_eq!(slots.are_full(), rows == 0);
            fill(&mut slots, rows);
            assert!(slots.are_full());
            slots.cut(rows.saturating_sub(1));
            assert_eq!(slots.are_full(), rows == 0);
            assert_eq!((own, behind), (&mut vector[..], &mut [u32::MAX; 8][..]));
        }
    }

    #[test]
    fn what_has_no_slot_is_left_out() {
        let mut memory = [0; 3];
        let mut slots = Slots::new(&mut memory);
        slots.put(&[9]);
        slots.cut(3);
        assert!(!slots.are_full(), "nothing is there to keep");
        slots.cut(0);
        for values in [[1, 2], [3, 4], [5, 6]] {
            slots.put(&values);
        }
        assert!(!slots.are_full());
        slots.cut(3);
        assert!(slots.are_full());
        assert_eq!(memory, [1, 2, 3]);
    }
}
