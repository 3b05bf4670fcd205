//! The customers of a chunk: their profiles for the other tables, and the checks of their own rows.

use super::facts::Facts;
use super::findings::{Findings, Rule};
use super::rows::{Rows, UNKNOWN};
use super::tally::{FIXED_POINT, SIGNUP_PARTS, Tally};
use crate::tables::Table;
use std::ops::Range;

/// What the rows of other tables are judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    /// Days from the window's first day; always inside the window.
    pub signup: usize,
    /// Index into the model's plans.
    pub plan: usize,
    /// Index into the model's regions, where it is one of them.
    pub region: Option<usize>,
}

/// The profiles of a run of customers.
#[derive(Debug)]
pub(super) struct Profiles {
    first: i64,
    /// `None` where there is no such customer.
    known: Vec<Option<Known>>,
}

/// Whether a customer's profile can be used.
#[derive(Debug, Clone, Copy)]
enum Known {
    Usable(Profile),
    /// There is such a customer, but with a date or a plan that can't be: found already, and left out of the laws.
    Unusable,
}

impl Profiles {
    /// The profiles in `rows`, those of the customers in `ids`, sorted.
    pub fn of(facts: &Facts, ids: &Range<i64>, table: &Rows, rows: Range<usize>) -> Self {
        let mut known = vec![None; (ids.end - ids.start) as usize];
        for row in rows {
            let signup = table.dates(1)[row].saturating_sub(facts.window.first);
            let plan = table.text(2)[row];
            let is_usable = (0..facts.days() as i32).contains(&signup) && plan != UNKNOWN;
            let region = Some(table.text(3)[row]).filter(|&region| region != UNKNOWN).map(usize::from);
            let profile = Profile { signup: signup.max(0) as usize, plan: usize::from(plan), region };
            let slot = &mut known[(table.int64(0)[row] - ids.start) as usize];
            if slot.is_none() {
                *slot = Some(if is_usable { Known::Usable(profile) } else { Known::Unusable });
            }
        }
        Self { first: ids.start, known }
    }

    /// The profile of a customer, where there is one that can be used.
    pub fn get(&self, id: i64) -> Option<Profile> {
        match self.known.get(usize::try_from(id - self.first).ok()?) {
            Some(Some(Known::Usable(profile))) => Some(*profile),
            _ => None,
        }
    }

    /// Hands the rows of each customer whose profile can be used, perhaps none, to `check`, and notes the rows that
    /// have no customer. `rows` are sorted.
    pub fn each(
        &self,
        facts: &Facts,
        table: &Rows,
        rows: Range<usize>,
        findings: &mut Findings,
        mut check: impl FnMut(i64, Profile, Range<usize>, &mut Findings),
    ) {
        let ids = table.customers();
        let mut next = rows.start;
        for (id, known) in (self.first..).zip(&self.known) {
            let start = next;
            next += ids[start..rows.end].iter().take_while(|&&own| own == id).count();
            match known {
                Some(Known::Usable(profile)) => check(id, *profile, start..next, findings),
                Some(Known::Unusable) => {}
                None => (start..next).for_each(|row| {
                    findings
                        .note(table.table(), Rule::CustomerExists, || table.describe(row, facts.model.parameters()));
                }),
            }
        }
    }
}

/// Counts the customers, and notes what is wrong with their rows.
pub(super) fn check(
    facts: &Facts,
    ids: &Range<i64>,
    table: &Rows,
    rows: Range<usize>,
    tally: &mut Tally,
    findings: &mut Findings,
) {
    let mut next = ids.start;
    let mut before = None;
    let missing = |range: Range<i64>, findings: &mut Findings| {
        for id in range {
            findings.note(Table::Customers, Rule::Ids, || format!("customer_id {id} is missing"));
        }
    };
    let parameters = facts.model.parameters();
    for row in rows {
        let id = table.int64(0)[row];
        if id < next {
            findings.note(Table::Customers, Rule::UniqueKeys, || table.describe(row, parameters));
            continue;
        }
        missing(next..id, findings);
        next = id + 1;
        let signup = table.dates(1)[row].saturating_sub(facts.window.first);
        let (plan, region) = (table.text(2)[row], table.text(3)[row]);
        if !(0..facts.days() as i32).contains(&signup) {
            findings.note(Table::Customers, Rule::Dates, || table.describe(row, parameters));
        } else if plan != UNKNOWN {
            tally.signups.add(usize::from(plan), signup as usize, 1);
            if region != UNKNOWN {
                let now = Counted { plan: usize::from(plan), region: usize::from(region), signup: signup as usize };
                count(facts, before.replace(now), now, tally);
            }
        }
    }
    missing(next..ids.end, findings);
}

/// A customer whose every value is one of the model's.
#[derive(Clone, Copy)]
struct Counted {
    plan: usize,
    region: usize,
    signup: usize,
}

fn count(facts: &Facts, before: Option<Counted>, now: Counted, tally: &mut Tally) {
    if let Some(before) = before {
        let part = |customer: Counted| customer.signup * SIGNUP_PARTS / facts.days();
        tally.plan_pairs.add(before.plan, now.plan, 1);
        tally.region_pairs.add(before.region, now.region, 1);
        tally.signup_pairs.add(part(before), part(now), 1);
    }
    tally.regions.add(now.plan, now.region, 1);
    tally.regions_by_day.add(now.region, now.signup, 1);
    let activity = facts.plans[now.plan].active_sums[facts.days() - now.signup];
    for (row, sum) in activity.into_iter().enumerate() {
        tally.region_activity.add(row, now.region, (sum * FIXED_POINT).round() as u64);
    }
}
