//! A change to one parameter changes only the values that depend on it.

use crate::support::{data_set_of, hash, whole};
use arrow::array::RecordBatch;
use saasgen::tables::Table;

const CUSTOMERS: u64 = 2_000;

fn hashes(overlay: &str) -> Vec<(Table, String)> {
    let data_set = data_set_of(overlay, 42, CUSTOMERS);
    Table::ALL.into_iter().map(|table| (table, hash(&whole(&data_set, table)))).collect()
}

/// Returns the columns of `table` whose values `overlay` changes.
fn changed_columns(table: Table, overlay: &str) -> Vec<String> {
    let before = whole(&data_set_of("", 42, CUSTOMERS), table);
    let after = whole(&data_set_of(overlay, 42, CUSTOMERS), table);
    let changed = |name: &&String| column(&before, name) != column(&after, name);
    before.schema().fields().iter().map(|field| field.name()).filter(changed).cloned().collect()
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a arrow::array::ArrayRef {
    batch.column_by_name(name).unwrap()
}

#[test]
fn a_parameter_changes_only_its_tables() {
    use Table::{Billing, Customers, RetentionCurves, Support, UsageDaily, UsageTruth};
    let default = hashes("");
    for (overlay, changes) in [
        ("name = \"other\"", vec![]),
        ("regions = { NA = 0.3, EU = 0.35 }", vec![Customers]),
        ("plans.Pro.price = 109.0", vec![Billing]),
        ("plans.Pro.active_share = 0.6", vec![UsageDaily, RetentionCurves, UsageTruth]),
        ("plans.Pro.sessions = 26.0", vec![UsageDaily, UsageTruth]),
        ("plans.Pro.minutes = 190.0", vec![UsageDaily, UsageTruth]),
        ("plans = { Free = { share = 0.3 }, Pro = { share = 0.3 } }", vec![Customers, UsageDaily, Billing, UsageTruth]),
        ("retention.decay_days = 200.0", vec![UsageDaily, RetentionCurves, UsageTruth]),
        ("usage.minutes_sd = 0.25", vec![UsageDaily, UsageTruth]),
        ("usage.minutes_clamp = 2.0", vec![UsageDaily, UsageTruth]),
        ("usage.events_per_session = 1.4", vec![UsageDaily, UsageTruth]),
        ("logs.loss_max = 0.2", vec![UsageDaily, UsageTruth]),
        ("billing.interval_days = 14", vec![Billing]),
        ("billing.jitter_days = 1", vec![Billing]),
        ("billing.status = { paid = 0.7, late = 0.2 }", vec![Billing]),
        ("support.tickets_per_month = 0.5", vec![Support]),
        ("support.days_per_month = 31.0", vec![Support]),
        ("support.months_max = 12.0", vec![Support]),
        ("support.category = { billing = 0.2, technical = 0.65 }", vec![Support]),
        ("support.priority = { low = 0.5, medium = 0.45 }", vec![Support]),
        ("window.months = 17", Table::ALL.into()),
        ("window.start = 2023-08-01", vec![Customers, UsageDaily, Billing, Support, UsageTruth]),
        ("support.months_min = 2.0", vec![Support]),
        ("logs.loss_min = 0.1", vec![UsageDaily, UsageTruth]),
    ] {
        let changed: Vec<Table> = hashes(overlay)
            .into_iter()
            .zip(&default)
            .filter(|(after, before)| after != *before)
            .map(|((table, _), _)| table)
            .collect();
        assert_eq!(changed, changes, "{overlay}");
    }
}

#[test]
fn a_parameter_changes_only_its_columns() {
    for (table, overlay, columns) in [
        (Table::Customers, "regions = { NA = 0.3, EU = 0.35 }", vec!["region"]),
        (Table::Customers, "plans = { Free = { share = 0.3 }, Pro = { share = 0.3 } }", vec!["plan"]),
        (Table::UsageDaily, "usage.minutes_sd = 0.25", vec!["usage_minutes"]),
        (Table::UsageDaily, "usage.events_per_session = 1.4", vec!["feature_events"]),
        (Table::UsageDaily, "plans.Pro.sessions = 26.0", vec!["sessions", "feature_events"]),
        (Table::UsageTruth, "logs.loss_max = 0.2", vec!["logged"]),
        (Table::Billing, "plans.Pro.price = 109.0", vec!["amount"]),
        (Table::Billing, "billing.status = { paid = 0.7, late = 0.2 }", vec!["payment_status"]),
        (Table::Support, "support.category = { billing = 0.2, technical = 0.65 }", vec!["category"]),
        (Table::Support, "support.priority = { low = 0.5, medium = 0.45 }", vec!["priority"]),
    ] {
        assert_eq!(changed_columns(table, overlay), columns, "{overlay}");
    }
}

#[test]
fn another_seed_gives_another_data_set() {
    for table in Table::ALL.into_iter().filter(|table| table.has_customers()) {
        let hash_of = |seed| hash(&whole(&data_set_of("", seed, 200), table));
        assert_ne!(hash_of(1), hash_of(2), "{}", table.name());
        assert_ne!(hash_of(0), hash_of(1 << 63), "{}: the highest bit of the seed has no effect", table.name());
    }
}
