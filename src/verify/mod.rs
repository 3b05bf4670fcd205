//! Holds a data set against the model: structure, laws, and value by value where it says which seed it is of.

mod activity;
mod again;
mod checks;
mod chunk;
mod convert;
mod curves;
mod customers;
mod exact;
mod facts;
mod figures;
mod findings;
mod input;
mod invoices;
mod laws;
pub mod report;
mod rows;
mod run;
mod statistics;
mod tally;
mod tickets;

pub use checks::{Check, Evidence, Verdict, Verification};
pub use figures::{EXPLANATION, grouped};
pub use laws::RetentionPoint;
pub use statistics::{INTERVAL, Measured};

use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::scan::Scan;
use crate::tables::Table;
use convert::Converter;
use exact::Differences;
use facts::Facts;
use findings::{Findings, Rule};
use run::Run;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use tally::Tally;

/// Of right data sets, the share in which any law is rejected: one in a million.
pub const ERROR_RATE: f64 = 1e-6;

/// Rows of the largest table that are in memory at a time, about: some 50 MB of `usage_daily`. With twice as many,
/// ten million customers take 583 MiB and not 420, and no less time.
pub const STRIPE_ROWS: u64 = 1 << 21;

/// What a data set says of itself.
#[derive(Debug)]
pub struct Claim {
    /// The rows that each table should have: all, or those of some customers.
    pub scans: Vec<Scan>,
    /// The content hashes that are stated, by table.
    pub hashes: Vec<(Table, String)>,
}

/// How to read.
#[derive(Clone, Copy)]
pub struct ReadOptions<'a> {
    /// Row groups, and chunks of customers, worked on at a time.
    pub threads: usize,
    /// Rows of the largest table that are in memory at a time, about, such as [`STRIPE_ROWS`].
    pub stripe_rows: u64,
    /// Set from outside to make the reading end with [`Error::Interrupted`].
    pub stop: &'a AtomicBool,
    /// Told of rows as they are read.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// What is to be held against the model.
pub struct Subject<'a> {
    /// The model.
    pub model: &'a Model,
    /// The tables that are there, each once.
    pub sources: &'a [&'a dyn TableSource],
    /// Which data set they are said to be; `None` of files of unknown origin.
    pub claim: Option<Claim>,
    /// Of right data sets, the share in which any law may be rejected, such as [`ERROR_RATE`].
    pub error_rate: f64,
}

impl Subject<'_> {
    /// The tables that must be there.
    fn required(&self) -> impl Iterator<Item = Table> {
        let usual = [Table::Customers, Table::UsageDaily, Table::Billing, Table::Support];
        let tables: Vec<Table> = match &self.claim {
            Some(claim) => claim.scans.iter().map(Scan::table).collect(),
            None => usual.into(),
        };
        tables.into_iter()
    }

    /// Whether all days of the window should be there: without them no law, and few rules, can be judged.
    fn has_whole_window(&self) -> bool {
        let mut scans = self.claim.iter().flat_map(|claim| &claim.scans);
        scans.all(|scan| scan.days() == self.model.window().range())
    }
}

/// What was found in all rows.
struct Found {
    /// The tables whose columns can all be read.
    readable: Vec<Table>,
    tally: Tally,
    findings: Findings,
    differences: Vec<(Table, Differences)>,
}

/// Reads the data set and judges it.
///
/// Memory depends on the number of threads and not on the size of the data set: 250 MiB with two at ten million
/// customers.
///
/// # Errors
/// [`Error::Misuse`] where there are no customers to judge by; whatever the sources fail with; [`Error::Interrupted`].
pub fn verify(subject: &Subject<'_>, options: ReadOptions<'_>) -> Result<Verification> {
    let facts = Facts::new(subject.model.clone());
    let mut findings = Findings::default();
    let readable = readable(subject, &mut findings);
    check_claim(subject)?;
    let ids = expected_ids(subject, &readable)?;
    let run = Run { facts: &facts, subject, ids: &ids, options };
    let mut found = run.read(&readable, findings)?;
    if let Some(source) = readable.iter().find(|source| source.table() == Table::RetentionCurves) {
        curves::check(&facts, subject, *source, &mut found)?;
    }
    let customers = (ids.end - ids.start) as u64;
    Ok(checks::judge(facts, subject, customers, found))
}

/// The sources whose columns can all be read; the others are noted.
fn readable<'a>(subject: &Subject<'a>, findings: &mut Findings) -> Vec<&'a dyn TableSource> {
    let mut readable = Vec::new();
    for table in subject.required().filter(|&table| !subject.sources.iter().any(|source| source.table() == table)) {
        findings.note(table, Rule::Schema, || "the table is missing".to_string());
    }
    for source in subject.sources {
        let wrong = Converter::new(source.table(), subject.model.parameters()).unreadable(&source.schema());
        if wrong.is_empty() {
            readable.push(*source);
        }
        wrong.into_iter().for_each(|text| findings.note(source.table(), Rule::Schema, || text));
    }
    readable
}

/// Rows that are generated again, if need be, only to say that they are missing: some seconds' work.
const MISSING_ROWS: f64 = 1e8;

/// Refuses a claim of far more rows than there are: to find them all missing could take days.
fn check_claim(subject: &Subject<'_>) -> Result<()> {
    for scan in subject.claim.iter().flat_map(|claim| &claim.scans) {
        let source = subject.sources.iter().find(|source| source.table() == scan.table());
        let Some(rows) = source.and_then(|source| source.rows()) else { continue };
        let expected = scan.expected_rows().rows;
        if expected > MISSING_ROWS + 10.0 * rows as f64 {
            return Err(Error::Misuse(format!(
                "the manifest says {} customers, of whose {} about {:.0} rows are expected, but there are {rows}: it is not \
                 the manifest of these files; remove it to hold them against the laws alone",
                scan.data_set().customers(),
                scan.table().name(),
                expected
            )));
        }
    }
    Ok(())
}

/// The customers that there should be: those claimed, or else as many as the customers table goes up to.
fn expected_ids(subject: &Subject<'_>, readable: &[&dyn TableSource]) -> Result<Range<i64>> {
    let claimed = subject.claim.iter().flat_map(|claim| &claim.scans).find(|scan| scan.table().has_customers());
    if let Some(scan) = claimed {
        let ids = scan.ids();
        return Ok(ids.start as i64..ids.end as i64);
    }
    let customers = readable.iter().find(|source| source.table() == Table::Customers).ok_or_else(|| {
        Error::Misuse(
            "there is no readable customers table: without it, or a manifest that says which data set it is, \
             no other table can be judged"
                .into(),
        )
    })?;
    let row_groups = 0..customers.row_groups();
    let largest = row_groups.filter_map(|row_group| customers.customer_ids(row_group).map(|ids| *ids.end())).max();
    let rows = customers.rows().map(|rows| rows as i64);
    // Where rows are missing or twice, ids still go up to the number of customers; where ids are no such count, rows do.
    let sensible = largest.filter(|&largest| largest > 0 && rows.is_none_or(|rows| largest / 2 <= rows));
    let count = sensible.or(rows).unwrap_or(0);
    if count == 0 {
        return Err(Error::Misuse("the customers table has no rows: there is nothing to judge".into()));
    }
    Ok(1..count + 1)
}
