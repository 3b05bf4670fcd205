//! Narrows a scan by DuckDB's filters on customers and dates.
//!
//! DuckDB filters the rows again. So a scan may return too many rows, and a filter that is not understood narrows nothing.
//! Versions of DuckDB write the same filter differently: 1.x has its own nodes for comparisons, BETWEEN and casts, 2.0 has
//! functions. Both name the kind in `type`.

use super::interval::Interval;
use crate::models::{Day, day_of};
use crate::scan::Scan;
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::Value;
use std::ops::Range;

/// The longest filters that are read, about 1,200 values. Reading takes up to 80 times their length in memory.
const MAX_FILTER_BYTES: usize = 256 << 10;

const MICROSECONDS_OF_DAY: i128 = 86_400_000_000;

/// The customers and days of a scan that filters accept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Narrowed {
    pub ids: Range<u64>,
    pub days: Range<Day>,
}

impl Narrowed {
    /// Narrows `scan` by `json_filters`.
    pub fn by(scan: &Scan, json_filters: &[u8]) -> Self {
        let (ids, days) = (scan.ids(), scan.days());
        let text = if json_filters.len() <= MAX_FILTER_BYTES { json_filters } else { b"" };
        let Ok(filters) = serde_json::from_slice::<Filters>(text) else { return Self { ids, days } };
        let accepted = |kind, name: Option<&str>| {
            let Some(name) = name else { return Interval::ALL };
            let column = Column { kind, name, names: &filters.column_binding_names_by_index };
            filters.filters.iter().fold(Interval::ALL, |all, filter| all.and(column.accepted(filter)))
        };
        let id_column = scan.table().has_customers().then_some("customer_id");
        let ids = accepted(Kind::Id, id_column).clip(i128::from(ids.start)..i128::from(ids.end));
        let days = accepted(Kind::Date, scan.table().date_column()).clip(i128::from(days.start)..i128::from(days.end));
        // A scan without days has no rows, so it needs no customers.
        let ids = if days.is_empty() { ids.start..ids.start } else { ids };
        Self { ids: ids.start as u64..ids.end as u64, days: days.start as Day..days.end as Day }
    }
}

#[derive(Debug, Deserialize)]
struct Filters {
    /// Filters that must all accept a row.
    #[serde(default)]
    filters: Vec<Value>,
    #[serde(default)]
    column_binding_names_by_index: Vec<String>,
}

/// The kinds of columns that narrow a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Id,
    Date,
}

/// A constant as a fraction of the unit of its column: a timestamp is a fraction of days.
#[derive(Debug, Clone, Copy)]
struct Constant {
    value: i128,
    per_unit: i128,
}

impl Constant {
    fn floor(self) -> i128 {
        self.value.div_euclid(self.per_unit)
    }

    fn ceiling(self) -> i128 {
        -(-self.value).div_euclid(self.per_unit)
    }
}

/// A column that narrows a scan.
struct Column<'a> {
    kind: Kind,
    name: &'a str,
    /// The names of the columns that filters refer to by index.
    names: &'a [String],
}

impl Column<'_> {
    /// Returns an interval of all values of the column in rows that `filter` accepts.
    fn accepted(&self, filter: &Value) -> Interval {
        let kind = filter["type"].as_str().unwrap_or_default();
        let children = children(filter);
        match kind {
            "CONJUNCTION_AND" => children.iter().fold(Interval::ALL, |all, child| all.and(self.accepted(child))),
            "CONJUNCTION_OR" if !children.is_empty() => {
                children.iter().fold(Interval::NONE, |all, child| all.or(self.accepted(child)))
            }
            "COMPARE_IN" => self.one_of(&children).unwrap_or(Interval::ALL),
            "COMPARE_BETWEEN" => self.between(filter, &children).unwrap_or(Interval::ALL),
            _ => self.comparison(kind, &children).unwrap_or(Interval::ALL),
        }
    }

    fn comparison(&self, kind: &str, children: &[&Value]) -> Option<Interval> {
        let &[left, right] = children else { return None };
        match (self.is(left), self.is(right)) {
            (true, _) => interval(kind, constant(right, self.kind)?),
            (_, true) => interval(mirrored(kind), constant(left, self.kind)?),
            _ => None,
        }
    }

    fn one_of(&self, children: &[&Value]) -> Option<Interval> {
        let (column, values) = children.split_first()?;
        let equal = |value: &&Value| interval("COMPARE_EQUAL", constant(value, self.kind)?);
        let mut intervals = values.iter().map(equal);
        if self.is(column) { intervals.try_fold(Interval::NONE, |all, one| Some(all.or(one?))) } else { None }
    }

    fn between(&self, filter: &Value, children: &[&Value]) -> Option<Interval> {
        let &[input, lower, upper] = children else { return None };
        if !self.is(input) {
            return None;
        }
        let is_inclusive = |end: &str| {
            let stated = [&filter[end], &filter["function_data"][end]].into_iter().find_map(Value::as_bool);
            // If it is not stated, the wider bound is safe.
            stated.unwrap_or(true)
        };
        let above = if is_inclusive("lower_inclusive") { GREATER_OR_EQUAL } else { GREATER };
        let below = if is_inclusive("upper_inclusive") { LESS_OR_EQUAL } else { LESS };
        let lower = interval(above, constant(lower, self.kind)?)?;
        Some(lower.and(interval(below, constant(upper, self.kind)?)?))
    }

    /// Whether `node` is the column, directly or in a cast that keeps the order of values.
    fn is(&self, node: &Value) -> bool {
        match node["type"].as_str() {
            Some("BOUND_COLUMN_REF") => {
                let index = node["binding"]["column_index"].as_u64().and_then(|index| usize::try_from(index).ok());
                index.and_then(|index| self.names.get(index)).is_some_and(|name| name == self.name)
            }
            Some("OPERATOR_CAST" | "CAST") => {
                casts_in_order(self.kind, node) && children(node).first().is_some_and(|child| self.is(child))
            }
            _ => false,
        }
    }
}

/// Whether a cast keeps the order of values of this kind.
fn casts_in_order(kind: Kind, cast: &Value) -> bool {
    cast["return_type"]["id"].as_str().is_some_and(|to| match kind {
        Kind::Id => is_whole_number(to),
        Kind::Date => matches!(to, "DATE" | "TIMESTAMP"),
    })
}

const LESS: &str = "COMPARE_LESSTHAN";
const LESS_OR_EQUAL: &str = "COMPARE_LESSTHANOREQUALTO";
const GREATER: &str = "COMPARE_GREATERTHAN";
const GREATER_OR_EQUAL: &str = "COMPARE_GREATERTHANOREQUALTO";

/// Returns the comparison with its sides exchanged.
fn mirrored(kind: &str) -> &str {
    match kind {
        LESS => GREATER,
        LESS_OR_EQUAL => GREATER_OR_EQUAL,
        GREATER => LESS,
        GREATER_OR_EQUAL => LESS_OR_EQUAL,
        same => same,
    }
}

/// Returns the numbers for which a comparison with `constant` is true, or `None` for a comparison that is not narrowed by.
fn interval(kind: &str, constant: Constant) -> Option<Interval> {
    let (floor, ceiling) = (constant.floor(), constant.ceiling());
    Some(match kind {
        "COMPARE_EQUAL" => Interval { least: ceiling, most: floor },
        LESS => Interval { most: ceiling - 1, ..Interval::ALL },
        LESS_OR_EQUAL => Interval { most: floor, ..Interval::ALL },
        GREATER => Interval { least: floor + 1, ..Interval::ALL },
        GREATER_OR_EQUAL => Interval { least: ceiling, ..Interval::ALL },
        _ => return None,
    })
}

/// Returns the operands of a node, whatever their keys.
fn children(node: &Value) -> Vec<&Value> {
    if let Some(children) = node["children"].as_array() {
        return children.iter().collect();
    }
    let named = ["left", "right", "input", "lower", "upper", "child"];
    named.iter().filter_map(|name| node.get(name)).collect()
}

fn is_whole_number(type_name: &str) -> bool {
    let signed = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"];
    signed.contains(&type_name) || type_name.strip_prefix('U').is_some_and(|name| signed.contains(&name))
}

/// Returns the constant that `node` is, directly or in a cast, in the unit of a column of this kind.
fn constant(node: &Value, kind: Kind) -> Option<Constant> {
    match node["type"].as_str()? {
        "VALUE_CONSTANT" => {
            let value = &node["value"];
            if value["is_null"].as_bool() != Some(false) {
                return None;
            }
            let number = || value["value"].as_i64().map(i128::from).or_else(|| value["value"].as_u64().map(i128::from));
            let (value, per_unit) = match (kind, value["type"]["id"].as_str()?) {
                (Kind::Id, name) if is_whole_number(name) => (number()?, 1),
                (Kind::Date, "DATE") => (number()?, 1),
                (Kind::Date, "TIMESTAMP") => (number()?, MICROSECONDS_OF_DAY),
                (Kind::Date, "VARCHAR") => (i128::from(date(value["value"].as_str()?)?), 1),
                _ => return None,
            };
            Some(Constant { value, per_unit })
        }
        "OPERATOR_CAST" | "CAST" => {
            let value = constant(children(node).first()?, kind)?;
            // A cast from timestamp to date drops the time of day.
            let is_date = node["return_type"]["id"] == "DATE";
            let value = if is_date { Constant { value: value.floor(), per_unit: 1 } } else { value };
            casts_in_order(kind, node).then_some(value)
        }
        _ => None,
    }
}

fn date(text: &str) -> Option<Day> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(day_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{DataSet, Model, saas_v1};
    use serde_json::json;

    const FIRST: Day = 19_539;

    fn usage() -> Scan {
        let model = Model::saas_v1().unwrap();
        Scan::whole(&DataSet::new(model, 42, 1_000).unwrap(), saas_v1::USAGE_DAILY)
    }

    /// Narrows a scan by filters on the columns (sessions, customer_id, date).
    fn narrowed(filters: Value) -> (Range<u64>, Range<Day>) {
        let names = ["sessions", "customer_id", "date"];
        let text = json!({"filters": filters, "column_binding_names_by_index": names}).to_string();
        let Narrowed { ids, days } = Narrowed::by(&usage(), text.as_bytes());
        (ids, days)
    }

    fn column(index: u64) -> Value {
        json!({"type": "BOUND_COLUMN_REF", "binding": {"column_index": index}})
    }

    fn constant(id: &str, value: impl Into<Value>) -> Value {
        json!({"type": "VALUE_CONSTANT", "value": {"type": {"id": id}, "is_null": false, "value": value.into()}})
    }

    fn compare(kind: &str, left: Value, right: Value) -> Value {
        json!({"type": kind, "children": [left, right]})
    }

    fn with(kind: &str, children: Vec<Value>) -> Value {
        json!({"type": kind, "children": children})
    }

    fn cast(to: &str, child: Value) -> Value {
        json!({"type": "OPERATOR_CAST", "return_type": {"id": to}, "children": [child]})
    }

    fn ids(filter: Value) -> Range<u64> {
        narrowed(json!([filter])).0
    }

    fn days(filter: Value) -> Range<Day> {
        let Range { start, end } = narrowed(json!([filter])).1;
        start - FIRST..end - FIRST
    }

    #[test]
    fn comparisons_narrow_from_both_sides() {
        let id = || column(1);
        let number = |value: i64| constant("BIGINT", value);
        assert_eq!(ids(compare("COMPARE_EQUAL", id(), number(7))), 7..8);
        assert_eq!(ids(compare(GREATER, id(), number(7))), 8..1_001);
        assert_eq!(ids(compare(GREATER_OR_EQUAL, id(), number(7))), 7..1_001);
        assert_eq!(ids(compare(LESS, id(), number(7))), 1..7);
        assert_eq!(ids(compare(LESS_OR_EQUAL, id(), number(7))), 1..8);
        assert_eq!(ids(compare(LESS, number(7), id())), 8..1_001);
        assert_eq!(ids(json!({"type": GREATER_OR_EQUAL, "left": number(7), "right": id()})), 1..8);
        assert_eq!(ids(compare(LESS, cast("HUGEINT", id()), cast("BIGINT", number(7)))), 1..7);
        assert_eq!(ids(with("COMPARE_IN", vec![id(), number(9), number(3), number(5)])), 3..10);
        let between = json!({"type": "COMPARE_BETWEEN", "children": [id(), number(3), number(9)],
                             "function_data": {"lower_inclusive": false, "upper_inclusive": false}});
        assert_eq!(ids(between), 4..9);
        let between = json!({"type": "COMPARE_BETWEEN", "input": id(), "lower": number(3), "upper": number(9),
                             "lower_inclusive": true, "upper_inclusive": true});
        assert_eq!(ids(between), 3..10);
    }

    #[test]
    fn dates_compare_with_dates_and_timestamps() {
        let date = || column(2);
        let day = |day: Day| constant("DATE", FIRST + day);
        let at = |day: Day, micros: i64| constant("TIMESTAMP", i64::from(FIRST + day) * 86_400_000_000 + micros);
        assert_eq!(days(compare("COMPARE_EQUAL", date(), day(5))), 5..6);
        assert_eq!(days(compare(GREATER_OR_EQUAL, cast("TIMESTAMP", date()), at(5, 0))), 5..550);
        assert_eq!(days(compare(GREATER_OR_EQUAL, cast("TIMESTAMP", date()), at(5, 1))), 6..550);
        assert_eq!(days(compare(LESS, cast("TIMESTAMP", date()), at(5, 1))), 0..6);
        assert_eq!(days(compare(LESS_OR_EQUAL, date(), cast("DATE", at(5, 1)))), 0..6);
        assert_eq!(days(compare(LESS, date(), cast("DATE", constant("VARCHAR", "2023-07-03")))), 0..2);
        assert!(days(compare("COMPARE_EQUAL", cast("TIMESTAMP", date()), at(5, 1))).is_empty(), "a date is midnight");
        assert_eq!(days(compare(GREATER, date(), constant("DATE", i32::MAX))), 550..550, "infinity");
        assert_eq!(days(compare(GREATER, date(), constant("DATE", -i32::MAX))), 0..550);
    }

    #[test]
    fn and_intersects_or_unites_and_unknown_filters_narrow_nothing() {
        let below = |id: i64| compare(LESS, column(1), constant("BIGINT", id));
        let above = |id: i64| compare(GREATER, column(1), constant("BIGINT", id));
        let before = |day: Day| compare(LESS, column(2), constant("DATE", FIRST + day));
        let unknown = || json!({"type": "COMPARE_NEWLY_INVENTED", "children": [column(1), constant("BIGINT", 3)]});
        assert_eq!(narrowed(json!([below(9), above(3), before(2)])), (4..9, FIRST..FIRST + 2));
        assert_eq!(ids(with("CONJUNCTION_AND", vec![below(9), unknown()])), 1..9);
        assert_eq!(ids(with("CONJUNCTION_OR", vec![below(9), above(990)])), 1..1_001);
        assert_eq!(ids(with("CONJUNCTION_OR", vec![below(9), below(20)])), 1..20);
        assert_eq!(ids(with("CONJUNCTION_OR", vec![below(9), unknown()])), 1..1_001);
        assert_eq!(
            narrowed(json!([with("CONJUNCTION_OR", vec![below(9), before(2)])])),
            (1..1_001, FIRST..FIRST + 550)
        );
        let never = with("CONJUNCTION_AND", vec![below(3), above(9)]);
        assert_eq!(
            ids(with("CONJUNCTION_OR", vec![never.clone(), below(20)])),
            1..20,
            "the hull of nothing and a range"
        );
        assert!(ids(never).is_empty());
        for kind in ["OPERATOR_NOT", "OPERATOR_IS_NULL", "COMPARE_NOTEQUAL", "CONJUNCTION_OR"] {
            assert_eq!(ids(with(kind, vec![])), 1..1_001, "{kind}");
        }
        assert_eq!(ids(with("OPERATOR_NOT", vec![below(9)])), 1..1_001);
        assert_eq!(ids(compare("COMPARE_NOTEQUAL", column(1), constant("BIGINT", 3))), 1..1_001);
    }

    #[test]
    fn other_columns_types_and_sizes_are_left_to_duckdb() {
        let null = json!({"type": "VALUE_CONSTANT", "value": {"type": {"id": "BIGINT"}, "is_null": true}});
        let huge = constant("HUGEINT", json!({"upper": 5, "lower": 7}));
        for (left, right) in [
            (column(0), constant("BIGINT", 3)),
            (column(9), constant("BIGINT", 3)),
            (column(1), constant("DOUBLE", 2.5)),
            (column(1), constant("DECIMAL", 105)),
            (column(1), constant("VARCHAR", "3")),
            (cast("VARCHAR", column(1)), constant("VARCHAR", "3")),
            (column(2), constant("TIMESTAMP WITH TIME ZONE", 0)),
            (column(1), null),
            (column(1), huge),
            (column(1), column(2)),
        ] {
            assert_eq!(narrowed(json!([compare(LESS, left, right)])), (1..1_001, FIRST..FIRST + 550));
        }
        for text in ["", "{", "[]", "7", "{\"filters\": 7}", "{}"] {
            assert_eq!(Narrowed::by(&usage(), text.as_bytes()).ids, 1..1_001, "{text}");
        }
        assert_eq!(ids(compare(LESS, column(1), constant("UBIGINT", u64::MAX))), 1..1_001);
        assert!(ids(compare(GREATER, column(1), constant("UBIGINT", u64::MAX))).is_empty());
        assert!(ids(compare(LESS, column(2), constant("DATE", FIRST))).is_empty(), "no days need no customers");
    }
}
