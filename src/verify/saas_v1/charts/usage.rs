//! Charts of retention, of the values of active days and of missing logs.

use crate::error::Result;
use crate::verify::report::{
    Axis, Bar, Chart, EXPECTED, Marks, OBSERVED, Role, counts, month, percent, percentages, short, tenths_of_percent,
};
use crate::verify::saas_v1::checks::UsageAggregates;
use crate::verify::saas_v1::derived_model::Survival;
use crate::verify::saas_v1::laws::{events_distribution, minutes_distribution, sessions_distribution};
use crate::verify::saas_v1::report_data::ReportData;
use crate::verify::statistics::CountMatrix;

/// The largest number of bars of a histogram.
const BARS: usize = 60;

/// The number of days of a month of age in the heat map.
const MONTH_DAYS: usize = 30;

/// Charts the rows by day, retention, missing logs and the values of active days.
pub fn charts(data: &ReportData) -> Result<Vec<Chart>> {
    let Some((aggregates, survival)) = data.activity() else { return Ok(Vec::new()) };
    let mut charts = vec![rows_by_day(data, aggregates)?];
    charts.extend(losses(data)?);
    charts.push(cohorts(data, aggregates, survival)?);
    charts.extend(retention(data)?);
    charts.extend(values(data, aggregates)?);
    Ok(charts)
}

/// Charts the share of active customers by age, one chart for each plan.
fn retention(data: &ReportData) -> Result<Vec<Chart>> {
    let model = &data.model;
    let mut charts = Vec::new();
    for (plan, points) in model.plans.iter().zip(data.retention.values()) {
        let most = points.iter().map(|point| point.share.max(point.interval[1])).fold(plan.active[0], f64::max);
        let outside =
            points.iter().filter(|point| !(point.interval[0]..=point.interval[1]).contains(&point.share)).count();
        let text = format!(
            "Share of active customers of plan {} by age, with the curve of the model. \
             The curve falls from {} at signup to {} at the end. {outside} of {} points are outside their 99 % interval",
            plan.name,
            percent(plan.active[0]),
            percent(plan.active[plan.active.len() - 1]),
            points.len()
        );
        let axes = [
            Axis { title: "days since signup", from: 0.0, to: model.days() as f64, labels: 6, label: &short },
            percentages("share active per day", most),
        ];
        let curve = plan.active.iter().enumerate().map(|(age, &share)| (age as f64, share)).collect();
        let spans = points.iter().map(|point| (point.age, point.interval[0], point.interval[1])).collect();
        let dots = points.iter().map(|point| (point.age, point.share)).collect();
        let marks = [Marks::Spans(Role::Band, spans), Marks::Line(Role::Model, curve), Marks::Dots(Role::Data, dots)];
        let legend = [OBSERVED, EXPECTED, (Role::Band, "99 % interval")];
        charts.push(Chart::new(format!("Retention, {}", plan.name), text, axes, &marks)?.with_legend(&legend));
    }
    Ok(charts)
}

/// Charts the share of active customers by signup month and months since signup, as a heat map.
fn cohorts(data: &ReportData, usage: &UsageAggregates, survival: Survival) -> Result<Chart> {
    let model = &data.model;
    let months = model.month_count();
    let columns = model.days().div_ceil(MONTH_DAYS);
    let mut exposed = vec![vec![0.0; columns]; months];
    for (signup, customers) in data.aggregates.signups.column_sums().into_iter().enumerate() {
        for age in 0..model.days() - signup {
            exposed[model.months[signup]][age / MONTH_DAYS] += customers as f64;
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
            Marks::Bars(Role::Data, (share / most).clamp(0.0, 1.0), vec![Bar { x: (x, x + 1.0), y: (y, y + 1.0) }])
        })
        .collect();
    let label = |y: f64| {
        let cohort = months as f64 - 1.0 - y;
        let day = model.months.iter().position(|&own| own as f64 == cohort);
        day.map(|day| month(model.window, day as f64)).unwrap_or_default()
    };
    let axes = [
        Axis { title: "months since signup (30 days each)", from: 0.0, to: columns as f64, labels: 10, label: &short },
        Axis { title: "signup month", from: 0.0, to: months as f64, labels: 8, label: &label },
    ];
    let first = cells.iter().filter(|cell| cell.1 == 0).map(|cell| cell.2).fold(0.0, f64::max);
    let text = format!(
        "Share of customers active per day, by signup month and age. \
         It is up to {} in the first 30 days and falls with age in the same way in each row. Paler cells are smaller shares",
        percent(first)
    );
    let chart = Chart::new("Share active per day, by cohort", text, axes, &marks)?;
    Ok(chart.with_shades([1.0, 0.5, 0.1].map(|part| (Role::Data, part, percent(part * most))).into_iter()))
}

/// Charts sessions, minutes and feature events of each plan with their distributions.
fn values(data: &ReportData, usage: &UsageAggregates) -> Result<Vec<Chart>> {
    let model = &data.model;
    let mut charts = Vec::new();
    for (index, plan) in model.plans.iter().enumerate() {
        let sessions = usage.sessions.row(index);
        let law = sessions_distribution(plan, sessions.len());
        charts.push(histogram(&format!("Sessions, {}", plan.name), "sessions per day", sessions, &law)?);
        let minutes = usage.minutes.row(index);
        let law = minutes_distribution(model, plan, minutes.len());
        charts.push(histogram(&format!("Usage minutes, {}", plan.name), "minutes per day", minutes, &law)?);
        let events = usage.events.row(index);
        let law = events_distribution(model, plan, sessions.len(), events.len());
        charts.push(histogram(&format!("Feature events, {}", plan.name), "feature events per day", events, &law)?);
    }
    Ok(charts)
}

fn histogram(title: &str, unit: &str, counts: &[u64], probabilities: &[f64]) -> Result<Chart> {
    let rows = counts.iter().sum::<u64>().max(1) as f64;
    let is_shown = |value: usize| counts[value] as f64 / rows > 1e-5 || probabilities[value] > 1e-5;
    let first = (0..counts.len()).find(|&value| is_shown(value)).unwrap_or(0);
    let last = (0..counts.len()).rev().find(|&value| is_shown(value)).unwrap_or(0);
    let width = (last + 1 - first).div_ceil(BARS);
    let mut bars = Vec::new();
    let mut strokes = Vec::new();
    let mut most: f64 = 0.0;
    for from in (first..=last).step_by(width) {
        let values = from..(from + width).min(counts.len());
        // Heights are per value, so that a last bar of fewer values is not lower.
        let per_value = values.len() as f64;
        let observed = counts[values.clone()].iter().sum::<u64>() as f64 / rows / per_value;
        let expected = probabilities[values.clone()].iter().sum::<f64>() / per_value;
        let x = (values.start as f64 - 0.5, values.end as f64 - 0.5);
        let gap = (x.1 - x.0) * 0.1;
        bars.push(Bar { x: (x.0 + gap, x.1 - gap), y: (0.0, observed) });
        strokes.push(((x.0 + x.1) / 2.0, expected));
        most = most.max(observed).max(expected);
    }
    let mean = counts.iter().enumerate().map(|(value, &count)| value as f64 * count as f64).sum::<f64>() / rows;
    let expected_mean: f64 = probabilities.iter().enumerate().map(|(value, share)| value as f64 * share).sum();
    let text =
        format!("{title}: histogram from {first} to {last}. The mean is {mean:.2}, {expected_mean:.2} is expected");
    let axes = [
        Axis { title: unit, from: first as f64 - 0.5, to: last as f64 + 0.5, labels: 8, label: &short },
        percentages("share of rows", most),
    ];
    let marks = [Marks::Bars(Role::Data, 0.7, bars), Marks::Dots(Role::Model, strokes)];
    Ok(Chart::new(title, text, axes, &marks)?.with_legend(&[OBSERVED, EXPECTED]))
}

/// Charts the share of logs that are missing on each day, with the range of the model's loss rates.
fn losses(data: &ReportData) -> Result<Option<Chart>> {
    let (model, aggregates) = (&data.model, &data.aggregates);
    let rate = |(day, (&active, &logged)): (usize, (&u64, &u64))| {
        (active >= 100).then(|| (day as f64, 1.0 - logged as f64 / active as f64))
    };
    let (truth, logged): (Vec<u64>, Vec<u64>) =
        (aggregates.usage_truth.by_day.column_sums(), CountMatrix::column_sums(&aggregates.usage_daily.by_day));
    let rates: Vec<(f64, f64)> = truth.iter().zip(&logged).enumerate().filter_map(rate).collect();
    if rates.is_empty() {
        return Ok(None);
    }
    let logs = &model.parameters.logs;
    let most = rates.iter().map(|rate| rate.1).fold(logs.loss_max, f64::max);
    let mean = rates.iter().map(|rate| rate.1).sum::<f64>() / rates.len() as f64;
    let text = format!(
        "Share of usage logs that are missing on each of {} days. The mean is {}. The model draws rates from {} to {}",
        rates.len(),
        tenths_of_percent(mean),
        percent(logs.loss_min),
        percent(logs.loss_max)
    );
    let days = model.days() as f64;
    let axes = [
        Axis { title: "day", from: 0.0, to: days, labels: 5, label: &|day| month(model.window, day) },
        percentages("share of logs missing", most),
    ];
    let band = Bar { x: (0.0, days), y: (logs.loss_min, logs.loss_max) };
    let marks = [Marks::Bars(Role::Band, 0.25, vec![band]), Marks::Dots(Role::Data, rates)];
    let legend = [
        (Role::Data, "observed, one dot per day"),
        (Role::Band, "range of the model's rates, which days with few rows can exceed"),
    ];
    Ok(Some(Chart::new("Missing logs by day", text, axes, &marks)?.with_legend(&legend)))
}

/// Charts the number of rows by day.
fn rows_by_day(data: &ReportData, usage: &UsageAggregates) -> Result<Chart> {
    let rows: Vec<u64> = usage.by_day.column_sums();
    let most = rows.iter().copied().max().unwrap_or(0) as f64;
    let text = format!("Rows per day. The number grows with the customers to at most {}", short(most));
    let axes = [
        Axis { title: "day", from: 0.0, to: rows.len() as f64, labels: 5, label: &|day| month(data.model.window, day) },
        counts("rows", most),
    ];
    let dots = rows.iter().enumerate().map(|(day, &count)| (day as f64, count as f64)).collect();
    Ok(Chart::new("Rows by day", text, axes, &[Marks::Dots(Role::Data, dots)])?
        .with_legend(&[(Role::Data, "observed, one dot per day")]))
}
