//! The report.

use super::Verification;
use crate::error::Result;

/// The report.
///
/// # Errors
/// None yet.
pub fn html(verification: &Verification, subject: &str) -> Result<String> {
    Ok(format!("{subject} {}", verification.summary()))
}
