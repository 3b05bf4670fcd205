//! The days of the window as the table `calendar` states them.

use crate::models::saas_v2::CalendarDay;
use crate::verify::saas_v2::derived_model::DerivedModel;

/// A day of the window, as far as the seed gives it. All customers share it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalendarRow {
    /// The factor of an incident on activity.
    pub incident: f64,
    /// The share of usage logs that are lost.
    pub loss_rate: f64,
}

/// Returns the factor of each day on activity that no seed changes: weekday x season.
pub fn factors(model: &DerivedModel) -> Vec<f64> {
    let days = (0..model.window.days).map(|day| CalendarDay::new(&model.laws, 0, day));
    days.map(|day| day.week * day.season).collect()
}
