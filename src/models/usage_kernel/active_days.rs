//! The days on which a block of customers was active, as the kernels pass them on.

/// The rows of one customer, which follow each other in [`ActiveDays::ages`].
#[derive(Debug, PartialEq)]
pub struct CustomerRows {
    /// The customer's id.
    pub id: u64,
    /// The class of customers that the laws of the values depend on: an index into the tables of
    /// [`UsageTables`](super::UsageTables).
    pub class: u8,
    /// The signup day, counted from the window's first day.
    pub signup: u32,
    /// The number of rows.
    pub rows: usize,
}

/// The active days of a block of customers. Each is one row.
#[derive(Debug, Default)]
pub struct ActiveDays {
    /// The customers with at least one row.
    pub customers: Vec<CustomerRows>,
    /// The number of rows.
    pub rows: usize,
    /// The customer's age in days for each row, followed by at least [`LANES`](crate::random::philox::LANES) entries
    /// without meaning.
    pub ages: Vec<u16>,
    /// For each row, whether its log survived. Only `usage_truth` fills it.
    pub logged: Vec<bool>,
}
