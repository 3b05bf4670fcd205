//! A customer's cycles as far as usage reads them: their first days and engagement, and the end of service.

use super::super::laws::{FREE, MOST_COUNTED, place_of};
use super::super::profiles::Profile;
use super::super::purposes;
use super::super::seeded_laws::SeededLaws;
use crate::random::Address;
use crate::random::philox::{LANES, RoundKeys};

/// The most cycles of a customer, of which the last begins in the window's last month.
const MOST_CYCLES: usize = 120;

/// The cycles of one customer. It is filled again for each customer.
#[derive(Debug)]
pub struct CycleStates {
    /// The customer's age in days at the start of each cycle.
    first_age: [u16; MOST_CYCLES],
    /// The engagement in each cycle.
    engagement: [u8; MOST_CYCLES],
    /// The number of cycles.
    count: usize,
    /// The age on the day after the last day of service.
    end_age: u32,
}

impl Default for CycleStates {
    fn default() -> Self {
        Self { first_age: [0; MOST_CYCLES], engagement: [0; MOST_CYCLES], count: 0, end_age: 0 }
    }
}

impl CycleStates {
    /// Returns the age at the start and the engagement of each cycle.
    #[inline(always)]
    pub fn cycles(&self) -> impl Iterator<Item = (u16, u8)> {
        self.first_age[..self.count].iter().copied().zip(self.engagement[..self.count].iter().copied())
    }

    /// Returns the age on the day after the last day of service. Later cycles than those asked for don't count.
    #[inline(always)]
    pub fn end_age(&self) -> u32 {
        self.end_age
    }

    /// Returns the engagement at `age`, which is before [`Self::end_age`].
    pub fn engagement_at(&self, age: usize) -> u8 {
        let later = self.first_age[..self.count].partition_point(|&first| usize::from(first) <= age);
        self.engagement[later.saturating_sub(1)]
    }

    /// Computes the cycles of `profile` that begin before `end`, which is a day of the window or the day after it.
    ///
    /// The values are those of [`Life`](super::Life). The words of eight cycles are drawn at once.
    #[inline(always)]
    pub fn fill(&mut self, seeded: &SeededLaws, keys: &RoundKeys, profile: &Profile, end: u32) {
        let laws = seeded.laws();
        let window_days = laws.cycles.days();
        let signup = laws.cycles.signup(profile.signup);
        let plan = &laws.plans[usize::from(profile.plan)];
        let leaves = laws.hazards.thresholds(profile.plan, profile.is_annual, profile.channel, profile.frailty);
        let failures = &plan.payment_failure[usize::from(profile.is_annual)];
        let (is_paid, is_annual) = (profile.plan != FREE, profile.is_annual);
        let (mut number, mut first, mut has_failed_before) = (0, profile.signup, false);
        let mut next_engagement = &plan.start;
        loop {
            let mut items = [0; LANES];
            for (lane, item) in items.iter_mut().enumerate() {
                *item = (number + lane) as u64;
            }
            let [engagement_words, attempt_words, tickets_words, decision_words] =
                Address::words_of_lanes(keys, [profile.id; LANES], items, purposes::CYCLE);
            for lane in 0..LANES {
                let mut is_recovered = false;
                let mut service_end = None;
                if is_paid && number > 0 && (!is_annual || number % 12 == 0) {
                    let fails = attempt_words[lane] < failures[usize::from(has_failed_before)].threshold;
                    has_failed_before = fails;
                    if fails {
                        is_recovered = recovers(seeded, profile.id, number);
                        let grace = laws.parameters().billing.grace as u32;
                        service_end = (!is_recovered).then_some(first + grace + 1);
                    }
                }
                let engagement = next_engagement.value(engagement_words[lane]);
                next_engagement = &laws.next_engagement[engagement];
                self.first_age[number] = (first - profile.signup) as u16;
                self.engagement[number] = engagement as u8;
                let tickets = plan.problem_tickets[engagement].value_at_most::<MOST_COUNTED>(tickets_words[lane]);
                number += 1;
                let next = laws.cycles.anniversary(signup, number);
                let is_decided = next <= window_days && (!is_annual || number % 12 == 0);
                let leaves = is_decided && decision_words[lane] < leaves[place_of(engagement, is_recovered, tickets)];
                let is_over = leaves || next >= end || service_end.is_some();
                if is_over {
                    self.count = number;
                    self.end_age = service_end.unwrap_or(next).min(window_days) - profile.signup;
                    return;
                }
                first = next;
            }
        }
    }
}

/// Returns whether a failed attempt is recovered. Few cycles need this draw.
#[cold]
#[inline(never)]
fn recovers(seeded: &SeededLaws, customer: u64, number: usize) -> bool {
    let address = Address { customer, item: number as u32, purpose: purposes::CYCLE_EVENTS };
    let [word, ..] = address.words(seeded.seed());
    word < seeded.laws().recovered.threshold
}

#[cfg(test)]
mod tests {
    use super::super::Life;
    use super::*;
    use crate::models::saas_v2::Laws;
    use crate::models::saas_v2::parameters::Parameters;
    use std::sync::Arc;

    /// Windows in which cycles end on every day of a month, and payments that often fail and often fail again.
    #[test]
    fn cycles_are_those_of_the_life_up_to_any_day() {
        for (start, months) in [("2023-07-01", 18), ("2024-02-01", 1), ("2023-11-01", 60)] {
            let mut parameters = Parameters::saas_v2().unwrap();
            (parameters.window.start, parameters.window.months) = (start.parse().unwrap(), months);
            parameters.plans.basic.payment_failure = 0.16;
            let seeded = SeededLaws::new(Arc::new(Laws::of(parameters).unwrap()), 42);
            let days = seeded.laws().cycles.days();
            let mut states = CycleStates::default();
            for id in 1..4_000 {
                let life = Life::of(&seeded, id);
                for end in [days, days - 1, days / 2, life.profile.signup + 1] {
                    if life.profile.signup >= end {
                        continue;
                    }
                    states.fill(&seeded, seeded.round_keys(), &life.profile, end);
                    let asked = life.cycles.iter().take_while(|cycle| cycle.first < end);
                    let expected: Vec<_> = asked
                        .clone()
                        .map(|cycle| ((cycle.first - life.profile.signup) as u16, cycle.engagement))
                        .collect();
                    assert_eq!(states.cycles().collect::<Vec<_>>(), expected, "customer {id}, before {end}");
                    let service_end = asked.last().map(|cycle| cycle.service_end - life.profile.signup);
                    assert_eq!(Some(states.end_age()), service_end, "customer {id}, before {end}");
                    for (first_age, engagement) in expected {
                        assert_eq!(states.engagement_at(first_age.into()), engagement);
                        assert_eq!(states.engagement_at(usize::from(first_age) + 27), engagement);
                    }
                }
            }
        }
    }
}
