//! The cycles of customers: calendar months counted from the signup day.
//!
//! Cycle k begins on anniversary k, which is k calendar months after signup. Where the month is too short, it is the
//! month's last day. All days are counted from the window's first day, and all months from its first month.

use crate::models::{Window, date_of};
use chrono::Months;

/// The days of the window by month, to compute anniversaries by look-up.
#[derive(Debug, Clone)]
pub struct Cycles {
    /// The first day of each month, and of the month after the window.
    month_first: Vec<u16>,
    /// The last day of each month and of the month after the window, counted from the month's first day.
    month_last: Vec<u8>,
    /// The month of each day.
    month: Vec<u8>,
    /// Each day, counted from the first day of its month.
    day_of_month: Vec<u8>,
}

/// A signup day, from which anniversaries are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signup {
    month: usize,
    day_of_month: u8,
}

impl Cycles {
    /// Returns the tables of `window`, which consists of whole calendar months, at most 120.
    pub fn new(window: Window) -> Self {
        let start = date_of(window.first);
        let mut cycles =
            Self { month_first: Vec::new(), month_last: Vec::new(), month: Vec::new(), day_of_month: Vec::new() };
        let mut first = start;
        loop {
            let next = first + Months::new(1);
            let days = (next - first).num_days();
            let from_start = (first - start).num_days();
            cycles.month_first.push(from_start as u16);
            cycles.month_last.push(days as u8 - 1);
            if from_start >= i64::from(window.days) {
                return cycles;
            }
            for day in 0..days as u8 {
                cycles.month.push(cycles.month_first.len() as u8 - 1);
                cycles.day_of_month.push(day);
            }
            first = next;
        }
    }

    /// Returns the signup on `day`, which is in the window.
    #[inline]
    pub fn signup(&self, day: u32) -> Signup {
        Signup { month: usize::from(self.month[day as usize]), day_of_month: self.day_of_month[day as usize] }
    }

    /// Returns the day on which cycle `cycle` begins. It begins in the window, or in the month after it.
    #[inline]
    pub fn anniversary(&self, signup: Signup, cycle: usize) -> u32 {
        let month = signup.month + cycle;
        u32::from(self.month_first[month]) + u32::from(signup.day_of_month.min(self.month_last[month]))
    }

    /// Returns the number of the cycle of `day`, which is in the window and not before the signup.
    #[inline]
    pub fn cycle_of(&self, signup: Signup, day: u32) -> usize {
        let month = usize::from(self.month[day as usize]);
        let begins_later = self.day_of_month[day as usize] < signup.day_of_month.min(self.month_last[month]);
        month - signup.month - usize::from(begins_later)
    }

    /// Returns the number of days of the window.
    pub fn days(&self) -> u32 {
        self.month.len() as u32
    }

    /// Returns the number of months of the window.
    pub fn months(&self) -> usize {
        self.month_first.len() - 1
    }

    /// Returns the month of `day`.
    pub fn month_of(&self, day: u32) -> usize {
        usize::from(self.month[day as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Day, day_of};
    use chrono::NaiveDate;

    fn window(year: i32, month: u32, months: u32) -> Window {
        Window::of_months(NaiveDate::from_ymd_opt(year, month, 1).unwrap(), months).unwrap()
    }

    /// Compares every anniversary of every signup day with `chrono`, which clamps days in the same way.
    #[test]
    fn anniversaries_are_calendar_months_from_the_signup_day() {
        for month in 1..=12 {
            for (year, months) in [(2023, 1), (2023, 18), (1999, 26), (2096, 120)] {
                let window = window(year, month, months);
                let cycles = Cycles::new(window);
                assert_eq!((cycles.days(), cycles.months()), (window.days, months as usize));
                for day in 0..window.days {
                    let signup = cycles.signup(day);
                    let date = date_of(window.first + day as Day);
                    let after = |cycle: usize| day_of(date + Months::new(cycle as u32)) - window.first;
                    let mut cycle = 0;
                    while after(cycle) < window.days as Day {
                        assert_eq!(cycles.anniversary(signup, cycle) as Day, after(cycle), "{date}, cycle {cycle}");
                        cycle += 1;
                    }
                    // The first anniversary after the window is known too, since it ends the last cycle.
                    assert_eq!(cycles.anniversary(signup, cycle) as Day, after(cycle), "{date}, cycle {cycle}");
                }
            }
        }
    }

    #[test]
    fn a_day_is_in_the_cycle_whose_anniversary_is_the_last_one_before_it() {
        let cycles = Cycles::new(window(2023, 12, 16));
        for first in 0..cycles.days() {
            let signup = cycles.signup(first);
            for day in first..cycles.days() {
                let cycle = cycles.cycle_of(signup, day);
                let days = cycles.anniversary(signup, cycle)..cycles.anniversary(signup, cycle + 1);
                assert!(days.contains(&day), "signup {first}, day {day}, cycle {cycle} of {days:?}");
            }
        }
    }

    #[test]
    fn short_months_do_not_move_later_anniversaries() {
        let window = window(2023, 1, 26);
        let cycles = Cycles::new(window);
        let shown = |day: Day, cycle| {
            let signup = cycles.signup((day - window.first) as u32);
            date_of(window.first + cycles.anniversary(signup, cycle) as Day).to_string()
        };
        let day = |month, day| day_of(NaiveDate::from_ymd_opt(2023, month, day).unwrap());
        assert_eq!(
            [1, 2, 3, 13].map(|cycle| shown(day(1, 31), cycle)),
            ["2023-02-28", "2023-03-31", "2023-04-30", "2024-02-29"]
        );
        assert_eq!([1, 2, 13].map(|cycle| shown(day(1, 29), cycle)), ["2023-02-28", "2023-03-29", "2024-02-29"]);
        assert_eq!([1, 2, 13].map(|cycle| shown(day(1, 30), cycle)), ["2023-02-28", "2023-03-30", "2024-02-29"]);
        assert_eq!([6, 12].map(|cycle| shown(day(8, 31), cycle)), ["2024-02-29", "2024-08-31"]);
    }
}
