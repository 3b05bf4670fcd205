//! Integration tests of the library, the program and the server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod access;
mod bad_input;
mod column_bounds;
mod command_line;
mod corrupt_server;
mod do_get;
mod documentation;
mod exactness;
mod fault_proxy;
mod file_system_faults;
mod file_tree;
mod fixture;
mod flight_calls;
mod golden;
mod idle_memory;
mod killed_runs;
mod laws;
mod layers;
mod limits;
mod manifests;
mod memory_budget;
mod mutants;
mod output_folder;
mod output_parts;
mod parameters_are_independent;
mod parquet_encoding;
mod parquet_output;
mod parquet_page_limits;
mod program;
mod python_clients;
mod randomness;
mod reference;
mod replicas;
mod resuming;
mod splits;
mod statistics;
mod stopping;
mod support;
mod tables_in_memory;
mod telemetry;
mod third_party;
mod verification;
mod verify_command;
