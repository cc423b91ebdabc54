//! The platform does: device gateway (MQTT), HTTP for devices and operators, store, files.
//!
//! What to do is decided in `otaru-fleet`; how it is spelled is known to `otaru-wire`. This crate connects both to
//! sockets, a database and a folder.

mod brake;
pub mod files;
pub mod gateway;
pub mod http;
pub mod links;
pub mod service;
mod start;
pub mod store;

pub use otaru_fleet::Rigor;
pub use start::{Config, Running, StartError, start};
