//! The days of the window: their weights and factors, which all customers share.

use super::laws::{Laws, weekday};
use super::purposes;
use crate::models::{Day, date_of};
use crate::random::{Address, ONE, threshold};
use chrono::Datelike;

/// A day of the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalendarDay {
    /// The share of signups on this day.
    pub signup_weight: f64,
    /// The factor of the weekday on activity.
    pub week: f64,
    /// The factor of the season on activity.
    pub season: f64,
    /// The factor of an incident on activity, or 1 on a day without one.
    pub incident: f64,
    /// The share of usage logs that are lost.
    pub loss_rate: f64,
}

impl CalendarDay {
    /// Returns the day with this number, counted from the window's first day.
    pub fn new(laws: &Laws, seed: u64, number: u32) -> Self {
        let parameters = laws.parameters();
        let (activity, logs) = (&parameters.activity, &parameters.logs);
        let day = laws.window().first + number as Day;
        let [loss_word, incident_word, ..] =
            Address { customer: 0, item: day as u32, purpose: purposes::CALENDAR }.words(seed);
        let date = date_of(day);
        let season = match (date.month(), date.day()) {
            (12, 24) => activity.christmas_eve,
            (12, 25) => activity.christmas,
            (12, 18..) | (1, ..=2) => activity.holidays,
            _ => 1.0,
        };
        let has_incident = incident_word < threshold(activity.incident_share);
        Self {
            signup_weight: laws.signup_weights[number as usize],
            week: *activity.week.values()[weekday(day)],
            season,
            incident: if has_incident { activity.incident } else { 1.0 },
            loss_rate: logs.loss_min + (logs.loss_max - logs.loss_min) * (f64::from(loss_word) + 0.5) / ONE as f64,
        }
    }

    /// Returns the factor of the day on activity.
    pub fn activity(&self) -> f64 {
        self.week * self.season * self.incident
    }
}
