//! Charts of retention, of what customers do on active days, and of the logs that were lost.

use super::chart::{Axis, Bar, Chart, Ink, Marks};
use super::{counts, month, percent, percentages, short};
use crate::error::Result;
use crate::verify::checks::{Material, Verification};
use crate::verify::facts::Survival;
use crate::verify::laws::{events_law, minutes_law, sessions_law};
use crate::verify::tally::{Grid, UsageTally};

/// Bars of a histogram, at most.
const BARS: usize = 60;

/// Days that make a month of age in the heat map.
const MONTH_DAYS: usize = 30;

/// The share of each plan's customers that are active, by age.
pub(super) fn retention(verification: &Verification) -> Result<Vec<Chart>> {
    let facts = &verification.material.facts;
    let mut charts = Vec::new();
    for (law, points) in facts.plans.iter().zip(verification.retention.values()) {
        let most = points.iter().map(|point| point.share.max(point.interval[1])).fold(law.active[0], f64::max);
        let outside =
            points.iter().filter(|point| !(point.interval[0]..=point.interval[1]).contains(&point.share)).count();
        let text = format!(
            "Active customers of {}, from {} on signup to {} at the end, against the true curve; {outside} of {} points lie outside their 99 % interval",
            law.name,
            percent(law.active[0]),
            percent(law.active[law.active.len() - 1]),
            points.len()
        );
        let axes = [
            Axis { title: "age, days since signup", from: 0.0, to: facts.days() as f64, labels: 6, label: &short },
            percentages("active a day", most),
        ];
        let curve = law.active.iter().enumerate().map(|(age, &share)| (age as f64, share)).collect();
        let spans = points.iter().map(|point| (point.age, point.interval[0], point.interval[1])).collect();
        let dots = points.iter().map(|point| (point.age, point.share)).collect();
        let marks = [Marks::Spans(Ink::Band, spans), Marks::Line(Ink::Model, curve), Marks::Dots(Ink::Data, dots)];
        let legend = [(Ink::Data, "observed"), (Ink::Model, "true curve"), (Ink::Band, "99 % interval")];
        charts.push(Chart::new(format!("Retention, {}", law.name), text, axes, &marks)?.with_legend(&legend));
    }
    Ok(charts)
}

/// Share of customers active, by signup month and months since signup.
pub(super) fn cohorts(material: &Material, usage: &UsageTally, survival: Survival) -> Result<Chart> {
    let facts = &material.facts;
    let months = facts.month_count();
    let columns = facts.days().div_ceil(MONTH_DAYS);
    let mut exposed = vec![vec![0.0; columns]; months];
    for (signup, customers) in material.tally.signups.column_sums().into_iter().enumerate() {
        for age in 0..facts.days() - signup {
            exposed[facts.months[signup]][age / MONTH_DAYS] += customers as f64;
        }
    }
    let mut cells = Vec::new();
    for (cohort, counts) in usage.by_cohort.rows().enumerate() {
        for (column, counts) in
            counts.chunks(MONTH_DAYS).enumerate().filter(|&(column, _)| exposed[cohort][column] > 0.0)
        {
            let share = counts.iter().sum::<u64>() as f64 / survival.mean / exposed[cohort][column];
            cells.push((cohort, column, share));
        }
    }
    let most = cells.iter().map(|cell| cell.2).fold(1e-9, f64::max);
    let marks: Vec<Marks> = cells
        .iter()
        .map(|&(cohort, column, share)| {
            let (x, y) = (column as f64, (months - 1 - cohort) as f64);
            Marks::Bars(Ink::Data, (share / most).clamp(0.0, 1.0), vec![Bar { x: (x, x + 1.0), y: (y, y + 1.0) }])
        })
        .collect();
    let label = |y: f64| {
        let cohort = months as f64 - 1.0 - y;
        let day = facts.months.iter().position(|&own| own as f64 == cohort);
        day.map(|day| month(material, day as f64)).unwrap_or_default()
    };
    let axes = [
        Axis { title: "months of 30 days since signup", from: 0.0, to: columns as f64, labels: 10, label: &short },
        Axis { title: "signup month", from: 0.0, to: months as f64, labels: 8, label: &label },
    ];
    let first = cells.iter().filter(|cell| cell.1 == 0).map(|cell| cell.2).fold(0.0, f64::max);
    let text = format!(
        "Share of customers active a day, by signup month and age: up to {} in the first 30 days, paler the fewer, down every row alike",
        percent(first)
    );
    let chart = Chart::new("Cohorts: share active a day", text, axes, &marks)?;
    Ok(chart.with_shades([1.0, 0.5, 0.1].map(|part| (Ink::Data, part, percent(part * most))).into_iter()))
}

/// Sessions, minutes and feature events of each plan, against their laws.
pub(super) fn values(material: &Material, usage: &UsageTally) -> Result<Vec<Chart>> {
    let facts = &material.facts;
    let mut charts = Vec::new();
    for (index, plan) in facts.plans.iter().enumerate() {
        let sessions = usage.sessions.row(index);
        let law = sessions_law(plan, sessions.len());
        charts.push(histogram(&format!("Sessions, {}", plan.name), "sessions a day", sessions, &law)?);
        let minutes = usage.minutes.row(index);
        let law = minutes_law(facts, plan, minutes.len());
        charts.push(histogram(&format!("Usage minutes, {}", plan.name), "minutes a day", minutes, &law)?);
        let events = usage.events.row(index);
        let law = events_law(facts, plan, sessions.len(), events.len());
        charts.push(histogram(&format!("Feature events, {}", plan.name), "events a day", events, &law)?);
    }
    Ok(charts)
}

fn histogram(title: &str, unit: &str, counts: &[u64], law: &[f64]) -> Result<Chart> {
    let rows = counts.iter().sum::<u64>().max(1) as f64;
    let is_shown = |value: usize| counts[value] as f64 / rows > 1e-5 || law[value] > 1e-5;
    let first = (0..counts.len()).find(|&value| is_shown(value)).unwrap_or(0);
    let last = (0..counts.len()).rev().find(|&value| is_shown(value)).unwrap_or(0);
    let width = (last + 1 - first).div_ceil(BARS);
    let mut bars = Vec::new();
    let mut strokes = Vec::new();
    let mut most: f64 = 0.0;
    for from in (first..=last).step_by(width) {
        let values = from..(from + width).min(counts.len());
        // Per value, so that a last bar of fewer values stands as high.
        let per_value = values.len() as f64;
        let observed = counts[values.clone()].iter().sum::<u64>() as f64 / rows / per_value;
        let expected = law[values.clone()].iter().sum::<f64>() / per_value;
        let x = (values.start as f64 - 0.5, values.end as f64 - 0.5);
        let gap = (x.1 - x.0) * 0.1;
        bars.push(Bar { x: (x.0 + gap, x.1 - gap), y: (0.0, observed) });
        strokes.push(((x.0 + x.1) / 2.0, expected));
        most = most.max(observed).max(expected);
    }
    let mean = counts.iter().enumerate().map(|(value, &count)| value as f64 * count as f64).sum::<f64>() / rows;
    let of_law: f64 = law.iter().enumerate().map(|(value, share)| value as f64 * share).sum();
    let text = format!("{title}: bars from {first} to {last}, mean {mean:.2} where the law has {of_law:.2}");
    let axes = [
        Axis { title: unit, from: first as f64 - 0.5, to: last as f64 + 0.5, labels: 8, label: &short },
        percentages("share of rows", most),
    ];
    let marks = [Marks::Bars(Ink::Data, 0.7, bars), Marks::Dots(Ink::Model, strokes)];
    Ok(Chart::new(title, text, axes, &marks)?.with_legend(&[(Ink::Data, "observed"), (Ink::Model, "exact law")]))
}

/// The share of each day's logs that was lost, with the band that rates lie in.
pub(super) fn losses(material: &Material) -> Result<Option<Chart>> {
    let (facts, tally) = (&material.facts, &material.tally);
    let rate = |(day, (&active, &logged)): (usize, (&u64, &u64))| {
        (active >= 100).then(|| (day as f64, 1.0 - logged as f64 / active as f64))
    };
    let (truth, logged): (Vec<u64>, Vec<u64>) =
        (tally.usage_truth.by_day.column_sums(), Grid::column_sums(&tally.usage_daily.by_day));
    let rates: Vec<(f64, f64)> = truth.iter().zip(&logged).enumerate().filter_map(rate).collect();
    if rates.is_empty() {
        return Ok(None);
    }
    let logs = &facts.model.parameters().logs;
    let most = rates.iter().map(|rate| rate.1).fold(logs.loss_max, f64::max);
    let mean = rates.iter().map(|rate| rate.1).sum::<f64>() / rates.len() as f64;
    let text = format!(
        "Share of usage logs lost on each of {} days: {} in the mean, rates drawn from {} to {}",
        rates.len(),
        super::tenths_of_percent(mean),
        percent(logs.loss_min),
        percent(logs.loss_max)
    );
    let days = facts.days() as f64;
    let axes = [
        Axis { title: "day", from: 0.0, to: days, labels: 5, label: &|day| month(material, day) },
        percentages("logs lost", most),
    ];
    let band = Bar { x: (0.0, days), y: (logs.loss_min, logs.loss_max) };
    let marks = [Marks::Bars(Ink::Band, 0.25, vec![band]), Marks::Dots(Ink::Data, rates)];
    let legend = [(Ink::Data, "a day"), (Ink::Band, "the days' rates; chance adds to few rows")];
    Ok(Some(Chart::new("Missing logs by day", text, axes, &marks)?.with_legend(&legend)))
}

/// Rows of each day.
pub(super) fn rows_by_day(material: &Material, usage: &UsageTally) -> Result<Chart> {
    let rows: Vec<u64> = usage.by_day.column_sums();
    let most = rows.iter().copied().max().unwrap_or(0) as f64;
    let text = format!("Rows of usage a day, growing with the customers to at most {} a day", short(most));
    let axes = [
        Axis { title: "day", from: 0.0, to: rows.len() as f64, labels: 5, label: &|day| month(material, day) },
        counts("rows", most),
    ];
    let dots = rows.iter().enumerate().map(|(day, &count)| (day as f64, count as f64)).collect();
    Ok(Chart::new("Rows by day", text, axes, &[Marks::Dots(Ink::Data, dots)])?.with_legend(&[(Ink::Data, "a day")]))
}
