//! Charts of support tickets.

use crate::error::Result;
use crate::models::saas_v1::mean_tickets;
use crate::verify::report::{
    Axis, Chart, EXPECTED, Marks, Role, counts, month, share_chart_of, short, tenths_of_percent,
};
use crate::verify::saas_v1::report_data::ReportData;

/// Charts support tickets by day, tenure, category and priority.
pub fn charts(data: &ReportData) -> Result<Vec<Chart>> {
    let (model, aggregates) = (&data.model, &data.aggregates);
    let parameters = &model.parameters.support;
    let categories: Vec<u64> = aggregates.topics.rows().map(|row| row.iter().sum()).collect();
    Ok(vec![
        tickets_by_day(data)?,
        by_tenure(data)?,
        share_chart_of("Tickets by category", "share of tickets", &parameters.category, &categories)?,
        share_chart_of(
            "Tickets by priority",
            "share of tickets",
            &parameters.priority,
            &aggregates.topics.column_sums(),
        )?,
    ])
}

fn tickets_by_day(data: &ReportData) -> Result<Chart> {
    let (model, aggregates) = (&data.model, &data.aggregates);
    let observed = aggregates.tickets_by_day.row(0);
    let mut each = 0.0;
    let expected: Vec<(f64, f64)> = aggregates
        .tickets_by_signup
        .row(0)
        .iter()
        .enumerate()
        .map(|(day, &tickets)| {
            each += tickets as f64 / (model.days() - day) as f64;
            (day as f64, each)
        })
        .collect();
    let busiest = observed.iter().enumerate().max_by_key(|(_, count)| **count);
    let (day, count) = busiest.map_or((0, 0), |(day, &count)| (day, count));
    let share = count as f64 / aggregates.tickets.max(1) as f64;
    let date = crate::models::date_of(model.window.first + day as i32);
    let text = format!(
        "Tickets per day. The number grows with the customers. \
         The busiest day is {date} with {count} tickets, {} of all",
        tenths_of_percent(share)
    );
    let axes = [
        Axis { title: "day", from: 0.0, to: model.days() as f64, labels: 5, label: &|day| month(model.window, day) },
        counts("tickets per day", expected.iter().map(|day| day.1).fold(count as f64, f64::max)),
    ];
    let dots = observed.iter().enumerate().map(|(day, &count)| (day as f64, count as f64)).collect();
    let marks = [Marks::Dots(Role::Data, dots), Marks::Line(Role::Model, expected)];
    let legend = [(Role::Data, "observed"), (Role::Model, "expected")];
    Ok(Chart::new("Tickets by day", text, axes, &marks)?.with_legend(&legend))
}

/// Charts the mean number of tickets of a customer by days of tenure.
fn by_tenure(data: &ReportData) -> Result<Chart> {
    const STEP: usize = 10;
    let (model, aggregates) = (&data.model, &data.aggregates);
    let customers = aggregates.signups.column_sums();
    let last = model.days() - 1;
    let signups = customers.chunks(STEP).zip(aggregates.tickets_by_signup.row(0).chunks(STEP)).enumerate();
    let dots: Vec<(f64, f64)> = signups
        .filter_map(|(chunk, (customers, tickets))| {
            let count = customers.iter().sum::<u64>() as f64;
            let tenure = last as f64 - (chunk * STEP) as f64 - (customers.len() as f64 - 1.0) / 2.0;
            (count > 0.0).then(|| (tenure, tickets.iter().sum::<u64>() as f64 / count))
        })
        .collect();
    let curve: Vec<(f64, f64)> =
        (0..=last).map(|tenure| (tenure as f64, mean_tickets(&model.parameters.support, tenure as u32))).collect();
    let most = dots.iter().chain(&curve).map(|point| point.1).fold(0.0, f64::max);
    let text = format!(
        "Mean number of tickets per customer by tenure, with the curve of the model. \
         The curve rises to {:.2} after {last} days",
        curve[last].1
    );
    let axes = [
        Axis {
            title: "days from signup to the end of the window",
            from: 0.0,
            to: model.days() as f64,
            labels: 6,
            label: &short,
        },
        counts("tickets per customer", most),
    ];
    let marks = [Marks::Line(Role::Model, curve), Marks::Dots(Role::Data, dots)];
    let legend = [(Role::Data, "observed, one dot per 10 signup days"), EXPECTED];
    Ok(Chart::new("Tickets by tenure", text, axes, &marks)?.with_legend(&legend))
}
