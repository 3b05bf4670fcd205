//! The health of a server.

use super::connections::{ConnectionPool, Credentials};
use crate::error::{Error, Result};
use crate::flight::location::Location;
use std::time::Duration;
use tokio::time::timeout;
use tonic_health::pb::health_check_response::ServingStatus;

/// Asks the server at `uri` whether it serves. Returns without an error if it does.
///
/// # Errors
/// Returns [`Error::Misuse`] if `uri` is malformed or if the token of `credentials` would cross a network unencrypted.
/// Returns [`Error::Remote`] if the server does not serve, or does not answer within `limit`.
pub async fn check_health(uri: &str, credentials: Credentials, limit: Duration) -> Result<()> {
    let server: Location = uri.parse()?;
    let pool = ConnectionPool::new(credentials, limit);
    match timeout(limit, pool.health(&server)).await {
        Ok(Ok(ServingStatus::Serving)) => Ok(()),
        Ok(Ok(other)) => Err(Error::Remote(format!("{server} answers, but its health is {}", other.as_str_name()))),
        Ok(Err(failure)) => Err(failure.into_error()),
        Err(_) => Err(Error::Remote(format!("{server} did not answer within {} s", limit.as_secs_f64()))),
    }
}
