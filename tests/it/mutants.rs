//! Wrong models and corrupt data sets. Each must fail the check that is meant to find it.

use crate::support::{data_set, data_set_of, dates, int32, int64, text, whole};
use crate::tables_in_memory::{
    MemoryTable, by_parity, twice, with_column, with_dates, with_ids, with_numbers, with_text, without,
};
use crate::verification::verified;
use arrow::array::{ArrayRef, Decimal128Array, Int32Array, RecordBatch, UInt32Array};
use arrow::compute::{sort_to_indices, take_record_batch};
use saasgen::batches::{ScanSource, TableSource};
use saasgen::models::{DataSet, Table, saas_v1};
use saasgen::scan::Scan;
use saasgen::verify::{Claim, ERROR_RATE, Evidence, Verdict, Verification};
use std::sync::Arc;

/// Returns true for one row in `count`, chosen pseudo-randomly.
fn one_in(count: u64, row: usize) -> bool {
    let mixed = (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32;
    mixed.is_multiple_of(count)
}

/// Verifies the tables of `data_set` against the default model. Tables in `edited` replace the generated ones.
pub fn verify_edited(
    data_set: &DataSet,
    tables: &[Table],
    edited: Vec<(Table, RecordBatch)>,
    claim: Option<Claim>,
) -> Verification {
    let edited: Vec<MemoryTable> = edited.into_iter().map(|(table, rows)| MemoryTable::new(table, rows)).collect();
    let rest = tables.iter().filter(|&&table| edited.iter().all(|given| given.table() != table));
    let rest: Vec<ScanSource> = rest.map(|&table| ScanSource::new(Scan::whole(data_set, table))).collect();
    let edited = edited.iter().map(|given| given as &dyn TableSource);
    let sources: Vec<&dyn TableSource> = edited.chain(rest.iter().map(|source| source as &dyn TableSource)).collect();
    verified(&crate::support::data_set(0, 1), &sources, claim, ERROR_RATE).unwrap()
}

/// Panics if the check does not fail.
pub fn assert_fails(verification: &Verification, table: Table, check: &str) {
    let found = verification.check(table, check);
    let found = found.unwrap_or_else(|| panic!("there is no check {check:?} of {}", table.name()));
    assert_eq!(found.verdict, Verdict::Fails, "{} {check}: {:?}", table.name(), found.evidence);
    assert!(!verification.holds);
}

/// Returns the number of violations of a check of structure, and its examples.
fn violations(verification: &Verification, table: Table, check: &str) -> (u64, Vec<String>) {
    match &verification.check(table, check).unwrap().evidence {
        Evidence::Structure { violations, examples } => (*violations, examples.clone()),
        other => panic!("{other:?}"),
    }
}

const ALL_BUT_TRUTH: [Table; 4] = [saas_v1::CUSTOMERS, saas_v1::USAGE_DAILY, saas_v1::BILLING, saas_v1::SUPPORT];

/// The default size.
const LARGE: u64 = 100_000;

#[test]
fn data_sets_of_other_models_fail() {
    use saas_v1::{BILLING, CUSTOMERS, SUPPORT, USAGE_DAILY, USAGE_TRUTH};
    let usage = [CUSTOMERS, USAGE_DAILY];
    let cases: [(&str, &[Table], Table, &str); 25] = [
        ("retention.decay_days = 210.0", &usage, USAGE_DAILY, "decay in days, fitted"),
        ("retention.decay_days = 215.0", &usage, USAGE_DAILY, "retention by plan and age"),
        ("plans.Free.active_share = 0.2222", &usage, USAGE_DAILY, "base of Free, fitted"),
        ("plans.Basic.active_share = 0.3465", &usage, USAGE_DAILY, "base of Basic, fitted"),
        ("plans.Pro.active_share = 0.505", &usage, USAGE_DAILY, "base of Pro, fitted"),
        ("plans.Enterprise.active_share = 0.707", &usage, USAGE_DAILY, "base of Enterprise, fitted"),
        (
            "logs = { loss_min = 0.13, loss_max = 0.19 }",
            &[CUSTOMERS, USAGE_DAILY, USAGE_TRUTH],
            USAGE_DAILY,
            "missing logs: mean rate of a day",
        ),
        (
            "logs = { loss_min = 0.14, loss_max = 0.16 }",
            &[CUSTOMERS, USAGE_DAILY, USAGE_TRUTH],
            USAGE_DAILY,
            "missing logs: rates over their band",
        ),
        ("plans.Free.sessions = 8.0\nplans.Basic.sessions = 2.0", &usage, USAGE_DAILY, "sessions of Free"),
        ("plans.Pro.sessions = 25.1", &usage, USAGE_DAILY, "sessions of Pro"),
        ("usage.events_per_session = 1.51", &usage, USAGE_DAILY, "feature_events given sessions"),
        ("usage.minutes_sd = 0.305", &usage, USAGE_DAILY, "usage_minutes of Basic"),
        ("usage.minutes_clamp = 4.0", &usage, USAGE_DAILY, "minutes within the plan's limits"),
        ("plans.Free.share = 0.39\nplans.Basic.share = 0.36", &[CUSTOMERS], CUSTOMERS, "plan mix"),
        ("regions = { NA = 0.34, EU = 0.31 }", &[CUSTOMERS], CUSTOMERS, "region mix"),
        ("billing.status = { paid = 0.745, late = 0.155 }", &[CUSTOMERS, BILLING], BILLING, "payment_status mix"),
        ("billing.interval_days = 14", &[CUSTOMERS, BILLING], BILLING, "first invoice on day 11 to 15"),
        ("billing.jitter_days = 1", &[CUSTOMERS, BILLING], BILLING, "days early or late: uniform"),
        ("plans.Pro.price = 89.0", &[CUSTOMERS, BILLING], BILLING, "amount is the plan's price"),
        ("plans.Free.price = 9.0", &[CUSTOMERS, BILLING], BILLING, "only plans with a price"),
        ("support.tickets_per_month = 0.43", &[CUSTOMERS, SUPPORT], SUPPORT, "tickets by tenure"),
        ("support.months_max = 16.0", &[CUSTOMERS, SUPPORT], SUPPORT, "tickets by tenure"),
        ("support.months_min = 2.0", &[CUSTOMERS, SUPPORT], SUPPORT, "tickets by tenure"),
        ("support.category = { technical = 0.59, onboarding = 0.16 }", &[CUSTOMERS, SUPPORT], SUPPORT, "category mix"),
        ("support.priority = { low = 0.56, medium = 0.39 }", &[CUSTOMERS, SUPPORT], SUPPORT, "priority mix"),
    ];
    for (overlay, tables, table, check) in cases {
        let wrong = data_set_of(overlay, 42, LARGE);
        let verification = verify_edited(&wrong, tables, Vec::new(), None);
        assert_fails(&verification, table, check);
        assert_eq!(verification.check(table, "columns are there").unwrap().verdict, Verdict::Holds);
    }
}

#[test]
fn invalid_rows_are_counted_and_shown() {
    let small = data_set(42, 2_000);
    let [customers, usage, billing, support] = ALL_BUT_TRUTH.map(|table| whole(&small, table));
    let usage_customer = int64(&usage, "customer_id")[500];
    let plans = text(&customers, "plan");
    let paid = |row: usize| plans[int64(&billing, "customer_id")[row] as usize - 1] != "Free";
    assert!((0..billing.num_rows()).all(paid));
    let last_of_customer = |row: usize| {
        let ids = int64(&billing, "customer_id");
        row + 1 == ids.len() || ids[row + 1] != ids[row]
    };
    let null_sessions: Int32Array =
        int32(&usage, "sessions").iter().enumerate().map(|(row, &value)| (row != 3).then_some(value)).collect();
    let prices = |cents: i128| {
        let values = (0..billing.num_rows()).map(|row| if row == 9 { cents } else { 2_900 });
        Arc::new(Decimal128Array::from_iter_values(values).with_precision_and_scale(10, 2).unwrap()) as ArrayRef
    };
    let free = plans.iter().position(|plan| plan == "Free").unwrap() as i64 + 1;
    use saas_v1::{BILLING, CUSTOMERS, SUPPORT, USAGE_DAILY};
    let cases: Vec<(Table, RecordBatch, &str, u64)> = vec![
        (CUSTOMERS, twice(&customers, 7), "customer_id unique", 1),
        (CUSTOMERS, without(&customers, |row| row == 999), "customer_id 1, 2, … without a gap", 1),
        (CUSTOMERS, with_dates(&customers, "signup_date", |days| days[5] = 19_538), "signup_date inside the window", 1),
        (
            CUSTOMERS,
            with_text(&customers, "plan", |plans| plans[6] = "Gold".into()),
            "values can be read, names known",
            1,
        ),
        (USAGE_DAILY, twice(&usage, 500), "(customer_id, date) unique", 1),
        (USAGE_DAILY, with_ids(&usage, "customer_id", |ids| ids[500] = 2_001), "customer_id is a customer", 1),
        (USAGE_DAILY, with_dates(&usage, "date", |days| days[500] = 20_089), "date from signup to the end", 1),
        (USAGE_DAILY, with_column(&usage, "sessions", Arc::new(null_sessions)), "values can be read, names known", 1),
        (USAGE_DAILY, with_numbers(&usage, "sessions", |values| values[4] = -1), "counts not negative", 1),
        (
            USAGE_DAILY,
            with_numbers(&usage, "usage_minutes", |values| values[4] = 1_000),
            "minutes within the plan's limits",
            1,
        ),
        (
            USAGE_DAILY,
            with_numbers(&usage, "sessions", |values| values[4] = 0),
            "no feature_events without sessions",
            1,
        ),
        (BILLING, twice(&billing, 11), "invoice_id unique", 1),
        (BILLING, without(&billing, |row| row == 3), "ids count by date in each customer", 1),
        (BILLING, without(&billing, |row| row == 3), "9 to 17 days between invoices", 1),
        (BILLING, without(&billing, |row| row % 9 == 0 && last_of_customer(row)), "invoices go on to the end", 0),
        (BILLING, with_column(&billing, "amount", prices(2_901)), "amount is the plan's price", 0),
        (BILLING, with_ids(&billing, "customer_id", |ids| ids[0] = free), "only plans with a price", 1),
        (SUPPORT, twice(&support, 2), "ticket_id unique", 1),
        (SUPPORT, with_ids(&support, "ticket_id", |ids| ids[20] += 5), "ids count by date in each customer", 0),
        (
            SUPPORT,
            with_dates(&support, "ticket_date", |days| days[2] = 19_000),
            "ticket_date from signup to the end",
            1,
        ),
        (SUPPORT, with_ids(&support, "customer_id", |ids| ids[2] = -4), "customer_id is a customer", 1),
        (SUPPORT, twice(&support, 2), "ticket_id unique", 1),
    ];
    for (table, rows, check, count) in cases {
        let verification = verify_edited(&small, &ALL_BUT_TRUTH, vec![(table, rows)], None);
        assert_fails(&verification, table, check);
        let (found, examples) = violations(&verification, table, check);
        assert!(found == count || (count == 0 && found > 1), "{check}: {found} {examples:?}");
        assert_eq!(examples.len() as u64, found.min(5), "{check}");
    }
    let twice = verify_edited(&small, &ALL_BUT_TRUTH, vec![(USAGE_DAILY, twice(&usage, 500))], None);
    let (_, examples) = violations(&twice, USAGE_DAILY, "(customer_id, date) unique");
    assert!(examples[0].starts_with(&format!("customer_id {usage_customer}, date 202")), "{examples:?}");
}

#[test]
fn rows_out_of_order_fail_if_the_source_declares_an_order() {
    let small = data_set(42, 2_000);
    let usage = whole(&small, saas_v1::USAGE_DAILY);
    let mut order: Vec<u32> = (0..usage.num_rows() as u32).collect();
    order.swap(100, 900);
    let swapped = take_record_batch(&usage, &UInt32Array::from(order)).unwrap();
    let verification = verify_edited(&small, &ALL_BUT_TRUTH, vec![(saas_v1::USAGE_DAILY, swapped)], None);
    let fails: Vec<_> = verification.checks.iter().filter(|check| check.verdict == Verdict::Fails).collect();
    assert_eq!(fails.len(), 1, "all other checks ignore the order: {fails:?}");
    assert_fails(&verification, saas_v1::USAGE_DAILY, "rows in order");

    // If files don't state an order, the check is not run. Here each row group is sorted, but row groups are out of
    // order.
    let (first, second) = (usage.slice(0, 5_000), usage.slice(5_000, usage.num_rows() - 5_000));
    let usage = MemoryTable::with_row_groups(saas_v1::USAGE_DAILY, vec![second, first]);
    let customers = ScanSource::new(Scan::whole(&small, saas_v1::CUSTOMERS));
    let verification = verified(&small, &[&customers, &usage], None, ERROR_RATE).unwrap();
    let order = verification.check(saas_v1::USAGE_DAILY, "rows in order").unwrap();
    let Evidence::NotRun { reason } = &order.evidence else { panic!("{order:?}") };
    assert!(reason.starts_with("1 rows are out of order"), "{reason}");
}

#[test]
fn rows_that_violate_a_law_fail() {
    let large = data_set(42, 30_000);
    let [customers, usage, billing, support] = ALL_BUT_TRUTH.map(|table| whole(&large, table));
    let truth = whole(&large, saas_v1::USAGE_TRUTH);
    let signups = dates(&customers, "signup_date").to_vec();
    let signup = |id: i64| signups[id as usize - 1];
    let plans = text(&customers, "plan");
    use saas_v1::{BILLING, CUSTOMERS, SUPPORT, USAGE_DAILY};

    let mondays = with_dates(&customers, "signup_date", |days| {
        days.iter_mut()
            .enumerate()
            .filter(|(row, day)| (**day - 19_539) % 7 == 5 && one_in(5, *row))
            .for_each(|(_, day)| *day -= 1);
    });
    let favoured = with_text(&customers, "region", |regions| {
        let enterprise =
            regions.iter_mut().enumerate().filter(|(row, _)| plans[*row] == "Enterprise" && one_in(4, *row));
        enterprise.for_each(|(_, region)| *region = "NA".into());
    });
    let piled = with_dates(&support, "ticket_date", |days| {
        let ids = int64(&support, "customer_id");
        let moved = days.iter_mut().enumerate().filter(|(row, _)| signup(ids[*row]) <= 20_000 && one_in(100, *row));
        moved.for_each(|(_, day)| *day = 20_000);
    });
    let early = with_dates(&support, "ticket_date", |days| {
        let ids = int64(&support, "customer_id");
        let moved = days.iter_mut().enumerate().filter(|(row, _)| one_in(20, *row));
        moved.for_each(|(row, day)| *day = signup(ids[row]) + (*day - signup(ids[row])) / 2);
    });
    let repeated = with_text(&billing, "payment_status", |statuses| {
        let ids = int64(&billing, "customer_id");
        for row in 1..statuses.len() {
            if ids[row] == ids[row - 1] && one_in(20, row) {
                statuses[row] = statuses[row - 1].clone();
            }
        }
    });
    let urgent = with_text(&support, "priority", |priorities| {
        let categories = text(&support, "category");
        let moved =
            priorities.iter_mut().enumerate().filter(|(row, _)| categories[*row] == "billing" && one_in(50, *row));
        moved.for_each(|(_, priority)| *priority = "high".into());
    });
    let shifted = with_numbers(&usage, "feature_events", |values| values.rotate_right(1));
    let sessions = int32(&usage, "sessions").to_vec();
    let together = with_numbers(&usage, "usage_minutes", |minutes| {
        let ids = int64(&usage, "customer_id");
        for row in (0..minutes.len() - 1).step_by(2) {
            let is_swapped = (sessions[row] < sessions[row + 1]) == (minutes[row] > minutes[row + 1]);
            if ids[row] == ids[row + 1] && is_swapped && one_in(5, row) {
                minutes.swap(row, row + 1);
            }
        }
    });
    let usage_ids = int64(&usage, "customer_id").to_vec();
    let usage_days = dates(&usage, "date").to_vec();
    let plan_of = |id: i64| plans[id as usize - 1].as_str();
    let regions = text(&customers, "region");
    let december = |day: i32| day >= 20_058;
    let seasonal = with_numbers(&usage, "sessions", |sessions| {
        let more = sessions.iter_mut().enumerate().filter(|(row, _)| december(usage_days[*row]) && one_in(5, *row));
        more.for_each(|(_, sessions)| *sessions += 1);
    });
    let longer = with_numbers(&usage, "usage_minutes", |minutes| {
        let more = minutes.iter_mut().enumerate().filter(|(row, _)| december(usage_days[*row]));
        more.for_each(|(_, minutes)| *minutes += *minutes / 40);
    });
    let habitual = with_numbers(&usage, "sessions", |sessions| {
        for row in 1..sessions.len() {
            if usage_ids[row] == usage_ids[row - 1] && one_in(30, row) {
                sessions[row] = sessions[row - 1];
            }
        }
    });
    let upgraded = with_text(&customers, "plan", |plans| {
        let moved = plans.iter_mut().enumerate().filter(|(row, _)| signups[*row] < 19_600 && one_in(8, *row));
        moved.for_each(|(_, plan)| *plan = "Pro".into());
    });
    let bill_ids = int64(&billing, "customer_id").to_vec();
    let bill_days = dates(&billing, "bill_date").to_vec();
    let settled = |is_moved: &dyn Fn(usize) -> bool| {
        with_text(&billing, "payment_status", |statuses| {
            let moved = statuses.iter_mut().enumerate().filter(|(row, status)| *status == "late" && is_moved(*row));
            moved.for_each(|(_, status)| *status = "paid".into());
        })
    };
    let prompt_plan = settled(&|row| plan_of(bill_ids[row]) == "Enterprise" && one_in(4, row));
    let prompt_month = settled(&|row| december(bill_days[row]) && one_in(4, row));
    let ticket_ids = int64(&support, "customer_id").to_vec();
    let of_enterprise = |column: &str, name: &str| {
        with_text(&support, column, |names| {
            let moved = names
                .iter_mut()
                .enumerate()
                .filter(|(row, _)| plan_of(ticket_ids[*row]) == "Enterprise" && one_in(3, *row));
            moved.for_each(|(_, own)| *own = name.into());
        })
    };
    // The same values sorted by some columns, with new consecutive ids.
    let sorted = |columns: &[&str]| {
        let by: Vec<ArrayRef> =
            columns.iter().map(|name| Arc::clone(customers.column_by_name(name).unwrap())).collect();
        let order = sort_to_indices(&by[0], None, None).unwrap();
        let rows = take_record_batch(&customers, &order).unwrap();
        with_ids(&rows, "customer_id", |ids| ids.iter_mut().zip(1..).for_each(|(id, next)| *id = next))
    };
    let launched = with_text(&customers, "region", |regions| {
        let moved = regions.iter_mut().enumerate().filter(|(row, _)| signups[*row] < 19_600 && one_in(8, *row));
        moved.for_each(|(_, region)| *region = "NA".into());
    });
    let late = with_dates(&billing, "bill_date", |days| days[0] += 5);
    let day_late = with_dates(&usage, "date", |days| days.iter_mut().for_each(|day| *day += 1));
    let bill_early = with_dates(&billing, "bill_date", |days| days.iter_mut().for_each(|day| *day -= 1));
    let usage_of = |base: f64| {
        let overlay: String = [("Free", 0.22), ("Basic", 0.35), ("Pro", 0.50), ("Enterprise", 0.70)]
            .map(|(plan, share)| format!("plans.{plan}.active_share = {:.4}\n", share * base))
            .concat();
        whole(&data_set_of(&overlay, 42, 30_000), USAGE_DAILY)
    };
    let tickets_of =
        |rate: f64| whole(&data_set_of(&format!("support.tickets_per_month = {rate}"), 42, 30_000), SUPPORT);
    let enterprise = |row: usize| plan_of(usage_ids[row]) == "Enterprise";
    let european = |row: usize| regions[usage_ids[row] as usize - 1] == "EU";
    let cases: Vec<(Table, RecordBatch, &str)> = vec![
        (CUSTOMERS, mondays, "signups flat over weekdays"),
        (CUSTOMERS, favoured, "plan and region independent"),
        (CUSTOMERS, upgraded, "plan and signup month independent"),
        (CUSTOMERS, sorted(&["region"]), "regions independent one to the next"),
        (CUSTOMERS, sorted(&["plan"]), "plans independent one to the next"),
        (CUSTOMERS, sorted(&["signup_date"]), "signups independent one to the next"),
        (CUSTOMERS, launched, "region and signup month independent"),
        (BILLING, without(&billing, |row| bill_days[row] >= 20_087 && one_in(4, row)), "invoices given signups"),
        (BILLING, late, "bill_date 13 n ± 2 days after signup"),
        (
            SUPPORT,
            without(&support, |row| regions[ticket_ids[row] as usize - 1] == "EU" && one_in(12, row)),
            "tickets by region",
        ),
        (
            SUPPORT,
            without(&support, |row| plan_of(ticket_ids[row]) == "Enterprise" && one_in(8, row)),
            "tickets by plan",
        ),
        (SUPPORT, of_enterprise("category", "technical"), "category and plan independent"),
        (SUPPORT, of_enterprise("priority", "high"), "priority and plan independent"),
        (BILLING, prompt_plan, "status and plan independent"),
        (BILLING, prompt_month, "status and month independent"),
        (USAGE_DAILY, seasonal, "sessions flat over months"),
        (USAGE_DAILY, longer, "usage_minutes flat over months"),
        (USAGE_DAILY, habitual, "sessions independent day to day"),
        (USAGE_DAILY, without(&usage, |row| european(row) && one_in(30, row)), "rows independent of region"),
        (SUPPORT, piled, "tickets by calendar day"),
        (SUPPORT, early, "ticket dates uniform over tenure"),
        (SUPPORT, urgent, "category and priority independent"),
        (SUPPORT, by_parity(&tickets_of(0.546), &tickets_of(0.294)), "tickets a customer: Poisson"),
        (BILLING, repeated, "status independent of the one before"),
        (BILLING, bill_early, "first invoice on day 11 to 15"),
        (USAGE_DAILY, shifted, "corr(sessions, events), Pro"),
        (USAGE_DAILY, together, "corr(sessions, minutes)"),
        (USAGE_DAILY, day_late.clone(), "date from signup to the end"),
        (USAGE_DAILY, day_late, "retention by plan and age"),
        (USAGE_DAILY, by_parity(&usage_of(1.15), &usage_of(0.85)), "rows a customer: var/expected"),
        (USAGE_DAILY, without(&usage, |row| enterprise(row) && one_in(40, row)), "missing logs independent of plan"),
        (
            USAGE_DAILY,
            without(&usage, |row| usage_days[row] == 19_900 && one_in(6, row)),
            "missing logs: the most extreme day",
        ),
        (USAGE_DAILY, without(&usage, |row| usage_days[row] % 7 == 0 && one_in(12, row)), "rows by weekday"),
        (USAGE_DAILY, without(&usage, |row| usage_days[row] / 14 % 2 == 0 && one_in(12, row)), "rows by calendar day"),
        (USAGE_DAILY, without(&usage, |row| one_in(40, row)), "rows"),
        (
            USAGE_DAILY,
            without(&usage, |row| usage_days[row] / 7 % 2 == 0 && one_in(40, row)),
            "missing logs: days independent",
        ),
        (USAGE_DAILY, with_numbers(&usage, "sessions", |values| values[77] += 1), "the logged rows of usage_truth"),
        (USAGE_DAILY, without(&usage, |row| row == 77), "the logged rows of usage_truth"),
    ];
    for (table, rows, check) in cases {
        let mut edited = vec![(table, rows)];
        if table == USAGE_DAILY {
            edited.push((saas_v1::USAGE_TRUTH, truth.clone()));
        }
        let verification = verify_edited(&large, &[CUSTOMERS, table], edited, None);
        assert_fails(&verification, table, check);
    }
}
