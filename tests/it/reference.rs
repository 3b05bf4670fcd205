//! A plain second implementation of the model: row by row, one draw at a time.
//!
//! The tests compare every value of the fast generators with it.

use crate::support::{data_set, data_set_of, whole};
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use saasgen::models::saas_v1::{self, Laws, Parameters, Shares, purposes};
use saasgen::models::{DataSet, Model, Table};
use saasgen::random::{Address, AliasTable, Purpose, distributions, threshold, uniform};
use std::sync::Arc;

struct Reference<'a> {
    model: &'a Model,
    seed: u64,
}

struct Customer {
    id: u64,
    signup: i32,
    plan: usize,
    region: usize,
}

/// Date, sessions, usage minutes, feature events, and whether the log survived.
type UsageRow = (i32, i32, i32, i32, bool);

impl Reference<'_> {
    fn parameters(&self) -> &Parameters {
        self.model.laws::<Laws>().unwrap().parameters()
    }

    fn words(&self, customer: u64, item: u32, purpose: Purpose) -> [u32; 4] {
        Address { customer, item, purpose }.words(self.seed)
    }

    fn customer(&self, id: u64) -> Customer {
        let parameters = self.parameters();
        let [signup, plan, region, _] = self.words(id, 0, purposes::PROFILE);
        let plan_shares: Vec<f64> = parameters.plans.values().map(|plan| plan.share).collect();
        Customer {
            id,
            signup: self.model.window().first + uniform(signup, self.model.window().days) as i32,
            plan: AliasTable::new(0, &plan_shares).value(plan) as usize,
            region: pick(&parameters.regions, region),
        }
    }

    /// Returns the draw of 16 bits at an age.
    ///
    /// An address has eight draws and a group of 64 ages has eight addresses. The first 32 ages use words 0 and 1 of
    /// the addresses in order, the other 32 ages words 2 and 3.
    fn draw_of_16_bits(&self, customer: u64, age: u32, purpose: Purpose) -> u32 {
        let (group, half, within) = (age / 64, age / 32 % 2, age % 32);
        let words = self.words(customer, group * 8 + within / 4, purpose);
        words[(half * 2 + within % 4 / 2) as usize] >> (within % 2 * 16) & 0xFFFF
    }

    /// Returns the active days, in order.
    fn usage(&self, customer: &Customer) -> Vec<UsageRow> {
        let parameters = self.parameters();
        let plan = &parameters.plans[customer.plan];
        let reach = parameters.usage.minutes_sd * parameters.usage.minutes_clamp * plan.minutes;
        let (lowest, highest) = ((plan.minutes - reach - 1e-9).ceil(), (plan.minutes + reach + 1e-9).floor());
        let sd = plan.minutes * parameters.usage.minutes_sd;
        let sessions_table = distributions::poisson(plan.sessions);
        let minutes_table = distributions::rounded_normal(plan.minutes, sd, lowest as i32, highest as i32);
        let mut rows = Vec::new();
        for date in customer.signup..=self.model.window().last() {
            let age = (date - customer.signup) as u32;
            let word = self.draw_of_16_bits(customer.id, age, purposes::ACTIVITY) << 16
                | self.draw_of_16_bits(customer.id, age, purposes::ACTIVITY_TIE);
            let active = plan.active_share * libm::exp(-f64::from(age) / parameters.retention.decay_days);
            let [loss_word, ..] = self.words(0, date as u32, purposes::LOSS_RATE);
            let spread = parameters.logs.loss_max - parameters.logs.loss_min;
            let loss = parameters.logs.loss_min + spread * (f64::from(loss_word) + 0.5) / 4_294_967_296.0;
            let kept = ((1.0 - loss) * 2_147_483_648.0).round() as u64;
            if word >= threshold(active) {
                continue;
            }
            let logged = u64::from(word) < (u64::from(threshold(active)) * kept) >> 31;
            let [sessions, minutes, events, _] = self.words(customer.id, age, purposes::USAGE_VALUES);
            let sessions = sessions_table.value(sessions);
            let events_table = distributions::poisson(parameters.usage.events_per_session * f64::from(sessions));
            rows.push((date, sessions, minutes_table.value(minutes), events_table.value(events), logged));
        }
        rows
    }

    /// Returns date, price in hundredths and status of each invoice.
    fn invoices(&self, customer: &Customer) -> Vec<(i32, i128, usize)> {
        let parameters = self.parameters();
        let price = parameters.plans[customer.plan].price_cents();
        let (interval, jitter) = (parameters.billing.interval_days as i32, parameters.billing.jitter_days as i32);
        let mut rows = Vec::new();
        for n in 1..=(if price > 0 { 999 } else { 0 }) {
            let words = self.words(customer.id, (n - 1) as u32 / 2, purposes::INVOICE);
            let half = (n - 1) as usize % 2 * 2;
            let date = customer.signup + interval * n - jitter + uniform(words[half], 2 * jitter as u32 + 1) as i32;
            if date <= self.model.window().last() {
                rows.push((date, price, pick(&parameters.billing.status, words[half + 1])));
            }
        }
        rows
    }

    /// Returns date, category and priority of each support ticket, sorted by date.
    fn tickets(&self, customer: &Customer) -> Vec<(i32, usize, usize)> {
        let support = &self.parameters().support;
        let tenure = self.model.window().last() - customer.signup;
        let months = (f64::from(tenure) / support.days_per_month).clamp(support.months_min, support.months_max);
        let [count, ..] = self.words(customer.id, 0, purposes::TICKET_COUNT);
        let count = distributions::poisson(support.tickets_per_month * months).value(count);
        let mut rows: Vec<_> = (0..count as u32)
            .map(|item| {
                let [date, category, priority, _] = self.words(customer.id, item, purposes::TICKET);
                let date = customer.signup + uniform(date, tenure as u32 + 1) as i32;
                (date, pick(&support.category, category), pick(&support.priority, priority))
            })
            .collect();
        rows.sort_by_key(|row| row.0);
        rows
    }
}

fn pick(shares: &Shares, word: u32) -> usize {
    AliasTable::new(0, &shares.values().copied().collect::<Vec<_>>()).value(word) as usize
}

fn named(names: &Shares, index: usize) -> &str {
    names.get_index(index).unwrap().0
}

/// Returns the ids, the customers and the values of all rows. An id is customer x 1000 + the number of the row for the
/// customer.
fn numbered<T>(customers: &[Customer], rows_of: impl Fn(&Customer) -> Vec<T>) -> (Vec<i64>, Vec<i64>, Vec<T>) {
    let (mut ids, mut owners, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for customer in customers {
        for (n, row) in (1..).zip(rows_of(customer)) {
            ids.push(customer.id as i64 * 1_000 + n);
            owners.push(customer.id as i64);
            rows.push(row);
        }
    }
    (ids, owners, rows)
}

fn assert_rows(data_set: &DataSet, table: Table, columns: Vec<ArrayRef>) {
    let generated = whole(data_set, table);
    let expected = RecordBatch::try_new(generated.schema(), columns).unwrap();
    assert!(expected.num_rows() > 0);
    assert_eq!(generated, expected, "{}", table.name());
}

fn compare(data_set: &DataSet) {
    let model = data_set.model();
    let parameters = model.laws::<Laws>().unwrap().parameters();
    let reference = Reference { model, seed: data_set.seed() };
    let customers: Vec<Customer> = (1..=data_set.customers()).map(|id| reference.customer(id)).collect();

    let plan = |customer: &Customer| parameters.plans.get_index(customer.plan).unwrap().0.clone();
    let plans: Vec<String> = customers.iter().map(plan).collect();
    let regions: Vec<&str> = customers.iter().map(|customer| named(&parameters.regions, customer.region)).collect();
    assert_rows(
        data_set,
        saas_v1::CUSTOMERS,
        vec![
            Arc::new(customers.iter().map(|customer| customer.id as i64).collect::<Int64Array>()),
            Arc::new(Date32Array::from_iter_values(customers.iter().map(|customer| customer.signup))),
            Arc::new(StringArray::from(plans)),
            Arc::new(StringArray::from(regions)),
        ],
    );

    let usage: Vec<_> = customers
        .iter()
        .flat_map(|customer| reference.usage(customer).into_iter().map(|row| (customer.id, row)))
        .collect();
    let usage_columns = |rows: &[(u64, UsageRow)]| -> Vec<ArrayRef> {
        vec![
            Arc::new(rows.iter().map(|(id, _)| *id as i64).collect::<Int64Array>()),
            Arc::new(Date32Array::from_iter_values(rows.iter().map(|(_, row)| row.0))),
            Arc::new(rows.iter().map(|(_, row)| row.1).collect::<Int32Array>()),
            Arc::new(rows.iter().map(|(_, row)| row.2).collect::<Int32Array>()),
            Arc::new(rows.iter().map(|(_, row)| row.3).collect::<Int32Array>()),
        ]
    };
    let mut truth = usage_columns(&usage);
    truth.push(Arc::new(usage.iter().map(|(_, row)| Some(row.4)).collect::<BooleanArray>()));
    assert_rows(data_set, saas_v1::USAGE_TRUTH, truth);
    let logged: Vec<_> = usage.into_iter().filter(|(_, row)| row.4).collect();
    assert_rows(data_set, saas_v1::USAGE_DAILY, usage_columns(&logged));

    let (ids, owners, invoices) = numbered(&customers, |customer| reference.invoices(customer));
    let statuses = invoices.iter().map(|invoice| named(&parameters.billing.status, invoice.2));
    let amounts = invoices.iter().map(|invoice| invoice.1).collect::<Decimal128Array>();
    assert_rows(
        data_set,
        saas_v1::BILLING,
        vec![
            Arc::new(Int64Array::from(ids)),
            Arc::new(Int64Array::from(owners)),
            Arc::new(Date32Array::from_iter_values(invoices.iter().map(|invoice| invoice.0))),
            Arc::new(amounts.with_precision_and_scale(10, 2).unwrap()),
            Arc::new(StringArray::from_iter_values(statuses)),
        ],
    );

    let (ids, owners, tickets) = numbered(&customers, |customer| reference.tickets(customer));
    let support = &parameters.support;
    assert_rows(
        data_set,
        saas_v1::SUPPORT,
        vec![
            Arc::new(Int64Array::from(ids)),
            Arc::new(Int64Array::from(owners)),
            Arc::new(Date32Array::from_iter_values(tickets.iter().map(|ticket| ticket.0))),
            Arc::new(StringArray::from_iter_values(tickets.iter().map(|ticket| named(&support.category, ticket.1)))),
            Arc::new(StringArray::from_iter_values(tickets.iter().map(|ticket| named(&support.priority, ticket.2)))),
        ],
    );
}

#[test]
fn the_default_model_equals_the_reference() {
    compare(&data_set(42, 400));
    compare(&data_set(u64::MAX, 60));
}

/// Windows of one month and of ten years, plans with activity on every day or on none, and prices of 0.
#[test]
fn extreme_models_equal_the_reference() {
    compare(&data_set_of("window = { start = 2024-02-01, months = 1 }", 1, 150));
    compare(&data_set_of("window = { start = 1970-01-01, months = 120 }", 1, 25));
    compare(&data_set_of("plans = { Free = { share = 0.0 }, Pro = { share = 0.6 } }", 1, 100));
    compare(&data_set_of(
        "plans.Free = { active_share = 1.0, sessions = 0.0, minutes = 700.0 }\n\
         plans.Basic = { active_share = 0.0, price = 0.0 }\n\
         retention.decay_days = 100000.0\nlogs = { loss_min = 0.0, loss_max = 0.0 }",
        1,
        40,
    ));
}
