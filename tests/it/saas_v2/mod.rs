//! The model saas-v2: its laws, its targets, and its values against a second implementation.

mod comparison;
mod counted;
mod knobs;
mod laws;
mod parameters;
mod recursion;
mod reference;
mod support;
mod targets;
