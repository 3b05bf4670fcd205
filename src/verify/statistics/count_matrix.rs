//! Counts by two categories, such as plan and day.

/// Counts in rows and columns.
#[derive(Debug, Clone, Default)]
pub struct CountMatrix {
    columns: usize,
    counts: Vec<u64>,
}

impl CountMatrix {
    pub fn new(rows: usize, columns: usize) -> Self {
        Self { columns, counts: vec![0; rows * columns] }
    }

    pub fn add(&mut self, row: usize, column: usize, count: u64) {
        self.counts[row * self.columns + column] += count;
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn row(&self, row: usize) -> &[u64] {
        &self.counts[row * self.columns..(row + 1) * self.columns]
    }

    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.counts.chunks(self.columns.max(1))
    }

    /// Returns the sum of each column.
    pub fn column_sums(&self) -> Vec<u64> {
        let mut sums = vec![0; self.columns];
        for row in self.rows() {
            sums.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        }
        sums
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }
}
