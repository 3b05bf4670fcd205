//! Charts of invoices and tickets.

use super::chart::{Axis, Bar, Chart, Ink, Marks};
use super::customers::mix_of;
use super::{counts, month, short};
use crate::error::Result;
use crate::tables::mean_tickets;
use crate::verify::checks::Material;

/// Invoices by week and status, and the shares of the statuses.
pub(super) fn billing(material: &Material) -> Result<Vec<Chart>> {
    let (facts, tally) = (&material.facts, &material.tally);
    let statuses = &facts.model.parameters().billing.status;
    let days: Vec<&[u64]> = tally.statuses.rows().collect();
    let weeks = days.chunks(7).filter(|week| week.len() == 7);
    let mut stacks: Vec<Vec<Bar>> = vec![Vec::new(); statuses.len()];
    let mut most: f64 = 0.0;
    for (week, days) in weeks.enumerate() {
        let mut height = 0.0;
        for (status, stack) in stacks.iter_mut().enumerate() {
            let count = days.iter().map(|day| day[status]).sum::<u64>() as f64;
            let x = (week * 7) as f64;
            stack.push(Bar { x: (x + 0.5, x + 6.5), y: (height, height + count) });
            height += count;
        }
        most = most.max(height);
    }
    // The first is darkest: in a stack, shades of one colour are told apart also without seeing colours.
    let opacity = |status: usize| 1.0 - 0.75 * status as f64 / (statuses.len().max(2) - 1) as f64;
    let marks: Vec<Marks> =
        stacks.into_iter().enumerate().map(|(status, stack)| Marks::Bars(Ink::Data, opacity(status), stack)).collect();
    let names: Vec<&str> = statuses.keys().map(String::as_str).collect();
    let text = format!(
        "Invoices a week, growing with the paying customers to {}; {} from the bottom up",
        short(most),
        names.join(", ")
    );
    let axes = [
        Axis { title: "week", from: 0.0, to: facts.days() as f64, labels: 5, label: &|day| month(material, day) },
        counts("invoices a week", most),
    ];
    let shades = names.iter().enumerate().map(|(status, name)| (Ink::Data, opacity(status), name.to_string()));
    Ok(vec![
        Chart::new("Invoices by week", text, axes, &marks)?.with_shades(shades),
        mix_of("Invoices by status", "share of invoices", statuses, &tally.statuses.column_sums())?,
        jitter(material)?,
    ])
}

/// How many days early or late invoices come.
fn jitter(material: &Material) -> Result<Chart> {
    let (facts, tally) = (&material.facts, &material.tally);
    let names: Vec<String> = (-facts.jitter_days..=facts.jitter_days)
        .map(|days| if days == 0 { "0".into() } else { format!("{days:+}") })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let even = vec![1.0 / names.len() as f64; names.len()];
    super::customers::mix("Days early (-) or late (+)", "share of invoices", &names, tally.jitter.row(0), &even)
}

/// Tickets by day, category, priority and tenure.
pub(super) fn support(material: &Material) -> Result<Vec<Chart>> {
    let (facts, tally) = (&material.facts, &material.tally);
    let parameters = &facts.model.parameters().support;
    let categories: Vec<u64> = tally.topics.rows().map(|row| row.iter().sum()).collect();
    Ok(vec![
        tickets_by_day(material)?,
        by_tenure(material)?,
        mix_of("Tickets by category", "share of tickets", &parameters.category, &categories)?,
        mix_of("Tickets by priority", "share of tickets", &parameters.priority, &tally.topics.column_sums())?,
    ])
}

fn tickets_by_day(material: &Material) -> Result<Chart> {
    let (facts, tally) = (&material.facts, &material.tally);
    let observed = tally.tickets_by_day.row(0);
    let mut each = 0.0;
    let expected: Vec<(f64, f64)> = tally
        .tickets_by_signup
        .row(0)
        .iter()
        .enumerate()
        .map(|(day, &tickets)| {
            each += tickets as f64 / (facts.days() - day) as f64;
            (day as f64, each)
        })
        .collect();
    let busiest = observed.iter().enumerate().max_by_key(|(_, count)| **count);
    let (day, count) = busiest.map_or((0, 0), |(day, &count)| (day, count));
    let share = count as f64 / tally.tickets.max(1) as f64;
    let date = crate::model::date_of(facts.window.first + day as i32);
    let text = format!(
        "Tickets a day, growing with the customers; the busiest day, {date}, has {count}, {} of all",
        super::tenths_of_percent(share)
    );
    let axes = [
        Axis { title: "day", from: 0.0, to: facts.days() as f64, labels: 5, label: &|day| month(material, day) },
        counts("tickets a day", expected.iter().map(|day| day.1).fold(count as f64, f64::max)),
    ];
    let dots = observed.iter().enumerate().map(|(day, &count)| (day as f64, count as f64)).collect();
    let marks = [Marks::Dots(Ink::Data, dots), Marks::Line(Ink::Model, expected)];
    let legend = [(Ink::Data, "observed"), (Ink::Model, "expected of the customers' tickets")];
    Ok(Chart::new("Tickets by day", text, axes, &marks)?.with_legend(&legend))
}

/// Mean tickets of a customer, by days of tenure.
fn by_tenure(material: &Material) -> Result<Chart> {
    const STEP: usize = 10;
    let (facts, tally) = (&material.facts, &material.tally);
    let customers = tally.signups.column_sums();
    let last = facts.days() - 1;
    let signups = customers.chunks(STEP).zip(tally.tickets_by_signup.row(0).chunks(STEP)).enumerate();
    let dots: Vec<(f64, f64)> = signups
        .filter_map(|(chunk, (customers, tickets))| {
            let count = customers.iter().sum::<u64>() as f64;
            let tenure = last as f64 - (chunk * STEP) as f64 - (customers.len() as f64 - 1.0) / 2.0;
            (count > 0.0).then(|| (tenure, tickets.iter().sum::<u64>() as f64 / count))
        })
        .collect();
    let curve: Vec<(f64, f64)> =
        (0..=last).map(|tenure| (tenure as f64, mean_tickets(&facts.model, tenure as u32))).collect();
    let most = dots.iter().chain(&curve).map(|point| point.1).fold(0.0, f64::max);
    let text = format!(
        "Mean tickets of a customer by tenure, rising to {:.2} after {last} days, against the model",
        curve[last].1
    );
    let axes = [
        Axis {
            title: "tenure, days from signup to the end",
            from: 0.0,
            to: facts.days() as f64,
            labels: 6,
            label: &short,
        },
        counts("tickets a customer", most),
    ];
    let marks = [Marks::Line(Ink::Model, curve), Marks::Dots(Ink::Data, dots)];
    let legend = [(Ink::Data, "observed, 10 days a dot"), (Ink::Model, "the model")];
    Ok(Chart::new("Tickets by tenure", text, axes, &marks)?.with_legend(&legend))
}
