//! The contract of saasgen, held against it as a library, as a program and as a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test tells of a failure")]

mod access;
mod bad_input;
mod bounds;
mod clients;
mod command_line;
mod do_get;
mod documentation;
mod exactness;
mod file_system_faults;
mod file_tree;
mod fixture;
mod flight_calls;
mod given;
mod golden;
mod idle_memory;
mod killed_runs;
mod knobs;
mod laws;
mod layers;
mod liars;
mod limits;
mod memory_budget;
mod mutants;
mod output_folder;
mod output_parts;
mod parquet_encoding;
mod parquet_output;
mod parquet_page_limits;
mod program;
mod proxy;
mod quality;
mod random;
mod reference;
mod replicas;
mod resuming;
mod splits;
mod statistics;
mod stopping;
mod support;
mod telemetry;
mod third_party;
mod verification;
mod verify_command;
