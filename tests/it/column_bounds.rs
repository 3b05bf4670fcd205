//! The bounds of a column, which are computed from the model alone, hold for every row.

use crate::support::{data_set_of, dates, int32, int64, text, whole};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Float64Type};
use saasgen::models::{Bounds, Column, Kind, Table, saas_v1};
use std::collections::HashSet;
use std::fmt::Debug;

const MODELS: [&str; 6] = [
    "",
    "plans.Basic.price = 0\nplans.Pro.price = 0\nplans.Enterprise.price = 0",
    "window = { start = 2024-02-01, months = 2 }\nusage.minutes_sd = 0.6\nusage.events_per_session = 9.0",
    "support.tickets_per_month = 12.0\nplans.Free.sessions = 60.0\nplans.Free.price = 0.01",
    "base = \"saas-v2\"",
    "base = \"saas-v2\"\nwindow = { start = 2024-02-01, months = 14 }\nplans.Basic.problem_tickets = 3.0\n\
     plans.Basic.support = 0.5\nfrailty.variance = 3.0\nbilling.recovered = 0.3\nplans.Pro.payment_failure = 0.15\n\
     intensity.variance = 2.0\nusage.minutes_sd = 1.0",
];

/// Checks that `ends` are two values, and that all `values` are between them.
fn check<T: PartialOrd + Debug + Clone>(values: impl IntoIterator<Item = T>, ends: &[T], name: &str) {
    let [least, most] = ends else { panic!("{name}: {ends:?} are not two values") };
    assert!(least <= most, "{name}");
    for value in values {
        assert!(*least <= value && value <= *most, "{name}: {value:?} is not from {least:?} to {most:?}");
    }
}

fn check_column(rows: &RecordBatch, name: &str, kind: Kind, bounds: &Bounds, names: &[&str]) {
    let column = rows.column_by_name(name).unwrap();
    match &bounds.ends {
        Column::Int64(ends) => check(int64(rows, name).to_vec(), ends, name),
        Column::Int32(ends) => check(int32(rows, name).to_vec(), ends, name),
        Column::Date(ends) => check(dates(rows, name).to_vec(), ends, name),
        Column::Money(ends) => check(column.as_primitive::<Decimal128Type>().values().to_vec(), ends, name),
        Column::Float64(ends) => check(column.as_primitive::<Float64Type>().values().to_vec(), ends, name),
        Column::Boolean(ends) => check(column.as_boolean().values().iter(), ends, name),
        Column::Text(codes) => {
            assert!(matches!(kind, Kind::Text(_)));
            let ends: Vec<String> = codes.iter().map(|&code| names[usize::from(code)].to_string()).collect();
            let values = text(rows, name);
            let distinct = values.iter().collect::<HashSet<_>>().len() as u64;
            assert!(distinct <= bounds.distinct, "{name}: {distinct} distinct values, more than {}", bounds.distinct);
            check(values, &ends, name);
        }
    }
}

#[test]
fn bounds_hold_for_every_row_of_every_model() {
    for model in MODELS {
        let data_set = data_set_of(model, 7, 4_000);
        for &table in data_set.model().tables() {
            let rows = whole(&data_set, table);
            for (index, column) in table.columns().iter().enumerate() {
                let names = match column.kind {
                    Kind::Text(names) => data_set.model().names(names),
                    _ => Vec::new(),
                };
                check_column(&rows, column.name, column.kind, &data_set.bounds(table, index), &names);
            }
        }
    }
}

#[test]
fn bounds_are_tight() {
    let data_set = data_set_of("", 42, 100_000);
    let ends = |table: Table, name: &str| {
        let index = table.columns().iter().position(|column| column.name == name).unwrap();
        data_set.bounds(table, index).ends
    };
    assert_eq!(ends(saas_v1::CUSTOMERS, "customer_id"), Column::Int64(vec![1, 100_000]));
    assert_eq!(ends(saas_v1::BILLING, "invoice_id"), Column::Int64(vec![1_001, 100_000_999]));
    assert_eq!(ends(saas_v1::BILLING, "amount"), Column::Money(vec![2_900, 29_900]));
    assert_eq!(ends(saas_v1::CUSTOMERS, "signup_date"), Column::Date(vec![19_539, 20_088]));
    assert_eq!(ends(saas_v1::RETENTION_CURVES, "day"), Column::Int32(vec![0, 549]));
    let Column::Int32(sessions) = ends(saas_v1::USAGE_DAILY, "sessions") else { panic!("sessions are Int32") };
    assert!(sessions[0] == 0 && (60..200).contains(&sessions[1]), "{sessions:?}");
}
