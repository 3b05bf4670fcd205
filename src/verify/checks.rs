//! What is checked, and the verdict on each.

use super::exact::Differences;
use super::facts::{Facts, Survival};
use super::findings::Rule;
use super::laws::{self, Activity, Law, Read, RetentionPoint};
use super::statistics::{Measured, holm};
use super::tally::{Tally, UsageTally};
use super::{Found, Subject};
use crate::batches::TableSource;
use crate::tables::Table;
use indexmap::IndexMap;
use serde::Serialize;

/// Everything that was checked.
#[derive(Debug, Serialize)]
pub struct Verification {
    /// The model's name.
    pub model: String,
    /// The model's fingerprint.
    pub fingerprint: String,
    /// How many customers there should be.
    pub customers: u64,
    /// Whether nothing fails.
    pub holds: bool,
    /// Of right data sets, the share in which any law is rejected (Holm).
    pub error_rate: f64,
    /// One verdict each, by table.
    pub checks: Vec<Check>,
    /// The retention that was observed, by plan; empty where there is no table of usage.
    pub retention: IndexMap<String, Vec<RetentionPoint>>,
    #[serde(skip)]
    pub(super) material: Material,
}

/// What the report draws.
#[derive(Debug)]
pub(super) struct Material {
    pub facts: Facts,
    pub tally: Tally,
    pub read: Read,
}

impl Material {
    /// The table that tells of the customers' activity, with the share of it that survives.
    pub fn activity(&self) -> Option<(&UsageTally, Survival)> {
        let is_read = |table: Table| self.read.tables.contains(&table);
        match (is_read(Table::UsageDaily), is_read(Table::UsageTruth)) {
            (true, _) => Some((&self.tally.usage_daily, self.facts.survival)),
            (false, true) => Some((&self.tally.usage_truth, Survival::WHOLE)),
            (false, false) => None,
        }
    }

    fn retention(&self) -> IndexMap<String, Vec<RetentionPoint>> {
        let Some((usage, survival)) = self.activity() else { return IndexMap::new() };
        let activity = Activity::new(&self.facts, &self.tally, usage, survival);
        let plans = self.facts.plans.iter().enumerate();
        plans.map(|(index, plan)| (plan.name.clone(), activity.points(index))).collect()
    }
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The table that it is about.
    pub table: &'static str,
    /// What must hold.
    pub name: String,
    /// What was found.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// Whether it holds.
    pub verdict: Verdict,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// Of a rule that every row keeps to.
    Structure {
        /// Rows, or customers, that don't.
        violations: u64,
        /// The first of them, at most five.
        examples: Vec<String>,
    },
    /// Of a law of chance.
    Law(Measured),
    /// Of the comparison with what the model gives for the seed.
    Exact {
        /// Rows alike in every value.
        equal: u64,
        /// Rows of the same key with other values.
        changed: u64,
        /// Rows that should be there.
        missing: u64,
        /// Rows that should not be there.
        extra: u64,
        /// The first row, by key, that differs, and how.
        first_difference: Option<String>,
        /// The content hash of what the model gives.
        content_hash: String,
        /// The content hash in the manifest.
        stated_hash: Option<String>,
    },
    /// None, and why.
    NotRun {
        /// Why.
        reason: String,
    },
}

/// Whether a check holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does.
    Holds,
    /// It does not.
    Fails,
    /// It could not be judged.
    NotRun,
}

impl Verification {
    /// How many checks have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }

    /// The check with this name.
    pub fn check(&self, table: Table, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.table == table.name() && check.name == name)
    }
}

/// Judges what was found.
pub(super) fn judge(facts: Facts, subject: &Subject<'_>, customers: u64, found: Found) -> Verification {
    let whole_window = subject.has_whole_window();
    let read = Read {
        tables: if whole_window { found.readable.clone() } else { Vec::new() },
        truth_is_known: found.tally.usage_truth.by_day.total() > 0,
    };
    let laws = laws::all(&facts, &found.tally, &read);
    let rejected = rejected(&laws, subject.error_rate);
    let mut checks = Vec::new();
    for table in Table::ALL {
        let source = subject.sources.iter().find(|source| source.table() == table);
        if source.is_none() && !subject.required().any(|required| required == table) {
            continue;
        }
        let is_readable = found.readable.contains(&table);
        for &rule in rules(table).iter().filter(|&&rule| is_readable || rule == Rule::Schema) {
            let lacks_truth = rule == Rule::LoggedTruth && !found.readable.contains(&Table::UsageTruth);
            if (whole_window || holds_for_parts(rule)) && !lacks_truth {
                checks.push(structure(&facts, table, rule, source.copied(), &found));
            }
        }
        for (law, is_rejected) in laws.iter().zip(&rejected).filter(|(law, _)| law.table == table) {
            let (evidence, verdict) = match &law.outcome {
                Ok(measured) => (Evidence::Law(*measured), if *is_rejected { Verdict::Fails } else { Verdict::Holds }),
                Err(reason) => (Evidence::NotRun { reason: reason.clone() }, Verdict::NotRun),
            };
            checks.push(Check { table: table.name(), name: law.name.clone(), evidence, verdict });
        }
        if is_readable && !whole_window {
            let reason = "only some days of the window are here".to_string();
            let evidence = Evidence::NotRun { reason };
            checks.push(Check { table: table.name(), name: "laws".into(), evidence, verdict: Verdict::NotRun });
        }
        if let Some((_, differences)) = found.differences.iter().find(|(of, _)| *of == table) {
            let stated = subject.claim.iter().flat_map(|claim| &claim.hashes).find(|(of, _)| *of == table);
            checks.push(exact(table, differences, stated.map(|(_, hash)| hash.clone())));
        } else if is_readable && subject.claim.is_some() {
            let evidence = Evidence::NotRun { reason: "the manifest does not list the table".to_string() };
            checks.push(Check { table: table.name(), name: EXACT.into(), evidence, verdict: Verdict::NotRun });
        }
    }
    let material = Material { facts, tally: found.tally, read };
    let facts = &material.facts;
    Verification {
        model: facts.model.parameters().name.clone(),
        fingerprint: facts.model.fingerprint().to_string(),
        customers,
        holds: checks.iter().all(|check| check.verdict != Verdict::Fails),
        error_rate: subject.error_rate,
        checks,
        retention: material.retention(),
        material,
    }
}

fn rejected(laws: &[Law], error_rate: f64) -> Vec<bool> {
    let tested: Vec<(usize, f64)> =
        laws.iter().enumerate().filter_map(|(index, law)| Some((index, law.outcome.as_ref().ok()?.p))).collect();
    let p_values: Vec<f64> = tested.iter().map(|&(_, p)| p).collect();
    let mut rejected = vec![false; laws.len()];
    for (&(index, p), is_rejected) in tested.iter().zip(holm(&p_values, error_rate)) {
        // A figure that is no number follows no law.
        rejected[index] = is_rejected || p.is_nan();
    }
    rejected
}

fn structure(facts: &Facts, table: Table, rule: Rule, source: Option<&dyn TableSource>, found: &Found) -> Check {
    let of_rule = found.findings.of(table, rule);
    let is_promised = rule != Rule::Order || source.is_some_and(TableSource::declares_order);
    let (evidence, verdict) = match (of_rule.count, is_promised) {
        (0, _) => (Evidence::Structure { violations: 0, examples: Vec::new() }, Verdict::Holds),
        (violations, true) => (Evidence::Structure { violations, examples: of_rule.examples }, Verdict::Fails),
        (violations, false) => {
            let reason = format!("{violations} rows out of order; the files don't say that they are sorted");
            (Evidence::NotRun { reason }, Verdict::NotRun)
        }
    };
    Check { table: table.name(), name: name(facts, table, rule), evidence, verdict }
}

fn exact(table: Table, differences: &Differences, stated_hash: Option<String>) -> Check {
    let content_hash = differences.hash.to_string();
    let holds = differences.count() == 0 && stated_hash.as_ref().is_none_or(|stated| *stated == content_hash);
    let evidence = Evidence::Exact {
        equal: differences.equal,
        changed: differences.changed,
        missing: differences.missing,
        extra: differences.extra,
        first_difference: differences.first.clone(),
        content_hash,
        stated_hash,
    };
    let verdict = if holds { Verdict::Holds } else { Verdict::Fails };
    Check { table: table.name(), name: EXACT.into(), evidence, verdict }
}

/// The comparison value by value.
const EXACT: &str = "every value as generated";

/// Whether the rule can be judged where only some days are there.
fn holds_for_parts(rule: Rule) -> bool {
    matches!(rule, Rule::Schema | Rule::Values | Rule::Order)
}

/// The rules of a table, in the order of the report.
fn rules(table: Table) -> &'static [Rule] {
    use Rule::*;
    match table {
        Table::Customers => &[Schema, Values, Ids, UniqueKeys, Dates, Order],
        Table::UsageDaily => &[
            Schema,
            Values,
            CustomerExists,
            UniqueKeys,
            Dates,
            Counts,
            EventsNeedSessions,
            MinutesLimits,
            LoggedTruth,
            Order,
        ],
        Table::UsageTruth => {
            &[Schema, Values, CustomerExists, UniqueKeys, Dates, Counts, EventsNeedSessions, MinutesLimits, Order]
        }
        Table::Billing => &[
            Schema,
            Values,
            CustomerExists,
            UniqueKeys,
            Numbers,
            PaidPlans,
            Amount,
            Dates,
            DueDate,
            FirstInvoice,
            InvoiceGaps,
            LastInvoice,
            Order,
        ],
        Table::Support => &[Schema, Values, CustomerExists, UniqueKeys, Numbers, Dates, Order],
        Table::RetentionCurves => &[Schema, Values, Ids, UniqueKeys, Curve],
    }
}

/// What a rule asks of a table, in the model's figures.
fn name(facts: &Facts, table: Table, rule: Rule) -> String {
    let date = table.date_column().unwrap_or_default();
    let (interval, jitter) = (facts.interval_days, facts.jitter_days);
    match rule {
        Rule::Schema => "columns are there".into(),
        Rule::Values => "values can be read, names known".into(),
        Rule::Ids if table == Table::Customers => "customer_id 1, 2, … without a gap".into(),
        Rule::Ids => "every plan has every day".into(),
        Rule::UniqueKeys => match table {
            Table::Customers => "customer_id unique".into(),
            Table::UsageDaily | Table::UsageTruth => "(customer_id, date) unique".into(),
            Table::Billing => "invoice_id unique".into(),
            Table::Support => "ticket_id unique".into(),
            Table::RetentionCurves => "(plan, day) unique".into(),
        },
        Rule::CustomerExists => "customer_id is a customer".into(),
        Rule::Dates if table == Table::Customers => "signup_date inside the window".into(),
        Rule::Dates => format!("{date} from signup to the end"),
        Rule::Counts => "counts not negative".into(),
        Rule::MinutesLimits => "minutes within the plan's limits".into(),
        Rule::EventsNeedSessions => "no feature_events without sessions".into(),
        Rule::PaidPlans => "only plans with a price".into(),
        Rule::Amount => "amount is the plan's price".into(),
        Rule::Numbers => "ids count by date in each customer".into(),
        Rule::DueDate => format!("bill_date {interval} n ± {jitter} days after signup"),
        Rule::FirstInvoice => {
            format!("first invoice on day {} to {}", interval - jitter, interval + jitter)
        }
        Rule::InvoiceGaps => {
            format!("{} to {} days between invoices", interval - 2 * jitter, interval + 2 * jitter)
        }
        Rule::LastInvoice => "invoices go on to the end".into(),
        Rule::LoggedTruth => "the logged rows of usage_truth".into(),
        Rule::Curve => "base x exp(-day / decay)".into(),
        Rule::Order => "rows in order".into(),
    }
}
