//! Resolves a request for a data set. Every field is checked before anything is generated.

use super::block_size::block_size;
use super::request::AirportScan;
use super::{Compression, Partitions, Scan, ScanRequest, Strings};
use crate::error::{Error, Result};
use crate::models::{ColumnSet, DataSet, Day, Table, date_of, day_of};
use chrono::NaiveDate;
use std::ops::{Range, RangeInclusive};

/// The Flight message that holds a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// A descriptor, which asks for information about rows. It can ask for partitions.
    Descriptor,
    /// A ticket, which asks for one stream of rows. It can't ask for partitions.
    Ticket,
}

impl Scan {
    /// Checks `request` and takes the defaults of its fields from `data_set`.
    ///
    /// # Errors
    /// Returns [`Error::UnknownTable`] if there is no such table, [`Error::ModelMismatch`] if the request is for
    /// another model, and [`Error::Misuse`] if the value of a key is not allowed. The message names the key, its value
    /// and what is allowed.
    pub fn resolve(data_set: &DataSet, request: &ScanRequest, kind: RequestKind) -> Result<(Self, Partitions)> {
        let table = data_set.model().table(&request.table)?;
        let fingerprint = data_set.model().fingerprint();
        if !request.fingerprint.is_empty() && request.fingerprint != fingerprint {
            return Err(Error::ModelMismatch {
                ticket: request.fingerprint.chars().take(64).collect(),
                server: fingerprint.to_string(),
            });
        }
        let customers = request.customers.unwrap_or(data_set.customers());
        let data_set = data_set.with(request.seed.unwrap_or(data_set.seed()), customers)?;
        let ids = ids(&data_set, table, request)?;
        let days = days(table, request, data_set.model().window().range())?;
        let columns = columns(table, &request.columns)?;
        let strings =
            one_of("strings", request.strings.as_deref(), [Strings::Utf8, Strings::Dictionary], Strings::name)?;
        let compressions = [Compression::None, Compression::Lz4, Compression::Zstd];
        let compression = one_of("compression", request.compression.as_deref(), compressions, Compression::name)?;
        let airport = request.airport.as_ref().map(|airport| airport_columns(table, &columns, airport)).transpose()?;
        let partitions = partitions(request.partitions, kind)?;
        // This step takes milliseconds for the largest windows, so it follows all checks.
        let (rows_per_customer, block) = block_size(data_set.model(), table, &days);
        let scan =
            Self { table, ids, days, columns, strings, compression, airport, rows_per_customer, block, data_set };
        Ok((scan, partitions))
    }

    /// Returns the request for the rows of this scan, with every field set.
    ///
    /// Every server of the same model answers it with the same rows.
    pub fn to_request(&self) -> ScanRequest {
        let dated = |day: Day| self.table.date_column().map(|_| date_of(day).to_string());
        let with_customers = |id: u64| self.table.has_customers().then_some(id);
        ScanRequest {
            table: self.table.name().to_string(),
            fingerprint: self.data_set.model().fingerprint().to_string(),
            customers: Some(self.data_set.customers()),
            seed: Some(self.data_set.seed()),
            first_id: with_customers(self.ids.start),
            last_id: with_customers(self.ids.end - 1),
            from: dated(self.days.start),
            to: dated(self.days.end - 1),
            columns: self.columns().map(|column| column.name.to_string()).collect(),
            strings: Some(self.strings.name().to_string()),
            compression: Some(self.compression.name().to_string()),
            partitions: None,
            airport: self.airport.map(|read| AirportScan {
                columns: read.indices().map(|index| self.table.columns()[index].name.to_string()).collect(),
            }),
        }
    }
}

fn ids(data_set: &DataSet, table: Table, request: &ScanRequest) -> Result<Range<u64>> {
    if !table.has_customers() {
        refuse_for(table, "first_id", request.first_id.as_ref(), "customers")?;
        refuse_for(table, "last_id", request.last_id.as_ref(), "customers")?;
        return Ok(data_set.ids(table));
    }
    let customers = data_set.customers();
    let last = request.last_id.unwrap_or(customers);
    if last > customers {
        return Err(Error::Misuse(format!(
            "`last_id` is {last}; it must be a whole number from 0 to {customers}, the number of customers"
        )));
    }
    let first = request.first_id.unwrap_or(1);
    if !(1..=last + 1).contains(&first) {
        return Err(Error::Misuse(format!(
            "`first_id` is {first}; it must be a whole number from 1 to {}, which is `last_id` + 1 and gives no rows",
            last + 1
        )));
    }
    Ok(first..last + 1)
}

fn days(table: Table, request: &ScanRequest, window: Range<Day>) -> Result<Range<Day>> {
    if table.date_column().is_none() {
        refuse_for(table, "from", request.from.as_ref(), "dates")?;
        refuse_for(table, "to", request.to.as_ref(), "dates")?;
        return Ok(window);
    }
    let to = date("to", request.to.as_deref(), window.end - 1, window.start - 1..=window.end - 1, "")?;
    let note = if request.to.is_some() { ", the day after `to`" } else { "" };
    let from = date("from", request.from.as_deref(), window.start, window.start..=to + 1, note)?;
    Ok(from..to + 1)
}

/// Parses the date of `key`. `note` explains the last allowed date in the error.
fn date(key: &str, text: Option<&str>, default: Day, allowed: RangeInclusive<Day>, note: &str) -> Result<Day> {
    let Some(text) = text else { return Ok(default) };
    // chrono also accepts "2024-1-5" and "+2024-01-05".
    let day = if text.len() == 10 { NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(day_of) } else { None };
    day.filter(|day| allowed.contains(day)).ok_or_else(|| {
        Error::Misuse(format!(
            "`{key}` is {text:?}; it must be a date from {} to {}{note}, written YYYY-MM-DD",
            date_of(*allowed.start()),
            date_of(*allowed.end())
        ))
    })
}

fn columns(table: Table, names: &[String]) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok((0..table.columns().len()).collect());
    }
    let mut indices = Vec::with_capacity(names.len());
    for name in names {
        let known = table.columns().iter().position(|column| column.name == name);
        match known.filter(|index| !indices.contains(index)) {
            Some(index) => indices.push(index),
            None => {
                let all: Vec<&str> = table.columns().iter().map(|column| column.name).collect();
                return Err(Error::Misuse(format!(
                    "`columns` has {name:?}; it must list columns of {}, each at most once: {}",
                    table.name(),
                    all.join(", ")
                )));
            }
        }
    }
    Ok(indices)
}

/// Returns the columns that the client reads.
fn airport_columns(table: Table, columns: &[usize], airport: &AirportScan) -> Result<ColumnSet> {
    let index = |name: &String| columns.iter().copied().find(|&index| table.columns()[index].name == name);
    let read = airport.columns.iter().map(|name| {
        let names: Vec<&str> = columns.iter().map(|&index| table.columns()[index].name).collect();
        index(name).ok_or_else(|| {
            Error::Misuse(format!(
                "`airport.columns` has {name:?}; it must list columns of the scan: {}",
                names.join(", ")
            ))
        })
    });
    read.collect()
}

fn partitions(most: Option<u64>, kind: RequestKind) -> Result<Partitions> {
    let Some(most) = most else { return Ok(Partitions::BySize) };
    if kind == RequestKind::Ticket {
        return Err(Error::Misuse(format!(
            "`partitions` is {most}, but a ticket is a single stream; call GetFlightInfo with `partitions` and read the \
             tickets that it returns"
        )));
    }
    if !(1..=Partitions::MAX).contains(&most) {
        return Err(Error::Misuse(format!(
            "`partitions` is {most}; it must be a whole number from 1 to {}",
            Partitions::MAX
        )));
    }
    Ok(Partitions::AtMost(most))
}

fn one_of<T: Copy + Default, const N: usize>(
    key: &str,
    text: Option<&str>,
    allowed: [T; N],
    name: impl Fn(T) -> &'static str,
) -> Result<T> {
    let Some(text) = text else { return Ok(T::default()) };
    allowed.into_iter().find(|&value| name(value) == text).ok_or_else(|| {
        Error::Misuse(format!("`{key}` is {text:?}; it must be one of {}", allowed.map(name).join(", ")))
    })
}

/// Refuses a value of a key that `table` doesn't support.
/// Refuses a key for a table that has none of `what`.
fn refuse_for<T: std::fmt::Debug>(table: Table, key: &str, value: Option<&T>, what: &str) -> Result<()> {
    match value {
        None => Ok(()),
        Some(value) => Err(Error::Misuse(format!(
            "`{key}` is {value:?}, but {} has no {what}; leave `{key}` out, or ask only for tables with {what}",
            table.name()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Model, saas_v1};

    fn data_set() -> DataSet {
        DataSet::new(Model::saas_v1().unwrap(), 42, 100_000).unwrap()
    }

    fn resolve(text: &str, kind: RequestKind) -> Result<(Scan, Partitions)> {
        Scan::resolve(&data_set(), &ScanRequest::from_text(text)?, kind)
    }

    fn ticket(text: &str) -> Scan {
        resolve(text, RequestKind::Ticket).unwrap().0
    }

    fn refusal(text: &str) -> String {
        resolve(text, RequestKind::Ticket).unwrap_err().to_string()
    }

    #[test]
    fn defaults_come_from_the_data_set() {
        let scan = ticket("usage_daily");
        assert_eq!((scan.ids(), scan.days()), (1..100_001, 19_539..20_089));
        assert_eq!(scan.columns().count(), 5);
        assert_eq!((scan.strings(), scan.compression()), (Strings::Utf8, Compression::None));
    }

    #[test]
    fn keys_restrict_the_scan() {
        let scan =
            ticket("billing?customers=50&first_id=3&last_id=9&from=2024-01-01&to=2024-01-31&columns=amount,bill_date");
        assert_eq!((scan.ids(), scan.days()), (3..10, 19_723..19_754));
        assert_eq!(scan.columns().map(|column| column.name).collect::<Vec<_>>(), ["amount", "bill_date"]);
        assert_eq!(scan.column_positions(), [Some(1), Some(0)]);
    }

    #[test]
    fn the_request_of_a_scan_resolves_to_the_same_scan() {
        for text in
            ["customers", "support?first_id=5&last_id=4", "retention_curves?columns=day", "billing?to=2023-06-30"]
        {
            let scan = ticket(text);
            let (again, _) = Scan::resolve(&data_set(), &scan.to_request(), RequestKind::Ticket).unwrap();
            assert_eq!(again.to_request(), scan.to_request(), "{text}");
        }
    }

    #[test]
    fn exact_rows_are_given_only_if_they_are_known() {
        let rows = |text| ticket(text).exact_rows();
        assert_eq!(rows("customers"), Some(100_000));
        assert_eq!(rows("customers?first_id=11&last_id=20"), Some(10));
        assert_eq!(rows("customers?from=2024-01-01"), None);
        assert_eq!(rows("retention_curves"), Some(2_200));
        assert_eq!(rows("usage_daily"), None);
        assert_eq!(rows("usage_daily?first_id=8&last_id=7"), Some(0));
    }

    #[test]
    fn error_messages_name_the_key_the_value_and_what_is_allowed() {
        for (text, message) in [
            ("customers?customers=0", "`customers` is 0; it must be a whole number from 1 to 1000000000000"),
            (
                "customers?customers=1000000000001",
                "`customers` is 1000000000001; it must be a whole number from 1 to 1000000000000",
            ),
            (
                "billing?last_id=100001",
                "`last_id` is 100001; it must be a whole number from 0 to 100000, the number of customers",
            ),
            (
                "billing?first_id=0",
                "`first_id` is 0; it must be a whole number from 1 to 100001, which is `last_id` + 1 and gives no rows",
            ),
            (
                "billing?first_id=9&last_id=5",
                "`first_id` is 9; it must be a whole number from 1 to 6, which is `last_id` + 1 and gives no rows",
            ),
            (
                "support?from=2023-06-30",
                "`from` is \"2023-06-30\"; it must be a date from 2023-07-01 to 2025-01-01, written YYYY-MM-DD",
            ),
            (
                "support?from=2024-02-01&to=2024-01-01",
                "`from` is \"2024-02-01\"; it must be a date from 2023-07-01 to 2024-01-02, the day after `to`, written YYYY-MM-DD",
            ),
            (
                "support?to=2025-01-01",
                "`to` is \"2025-01-01\"; it must be a date from 2023-06-30 to 2024-12-31, written YYYY-MM-DD",
            ),
            (
                "support?to=2024-1-5",
                "`to` is \"2024-1-5\"; it must be a date from 2023-06-30 to 2024-12-31, written YYYY-MM-DD",
            ),
            (
                "support?from=2024-02-30",
                "`from` is \"2024-02-30\"; it must be a date from 2023-07-01 to 2025-01-01, written YYYY-MM-DD",
            ),
            (
                "customers?columns=plan,plan",
                "`columns` has \"plan\"; it must list columns of customers, each at most once: customer_id, signup_date, plan, region",
            ),
            (
                "customers?columns=",
                "`columns` has \"\"; it must list columns of customers, each at most once: customer_id, signup_date, plan, region",
            ),
            ("customers?strings=view", "`strings` is \"view\"; it must be one of utf8, dictionary"),
            ("customers?compression=gzip", "`compression` is \"gzip\"; it must be one of none, lz4, zstd"),
            (
                "retention_curves?first_id=1",
                "`first_id` is 1, but retention_curves has no customers; leave `first_id` out, or ask only for tables with customers",
            ),
            (
                "retention_curves?from=2024-01-01",
                "`from` is \"2024-01-01\", but retention_curves has no dates; leave `from` out, or ask only for tables with dates",
            ),
            (
                "customer",
                "there is no table `customer`; the tables are customers, usage_daily, billing, support, retention_curves, usage_truth",
            ),
            (
                "customers?partitions=2",
                "`partitions` is 2, but a ticket is a single stream; call GetFlightInfo with `partitions` and read the tickets that it returns",
            ),
        ] {
            assert_eq!(refusal(text), message, "{text}");
        }
    }

    #[test]
    fn descriptors_can_ask_for_partitions() {
        let partitions = |text: &str| resolve(text, RequestKind::Descriptor).map(|(_, partitions)| partitions);
        assert_eq!(partitions("billing").unwrap(), Partitions::BySize);
        for table in saas_v1::TABLES.map(Table::name) {
            assert_eq!(partitions(&format!("{table}?partitions=7")).unwrap(), Partitions::AtMost(7));
            for bad in [0, 10_001] {
                assert_eq!(
                    partitions(&format!("{table}?partitions={bad}")).unwrap_err().to_string(),
                    format!("`partitions` is {bad}; it must be a whole number from 1 to 10000")
                );
            }
        }
    }

    #[test]
    fn a_ticket_for_another_model_is_refused_with_both_fingerprints() {
        let mut request = ticket("customers").to_request();
        let own = std::mem::replace(&mut request.fingerprint, "feed".into());
        let message = Scan::resolve(&data_set(), &request, RequestKind::Ticket).unwrap_err().to_string();
        assert!(message.contains("feed") && message.contains(&own), "{message}");
    }
}
