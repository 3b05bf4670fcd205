//! One customer's life as a list of cycles.
//!
//! The words of eight cycles are drawn at once. The tests compare the values with those of a second implementation, which
//! follows the contract line by line.

use super::super::laws::{FREE, Hazards, Laws, Reason, Situation};
use super::super::profiles::{Profile, profiles};
use super::super::purposes;
use super::super::seeded_laws::SeededLaws;
use super::cycle::{Attempt, Cycle, Outcome};
use crate::models::Day;
use crate::random::philox::{LANES, RoundKeys};
use crate::random::{Address, uniform};
use multiversion::multiversion;
use std::ops::Range;

/// The number of lives that are computed together.
const LIVES: u64 = 64;

/// A customer with all cycles in the window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Life {
    /// What is drawn once.
    pub profile: Profile,
    /// The cycles that begin in the window, while the customer was there.
    pub cycles: Vec<Cycle>,
}

impl Life {
    /// Returns the life of a customer.
    pub fn of(seeded: &SeededLaws, id: u64) -> Self {
        let mut lives = Vec::new();
        fill(seeded, id..id + 1, seeded.laws().cycles.days(), &mut lives);
        lives.remove(0)
    }

    /// Calls `read` for the life of each customer in `ids`, without the cycles that begin after `days`, which are days of
    /// the window.
    pub(in crate::models::saas_v2) fn for_each(
        seeded: &SeededLaws,
        ids: Range<u64>,
        days: &Range<Day>,
        mut read: impl FnMut(&Self),
    ) {
        let end = (days.end - seeded.laws().window().first) as u32;
        let mut lives = Vec::new();
        for first in ids.clone().step_by(LIVES as usize) {
            fill(seeded, first..ids.end.min(first + LIVES), end, &mut lives);
            lives.iter().for_each(&mut read);
        }
    }

    /// Returns the day after the last day of service, counted from the window's first day. Customers who are still there
    /// have the day after the window.
    pub fn end(&self) -> u32 {
        self.cycles.last().map_or(self.profile.signup, |cycle| cycle.service_end)
    }

    /// Returns whether the customer left within the window.
    pub fn has_ended(&self) -> bool {
        self.reason() != Reason::None
    }

    /// Returns the reason of the end.
    pub fn reason(&self) -> Reason {
        self.cycles.last().map_or(Reason::None, |cycle| cycle.reason)
    }

    /// Returns the hazards of the decision at the end of `cycle`, or zeros if none fell.
    pub fn hazards(&self, laws: &Laws, cycle: &Cycle) -> Hazards {
        if !cycle.is_decided {
            return Hazards::default();
        }
        laws.hazards.of(Situation {
            plan: cycle.plan,
            is_annual: cycle.is_annual,
            channel: self.profile.channel,
            frailty: self.profile.frailty,
            engagement: cycle.engagement,
            is_recovered: matches!(cycle.attempt, Attempt::Late(_)),
            problem_tickets: cycle.problem_tickets,
        })
    }
}

/// Replaces `lives` by those of the customers in `ids`, with the cycles that begin before `end`.
///
/// The function is compiled for several levels of vector units, and the program selects one at run time.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+bmi1+bmi2+popcnt+lzcnt"
))]
fn fill(seeded: &SeededLaws, ids: Range<u64>, end: u32, lives: &mut Vec<Life>) {
    let profiles = profiles(seeded, ids);
    lives.resize_with(profiles.len(), Life::default);
    for (life, profile) in lives.iter_mut().zip(profiles) {
        life.profile = profile;
        life.cycles.clear();
        if profile.signup < end {
            add_cycles(seeded, &profile, end, &mut life.cycles);
        }
    }
}

/// Appends the cycles of `profile` that begin before `end`.
#[inline(always)]
fn add_cycles(seeded: &SeededLaws, profile: &Profile, end: u32, cycles: &mut Vec<Cycle>) {
    let laws = seeded.laws();
    let window_days = laws.cycles.days();
    let signup = laws.cycles.signup(profile.signup);
    let grace = laws.parameters().billing.grace as u32;
    let plan = &laws.plans[usize::from(profile.plan)];
    let thresholds = laws.hazards.thresholds(profile.plan, profile.is_annual, profile.channel, profile.frailty);
    let failures = &plan.payment_failure[usize::from(profile.is_annual)];
    let (is_paid, is_annual) = (profile.plan != FREE, profile.is_annual);
    let mut has_failed_before = false;
    let mut next_engagement = &plan.start;
    let (mut number, mut first) = (0, profile.signup);
    loop {
        let words = cycle_words(seeded.round_keys(), profile.id, number);
        for lane in 0..LANES as u32 {
            let [engagement_word, attempt_word, tickets_word, decision_word] = words.map(|words| words[lane as usize]);
            let next = laws.cycles.anniversary(signup, number as usize + 1);
            let (is_whole, spell_age) = (next <= window_days, number);
            // Few cycles need these words.
            let events = || Address { customer: profile.id, item: number, purpose: purposes::CYCLE_EVENTS };

            let is_due = is_paid && (!is_annual || spell_age.is_multiple_of(12));
            let had_failed = has_failed_before;
            let attempt = if !is_due {
                Attempt::None
            } else if spell_age == 0 || attempt_word >= failures[usize::from(had_failed)].threshold {
                has_failed_before = false;
                Attempt::Ok
            } else {
                has_failed_before = true;
                failed_attempt(seeded, events())
            };

            let engagement = next_engagement.value(engagement_word);
            next_engagement = &laws.next_engagement[engagement];
            let problem_tickets = plan.problem_tickets[engagement].value(tickets_word);

            let is_renewal_due = !is_annual || (spell_age + 1).is_multiple_of(12);
            let is_decided = is_whole && is_renewal_due && attempt != Attempt::Failed;
            let situation = Situation {
                plan: profile.plan,
                is_annual,
                channel: profile.channel,
                frailty: profile.frailty,
                engagement: engagement as u8,
                is_recovered: matches!(attempt, Attempt::Late(_)),
                problem_tickets: problem_tickets as u32,
            };
            let unpaid_end = first + grace + 1;
            let outcome = if attempt == Attempt::Failed && unpaid_end <= window_days {
                Outcome::Unpaid
            } else if is_decided && decision_word < thresholds[situation.place()] {
                Outcome::Leaves
            } else if is_whole {
                Outcome::Stays
            } else {
                Outcome::Open
            };
            let (reason, cancelled) = match outcome {
                Outcome::Leaves => {
                    let [_, reason, day, _] = events().words(seeded.seed());
                    (laws.hazards.of(situation).reason(reason), Some(first + uniform(day, next - first)))
                }
                Outcome::Unpaid => (Reason::Payment, None),
                Outcome::Stays | Outcome::Open => (Reason::None, None),
            };
            cycles.push(Cycle {
                number,
                spell: 0,
                spell_age,
                first,
                end: next,
                service_end: if outcome == Outcome::Unpaid { unpaid_end } else { next.min(window_days) },
                plan: profile.plan,
                is_annual,
                rung: profile.rung,
                engagement: engagement as u8,
                problem_tickets: problem_tickets as u32,
                attempt,
                had_failed,
                is_decided,
                outcome,
                reason,
                cancelled,
            });
            if outcome != Outcome::Stays || next >= end {
                return;
            }
            (number, first) = (number + 1, next);
        }
    }
}

/// Returns the words of eight cycles, from cycle `first`, for [`purposes::CYCLE`].
#[inline(always)]
fn cycle_words(keys: &RoundKeys, customer: u64, first: u32) -> [[u32; LANES]; 4] {
    let mut items = [0; LANES];
    for (lane, item) in items.iter_mut().enumerate() {
        *item = u64::from(first) + lane as u64;
    }
    Address::words_of_lanes(keys, [customer; LANES], items, purposes::CYCLE)
}

/// Returns the result of an attempt that failed.
#[cold]
fn failed_attempt(seeded: &SeededLaws, events: Address) -> Attempt {
    let laws = seeded.laws();
    let [recovery, ..] = events.words(seeded.seed());
    if recovery >= laws.recovered.threshold {
        return Attempt::Failed;
    }
    let [_, _, days, _] = Address { purpose: purposes::CYCLE_EXTRAS, ..events }.words(seeded.seed());
    Attempt::Late(laws.days_late.value(days) as u32)
}
