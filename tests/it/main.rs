//! Integration tests of the library, the program and the server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod at_rest;
mod bad_input;
mod clients;
mod column_bounds;
mod command_line;
mod crash;
mod documentation;
mod exactness;
mod failures;
mod faults;
mod files;
mod fixture;
mod flight;
mod golden;
mod laws;
mod layers;
mod liars;
mod limits;
mod mutants;
mod observing;
mod page_claims;
mod pages;
mod parameters_are_independent;
mod parts;
mod program;
mod proxy;
mod randomness;
mod reference;
mod replicas;
mod resuming;
mod short_memory;
mod splits;
mod statistics;
mod stopping;
mod strangers;
mod support;
mod surface;
mod tables_in_memory;
mod third_party;
mod verification;
mod verify_command;
