//! Whole upgrades on a virtual clock: clean ones, with power cuts, with faults, with people in between.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // clippy exempts #[test] functions only

mod asking;
mod by_hand;
mod calls;
mod chaos;
mod clean;
mod config;
mod cuts;
mod decisions;
mod faults;
mod line;
mod over_mqtt;
mod queue;
mod slots;
mod state_codes;
mod versions;
mod world;
