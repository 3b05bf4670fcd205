//! The contract of saasgen, held against it as a library, as a program and as a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test tells of a failure")]

mod at_rest;
mod bad_input;
mod bounds;
mod command_line;
mod corrupt_server;
mod crash;
mod documentation;
mod exactness;
mod failures;
mod fault_proxy;
mod faults;
mod files;
mod fixture;
mod flight;
mod given;
mod golden;
mod knobs;
mod laws;
mod layers;
mod limits;
mod mutants;
mod observing;
mod page_claims;
mod pages;
mod parts;
mod program;
mod python_clients;
mod quality;
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
mod third_party;
mod verification;
mod verify_command;
