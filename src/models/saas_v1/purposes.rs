//! The purposes of the draws of saas-v1, with the layout of their four words.

use crate::random::Purpose;

/// `customers`: signup day, plan and region in words 0, 1 and 2. The item is 0.
pub const PROFILE: Purpose = Purpose::new(1);

/// `usage_daily`: the upper 16 bits of the draw that decides whether a customer was active on a day, and whether
/// the log survived. `usage_kernel::age_group` shows the layout of items and words.
pub const ACTIVITY: Purpose = Purpose::new(2);

/// `usage_daily`: sessions, usage minutes and feature events of an active day in words 0, 1 and 2. The item is the
/// customer's age in days.
pub const USAGE_VALUES: Purpose = Purpose::new(3);

/// `usage_daily`: the loss rate of a calendar day in word 0. The customer is 0, the item is the number of days
/// since 1970-01-01.
pub const LOSS_RATE: Purpose = Purpose::new(4);

/// `billing`: jitter and status of two invoices, in words 0, 1 and words 2, 3. The item is half the index of the
/// first invoice, counted from 0.
pub const INVOICE: Purpose = Purpose::new(5);

/// `support`: the customer's number of support tickets in word 0. The item is 0.
pub const TICKET_COUNT: Purpose = Purpose::new(6);

/// `support`: date, category and priority of a support ticket in words 0, 1 and 2. The item is the ticket's index,
/// counted from 0, before the tickets are sorted by date.
pub const TICKET: Purpose = Purpose::new(7);

/// `usage_daily`: the lower 16 bits of each draw of [`ACTIVITY`], at the same items.
pub const ACTIVITY_TIE: Purpose = Purpose::new(8);
