//! The calls of FlightService: requests are decoded, answered, and errors mapped to a status.

mod actions;
mod airport;
mod flight_service;
mod flights;
mod grpc_service;
mod requests;
mod status;

pub(super) use actions::{answer, takes_prefix};
pub(super) use flight_service::FlightCalls;
pub(super) use flights::Flights;
pub(super) use grpc_service::GrpcService;
pub(super) use requests::{action, body_of};
