//! Whole upgrades on a virtual clock: clean ones, with power cuts, with faults, with people in between.

mod clean;
mod cuts;
mod decisions;
mod faults;
mod world;
