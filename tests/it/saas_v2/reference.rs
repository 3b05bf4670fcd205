//! A plain second implementation of saas-v2: customer by customer, one draw at a time, from the parameters alone.
//!
//! It compares numbers in [0, 1) with probabilities. The generators compare words with thresholds of 2^-32. The two differ
//! once in billions of draws.

use chrono::{Datelike, Months, NaiveDate};
use saasgen::models::saas_v2::parameters::{Parameters, Plan};
use saasgen::models::saas_v2::{SeededLaws, purposes};
use saasgen::models::{Day, date_of, day_of};
use saasgen::random::{Address, AliasTable, Purpose, distributions, uniform};
use statrs::distribution::{ContinuousCDF, Gamma, Normal};
use std::f64::consts::PI;

pub struct Reference<'a> {
    pub parameters: &'a Parameters,
    seed: u64,
    pub first: Day,
    pub last: Day,
    pub frailty: Vec<f64>,
    pub intensity: Vec<f64>,
    normal: Vec<f64>,
}

pub struct Customer<'a> {
    pub id: u64,
    pub signup: Day,
    pub plan_index: usize,
    pub plan: &'a Plan,
    pub region: usize,
    pub channel: usize,
    pub is_annual: bool,
    pub frailty: usize,
    pub intensity: usize,
    pub rung: usize,
}

/// A cycle as a customer.
pub struct Cycle {
    pub number: u32,
    pub first: Day,
    /// The day after the last one, whether in the window or not.
    pub end: Day,
    /// The last day of service in the window.
    pub last: Day,
    pub engagement: usize,
    pub problem_tickets: usize,
    /// 0 to 3: none, ok, late, failed.
    pub attempt: usize,
    pub days_late: Day,
    pub p_fail: f64,
    pub hazards: [f64; 4],
    pub is_decided: bool,
    /// 0 to 3: stays, leaves, unpaid, open.
    pub outcome: usize,
    pub reason: usize,
    pub cancelled: Day,
}

impl<'a> Reference<'a> {
    pub fn new(data_set: &'a SeededLaws) -> Self {
        let model = data_set.laws();
        let parameters = model.parameters();
        // The mean of each of 1,024 equally likely parts of the normal distribution, of those above 0.
        let normal = Normal::standard();
        let density = |part: usize| match part {
            512 => 0.0,
            part => (-normal.inverse_cdf(0.5 + part as f64 / 1_024.0).powi(2) / 2.0).exp() / (2.0 * PI).sqrt(),
        };
        Self {
            parameters,
            seed: data_set.seed(),
            first: model.window().first,
            last: model.window().last(),
            frailty: class_means(parameters.frailty.variance),
            intensity: class_means(parameters.intensity.variance),
            normal: (0..512).map(|part| 1_024.0 * (density(part) - density(part + 1))).collect(),
        }
    }

    fn words(&self, customer: u64, item: u32, purpose: Purpose) -> [u32; 4] {
        Address { customer, item, purpose }.words(self.seed)
    }

    pub fn customer(&self, id: u64) -> Customer<'a> {
        let parameters = self.parameters;
        let [signup, plan, region, channel] = self.words(id, 0, purposes::SIGNUP);
        let [term, frailty, intensity, noise] = self.words(id, 0, purposes::TRAITS);
        let (frailty, intensity) = (uniform(frailty, 8) as usize, uniform(intensity, 8) as usize);
        let plan_index = pick(parameters.plans.values().map(|plan| plan.share), plan);
        let plan = parameters.plans.values()[plan_index];
        let noise = pick(parameters.seats.noise.values().map(|&share| share), noise) as i64 - 1;
        Customer {
            id,
            signup: self.first + pick((self.first..=self.last).map(|day| self.signup_weight(day)), signup) as Day,
            plan_index,
            plan,
            region: pick(parameters.regions.values().copied(), region),
            channel: pick(parameters.channels.values().map(|channel| channel.share), channel),
            is_annual: number(term) < plan.annual,
            frailty,
            intensity,
            rung: (plan.rung + parameters.intensity.rungs[intensity] + noise).clamp(0, 9) as usize,
        }
    }

    pub fn signup_weight(&self, day: Day) -> f64 {
        let (start, date) = (date_of(self.first), date_of(day));
        let month = (date.year() - start.year()) * 12 + date.month() as i32 - start.month() as i32;
        let signup = &self.parameters.signup;
        (1.0 + signup.growth).powi(month) * of_weekday(signup.week.values(), date)
    }

    pub fn cycles(&self, customer: &Customer) -> Vec<Cycle> {
        let mut cycles: Vec<Cycle> = Vec::new();
        let anniversary = |k: u32| day_of(date_of(customer.signup) + Months::new(k));
        for k in 0.. {
            let days = (anniversary(k), anniversary(k + 1));
            if days.0 > self.last || cycles.last().is_some_and(|cycle| cycle.outcome != 0) {
                break;
            }
            let cycle = self.cycle(customer, k, days, cycles.last().map(|cycle| cycle.engagement), &cycles);
            cycles.push(cycle);
        }
        cycles
    }

    fn cycle(
        &self,
        customer: &Customer,
        k: u32,
        (first, end): (Day, Day),
        last_engagement: Option<usize>,
        before: &[Cycle],
    ) -> Cycle {
        let (parameters, plan) = (self.parameters, customer.plan);
        let billing = &parameters.billing;
        let [engagement, attempt, tickets, decision] = self.words(customer.id, k, purposes::CYCLE).map(number);
        let [recovery, reason, cancel, _] = self.words(customer.id, k, purposes::CYCLE_EVENTS);

        let is_due = customer.plan_index > 0 && (!customer.is_annual || k.is_multiple_of(12));
        let mut attempts = before.iter().map(|cycle| cycle.attempt).filter(|&attempt| attempt > 0);
        let repeat = if attempts.next_back().is_some_and(|last| last > 1) { billing.repeat } else { 1.0 };
        let term = if customer.is_annual { billing.annual } else { 1.0 };
        let p_fail = if is_due && k > 0 { plan.payment_failure * repeat * term } else { 0.0 };
        let late_days = (billing.late_min..=billing.late_max).map(|day| billing.decay.powi(day as i32));
        let [_, _, days_late, _] = self.words(customer.id, k, purposes::CYCLE_EXTRAS);
        let (attempt, days_late) = match (is_due, attempt < p_fail, number(recovery) < billing.recovered) {
            (false, ..) => (0, 0),
            (true, false, _) => (1, 0),
            (true, true, false) => (3, 0),
            (true, true, true) => (2, billing.late_min as Day + pick(late_days, days_late) as Day),
        };

        let shares = last_engagement.map_or(plan.start, |last| parameters.engagement.values()[last].next);
        let engagement = step(&shares.values().map(|&share| share), engagement);
        let state = parameters.engagement.values()[engagement];
        let problem_tickets = step(&tickets_of_mean(plan.problem_tickets * state.problem_tickets), tickets);

        let is_whole = end - 1 <= self.last;
        let is_renewal_due = !customer.is_annual || (k + 1).is_multiple_of(12);
        let is_decided = is_whole && is_renewal_due && attempt != 3;
        let own = self.frailty[customer.frailty] * parameters.channels.values()[customer.channel].hazard;
        let due = match (is_decided, customer.is_annual) {
            (false, _) => 0.0,
            (true, false) => 1.0,
            (true, true) => 12.0 * parameters.decision.renewal,
        };
        let hazards = [
            due * own * plan.unused * state.unused,
            due * own * plan.support * problem_tickets.min(3) as f64,
            due * own * plan.billing * f64::from(u8::from(attempt == 2)),
            due * plan.other,
        ];
        let total: f64 = hazards.iter().sum();
        let leaves = decision < 1.0 - (-total).exp();
        let unpaid_last = first + billing.grace as Day;
        let (last, outcome, reason) = if attempt == 3 && unpaid_last <= self.last {
            (unpaid_last, 2, 5)
        } else if leaves {
            (end - 1, 1, 1 + step(&hazards.map(|hazard| hazard / total), number(reason)))
        } else {
            ((end - 1).min(self.last), if is_whole { 0 } else { 3 }, 0)
        };
        Cycle {
            number: k,
            first,
            end,
            last,
            engagement,
            problem_tickets,
            attempt,
            days_late,
            p_fail,
            hazards,
            is_decided,
            outcome,
            reason,
            cancelled: first + uniform(cancel, (end - first) as u32) as Day,
        }
    }

    /// Returns date, category and priority of each ticket, sorted by date.
    pub fn tickets(&self, customer: &Customer, cycle: &Cycle) -> Vec<(Day, u8, u8)> {
        let tickets = &self.parameters.tickets;
        let [howto, ..] = self.words(customer.id, cycle.number, purposes::CYCLE_EXTRAS);
        let factor = if cycle.number == 0 { tickets.first_cycle } else { 1.0 };
        let state = self.parameters.engagement.values()[cycle.engagement];
        let mean = factor * customer.plan.howto_tickets * state.howto_tickets;
        let howto = step(&tickets_of_mean(mean), number(howto)) as u32;
        let mut rows = Vec::new();
        for item in (0..cycle.problem_tickets as u32).chain(8..8 + howto) {
            let [day, category, priority, _] = self.words(customer.id, 16 * cycle.number + item, purposes::TICKET);
            let date = cycle.first + uniform(day, (cycle.end - cycle.first) as u32) as Day;
            let (category, shares) = match (item >= 8, number(category) < tickets.technical) {
                (true, _) => (2, tickets.howto_priority),
                (false, true) => (0, tickets.problem_priority),
                (false, false) => (1, tickets.problem_priority),
            };
            if date <= cycle.last {
                rows.push((date, category, pick(shares.values().map(|&share| share), priority) as u8));
            }
        }
        rows.sort_by_key(|row| row.0);
        rows
    }

    pub fn seats(&self, customer: &Customer) -> i32 {
        if customer.plan_index == 0 { 1 } else { self.parameters.seats.ladder[customer.rung] as i32 }
    }

    pub fn mrr(&self, customer: &Customer) -> i128 {
        let monthly = (customer.plan.price * 100.0).round() as i128 * i128::from(self.seats(customer));
        if customer.is_annual { monthly * 10 / 12 } else { monthly }
    }

    /// Returns the factors of a day: week, season and incident, and the share of lost logs.
    pub fn day(&self, day: Day) -> ([f64; 3], f64) {
        let (activity, logs) = (&self.parameters.activity, &self.parameters.logs);
        let date = date_of(day);
        let [loss, incident, ..] = self.words(0, day as u32, purposes::CALENDAR);
        let season = match (date.month(), date.day()) {
            (12, 24) => activity.christmas_eve,
            (12, 25) => activity.christmas,
            (12, 18..=31) | (1, 1..=2) => activity.holidays,
            _ => 1.0,
        };
        let incident = if number(incident) < activity.incident_share { activity.incident } else { 1.0 };
        let loss = logs.loss_min + (logs.loss_max - logs.loss_min) * (f64::from(loss) + 0.5) / 4_294_967_296.0;
        ([of_weekday(activity.week.values(), date), season, incident], loss)
    }

    /// Returns the draw of 16 bits at an age. The layout is that of saas-v1.
    fn draw_of_16_bits(&self, customer: u64, age: u32, purpose: Purpose) -> u32 {
        let (group, half, within) = (age / 64, age / 32 % 2, age % 32);
        let words = self.words(customer, group * 8 + within / 4, purpose);
        words[(half * 2 + within % 4 / 2) as usize] >> (within % 2 * 16) & 0xFFFF
    }

    /// Returns date, sessions, minutes, events and whether the log survived, of each active day of a cycle.
    pub fn usage(&self, customer: &Customer, cycle: &Cycle) -> Vec<(Day, [i32; 3], bool)> {
        let (parameters, plan) = (self.parameters, customer.plan);
        let state = parameters.engagement.values()[cycle.engagement];
        let level = plan.active * state.activity * parameters.intensity.activity[customer.intensity];
        let sessions_table = at_least_one(plan.sessions * self.intensity[customer.intensity]);
        let mut rows = Vec::new();
        for date in cycle.first..=cycle.last {
            let age = (date - customer.signup) as u32;
            let word = self.draw_of_16_bits(customer.id, age, purposes::ACTIVITY) << 16
                | self.draw_of_16_bits(customer.id, age, purposes::ACTIVITY_TIE);
            let (factors, loss) = self.day(date);
            let active = level * factors.iter().product::<f64>();
            if number(word) >= active {
                continue;
            }
            let [sessions, minutes, events, _] = self.words(customer.id, age, purposes::USAGE_VALUES);
            let n = sessions_table.value(sessions);
            let steps = (self.normal[(minutes >> 22 & 511) as usize] * 8_192.0).round() as f32;
            let steps = if minutes >> 31 == 1 { -steps } else { steps };
            let sd_of_step = (plan.minutes * parameters.usage.minutes_sd / 8_192.0) as f32;
            let minutes = n as f32 * plan.minutes as f32 + steps * sd_of_step * (n as f32).sqrt();
            let events = distributions::poisson(parameters.usage.events_per_session * f64::from(n)).value(events);
            let values = [n, (minutes.round_ties_even() as i32).max(n), events];
            rows.push((date, values, number(word) < active * (1.0 - loss)));
        }
        rows
    }
}

/// Returns a word as a number from 0 to below 1.
fn number(word: u32) -> f64 {
    f64::from(word) / 4_294_967_296.0
}

fn pick(shares: impl IntoIterator<Item = f64>, word: u32) -> usize {
    AliasTable::new(0, &shares.into_iter().collect::<Vec<_>>()).value(word) as usize
}

/// Returns the number of sums of shares that `number` has reached.
fn step(shares: &[f64], number: f64) -> usize {
    let mut sum = 0.0;
    let sums = shares[..shares.len() - 1].iter().map(|share| {
        sum += share;
        sum
    });
    sums.filter(|&sum| number >= sum).count()
}

/// Returns the probabilities of 0 to 7 tickets. 7 has those of all larger numbers too.
fn tickets_of_mean(mean: f64) -> Vec<f64> {
    let factorial = |n: i32| (1..=n).map(f64::from).product::<f64>();
    let below: Vec<f64> = (0..7).map(|n| mean.powi(n) * (-mean).exp() / factorial(n)).collect();
    let rest = 1.0 - below.iter().sum::<f64>();
    below.into_iter().chain([rest]).collect()
}

/// Returns a Poisson distribution without 0. Values whose probability is below 10^-14 of the largest one are cut off,
/// except for the first one of them on either side.
fn at_least_one(mean: f64) -> AliasTable {
    let mode = mean.floor().max(1.0) as i32;
    let (mut first, mut weights, mut weight) = (mode, std::collections::VecDeque::from([1.0]), 1.0);
    while first > 1 && weight > 1e-14 {
        weight *= f64::from(first) / mean;
        first -= 1;
        weights.push_front(weight);
    }
    (weight, _) = (1.0, ());
    for k in mode + 1.. {
        weight *= mean / f64::from(k);
        weights.push_back(weight);
        if weight <= 1e-14 {
            break;
        }
    }
    AliasTable::new(first, weights.make_contiguous())
}

fn class_means(variance: f64) -> Vec<f64> {
    if variance == 0.0 {
        return vec![1.0; 8];
    }
    let gamma = |shape: f64| Gamma::new(shape, 1.0 / variance).unwrap();
    let (own, next) = (gamma(1.0 / variance), gamma(1.0 / variance + 1.0));
    let quantile = |share: f64| {
        let (mut low, mut high) = (0.0, 1_000.0);
        for _ in 0..100 {
            let middle = (low + high) / 2.0;
            if own.cdf(middle) < share { low = middle } else { high = middle }
        }
        high
    };
    let upto = |class: usize| if class == 8 { 1.0 } else { next.cdf(quantile(class as f64 / 8.0)) };
    (0..8).map(|class| 8.0 * (upto(class + 1) - if class == 0 { 0.0 } else { upto(class) })).collect()
}

fn of_weekday(week: [&f64; 7], date: NaiveDate) -> f64 {
    *week[date.weekday().num_days_from_monday() as usize]
}
