//! The purposes of the draws of saas-v2, with the layout of their four words.
//!
//! The numbers start after those of saas-v1, so no draw of the two models is the same under one seed.
//!
//! Cycles are counted from the signup day and never restart, so a later spell of a customer has draws of its own.

use crate::random::Purpose;

/// Signup day, plan, region and channel in words 0 to 3. The item is 0.
pub const SIGNUP: Purpose = Purpose::new(32);

/// Term, frailty, intensity and noise of the seats in words 0 to 3. The item is 0.
pub const TRAITS: Purpose = Purpose::new(33);

/// Engagement, payment attempt, number of problem tickets and decision in words 0 to 3. The item is the cycle.
pub const CYCLE: Purpose = Purpose::new(34);

/// Recovery of a failed attempt, reason of the end, day of the cancellation and move to another plan or number of seats
/// in words 0 to 3. The item is the cycle.
pub const CYCLE_EVENTS: Purpose = Purpose::new(35);

/// Number of how-to tickets, reactivation and days until a recovered payment in words 0 to 2. The item is the cycle.
pub const CYCLE_EXTRAS: Purpose = Purpose::new(36);

/// Day, category and priority of a support ticket in words 0 to 2. The item is 16 x the cycle + the ticket's number in
/// the cycle: from 0 for problem tickets, from 8 for how-to tickets.
pub const TICKET: Purpose = Purpose::new(37);

/// The upper 16 bits of the draw that decides whether a customer was active on a day, and whether the log survived.
/// `usage_kernel::age_group` shows the layout of items and words.
pub const ACTIVITY: Purpose = Purpose::new(38);

/// The lower 16 bits of each draw of [`ACTIVITY`], at the same items.
pub const ACTIVITY_TIE: Purpose = Purpose::new(39);

/// Sessions, usage minutes and feature events of an active day in words 0 to 2. The item is the customer's age in days.
pub const USAGE_VALUES: Purpose = Purpose::new(40);

/// Loss rate and incident of a calendar day in words 0 and 1. The customer is 0, the item is the number of days since
/// 1970-01-01.
pub const CALENDAR: Purpose = Purpose::new(41);

/// Arm of the campaign in word 0. The item is 0.
pub const CAMPAIGN: Purpose = Purpose::new(42);
