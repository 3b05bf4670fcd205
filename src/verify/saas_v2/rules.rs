//! The rules of each table.

use crate::models::{Table, saas_v2};
use crate::verify::rules::Rule;

/// Dates lie inside the window and are not before signup.
pub const DATES: Rule = Rule::OfModel("dates from signup to the end");
/// Free has monthly terms and one seat.
pub const FREE_TERMS: Rule = Rule::OfModel("Free has monthly terms and 1 seat");
/// The seats are a rung of the ladder that the plan can have.
pub const SEATS: Rule = Rule::OfModel("seats of a rung of the plan");
/// Ids count up by date within each customer.
pub const NUMBERS: Rule = Rule::OfModel("ids count by date in each customer");
/// The plan, term and seats are those at signup.
pub const TERMS: Rule = Rule::OfModel("plan, term and seats as in customers");
/// The first event is the start on the signup day.
pub const START: Rule = Rule::OfModel("first a start, on the signup day");
/// After the start come a cancel at most, and an end.
pub const EVENTS: Rule = Rule::OfModel("one start, a cancel at most, an end last");
/// A cancel falls in the cycle that it ends.
pub const CANCEL: Rule = Rule::OfModel("cancel in the cycle that ends");
/// An end falls on the last day of a cycle or of grace.
pub const END: Rule = Rule::OfModel("end with a cycle that can end, or with grace");
/// The recurring revenue follows from price, seats and term.
pub const MRR: Rule = Rule::OfModel("mrr is seats x price, 10/12 on annual terms");
/// The recurring revenue is the sum of its changes.
pub const MRR_CHANGE: Rule = Rule::OfModel("mrr is the sum of mrr_change");
/// Only customers of plans with a price have invoices.
pub const PAID_PLANS: Rule = Rule::OfModel("only plans with a price");
/// The invoices of a customer are dated on the days on which payments are due, without a gap.
pub const DUE: Rule = Rule::OfModel("bill_date on each anniversary that is due");
/// The amount follows from price, seats and term.
pub const AMOUNT: Rule = Rule::OfModel("amount is mrr, or 12 x mrr on annual terms");
/// The day on which a status was reached is one on which it can be reached.
pub const SETTLED: Rule = Rule::OfModel("settled_date fits payment_status");
/// The first invoice is paid, and none follows an unpaid one.
pub const STATUS: Rule = Rule::OfModel("first paid, none after a failed one");
/// Each payment that is due during service has an invoice.
pub const ALL_INVOICES: Rule = Rule::OfModel("an invoice for each payment due in service");
/// Service ends without a cancel if, and only if, an invoice failed.
pub const UNPAID: Rule = Rule::OfModel("failed where service ends without a cancel");
/// Rows lie within the service of the customer.
pub const SERVICE: Rule = Rule::OfModel("dates within service");
/// An active day has at least one session.
pub const SESSIONS: Rule = Rule::OfModel("sessions at least 1");
/// The minutes are at least the sessions.
pub const MINUTES_AT_LEAST: Rule = Rule::OfModel("usage_minutes at least sessions");
/// The minutes are values that the sessions can give.
pub const MINUTES: Rule = Rule::OfModel("usage_minutes within the limits of sessions");
/// Feature events are not negative.
pub const FEATURE_EVENTS: Rule = Rule::OfModel("feature_events not negative");
/// The rows of `usage_daily` are the rows of `usage_truth` that are marked as logged.
pub const LOGGED_TRUTH: Rule = Rule::OfModel("the logged rows of usage_truth");
/// The tickets of each cycle are those that its truth states.
pub const TICKETS: Rule = Rule::OfModel("problem tickets as in cycles_truth");
/// The cycles of a customer have no gap and go on to the end.
pub const CYCLES: Rule = Rule::OfModel("cycles 0, 1, … to the end without a gap");
/// There is one spell, whose age is the cycle.
pub const SPELL: Rule = Rule::OfModel("spell 0, spell_age the cycle");
/// A cycle begins on its anniversary.
pub const FIRST_DAY: Rule = Rule::OfModel("first_day on the anniversary");
/// A cycle ends on the last day of service in it.
pub const LAST_DAY: Rule = Rule::OfModel("last_day where service or window ends");
/// There are 0 to 7 problem tickets.
pub const TICKET_COUNT: Rule = Rule::OfModel("problem_tickets 0 to 7");
/// A payment is attempted where one is due.
pub const ATTEMPT: Rule = Rule::OfModel("attempt where a payment is due");
/// The chance of a failed attempt is that of the model.
pub const P_FAIL: Rule = Rule::OfModel("p_fail of plan, term and attempt before");
/// The hazards are those of the model for one class of frailty.
pub const HAZARDS: Rule = Rule::OfModel("hazards of one class of frailty");
/// The chance to leave follows from the hazards.
pub const P_END: Rule = Rule::OfModel("p_end is 1 - exp(-sum of hazards)");
/// A decision falls where the model says.
pub const DECIDED: Rule = Rule::OfModel("decided where a renewal is due");
/// The outcome follows from the attempt and the decision.
pub const OUTCOME: Rule = Rule::OfModel("outcome fits attempt and decision");
/// The reason fits the outcome, and has a hazard.
pub const REASON: Rule = Rule::OfModel("reason fits outcome and hazards");
/// Cycles end as the subscription does.
pub const ENDS: Rule = Rule::OfModel("ends as in subscriptions");
/// Attempts are those of the invoices.
pub const INVOICES: Rule = Rule::OfModel("attempts as in billing");
/// Each customer has one row.
pub const EVERY_CUSTOMER: Rule = Rule::OfModel("a row for each customer");
/// The hidden traits are those of a class.
pub const TRAITS: Rule = Rule::OfModel("traits of one class");
/// The seats are possible for the class of intensity.
pub const SEATS_OF_CLASS: Rule = Rule::OfModel("seats in customers fit intensity");
/// The end and its reason fit each other and the window.
pub const ENDED: Rule = Rule::OfModel("ended_date and reason fit the window");
/// There is one spell.
pub const SPELLS: Rule = Rule::OfModel("one spell");
/// The end is that of the cycles.
pub const ENDED_CYCLES: Rule = Rule::OfModel("end and reason as in cycles_truth");
/// The end is that of the subscription.
pub const ENDED_SUBSCRIPTION: Rule = Rule::OfModel("end as in subscriptions");
/// The calendar has each day of the window, and no others.
pub const EVERY_DAY: Rule = Rule::OfModel("every day of the window");
/// The weights and factors of days are those of the model.
pub const FACTORS: Rule = Rule::OfModel("signup_weight, week and season of the model");
/// An incident has the factor of the model.
pub const INCIDENT: Rule = Rule::OfModel("incident 1 or the model's factor");
/// The loss rate is within its limits.
pub const LOSS_RATE: Rule = Rule::OfModel("loss_rate within its limits");
/// The curves have each plan, term and cycle, and no others.
pub const EVERY_CYCLE: Rule = Rule::OfModel("every plan, term and cycle");
/// The values are those of the exact recursion.
pub const CURVE: Rule = Rule::OfModel("values of the exact recursion");

/// Returns the rules of a table in the order of the report, each with the other table that it needs, if any.
fn rules(table: Table) -> Vec<(Rule, Option<Table>)> {
    use Rule::{CustomerExists, Ids, Order, Schema, UniqueKeys, Values};
    let alone = |rules: &[Rule]| rules.iter().map(|&rule| (rule, None)).collect::<Vec<_>>();
    let with = |rule, table| vec![(rule, Some(table))];
    match table.name() {
        "customers" => alone(&[Schema, Values, Ids, UniqueKeys, DATES, FREE_TERMS, SEATS, Order]),
        "subscriptions" => alone(&[
            Schema,
            Values,
            CustomerExists,
            UniqueKeys,
            NUMBERS,
            DATES,
            START,
            EVENTS,
            TERMS,
            CANCEL,
            END,
            MRR,
            MRR_CHANGE,
            Order,
        ]),
        "usage_daily" | "usage_truth" => {
            let mut rules =
                alone(&[Schema, Values, CustomerExists, UniqueKeys, DATES, SESSIONS, MINUTES_AT_LEAST, MINUTES]);
            rules.extend(alone(&[FEATURE_EVENTS, SERVICE]));
            if table == saas_v2::USAGE_DAILY {
                rules.extend(with(LOGGED_TRUTH, saas_v2::USAGE_TRUTH));
            }
            rules.extend(alone(&[Order]));
            rules
        }
        "billing" => [
            alone(&[Schema, Values, CustomerExists, UniqueKeys, NUMBERS, PAID_PLANS, DATES, DUE, TERMS, AMOUNT]),
            alone(&[SETTLED, STATUS]),
            with(ALL_INVOICES, saas_v2::SUBSCRIPTIONS),
            with(UNPAID, saas_v2::SUBSCRIPTIONS),
            alone(&[Order]),
        ]
        .concat(),
        "support" => [
            alone(&[Schema, Values, CustomerExists, UniqueKeys, NUMBERS, DATES, SERVICE]),
            with(TICKETS, saas_v2::CYCLES_TRUTH),
            alone(&[Order]),
        ]
        .concat(),
        "cycles_truth" => [
            alone(&[Schema, Values, CustomerExists, UniqueKeys, CYCLES, SPELL, FIRST_DAY, LAST_DAY, TERMS]),
            alone(&[TICKET_COUNT, ATTEMPT, P_FAIL, HAZARDS, P_END, DECIDED, OUTCOME, REASON]),
            with(ENDS, saas_v2::SUBSCRIPTIONS),
            with(INVOICES, saas_v2::BILLING),
            alone(&[Order]),
        ]
        .concat(),
        "customer_truth" => [
            alone(&[Schema, Values, CustomerExists, UniqueKeys, EVERY_CUSTOMER, TRAITS, SEATS_OF_CLASS, ENDED, SPELLS]),
            with(ENDED_CYCLES, saas_v2::CYCLES_TRUTH),
            with(ENDED_SUBSCRIPTION, saas_v2::SUBSCRIPTIONS),
            alone(&[Order]),
        ]
        .concat(),
        "calendar" => alone(&[Schema, Values, UniqueKeys, EVERY_DAY, FACTORS, INCIDENT, LOSS_RATE, Order]),
        _ => alone(&[Schema, Values, UniqueKeys, EVERY_CYCLE, CURVE]),
    }
}

/// Returns the rules of `table` that can be checked if the `readable` tables are there, with the names of their checks.
pub fn checks(table: Table, readable: &[Table]) -> Vec<(Rule, String)> {
    let is_read = |table: &Table| readable.contains(table);
    let shows_service = is_read(&saas_v2::SUBSCRIPTIONS) || is_read(&saas_v2::CYCLES_TRUTH);
    let can_be_checked = |rule: Rule, other: Option<Table>| match rule {
        SERVICE => shows_service,
        _ => other.is_none_or(|other| is_read(&other)),
    };
    let rules = rules(table).into_iter().filter(|&(rule, other)| can_be_checked(rule, other));
    rules.map(|(rule, _)| (rule, check_name(table, rule))).collect()
}

fn check_name(table: Table, rule: Rule) -> String {
    match rule {
        DATES if table == saas_v2::CUSTOMERS => "signup_date inside the window".into(),
        DATES => format!("{} from signup to the end", table.date_column().unwrap_or_default()),
        _ => rule.name(table),
    }
}
