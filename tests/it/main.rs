//! The contract of saasgen, held against it as a library, as a program and as a server.

mod flight;
mod golden;
mod knobs;
mod laws;
mod layers;
mod reference;
mod splits;
mod statistics;
mod support;
