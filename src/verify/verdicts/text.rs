//! Evidence and verdicts as text, for the terminal and the report.

use super::numbers::{grouped, p_value, significant};
use super::verification::{Evidence, Verdict, Verification};
use crate::verify::statistics::Measured;
use std::fmt;

impl Evidence {
    /// Returns four columns of text: expected value, observed value, 99 % interval and p-value.
    pub fn figures(&self) -> [String; 4] {
        let none = String::new;
        match self {
            Self::Structure { violations, .. } => [none(), format!("{} wrong", grouped(*violations)), none(), none()],
            Self::Law(Measured { expected, observed, interval: [low, high], p }) => [
                significant(*expected),
                significant(*observed),
                format!("{} .. {}", significant(*low), significant(*high)),
                p_value(*p),
            ],
            Self::Exact { equal, changed, missing, .. } => {
                [grouped(equal + changed + missing), grouped(*equal), none(), none()]
            }
            Self::NotRun { .. } => [none(), none(), none(), none()],
        }
    }

    /// Returns further lines of text: the rows that violate a rule, the differences, or why the check was not run.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Structure { violations, examples } => {
                let more = violations.saturating_sub(examples.len() as u64);
                let more = (more > 0).then(|| format!("and {} more", grouped(more)));
                examples.iter().cloned().chain(more).collect()
            }
            Self::Law(_) => {
                let [expected, observed, interval, p] = self.figures();
                vec![format!("observed {observed}, expected {expected}, 99 % interval {interval}, p {p}")]
            }
            Self::Exact { changed, missing, extra, first_difference, wrong_statements, .. } => {
                let counts = (changed + missing + extra > 0).then(|| {
                    let [changed, missing, extra] = [*changed, *missing, *extra].map(grouped);
                    format!("rows with other values: {changed}, missing: {missing}, extra: {extra}")
                });
                let first = first_difference.as_ref().map(|first| format!("first difference: {first}"));
                counts.into_iter().chain(first).chain(wrong_statements.iter().cloned()).collect()
            }
            Self::NotRun { reason } => vec![reason.clone()],
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::Fails => "FAILS",
            Self::NotRun => "not run",
        })
    }
}

impl Verification {
    /// Returns paragraphs that explain the figures of the statistical tests, if there are any.
    pub fn explanation(&self) -> Vec<String> {
        let tests = self.checks.iter().filter_map(|check| match &check.evidence {
            Evidence::Law(measured) => Some((measured, check.verdict)),
            _ => None,
        });
        let count = tests.clone().count();
        let is_outside = |measured: &Measured| {
            let [low, high] = measured.interval;
            !(low..=high).contains(&measured.observed)
        };
        let outside = tests.filter(|(measured, verdict)| *verdict == Verdict::Holds && is_outside(measured)).count();
        if count == 0 {
            return Vec::new();
        }
        let figures = "Many checks are chi-square tests: observed is the statistic, and expected is its degrees of \
                       freedom. 99 of 100 correct data sets have a value in the 99 % interval. p is the probability \
                       that a correct data set is at least as far from the expected value.";
        let rule = format!(
            "a check fails only if its p is too small to be chance among all {count} tests. One correct data set in a \
             million fails."
        );
        let verdicts = match outside {
            0 => format!("With {count} tests, about one value in 100 is outside its interval by chance, so {rule}"),
            1 => format!("1 of {count} values is outside its interval, as about one in 100 is by chance: {rule}"),
            _ => format!(
                "{outside} of {count} values are outside their interval, as about one in 100 is by chance: {rule}"
            ),
        };
        vec![figures.to_string(), verdicts]
    }

    /// Returns the verdict on the data set as a sentence.
    pub fn summary(&self) -> String {
        let [holds, fails, not_run] =
            [Verdict::Holds, Verdict::Fails, Verdict::NotRun].map(|verdict| self.count(verdict));
        let not_run = if not_run > 0 { format!(", {not_run} could not be run") } else { String::new() };
        if self.holds {
            format!("The data set holds: {holds} checks hold, none fails{not_run}.")
        } else {
            {
                let verb = if fails == 1 { "fails" } else { "fail" };
                format!("The data set FAILS: {fails} of {} checks {verb}{not_run}.", holds + fails)
            }
        }
    }
}
