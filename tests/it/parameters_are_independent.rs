//! A change to one parameter changes only the values that depend on it.

use crate::support::{data_set_of, hash, whole};
use arrow::array::RecordBatch;
use saasgen::models::{Table, saas_v1};

const CUSTOMERS: u64 = 2_000;

fn hashes(overlay: &str) -> Vec<(Table, String)> {
    let data_set = data_set_of(overlay, 42, CUSTOMERS);
    saas_v1::TABLES.into_iter().map(|table| (table, hash(&whole(&data_set, table)))).collect()
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
    use saas_v1::{BILLING, CUSTOMERS, RETENTION_CURVES, SUPPORT, USAGE_DAILY, USAGE_TRUTH};
    let default = hashes("");
    for (overlay, changes) in [
        ("name = \"other\"", vec![]),
        ("regions = { NA = 0.3, EU = 0.35 }", vec![CUSTOMERS]),
        ("plans.Pro.price = 109.0", vec![BILLING]),
        ("plans.Pro.active_share = 0.6", vec![USAGE_DAILY, RETENTION_CURVES, USAGE_TRUTH]),
        ("plans.Pro.sessions = 26.0", vec![USAGE_DAILY, USAGE_TRUTH]),
        ("plans.Pro.minutes = 190.0", vec![USAGE_DAILY, USAGE_TRUTH]),
        (
            "plans = { Free = { share = 0.3 }, Pro = { share = 0.3 } }",
            vec![CUSTOMERS, USAGE_DAILY, BILLING, USAGE_TRUTH],
        ),
        ("retention.decay_days = 200.0", vec![USAGE_DAILY, RETENTION_CURVES, USAGE_TRUTH]),
        ("usage.minutes_sd = 0.25", vec![USAGE_DAILY, USAGE_TRUTH]),
        ("usage.minutes_clamp = 2.0", vec![USAGE_DAILY, USAGE_TRUTH]),
        ("usage.events_per_session = 1.4", vec![USAGE_DAILY, USAGE_TRUTH]),
        ("logs.loss_max = 0.2", vec![USAGE_DAILY, USAGE_TRUTH]),
        ("billing.interval_days = 14", vec![BILLING]),
        ("billing.jitter_days = 1", vec![BILLING]),
        ("billing.status = { paid = 0.7, late = 0.2 }", vec![BILLING]),
        ("support.tickets_per_month = 0.5", vec![SUPPORT]),
        ("support.days_per_month = 31.0", vec![SUPPORT]),
        ("support.months_max = 12.0", vec![SUPPORT]),
        ("support.category = { billing = 0.2, technical = 0.65 }", vec![SUPPORT]),
        ("support.priority = { low = 0.5, medium = 0.45 }", vec![SUPPORT]),
        ("window.months = 17", saas_v1::TABLES.into()),
        ("window.start = 2023-08-01", vec![CUSTOMERS, USAGE_DAILY, BILLING, SUPPORT, USAGE_TRUTH]),
        ("support.months_min = 2.0", vec![SUPPORT]),
        ("logs.loss_min = 0.1", vec![USAGE_DAILY, USAGE_TRUTH]),
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
        (saas_v1::CUSTOMERS, "regions = { NA = 0.3, EU = 0.35 }", vec!["region"]),
        (saas_v1::CUSTOMERS, "plans = { Free = { share = 0.3 }, Pro = { share = 0.3 } }", vec!["plan"]),
        (saas_v1::USAGE_DAILY, "usage.minutes_sd = 0.25", vec!["usage_minutes"]),
        (saas_v1::USAGE_DAILY, "usage.events_per_session = 1.4", vec!["feature_events"]),
        (saas_v1::USAGE_DAILY, "plans.Pro.sessions = 26.0", vec!["sessions", "feature_events"]),
        (saas_v1::USAGE_TRUTH, "logs.loss_max = 0.2", vec!["logged"]),
        (saas_v1::BILLING, "plans.Pro.price = 109.0", vec!["amount"]),
        (saas_v1::BILLING, "billing.status = { paid = 0.7, late = 0.2 }", vec!["payment_status"]),
        (saas_v1::SUPPORT, "support.category = { billing = 0.2, technical = 0.65 }", vec!["category"]),
        (saas_v1::SUPPORT, "support.priority = { low = 0.5, medium = 0.45 }", vec!["priority"]),
    ] {
        assert_eq!(changed_columns(table, overlay), columns, "{overlay}");
    }
}

#[test]
fn another_seed_gives_another_data_set() {
    for table in saas_v1::TABLES.into_iter().filter(|table| table.has_customers()) {
        let hash_of = |seed| hash(&whole(&data_set_of("", seed, 200), table));
        assert_ne!(hash_of(1), hash_of(2), "{}", table.name());
        assert_ne!(hash_of(0), hash_of(1 << 63), "{}: the highest bit of the seed has no effect", table.name());
    }
}
