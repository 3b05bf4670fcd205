//! The HTML page: the verdict, what the data set is, what fails, and the charts and checks of each table.

use super::chart::Chart;
use super::overview::overview;
use crate::error::Result;
use crate::verify::origin::Origin;
use crate::verify::verdicts::{Check, Verdict, Verification};
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

/// An element that is in every report and in no other page.
pub const GENERATOR: &str = r#"<meta name="generator" content="saasgen verify">"#;

const STYLE: &str = include_str!("style.css");

/// Returns the report as an HTML page.
///
/// The same data set always has the same report: it contains no time, and no path except in `origin`.
///
/// # Errors
/// Returns [`Error::Internal`](crate::error::Error::Internal) if a chart can't be drawn, which is a bug.
pub fn html(verification: &Verification, origin: &Origin) -> Result<String> {
    let failing: Vec<&Check> = verification.checks.iter().filter(|check| check.verdict == Verdict::Fails).collect();
    let mut groups: Vec<&[Check]> = verification.checks.chunk_by(|one, next| one.table == next.table).collect();
    // Checks of statements about the data set have no charts, and come last.
    groups.sort_by_key(|checks| checks.first().is_some_and(|check| verification.table(check.table).is_none()));
    let sections: Vec<Markup> =
        groups.into_iter().map(|checks| section(checks, verification)).collect::<Result<_>>()?;
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "saasgen verify: " (if verification.holds { "holds" } else { "FAILS" }) }
                (PreEscaped(GENERATOR))
                // An empty icon, so that browsers do not request one.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "saasgen verify" }
                p.verdict.(if verification.holds { "holds" } else { "fails" }) { (verification.summary()) }
                h2 { "The data set" }
                (overview(verification, origin, verification.model_report.customer_groups().as_ref()))
                @if !failing.is_empty() {
                    h2 { "Failed checks" }
                    ul.failures { @for check in failing { (failure(check)) } }
                }
                @for section in &sections { (section) }
                @if !verification.explanation().is_empty() {
                    h2 { "How to read the figures" }
                    @for paragraph in verification.explanation() { p.soft { (paragraph) } }
                }
            }
        }
    };
    Ok(page.into_string())
}

/// A check that fails, with all that is known about it.
fn failure(check: &Check) -> Markup {
    markup! {
        li {
            strong.fails { (check.table) ": " (check.name) }
            @for line in check.evidence.details() { p { (line) } }
        }
    }
}

/// The charts and the checks of a table, or the checks of statements about the data set.
fn section(checks: &[Check], verification: &Verification) -> Result<Markup> {
    let name = checks.first().map_or("", |check| check.table);
    let table = verification.table(name);
    let charts = table.map_or(Ok(Vec::new()), |table| verification.model_report.charts(table))?;
    Ok(markup! {
        section {
            h2 { (name) }
            @if let Some(table) = table { p.soft { (table.summary()) } }
            @if !charts.is_empty() { div.charts { @for chart in &charts { (figure(chart)) } } }
            details open[checks.iter().any(|check| check.verdict == Verdict::Fails)] {
                summary { (counts(checks)) }
                (table_of(checks))
            }
        }
    })
}

/// Returns the numbers of checks by verdict: `20 checks: 19 hold, 1 fails`.
fn counts(checks: &[Check]) -> String {
    let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    let verb = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let verdicts = [
        (Verdict::Holds, "holds", "hold"),
        (Verdict::Fails, "FAILS", "FAIL"),
        (Verdict::NotRun, "was not run", "were not run"),
    ];
    let verdicts = verdicts.map(|(verdict, one, many)| (count(verdict), one, many));
    let verdicts: Vec<String> = verdicts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| verb(count, one, many))
        .collect();
    format!("{}: {}", verb(checks.len(), "check", "checks"), verdicts.join(", "))
}

fn figure(chart: &Chart) -> Markup {
    markup! {
        figure {
            figcaption {
                (chart.title)
                @if !chart.legend.is_empty() {
                    ul.legend {
                        @for key in &chart.legend {
                            li {
                                span.swatch.(key.class) style=(format!("opacity: {:.2}", key.opacity)) {}
                                (key.meaning)
                            }
                        }
                    }
                }
            }
            (PreEscaped(&chart.svg))
        }
    }
}

fn table_of(checks: &[Check]) -> Markup {
    markup! {
        table.checks {
            thead {
                tr {
                    th { "check" } th.figure { "expected" } th.figure { "observed" }
                    th.figure { "99 % interval" } th.figure { "p" } th { "verdict" }
                }
            }
            tbody { @for check in checks { (row(check)) } }
        }
    }
}

fn row(check: &Check) -> Markup {
    let [expected, observed, interval, p] = check.evidence.figures();
    // The details of a failed check stand at the top of the page.
    let reasons = if check.verdict == Verdict::NotRun { check.evidence.details() } else { Vec::new() };
    markup! {
        tr {
            td {
                (check.name)
                @for reason in &reasons { p.soft { (reason) } }
            }
            td.figure data-label="expected" { (expected) }
            td.figure data-label="observed" { (observed) }
            td.figure data-label="99 % interval" { (interval) }
            td.figure data-label="p" { (p) }
            td.(class(check.verdict)) data-label="verdict" { (check.verdict) }
        }
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "holds",
        Verdict::Fails => "fails",
        Verdict::NotRun => "not_run",
    }
}
