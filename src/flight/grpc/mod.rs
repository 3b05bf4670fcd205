//! The rules of gRPC that tonic leaves to its users: messages within a limit, gzip, deadlines, and unknown methods.
//!
//! Nothing here knows Flight or saasgen, so it would be the same in any gRPC server.

pub(super) mod deadline;
pub(super) mod gzip;
mod request_messages;
pub(super) mod unknown_method;

pub(super) use request_messages::{PREFIX_BYTES, RequestMessages};
