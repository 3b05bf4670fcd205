//! One customer: what `customers` says of it, and its rows in a table.

use crate::verify::reading::{Rows, UNKNOWN};
use crate::verify::saas_v2::derived_model::{DerivedModel, STATES};
use crate::verify::saas_v2::terms::Terms;
use std::ops::Range;

/// A customer with the values that its rows in other tables depend on.
#[derive(Debug, Clone, Copy)]
pub struct Customer {
    pub id: i64,
    /// The signup day, counted from the first day of the window. Always inside the window.
    pub signup: u32,
    /// Plan, term and seats. Free never has annual terms here.
    pub terms: Terms,
    /// The index of the channel, or `None` if the model does not have it.
    pub channel: Option<u8>,
    /// The index of the region, or `None` if the model does not have it.
    pub region: Option<usize>,
}

impl Customer {
    /// Returns the customer of a row of `customers`. Returns `None` if it has an impossible date, plan or term, which
    /// is a violation. Its rows in other tables are not checked or counted.
    pub fn read(model: &DerivedModel, customers: &Rows, row: usize) -> Option<Self> {
        let terms = Terms::read(customers, [2, 5, 6], row).filter(|terms| !(terms.is_free() && terms.is_annual))?;
        let day = model.day(customers.dates(1)[row]);
        let channel = customers.text(4)[row];
        let region = customers.text(3)[row];
        (0..model.days()).contains(&day).then_some(Self {
            id: customers.int64(0)[row],
            signup: day as u32,
            terms,
            channel: (usize::from(channel) < STATES).then_some(channel),
            region: (region != UNKNOWN).then_some(usize::from(region)),
        })
    }

    /// Returns the first day of a cycle, or a day that no date reaches if it is far after the window.
    pub fn cycle_start(&self, model: &DerivedModel, cycle: usize) -> i32 {
        model.cycle_start(self.signup, cycle).unwrap_or(i32::MAX)
    }
}

/// The rows of one customer in one table.
#[derive(Debug, Clone)]
pub struct CustomerRows<'a> {
    pub table: &'a Rows,
    pub range: Range<usize>,
}

impl CustomerRows<'_> {
    pub fn rows(&self) -> Range<usize> {
        self.range.clone()
    }
}

/// Hands out the rows of a table customer by customer. The rows are sorted by customer.
#[derive(Debug)]
pub struct Cursor<'a> {
    table: &'a Rows,
    next: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(table: &'a Rows, rows: Range<usize>) -> Self {
        Self { table, next: rows.start, end: rows.end }
    }

    /// Returns the rows of customer `id`. Ids must ascend from call to call.
    pub fn take(&mut self, id: i64) -> CustomerRows<'a> {
        let start = self.next;
        let ids = &self.table.customers()[start..self.end];
        self.next += ids.iter().take_while(|&&own| own == id).count();
        CustomerRows { table: self.table, range: start..self.next }
    }
}
