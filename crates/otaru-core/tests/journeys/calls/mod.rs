//! Platforms that are asked by HTTP calls: OneNET, in its three generations.

mod chaos;
mod clean;
mod cuts;
mod downloads;
mod platform;
mod refusals;
mod weather;
mod world;
