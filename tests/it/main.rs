//! The contract of saasgen, held against it as a library, as a program and as a server.

mod clients;
mod command_line;
mod files;
mod flight;
mod golden;
mod knobs;
mod laws;
mod layers;
mod program;
mod readme;
mod reference;
mod splits;
mod statistics;
mod support;
