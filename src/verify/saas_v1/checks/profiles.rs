//! Profiles of customers, which the rows of the other tables are checked against.

use crate::verify::reading::{Rows, UNKNOWN};
use crate::verify::rules::Rule;
use crate::verify::saas_v1::derived_model::DerivedModel;
use crate::verify::violations::Violations;
use std::ops::Range;

/// The values of a customer that its rows in other tables depend on.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// The signup day, counted from the first day of the window. Always inside the window.
    pub signup: usize,
    /// The index of the plan in the model.
    pub plan: usize,
    /// The index of the region in the model, or `None` if the model does not have it.
    pub region: Option<usize>,
}

/// The profiles of consecutive customers.
#[derive(Debug)]
pub struct Profiles {
    first: i64,
    /// `None` for a customer that is missing.
    known: Vec<Option<Known>>,
}

/// A customer that exists.
#[derive(Debug, Clone, Copy)]
enum Known {
    Usable(Profile),
    /// The customer has an impossible date or plan. This is already a violation, so its rows are not checked or
    /// counted.
    Unusable,
}

impl Profiles {
    /// `rows` are the rows of `table` of the customers in `ids`. They are sorted.
    pub fn new(model: &DerivedModel, ids: &Range<i64>, table: &Rows, rows: Range<usize>) -> Self {
        let mut known = vec![None; (ids.end - ids.start) as usize];
        for row in rows {
            let signup = table.dates(1)[row].saturating_sub(model.window.first);
            let plan = table.text(2)[row];
            let is_usable = (0..model.days() as i32).contains(&signup) && plan != UNKNOWN;
            let region = Some(table.text(3)[row]).filter(|&region| region != UNKNOWN).map(usize::from);
            let profile = Profile { signup: signup.max(0) as usize, plan: usize::from(plan), region };
            let slot = &mut known[(table.int64(0)[row] - ids.start) as usize];
            if slot.is_none() {
                *slot = Some(if is_usable { Known::Usable(profile) } else { Known::Unusable });
            }
        }
        Self { first: ids.start, known }
    }

    /// Returns the profile of a customer, if it is usable.
    pub fn get(&self, id: i64) -> Option<Profile> {
        match self.known.get(usize::try_from(id - self.first).ok()?) {
            Some(Some(Known::Usable(profile))) => Some(*profile),
            _ => None,
        }
    }

    /// Calls `check` with each customer whose profile is usable and its rows, even if it has none. Records the rows
    /// whose customer is missing. `rows` must be sorted.
    pub fn for_each_customer(
        &self,
        model: &DerivedModel,
        table: &Rows,
        rows: Range<usize>,
        violations: &mut Violations,
        mut check: impl FnMut(i64, Profile, Range<usize>, &mut Violations),
    ) {
        let ids = table.customers();
        let mut next = rows.start;
        for (id, known) in (self.first..).zip(&self.known) {
            let start = next;
            next += ids[start..rows.end].iter().take_while(|&&own| own == id).count();
            match known {
                Some(Known::Usable(profile)) => check(id, *profile, start..next, violations),
                Some(Known::Unusable) => {}
                None => (start..next).for_each(|row| {
                    violations.record(table.table(), Rule::CustomerExists, || table.describe(row, &model.source));
                }),
            }
        }
    }
}
