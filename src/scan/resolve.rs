//! A request held against a data set: every field checked before anything is generated.

use super::request::AirportScan;
use super::{Partitions, Scan, ScanRequest, blocks};
use crate::error::{Error, Result};
use crate::model::{Day, date_of, day_of};
use crate::tables::{ColumnSet, DataSet, Table};
use chrono::NaiveDate;
use std::ops::Range;

/// How text columns are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strings {
    /// Utf8.
    #[default]
    Utf8,
    /// Dictionary(Int8, Utf8).
    Dictionary,
}

/// How the bodies of record batches are compressed on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// What a request stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// A descriptor: what a client would like to know of or have.
    Descriptor,
    /// A ticket: one stream of rows, which can't be partitioned any more.
    Ticket,
}

impl Strings {
    /// Its name in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Dictionary => "dictionary",
        }
    }
}

impl Compression {
    /// Its name in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl Scan {
    /// Checks `request`; what it leaves open is taken from `data_set`.
    ///
    /// # Errors
    /// [`Error::UnknownTable`], [`Error::ModelMismatch`], or [`Error::Misuse`] naming the key, its value and what is
    /// allowed.
    pub fn resolve(data_set: &DataSet, request: &ScanRequest, naming: Naming) -> Result<(Self, Partitions)> {
        let table = Table::from_name(&request.table)?;
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
        let partitions = partitions(table, request.partitions, naming)?;
        // Comes last: it takes milliseconds in the largest windows, and nothing is computed for a refusal.
        let (rows_per_customer, block) = blocks::sizes(data_set.model(), table, &days);
        let scan =
            Self { table, ids, days, columns, strings, compression, airport, rows_per_customer, block, data_set };
        Ok((scan, partitions))
    }

    /// The request for just these rows, whole in itself: any server of the same model gives the same answer to it.
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
        refuse_for(table, "first_id", request.first_id.as_ref(), "it has no customers")?;
        refuse_for(table, "last_id", request.last_id.as_ref(), "it has no customers")?;
        return Ok(data_set.ids(table));
    }
    let customers = data_set.customers();
    let last = request.last_id.unwrap_or(customers);
    if last > customers {
        return Err(Error::Misuse(format!(
            "`last_id` is {last}; it must be a whole number from 0 to {customers}, the size of the data set"
        )));
    }
    let first = request.first_id.unwrap_or(1);
    if !(1..=last + 1).contains(&first) {
        return Err(Error::Misuse(format!(
            "`first_id` is {first}; it must be a whole number from 1 to {}: up to `last_id`, or one more for no rows",
            last + 1
        )));
    }
    Ok(first..last + 1)
}

fn days(table: Table, request: &ScanRequest, window: Range<Day>) -> Result<Range<Day>> {
    if table.date_column().is_none() {
        refuse_for(table, "from", request.from.as_ref(), "it has no dates")?;
        refuse_for(table, "to", request.to.as_ref(), "it has no dates")?;
        return Ok(window);
    }
    let to = date("to", request.to.as_deref(), window.end - 1, window.start - 1..=window.end - 1)?;
    let from = date("from", request.from.as_deref(), window.start, window.start..=to + 1)?;
    Ok(from..to + 1)
}

fn date(key: &str, text: Option<&str>, default: Day, allowed: std::ops::RangeInclusive<Day>) -> Result<Day> {
    let Some(text) = text else { return Ok(default) };
    // chrono also takes "2024-1-5" and "+2024-01-05".
    let day = if text.len() == 10 { NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(day_of) } else { None };
    day.filter(|day| allowed.contains(day)).ok_or_else(|| {
        Error::Misuse(format!(
            "`{key}` is {text:?}; it must be a date from {} to {}, written YYYY-MM-DD",
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
                    "`columns` names {name:?}; allowed are the columns of {}, each once: {}",
                    table.name(),
                    all.join(", ")
                )));
            }
        }
    }
    Ok(indices)
}

/// The columns of the scan that will be read.
fn airport_columns(table: Table, columns: &[usize], airport: &AirportScan) -> Result<ColumnSet> {
    let index = |name: &String| columns.iter().copied().find(|&index| table.columns()[index].name == name);
    let read = airport.columns.iter().map(|name| {
        let names: Vec<&str> = columns.iter().map(|&index| table.columns()[index].name).collect();
        index(name).ok_or_else(|| {
            Error::Misuse(format!(
                "`airport.columns` names {name:?}; allowed are the columns of the scan: {}",
                names.join(", ")
            ))
        })
    });
    read.collect()
}

fn partitions(table: Table, count: Option<u64>, naming: Naming) -> Result<Partitions> {
    let Some(count) = count else { return Ok(Partitions::BySize) };
    if naming == Naming::Ticket {
        return Err(Error::Misuse(format!(
            "`partitions` is {count}; a ticket is one stream: ask GetFlightInfo for partitions, then read its tickets"
        )));
    }
    let most = if table.has_customers() { Partitions::MAX } else { 1 };
    if !(1..=most).contains(&count) {
        return Err(Error::Misuse(format!(
            "`partitions` is {count}; for {} it must be a whole number from 1 to {most}",
            table.name()
        )));
    }
    Ok(Partitions::Count(count))
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

fn refuse_for<T: std::fmt::Debug>(table: Table, key: &str, value: Option<&T>, why: &str) -> Result<()> {
    match value {
        None => Ok(()),
        Some(value) => {
            Err(Error::Misuse(format!("`{key}` is {value:?}, but {} takes no `{key}`: {why}", table.name())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::tables::Laws;
    use std::sync::Arc;

    fn data_set() -> DataSet {
        DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 100_000).unwrap()
    }

    fn resolve(text: &str, naming: Naming) -> Result<(Scan, Partitions)> {
        Scan::resolve(&data_set(), &ScanRequest::from_text(text)?, naming)
    }

    fn ticket(text: &str) -> Scan {
        resolve(text, Naming::Ticket).unwrap().0
    }

    fn refusal(text: &str) -> String {
        resolve(text, Naming::Ticket).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_the_data_sets() {
        let scan = ticket("usage_daily");
        assert_eq!((scan.ids(), scan.days()), (1..100_001, 19_539..20_089));
        assert_eq!(scan.columns().count(), 5);
        assert_eq!((scan.strings(), scan.compression()), (Strings::Utf8, Compression::None));
    }

    #[test]
    fn keys_narrow_the_scan() {
        let scan =
            ticket("billing?customers=50&first_id=3&last_id=9&from=2024-01-01&to=2024-01-31&columns=amount,bill_date");
        assert_eq!((scan.ids(), scan.days()), (3..10, 19_723..19_754));
        assert_eq!(scan.columns().map(|column| column.name).collect::<Vec<_>>(), ["amount", "bill_date"]);
        assert_eq!(scan.column_positions(), [Some(1), Some(0)]);
    }

    #[test]
    fn what_resolves_comes_back_from_its_own_request() {
        for text in
            ["customers", "support?first_id=5&last_id=4", "retention_curves?columns=day", "billing?to=2023-06-30"]
        {
            let scan = ticket(text);
            let (again, _) = Scan::resolve(&data_set(), &scan.to_request(), Naming::Ticket).unwrap();
            assert_eq!(again.to_request(), scan.to_request(), "{text}");
        }
    }

    #[test]
    fn exact_rows_are_known_or_not_given() {
        let rows = |text| ticket(text).exact_rows();
        assert_eq!(rows("customers"), Some(100_000));
        assert_eq!(rows("customers?first_id=11&last_id=20"), Some(10));
        assert_eq!(rows("customers?from=2024-01-01"), None);
        assert_eq!(rows("retention_curves"), Some(2_200));
        assert_eq!(rows("usage_daily"), None);
        assert_eq!(rows("usage_daily?first_id=8&last_id=7"), Some(0));
    }

    #[test]
    fn refusals_name_key_value_and_what_is_allowed() {
        for (text, message) in [
            ("customers?customers=0", "`customers` is 0; it must be a whole number from 1 to 1000000000000"),
            (
                "customers?customers=1000000000001",
                "`customers` is 1000000000001; it must be a whole number from 1 to 1000000000000",
            ),
            (
                "billing?last_id=100001",
                "`last_id` is 100001; it must be a whole number from 0 to 100000, the size of the data set",
            ),
            (
                "billing?first_id=0",
                "`first_id` is 0; it must be a whole number from 1 to 100001: up to `last_id`, or one more for no rows",
            ),
            (
                "billing?first_id=9&last_id=5",
                "`first_id` is 9; it must be a whole number from 1 to 6: up to `last_id`, or one more for no rows",
            ),
            (
                "support?from=2023-06-30",
                "`from` is \"2023-06-30\"; it must be a date from 2023-07-01 to 2025-01-01, written YYYY-MM-DD",
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
                "`columns` names \"plan\"; allowed are the columns of customers, each once: customer_id, signup_date, plan, region",
            ),
            (
                "customers?columns=",
                "`columns` names \"\"; allowed are the columns of customers, each once: customer_id, signup_date, plan, region",
            ),
            ("customers?strings=view", "`strings` is \"view\"; it must be one of utf8, dictionary"),
            ("customers?compression=gzip", "`compression` is \"gzip\"; it must be one of none, lz4, zstd"),
            (
                "retention_curves?first_id=1",
                "`first_id` is 1, but retention_curves takes no `first_id`: it has no customers",
            ),
            (
                "retention_curves?from=2024-01-01",
                "`from` is \"2024-01-01\", but retention_curves takes no `from`: it has no dates",
            ),
            (
                "customer",
                "there is no table `customer`; the tables are customers, usage_daily, billing, support, retention_curves, usage_truth",
            ),
            (
                "customers?partitions=2",
                "`partitions` is 2; a ticket is one stream: ask GetFlightInfo for partitions, then read its tickets",
            ),
        ] {
            assert_eq!(refusal(text), message, "{text}");
        }
    }

    #[test]
    fn partitions_are_for_descriptors() {
        let of = |text| resolve(text, Naming::Descriptor).map(|(_, partitions)| partitions);
        assert_eq!(of("billing?partitions=7").unwrap(), Partitions::Count(7));
        assert_eq!(of("billing").unwrap(), Partitions::BySize);
        for bad in ["billing?partitions=0", "billing?partitions=10001", "retention_curves?partitions=2"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ticket_of_another_model_is_refused_naming_both() {
        let mut request = ticket("customers").to_request();
        let own = std::mem::replace(&mut request.fingerprint, "feed".into());
        let message = Scan::resolve(&data_set(), &request, Naming::Ticket).unwrap_err().to_string();
        assert!(message.contains("feed") && message.contains(&own), "{message}");
    }
}
