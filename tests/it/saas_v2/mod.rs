//! The model saas-v2: its laws, its targets, and its values against a second implementation.

mod comparison;
mod knobs;
mod laws;
mod parameters;
mod reference;
mod support;
mod targets;
