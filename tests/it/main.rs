//! The contract of saasgen, held against it as a library, as a program and as a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test tells of a failure")]

mod at_rest;
mod bad_input;
mod bounds;
mod command_line;
mod corrupt_server;
mod documentation;
mod exactness;
mod fault_proxy;
mod file_system_faults;
mod file_tree;
mod fixture;
mod flight;
mod given;
mod golden;
mod killed_runs;
mod knobs;
mod laws;
mod layers;
mod limits;
mod mutants;
mod observing;
mod output_folder;
mod output_parts;
mod parquet_encoding;
mod parquet_output;
mod parquet_page_limits;
mod program;
mod python_clients;
mod quality;
mod random;
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
