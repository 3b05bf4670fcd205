//! One customer's life as a list of cycles, with every probability that was at work.
//!
//! The code follows the contract line by line, one draw at a time. The tables of cycles, events, invoices and tickets
//! read it, and the tests compare the faster [`CycleStates`](super::states::CycleStates) with it.

use super::super::laws::{FREE, Hazards, Reason, Situation};
use super::super::profiles::Profile;
use super::super::purposes;
use super::super::seeded_laws::SeededLaws;
use crate::random::{Address, Purpose, uniform};

/// The result of a payment attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// No payment was due.
    None,
    /// The first attempt succeeded.
    Ok,
    /// The attempt failed, and the payment came this many days later.
    Late(u32),
    /// The attempt failed, and the payment never came.
    Failed,
}

/// What a cycle led to, as far as the window shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The customer stayed for the next cycle.
    Stays,
    /// The customer left by decision.
    Leaves,
    /// Service ended because of an unpaid invoice.
    Unpaid,
    /// The window ended before.
    Open,
}

/// One cycle as a customer. Days are counted from the window's first day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cycle {
    /// The number of the cycle, counted from signup.
    pub number: u32,
    /// The number of the spell.
    pub spell: u32,
    /// The number of the cycle, counted from the start of the spell.
    pub spell_age: u32,
    /// The first day.
    pub first: u32,
    /// The day after the last day of the cycle, which can be after the window.
    pub end: u32,
    /// The day after the last day of service in the window.
    pub service_end: u32,
    /// Index of the plan.
    pub plan: u8,
    /// Whether the terms are annual.
    pub is_annual: bool,
    /// Rung of the ladder of seats.
    pub rung: u8,
    /// Index of the engagement.
    pub engagement: u8,
    /// The number of problem tickets of the whole cycle.
    pub problem_tickets: u32,
    /// The payment attempt.
    pub attempt: Attempt,
    /// The probability that the attempt failed.
    pub failure: f64,
    /// The hazards of the decision, or zeros if none fell.
    pub hazards: Hazards,
    /// Whether a decision fell.
    pub is_decided: bool,
    /// The outcome.
    pub outcome: Outcome,
    /// The reason of the end.
    pub reason: Reason,
    /// The day of the cancellation, if the customer left by decision.
    pub cancelled: Option<u32>,
}

/// A customer with all cycles in the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    /// What is drawn once.
    pub profile: Profile,
    /// The cycles that begin in the window, while the customer was there.
    pub cycles: Vec<Cycle>,
}

impl Life {
    /// Returns the life of a customer.
    pub fn of(seeded: &SeededLaws, id: u64) -> Self {
        let profile = Profile::of(seeded, id);
        let mut life = Self { profile, cycles: Vec::new() };
        let signup = seeded.laws().cycles.signup(profile.signup);
        let mut has_failed_before = false;
        for number in 0.. {
            let first = seeded.laws().cycles.anniversary(signup, number as usize);
            let is_gone = life.cycles.last().is_some_and(|cycle| cycle.outcome != Outcome::Stays);
            if is_gone || first >= seeded.laws().cycles.days() {
                break;
            }
            let end = seeded.laws().cycles.anniversary(signup, number as usize + 1);
            let engagement = life.cycles.last().map(|cycle| cycle.engagement);
            let cycle = next_cycle(seeded, &profile, number, first..end, engagement, has_failed_before);
            match cycle.attempt {
                Attempt::None => (),
                Attempt::Ok => has_failed_before = false,
                Attempt::Late(_) | Attempt::Failed => has_failed_before = true,
            }
            life.cycles.push(cycle);
        }
        life
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
}

/// Computes a cycle, in the order billing, engagement, tickets, decision.
fn next_cycle(
    seeded: &SeededLaws,
    profile: &Profile,
    number: u32,
    days: std::ops::Range<u32>,
    last_engagement: Option<u8>,
    has_failed_before: bool,
) -> Cycle {
    let laws = seeded.laws();
    let plan = &laws.plans[usize::from(profile.plan)];
    let window_days = laws.cycles.days();
    let words = |purpose: Purpose| Address { customer: profile.id, item: number, purpose }.words(seeded.seed());
    let [engagement_word, attempt_word, tickets_word, decision_word] = words(purposes::CYCLE);
    // Few cycles need these.
    let events = || words(purposes::CYCLE_EVENTS);
    let days_late_word = || words(purposes::CYCLE_EXTRAS)[2];
    let spell_age = number;

    // Billing.
    let is_due = profile.plan != FREE && (!profile.is_annual || spell_age.is_multiple_of(12));
    let is_at_risk = is_due && spell_age > 0;
    let chance = plan.payment_failure[usize::from(profile.is_annual)][usize::from(has_failed_before)];
    let attempt = if !is_due {
        Attempt::None
    } else if is_at_risk && attempt_word < chance.threshold {
        let [recovery_word, ..] = events();
        if recovery_word < laws.recovered.threshold {
            Attempt::Late(laws.days_late.value(days_late_word()) as u32)
        } else {
            Attempt::Failed
        }
    } else {
        Attempt::Ok
    };

    // Engagement.
    let engagement = match last_engagement {
        None => plan.start.value(engagement_word),
        Some(last) => laws.next_engagement[usize::from(last)].value(engagement_word),
    };

    // Tickets.
    let problem_tickets = plan.problem_tickets[engagement].value(tickets_word) as u32;

    // Decision.
    let is_whole = days.end <= window_days;
    let is_renewal_due = !profile.is_annual || (spell_age + 1).is_multiple_of(12);
    let is_decided = is_whole && is_renewal_due && attempt != Attempt::Failed;
    let situation = Situation {
        plan: profile.plan,
        is_annual: profile.is_annual,
        channel: profile.channel,
        frailty: profile.frailty,
        engagement: engagement as u8,
        is_recovered: matches!(attempt, Attempt::Late(_)),
        problem_tickets,
    };
    let hazards = if is_decided { laws.hazards.of(situation) } else { Hazards::default() };
    let leaves = is_decided && decision_word < laws.hazards.threshold(situation);
    let [_, reason_word, cancel_word, _] = if leaves { events() } else { [0; 4] };

    // Service of an unpaid cycle ends with the last day of grace.
    let grace = laws.parameters().billing.grace as u32;
    let unpaid_end = days.start + grace + 1;
    let is_unpaid = attempt == Attempt::Failed && unpaid_end <= window_days;
    let (outcome, reason) = if is_unpaid {
        (Outcome::Unpaid, Reason::Payment)
    } else if leaves {
        (Outcome::Leaves, hazards.reason(reason_word))
    } else if is_whole {
        (Outcome::Stays, Reason::None)
    } else {
        (Outcome::Open, Reason::None)
    };
    Cycle {
        number,
        spell: 0,
        spell_age,
        first: days.start,
        end: days.end,
        service_end: if is_unpaid { unpaid_end } else { days.end.min(window_days) },
        plan: profile.plan,
        is_annual: profile.is_annual,
        rung: profile.rung,
        engagement: engagement as u8,
        problem_tickets,
        attempt,
        failure: if is_at_risk { chance.probability } else { 0.0 },
        hazards,
        is_decided,
        outcome,
        reason,
        cancelled: leaves.then(|| days.start + uniform(cancel_word, days.end - days.start)),
    }
}
