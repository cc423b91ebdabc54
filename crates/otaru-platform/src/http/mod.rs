//! HTTP: downloads for devices, `/api/v1` for operators, `/healthz`, `/metrics`.

mod api;
mod download;
mod error;
mod extract;
mod health;
mod onenet;
mod register;
mod router;
mod server;
pub mod shapes;
mod stall;
#[cfg(test)]
mod tests;
mod unfinished;

pub(crate) use health::recorder;
pub(crate) use router::{Parts, router};
pub(crate) use server::{Limits, serve};
