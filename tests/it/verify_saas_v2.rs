//! `verify` of saas-v2: correct data sets hold, and each planted fault fails the check that is meant to find it.

use crate::support::{dates, int32, int64, text, whole};
use crate::tables_in_memory::{MemoryTable, with_column, with_dates, with_numbers, with_text, without};
use crate::verification::verified;
use arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array, RecordBatch};
use arrow::datatypes::{Decimal128Type, Float64Type};
use saasgen::batches::{ScanSource, TableSource};
use saasgen::models::saas_v2::{
    BILLING, CALENDAR, CUSTOMER_TRUTH, CUSTOMERS, CYCLES_TRUTH, EXPECTED_CURVES, SUBSCRIPTIONS, SUPPORT, TABLES,
    USAGE_DAILY, USAGE_TRUTH,
};
use saasgen::models::{DataSet, Model, Table};
use saasgen::scan::Scan;
use saasgen::verify::{Claim, ERROR_RATE, Evidence, ReadOptions, Subject, Verdict, Verification, verify};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The number of customers of the data sets with planted faults.
const CUSTOMERS_OF_FAULTS: u64 = 1_500;

/// Returns a data set of saas-v2 with the keys in `overlay` replaced.
fn data_set(overlay: &str, seed: u64, customers: u64) -> DataSet {
    let model = Model::from_overlay(&format!("base = \"saas-v2\"\n{overlay}")).unwrap();
    DataSet::new(model, seed, customers).unwrap()
}

/// Verifies `tables` of `data_set` against the model of `expected`. Tables in `edited` replace the generated ones.
fn verify_edited(
    expected: &DataSet,
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
    verified(expected, &sources, claim, ERROR_RATE).unwrap()
}

fn failing(verification: &Verification) -> Vec<String> {
    let failing = verification.checks.iter().filter(|check| check.verdict == Verdict::Fails);
    failing.map(|check| format!("{}: {} {:?}", check.table, check.name, check.evidence)).collect()
}

fn assert_fails(verification: &Verification, table: Table, check: &str) {
    let found = verification.check(table, check);
    let found = found.unwrap_or_else(|| panic!("there is no check {check:?} of {}", table.name()));
    let all = failing(verification);
    assert_eq!(found.verdict, Verdict::Fails, "{} {check}: {:?}\n{all:#?}", table.name(), found.evidence);
    assert!(!verification.holds);
}

#[test]
fn correct_data_sets_hold() {
    for (seed, customers) in [(1, 3_000), (2, 3_000), (3, 20_000)] {
        let data_set = data_set("", seed, customers);
        let claim = Claim::of_rows(TABLES.iter().map(|&table| Scan::whole(&data_set, table)).collect());
        let verification = verify_edited(&data_set, &data_set, &TABLES, Vec::new(), Some(claim));
        assert_eq!(failing(&verification), [""; 0], "seed {seed}");
        let structure = |check: &&saasgen::verify::Check| matches!(check.evidence, Evidence::Structure { .. });
        assert!(verification.checks.iter().filter(structure).count() > 90);
        let laws = verification.checks.iter().filter(|check| matches!(check.evidence, Evidence::Law(_))).count();
        assert!(laws > 150, "only {laws} laws were tested");
    }
}

/// Tables can be verified without the others.
#[test]
fn parts_of_a_correct_data_set_hold() {
    let data_set = data_set("", 4, 2_000);
    let mut parts: Vec<Vec<Table>> = TABLES[1..].iter().map(|&table| vec![CUSTOMERS, table]).collect();
    parts.extend([vec![CUSTOMERS, SUBSCRIPTIONS, BILLING], vec![CUSTOMERS, CYCLES_TRUTH, SUPPORT]]);
    for tables in parts {
        let scans = tables.iter().map(|&table| Scan::whole(&data_set, table)).collect();
        let verification = verify_edited(&data_set, &data_set, &tables, Vec::new(), Some(Claim::of_rows(scans)));
        assert_eq!(failing(&verification), [""; 0], "{tables:?}");
    }
}

/// Models with knobs at their neutral values have laws that are certain, or that nothing is left to test of.
#[test]
fn correct_data_sets_of_changed_models_hold() {
    for overlay in [
        "frailty.variance = 0.0\nintensity.variance = 0.0",
        "window = { start = 2024-02-01, months = 1 }",
        "window = { start = 2019-08-01, months = 40 }\nlogs = { loss_min = 0.0, loss_max = 0.0 }",
        "billing = { recovered = 1.0, late_min = 3, late_max = 3 }\nactivity.incident_share = 0.0",
        "regions = { NA = 0.0, EU = 0.0, APAC = 0.0, LATAM = 0.0, Mars = 1.0 }\nsignup.growth = 0.0",
    ] {
        let data_set = data_set(overlay, 5, 2_000);
        let claim = Claim::of_rows(TABLES.iter().map(|&table| Scan::whole(&data_set, table)).collect());
        let verification = verify_edited(&data_set, &data_set, &TABLES, Vec::new(), Some(claim));
        assert_eq!(failing(&verification), [""; 0], "{overlay}");
    }
}

/// All aggregates are whole numbers, so the order in which chunks are merged makes no difference.
#[test]
fn stripes_and_threads_change_no_result() {
    let data_set = data_set("", 6, 9_000);
    let sources: Vec<ScanSource> = TABLES.iter().map(|&table| ScanSource::new(Scan::whole(&data_set, table))).collect();
    let sources: Vec<&dyn TableSource> = sources.iter().map(|source| source as &dyn TableSource).collect();
    let verified = |threads, stripe_rows| {
        let subject = Subject { model: data_set.model(), sources: &sources, claim: None, error_rate: ERROR_RATE };
        let options = ReadOptions { threads, stripe_rows, stop: &AtomicBool::new(false), progress: &|_| () };
        verify(&subject, options).unwrap().checks
    };
    assert_eq!(verified(1, 1 << 21), verified(3, 10_000));
}

#[test]
fn data_sets_of_other_models_fail() {
    let truth = [CUSTOMERS, CYCLES_TRUTH];
    let usage = [CUSTOMERS, USAGE_DAILY, CYCLES_TRUTH, CUSTOMER_TRUTH, CALENDAR];
    let cases: [(&str, &[Table], Table, &str); 24] = [
        ("plans.Basic.unused = 0.0126", &[CUSTOMERS, SUBSCRIPTIONS], SUBSCRIPTIONS, "ends by decision, Basic monthly"),
        ("decision.renewal = 1.0", &[CUSTOMERS, SUBSCRIPTIONS], SUBSCRIPTIONS, "ends by decision, Basic annual"),
        ("billing.recovered = 0.75", &[CUSTOMERS, SUBSCRIPTIONS], SUBSCRIPTIONS, "ends unpaid, Basic monthly"),
        ("plans.Basic.unused = 0.0126", &truth, CYCLES_TRUTH, "hazards of one class of frailty"),
        ("frailty.variance = 0.6", &truth, CYCLES_TRUTH, "hazards of one class of frailty"),
        ("plans.Pro.payment_failure = 0.06", &truth, CYCLES_TRUTH, "p_fail of plan, term and attempt before"),
        ("plans.Basic.problem_tickets = 0.25", &truth, CYCLES_TRUTH, "problem tickets given engagement, Basic"),
        (
            "engagement.fading.next = { thriving = 0.03, steady = 0.22, fading = 0.55, dormant = 0.20 }",
            &truth,
            CYCLES_TRUTH,
            "engagement after fading",
        ),
        (
            "plans.Pro.start = { thriving = 0.31, steady = 0.37, fading = 0.28, dormant = 0.04 }",
            &truth,
            CYCLES_TRUTH,
            "engagement at the start, Pro",
        ),
        ("billing.recovered = 0.75", &truth, CYCLES_TRUTH, "recovered attempts, Basic monthly"),
        (
            "plans.Basic.payment_failure = 0.08",
            &[CUSTOMERS, BILLING],
            BILLING,
            "failed attempts after a success, Basic monthly",
        ),
        ("billing.repeat = 1.0", &[CUSTOMERS, BILLING], BILLING, "failed attempts after a failure, Basic monthly"),
        ("billing.recovered = 0.75", &[CUSTOMERS, BILLING], BILLING, "failed attempts that were recovered"),
        ("billing.decay = 0.7", &[CUSTOMERS, BILLING], BILLING, "days until a late payment"),
        ("plans.Pro.price = 15.06", &[CUSTOMERS, BILLING], BILLING, "amount is mrr, or 12 x mrr on annual terms"),
        ("signup.growth = 0.03", &[CUSTOMERS], CUSTOMERS, "signups by month"),
        ("signup.week.Sat = 0.5", &[CUSTOMERS], CUSTOMERS, "signups by weekday"),
        ("plans.Basic.annual = 0.18", &[CUSTOMERS], CUSTOMERS, "term given plan"),
        ("seats.noise = { fewer = 0.3, same = 0.5, more = 0.2 }", &[CUSTOMERS], CUSTOMERS, "seats given plan"),
        ("tickets.technical = 0.65", &[CUSTOMERS, SUPPORT], SUPPORT, "category of problem tickets"),
        ("plans.Basic.sessions = 8.5", &usage, USAGE_DAILY, "sessions given intensity, Basic"),
        ("usage.events_per_session = 1.52", &usage, USAGE_DAILY, "feature_events given sessions"),
        ("usage.minutes_sd = 0.36", &usage, USAGE_DAILY, "spread of usage_minutes given sessions, Pro"),
        ("plans.Basic.active = 0.43", &usage, USAGE_DAILY, "active days, Basic steady"),
    ];
    let expected = data_set("", 0, 1);
    for (overlay, tables, table, check) in cases {
        let customers = if tables.contains(&USAGE_DAILY) { 40_000 } else { 200_000 };
        let verification = verify_edited(&expected, &data_set(overlay, 42, customers), tables, Vec::new(), None);
        assert_fails(&verification, table, check);
        assert_eq!(verification.check(table, "columns are there").unwrap().verdict, Verdict::Holds);
    }
}

/// The stated probabilities are the model's, but customers leave more often than they say.
#[test]
fn outcomes_that_do_not_follow_their_probabilities_fail_where_they_are_wrong() {
    let wrong = data_set("plans.Basic.unused = 0.0126", 42, 30_000);
    let cycles = whole(&wrong, CYCLES_TRUTH);
    let plans = text(&cycles, "plan");
    let unused = with_floats(&cycles, "unused", |row, value| if plans[row] == "Basic" { value / 1.2 } else { value });
    let hazards = ["unused", "support", "billing", "other"].map(|name| floats(&unused, name));
    let total = |row: usize| hazards.iter().map(|values| values[row]).sum::<f64>();
    let edited = with_floats(&unused, "p_end", |row, _| -(-total(row)).exp_m1());
    let expected = data_set("", 0, 1);
    let edited = vec![(CYCLES_TRUTH, edited)];
    let verification = verify_edited(&expected, &wrong, &[CUSTOMERS, CYCLES_TRUTH], edited, None);
    assert_fails(&verification, CYCLES_TRUTH, "ends given p_end, Basic");
    for holds in ["hazards of one class of frailty", "ends given p_end, Pro", "ends given p_end, Free"] {
        assert_eq!(verification.check(CYCLES_TRUTH, holds).unwrap().verdict, Verdict::Holds, "{holds}");
    }
}

fn floats(rows: &RecordBatch, name: &str) -> Vec<f64> {
    rows.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

fn with_floats(rows: &RecordBatch, name: &str, edit: impl Fn(usize, f64) -> f64) -> RecordBatch {
    let values = floats(rows, name).into_iter().enumerate().map(|(row, value)| edit(row, value));
    with_column(rows, name, Arc::new(Float64Array::from_iter_values(values)))
}

/// Returns the rows with one amount changed by one cent.
fn with_one_cent_more(rows: &RecordBatch, name: &str, row: usize) -> RecordBatch {
    let mut values = rows.column_by_name(name).unwrap().as_primitive::<Decimal128Type>().values().to_vec();
    values[row] += 1;
    let column: ArrayRef = Arc::new(Decimal128Array::from(values).with_precision_and_scale(10, 2).unwrap());
    with_column(rows, name, column)
}

/// Returns the first row for which `is_wanted` is true.
fn first(rows: &RecordBatch, is_wanted: impl FnMut(&usize) -> bool) -> usize {
    (0..rows.num_rows()).find(is_wanted).unwrap()
}

/// A data set with rows that are edited one after another.
struct Faults {
    data_set: DataSet,
}

impl Faults {
    fn new() -> Self {
        Self { data_set: data_set("", 7, CUSTOMERS_OF_FAULTS) }
    }

    fn rows(&self, table: Table) -> RecordBatch {
        whole(&self.data_set, table)
    }

    /// Panics if the check of `of` does not fail, and if other checks of structure fail than those of `also`.
    fn assert_found(&self, table: Table, edited: RecordBatch, of: Table, check: &str) {
        let verification = verify_edited(&self.data_set, &self.data_set, &TABLES, vec![(table, edited)], None);
        assert_fails(&verification, of, check);
        match &verification.check(of, check).unwrap().evidence {
            Evidence::Structure { violations, examples } => assert!(*violations > 0 && !examples.is_empty()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn faults_of_customers_and_subscriptions_are_found() {
    let faults = Faults::new();
    let customers = faults.rows(CUSTOMERS);
    let plans = text(&customers, "plan");
    let free = first(&customers, |&row| plans[row] == "Free");
    let edited = with_numbers(&customers, "seats", |seats| seats[free] = 2);
    faults.assert_found(CUSTOMERS, edited, CUSTOMERS, "Free has monthly terms and 1 seat");
    let paid = first(&customers, |&row| plans[row] == "Pro");
    let edited = with_numbers(&customers, "seats", |seats| seats[paid] = 4);
    faults.assert_found(CUSTOMERS, edited, CUSTOMERS, "seats of a rung of the plan");
    let edited = with_dates(&customers, "signup_date", |dates| dates[3] -= 10_000);
    faults.assert_found(CUSTOMERS, edited, CUSTOMERS, "signup_date inside the window");
    let edited = without(&customers, |row| row == 9);
    faults.assert_found(CUSTOMERS, edited.clone(), CUSTOMERS, "customer_id 1, 2, … without a gap");
    faults.assert_found(CUSTOMERS, edited, SUBSCRIPTIONS, "customer_id is a customer");

    let events = faults.rows(SUBSCRIPTIONS);
    let kinds = text(&events, "event");
    let end = first(&events, |&row| kinds[row] == "end" && kinds[row - 1] == "cancel");
    let changes = [
        (with_one_cent_more(&events, "mrr_change", end), "mrr is the sum of mrr_change"),
        (with_one_cent_more(&events, "mrr", 0), "mrr is seats x price, 10/12 on annual terms"),
        (with_dates(&events, "event_date", |dates| dates[end] -= 2), "end with a cycle that can end, or with grace"),
        (with_dates(&events, "event_date", |dates| dates[end - 1] -= 40), "cancel in the cycle that ends"),
        (without(&events, |row| row == end), "cancel in the cycle that ends"),
        (without(&events, |row| row == 0), "first a start, on the signup day"),
        (
            with_text(&events, "event", |kinds| kinds[end] = "upgrade".into()),
            "one start, a cancel at most, an end last",
        ),
        (with_numbers(&events, "seats", |seats| seats[0] += 1), "plan, term and seats as in customers"),
        (without(&events, |row| row == end - 1), "ids count by date in each customer"),
    ];
    for (edited, check) in changes {
        faults.assert_found(SUBSCRIPTIONS, edited, SUBSCRIPTIONS, check);
    }
    let edited = with_dates(&events, "event_date", |dates| dates[end] -= 2);
    faults.assert_found(SUBSCRIPTIONS, edited, CYCLES_TRUTH, "ends as in subscriptions");
}

#[test]
fn faults_of_billing_and_support_are_found() {
    let faults = Faults::new();
    let invoices = faults.rows(BILLING);
    let (ids, statuses) = (int64(&invoices, "invoice_id"), text(&invoices, "payment_status"));
    let number = |row: usize| ids[row] % 1_000;
    let middle = first(&invoices, |&row| number(row) == 3 && number(row + 1) == 4);
    let last = first(&invoices, |&row| number(row) == 3 && number(row + 1) == 1);
    let failed = first(&invoices, |&row| statuses[row] == "failed");
    let late = first(&invoices, |&row| statuses[row] == "late");
    let paid = with_text(&invoices, "payment_status", |statuses| statuses[failed] = "paid".into());
    let paid = with_dates(&paid, "settled_date", |dates| dates[failed] -= 21);
    let changes = [
        (without(&invoices, |row| row == middle), "bill_date on each anniversary that is due"),
        (without(&invoices, |row| row == last), "an invoice for each payment due in service"),
        (with_one_cent_more(&invoices, "amount", middle), "amount is mrr, or 12 x mrr on annual terms"),
        (with_dates(&invoices, "settled_date", |dates| dates[late] += 20), "settled_date fits payment_status"),
        (paid, "failed where service ends without a cancel"),
        (with_text(&invoices, "payment_status", |all| all[0] = "late".into()), "first paid, none after a failed one"),
        (with_text(&invoices, "plan", |plans| plans[0] = "Free".into()), "plan, term and seats as in customers"),
    ];
    for (edited, check) in changes {
        faults.assert_found(BILLING, edited, BILLING, check);
    }
    let edited = without(&invoices, |row| row == middle);
    faults.assert_found(BILLING, edited, CYCLES_TRUTH, "attempts as in billing");

    let tickets = faults.rows(SUPPORT);
    let categories = text(&tickets, "category");
    let problem = first(&tickets, |&row| categories[row] == "technical");
    let edited = without(&tickets, |row| row == problem);
    faults.assert_found(SUPPORT, edited, SUPPORT, "problem tickets as in cycles_truth");
    let edited = with_dates(&tickets, "ticket_date", |dates| dates[0] -= 2_000);
    faults.assert_found(SUPPORT, edited, SUPPORT, "ticket_date from signup to the end");
}

#[test]
fn faults_of_usage_are_found() {
    let faults = Faults::new();
    let usage = faults.rows(USAGE_DAILY);
    let ids = int64(&usage, "customer_id");
    let truth = faults.rows(CUSTOMER_TRUTH);
    let (ended, reasons) = (dates(&truth, "ended_date"), text(&truth, "reason"));
    let has_left = |row: &usize| reasons[ids[*row] as usize - 1] != "none" && ids[*row + 1] != ids[*row];
    let last = first(&usage, has_left);
    let after = ended[ids[last] as usize - 1] + 1;
    let changes = [
        (with_numbers(&usage, "sessions", |values| values[5] = 0), "sessions at least 1"),
        (with_numbers(&usage, "usage_minutes", |values| values[5] = 0), "usage_minutes at least sessions"),
        (
            with_numbers(&usage, "usage_minutes", |values| values[5] += 5_000),
            "usage_minutes within the limits of sessions",
        ),
        (with_numbers(&usage, "feature_events", |values| values[5] = -1), "feature_events not negative"),
        (with_dates(&usage, "date", |dates| dates[last] = after), "dates within service"),
        (without(&usage, |row| row == 77), "the logged rows of usage_truth"),
    ];
    for (edited, check) in changes {
        faults.assert_found(USAGE_DAILY, edited, USAGE_DAILY, check);
    }
    let active = faults.rows(USAGE_TRUTH);
    let edited = with_numbers(&active, "sessions", |values| values[5] = 0);
    faults.assert_found(USAGE_TRUTH, edited, USAGE_TRUTH, "sessions at least 1");
}

#[test]
fn faults_of_truth_are_found() {
    let faults = Faults::new();
    let cycles = faults.rows(CYCLES_TRUTH);
    let (numbers, outcomes) = (int32(&cycles, "cycle"), text(&cycles, "outcome"));
    let (attempts, plans) = (text(&cycles, "attempt"), text(&cycles, "plan"));
    let leaves = first(&cycles, |&row| outcomes[row] == "leaves" && plans[row] != "Free");
    let stays = first(&cycles, |&row| outcomes[row] == "stays" && numbers[row] == 2);
    let ok = first(&cycles, |&row| attempts[row] == "ok" && numbers[row] == 2);
    let more = |name: &str, row: usize, by: f64| {
        with_floats(&cycles, name, |own, value| if own == row { value + by } else { value })
    };
    let kept = with_text(&cycles, "outcome", |outcomes| outcomes[leaves] = "stays".into());
    let kept = with_text(&kept, "reason", |reasons| reasons[leaves] = "none".into());
    let changes = [
        (more("p_end", stays, 1e-6), "p_end is 1 - exp(-sum of hazards)"),
        (more("other", leaves, 1e-4), "hazards of one class of frailty"),
        (more("p_fail", ok, 1e-3), "p_fail of plan, term and attempt before"),
        (without(&cycles, |row| row == stays), "cycles 0, 1, … to the end without a gap"),
        (kept, "ends as in subscriptions"),
        (with_text(&cycles, "attempt", |all| all[ok] = "late".into()), "attempts as in billing"),
        (with_text(&cycles, "attempt", |all| all[ok] = "none".into()), "attempt where a payment is due"),
        (with_text(&cycles, "reason", |all| all[leaves] = "payment".into()), "reason fits outcome and hazards"),
        (with_text(&cycles, "outcome", |all| all[stays] = "open".into()), "outcome fits attempt and decision"),
        (with_dates(&cycles, "first_day", |dates| dates[stays] += 1), "first_day on the anniversary"),
        (with_dates(&cycles, "last_day", |dates| dates[stays] -= 1), "last_day where service or window ends"),
        (with_numbers(&cycles, "problem_tickets", |values| values[stays] = 9), "problem_tickets 0 to 7"),
        (with_numbers(&cycles, "spell_age", |values| values[stays] = 0), "spell 0, spell_age the cycle"),
        (with_numbers(&cycles, "seats", |values| values[stays] += 1), "plan, term and seats as in customers"),
    ];
    for (edited, check) in changes {
        faults.assert_found(CYCLES_TRUTH, edited, CYCLES_TRUTH, check);
    }
    let customers = faults.rows(CUSTOMER_TRUTH);
    let reasons = text(&customers, "reason");
    let left = first(&customers, |&row| reasons[row] != "none");
    let changes = [
        (with_floats(&customers, "frailty", |row, value| value + f64::from(u8::from(row == 1))), "traits of one class"),
        (with_dates(&customers, "ended_date", |dates| dates[left] -= 1), "end and reason as in cycles_truth"),
        (with_text(&customers, "reason", |all| all[left] = "none".into()), "ended_date and reason fit the window"),
        (without(&customers, |row| row == 8), "a row for each customer"),
    ];
    for (edited, check) in changes {
        faults.assert_found(CUSTOMER_TRUTH, edited, CUSTOMER_TRUTH, check);
    }
    let days = faults.rows(CALENDAR);
    let changes = [
        (without(&days, |row| row == 100), "every day of the window"),
        (
            with_floats(&days, "week", |row, value| if row == 3 { value * 1.01 } else { value }),
            "signup_weight, week and season of the model",
        ),
        (
            with_floats(&days, "loss_rate", |row, value| if row == 3 { 0.3 } else { value }),
            "loss_rate within its limits",
        ),
    ];
    for (edited, check) in changes {
        faults.assert_found(CALENDAR, edited, CALENDAR, check);
    }
    let curves = faults.rows(EXPECTED_CURVES);
    let edited = with_floats(&curves, "survival", |row, value| if row == 20 { value + 1e-9 } else { value });
    faults.assert_found(EXPECTED_CURVES, edited, EXPECTED_CURVES, "values of the exact recursion");
}
