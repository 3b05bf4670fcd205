//! The days on which a block of customers was active, as the kernels pass them on.

/// The rows of one customer, which follow each other in [`ActiveDays::ages`].
pub(super) struct CustomerRows {
    /// The customer's id.
    pub id: u64,
    /// Index of the plan.
    pub plan: u8,
    /// Index of the plan and class of intensity, see [`UsageTables::class`](super::super::laws::UsageTables::class).
    pub class: u8,
    /// The signup day, counted from the window's first day.
    pub signup: u32,
    /// The number of rows.
    pub rows: usize,
}

/// The active days of a block of customers. Each is one row.
#[derive(Default)]
pub(super) struct ActiveDays {
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
