//! Holds a data set against the model: structure, laws, and value by value where it says which seed it is of.

mod activity;
mod checks;
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
mod statistics;
mod tally;
mod tickets;

pub use checks::{Check, Evidence, Verdict, Verification};
pub use figures::grouped;
pub use statistics::{INTERVAL, Measured};

use crate::batches::TableSource;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::scan::Scan;
use crate::tables::expected::RowsPerCustomer;
use crate::tables::{ColumnSet, DataSet, Generator, Table};
use crate::workers::run_in_order;
use customers::Profiles;
use exact::{Differences, Generated};
use facts::Facts;
use findings::{Findings, Rule};
use input::Inputs;
use rows::{Converter, Rows};
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use tally::Tally;

/// Of right data sets, the share in which any law is rejected: one in a million.
pub const ERROR_RATE: f64 = 1e-6;

/// Customers whose rows are checked by one thread at a time.
const CHUNK_CUSTOMERS: i64 = 4_096;

/// Rows of the largest table that are in memory at a time, about: some 100 MB of `usage_daily`.
const STRIPE_ROWS: u64 = 1 << 22;

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

/// Some of the customers, whose rows are in memory together.
struct Stripe {
    ids: Range<i64>,
    /// The first and the last stripe take what should not be there, too.
    is_first: bool,
    is_last: bool,
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
/// Memory depends on the number of threads and not on the size of the data set: some 250 MiB with two.
///
/// # Errors
/// [`Error::Misuse`] where there are no customers to judge by; whatever the sources fail with; [`Error::Interrupted`].
pub fn verify(subject: &Subject<'_>, options: ReadOptions<'_>) -> Result<Verification> {
    let facts = Facts::new(subject.model.clone());
    let mut findings = Findings::default();
    let readable = readable(subject, &mut findings);
    let ids = expected_ids(subject, &readable)?;
    let run = Run { facts: &facts, subject, ids: &ids, options };
    let mut found = run.read(&readable, findings)?;
    if let Some(source) = readable.iter().find(|source| source.table() == Table::RetentionCurves) {
        run.check_curves(*source, &mut found)?;
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

struct Run<'a> {
    facts: &'a Facts,
    subject: &'a Subject<'a>,
    ids: &'a Range<i64>,
    options: ReadOptions<'a>,
}

impl Run<'_> {
    fn read(&self, readable: &[&dyn TableSource], mut findings: Findings) -> Result<Found> {
        let sources: Vec<&dyn TableSource> =
            readable.iter().copied().filter(|source| source.table().has_customers()).collect();
        let mut inputs = Inputs::new(&sources, self.subject.model.parameters(), self.ids);
        let generated: Vec<Generated> = self.generated(&sources);
        let profiles = self.generated_profiles(&sources);
        let truth = self.generated_truth(&sources);
        let mut differences: Vec<(Table, Differences)> =
            generated.iter().map(|generated| (generated.table(), Differences::default())).collect();

        // One a thread: whole numbers add up to the same in any order.
        let tallies = Mutex::new(Vec::new());
        for stripe in self.stripes(&sources) {
            let tables = inputs.take(&stripe, self.options, &mut findings)?;
            let chunks: Vec<(i64, i64)> = stripe
                .ids
                .clone()
                .step_by(CHUNK_CUSTOMERS as usize)
                .map(|start| (start, stripe.ids.end.min(start + CHUNK_CUSTOMERS)))
                .collect();
            let check = |(start, end): (i64, i64)| {
                let tally = tallies.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut tally = tally.unwrap_or_else(|| Tally::new(self.facts));
                let chunk = Chunk { run: self, ids: start..end, tables: &tables };
                let checked = chunk.check(&generated, profiles.as_ref(), truth.as_ref(), &mut tally)?;
                tallies.lock().unwrap_or_else(PoisonError::into_inner).push(tally);
                Ok(checked)
            };
            run_in_order(
                &chunks,
                self.options.threads,
                check,
                |_, (found, differing): (Findings, Vec<Differences>)| {
                    findings.merge(found);
                    for ((_, all), of_chunk) in differences.iter_mut().zip(differing) {
                        all.merge(of_chunk);
                    }
                    Ok(())
                },
            )?;
        }
        let mut tally = Tally::new(self.facts);
        tallies.into_inner().unwrap_or_else(PoisonError::into_inner).iter().for_each(|part| tally.merge(part));
        let readable = readable.iter().map(|source| source.table()).collect();
        Ok(Found { readable, tally, findings, differences })
    }

    fn stripes(&self, sources: &[&dyn TableSource]) -> Vec<Stripe> {
        let customers = (self.ids.end - self.ids.start).max(1) as u64;
        let expected = |table| RowsPerCustomer::new(&self.facts.model, table, &self.facts.window.range()).of(customers);
        let rows = sources.iter().map(|source| source.rows().unwrap_or(0).max(expected(source.table()).rows as u64));
        let stripes = rows.max().unwrap_or(0).div_ceil(STRIPE_ROWS).clamp(1, customers);
        let step = customers.div_ceil(stripes).next_multiple_of(CHUNK_CUSTOMERS as u64) as usize;
        let starts: Vec<i64> = self.ids.clone().step_by(step).collect();
        let stripe = |(index, &start): (usize, &i64)| Stripe {
            ids: start..starts.get(index + 1).copied().unwrap_or(self.ids.end),
            is_first: index == 0,
            is_last: index + 1 == starts.len(),
        };
        starts.iter().enumerate().map(stripe).collect()
    }

    /// The tables to generate again: those that are there and claimed.
    fn generated(&self, sources: &[&dyn TableSource]) -> Vec<Generated> {
        let scans = self.subject.claim.iter().flat_map(|claim| &claim.scans);
        let is_there = |scan: &&Scan| sources.iter().any(|source| source.table() == scan.table());
        scans.filter(is_there).map(|scan| Generated::new(scan.clone())).collect()
    }

    /// Customers to judge the other tables by, where only the claim tells of them.
    fn generated_profiles(&self, sources: &[&dyn TableSource]) -> Option<Generator> {
        let are_there = sources.iter().any(|source| source.table() == Table::Customers);
        let claimed = self.claimed_data_set().filter(|_| !are_there)?;
        Some(self.generator(claimed, Table::Customers, ColumnSet::all(Table::Customers)))
    }

    /// Which logs were lost, where the data set has no `usage_truth` and the claim tells.
    fn generated_truth(&self, sources: &[&dyn TableSource]) -> Option<Generator> {
        let is_there = |table: Table| sources.iter().any(|source| source.table() == table);
        let claimed = self.claimed_data_set();
        let claimed = claimed.filter(|_| is_there(Table::UsageDaily) && !is_there(Table::UsageTruth))?;
        Some(self.generator(claimed, Table::UsageTruth, activity::TRUTH_COLUMNS.into_iter().collect()))
    }

    fn generator(&self, data_set: &DataSet, table: Table, columns: ColumnSet) -> Generator {
        Generator::new(data_set.clone(), table, self.facts.window.range(), columns)
    }

    fn claimed_data_set(&self) -> Option<&DataSet> {
        self.subject.claim.iter().flat_map(|claim| &claim.scans).map(Scan::data_set).next()
    }

    /// Holds the curves against the closed form, and against what the model gives.
    fn check_curves(&self, source: &dyn TableSource, found: &mut Found) -> Result<()> {
        let (table, parameters) = (Table::RetentionCurves, self.subject.model.parameters());
        let converter = Converter::new(table, parameters);
        let mut rows = Rows::none(table);
        for row_group in 0..source.row_groups() {
            for batch in source.batches(row_group)? {
                rows.append(converter.rows(&batch?, &mut found.findings)?);
            }
        }
        self.check_curve_rows(&rows, &mut found.findings);
        let scans = self.subject.claim.iter().flat_map(|claim| &claim.scans);
        if let Some(scan) = scans.into_iter().find(|scan| scan.table() == table) {
            let ids = scan.ids();
            let expected = Generated::new(scan.clone()).rows(&(ids.start as i64..ids.end as i64))?;
            let rows = rows.sorted();
            found.differences.push((table, Differences::between(&rows, 0..rows.len(), &expected, parameters)));
        }
        Ok(())
    }

    fn check_curve_rows(&self, rows: &Rows, findings: &mut Findings) {
        let mut seen = vec![vec![false; self.facts.days()]; self.facts.plans.len()];
        for row in 0..rows.len() {
            let mut note =
                |rule| findings.note(rows.table(), rule, || rows.describe(row, self.subject.model.parameters()));
            let (plan, age) = (usize::from(rows.text(0)[row]), usize::try_from(rows.int32(1)[row]));
            match seen.get_mut(plan).and_then(|ages| ages.get_mut(age.ok()?)) {
                None => note(Rule::Ids),
                Some(true) => note(Rule::UniqueKeys),
                Some(slot) => {
                    *slot = true;
                    let expected = self.facts.plans[plan].active[age.unwrap_or_default()];
                    // Exponentials of other programs may differ in their last bits.
                    if !((rows.floats(2)[row] - expected).abs() <= 1e-12) {
                        note(Rule::Curve);
                    }
                }
            }
        }
        for (plan, ages) in self.facts.plans.iter().zip(&seen) {
            for age in (0..ages.len()).filter(|&age| !ages[age]) {
                findings.note(rows.table(), Rule::Ids, || format!("plan {} has no day {age}", plan.name));
            }
        }
    }
}

/// A run of customers and the rows of all tables that belong to them.
struct Chunk<'a> {
    run: &'a Run<'a>,
    ids: Range<i64>,
    tables: &'a [Rows],
}

impl Chunk<'_> {
    fn table(&self, table: Table) -> Option<(&Rows, Range<usize>)> {
        let rows = self.tables.iter().find(|rows| rows.table() == table)?;
        Some((rows, rows.of_customers(&self.ids)))
    }

    fn check(
        &self,
        generated: &[Generated],
        generated_profiles: Option<&Generator>,
        generated_truth: Option<&Generator>,
        tally: &mut Tally,
    ) -> Result<(Findings, Vec<Differences>)> {
        let mut findings = Findings::default();
        if self.run.subject.has_whole_window() {
            self.check_rows(generated_profiles, generated_truth, tally, &mut findings)?;
        }
        let mut differences = Vec::with_capacity(generated.len());
        for generated in generated {
            let expected = generated.rows(&self.ids)?;
            differences.push(match self.table(generated.table()) {
                Some((table, rows)) => {
                    Differences::between(table, rows, &expected, self.run.subject.model.parameters())
                }
                None => Differences::default(),
            });
        }
        Ok((findings, differences))
    }

    fn check_rows(
        &self,
        generated_profiles: Option<&Generator>,
        generated_truth: Option<&Generator>,
        tally: &mut Tally,
        findings: &mut Findings,
    ) -> Result<()> {
        let (facts, ids) = (self.run.facts, &self.ids);
        let again = |generator: &Generator| {
            Rows::of_columns(generator.table(), generator.rows(ids.start as u64..ids.end as u64))
        };
        let profiles = match (self.table(Table::Customers), generated_profiles) {
            (Some((table, rows)), _) => {
                customers::check(facts, ids, table, rows.clone(), tally, findings);
                Profiles::of(facts, ids, table, rows)
            }
            (None, Some(generated)) => {
                let table = again(generated);
                customers::check(facts, ids, &table, 0..table.len(), tally, findings);
                Profiles::of(facts, ids, &table, 0..table.len())
            }
            (None, None) => return Err(Error::Internal("there are no customers to judge by".into())),
        };
        let truth = self.table(Table::UsageTruth);
        if let Some((table, rows)) = self.table(Table::UsageDaily) {
            activity::check(facts, &profiles, table, rows.clone(), &mut tally.usage_daily, findings);
            if let Some((truth, truth_rows)) = &truth {
                activity::check_logged(facts, table, rows, truth, truth_rows.clone(), findings);
            }
        }
        if let Some((table, rows)) = truth {
            activity::check(facts, &profiles, table, rows.clone(), &mut tally.usage_truth, findings);
            activity::count_truth(facts, &profiles, table, rows, tally);
        } else if let Some(generated) = generated_truth {
            let table = again(generated);
            activity::count_truth(facts, &profiles, &table, 0..table.len(), tally);
        }
        if let Some((table, rows)) = self.table(Table::Billing) {
            invoices::check(facts, &profiles, table, rows, tally, findings);
        }
        if let Some((table, rows)) = self.table(Table::Support) {
            tickets::check(facts, &profiles, table, rows, tally, findings);
        }
        Ok(())
    }
}
