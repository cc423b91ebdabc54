//! Each thing that the device SDK can do, from the agent's configuration file to the platform's task list: `otaru agent`
//! and `otaru serve` over loopback. Each test is named after its row in docs/device-sdk.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod decide;
mod download;
mod install;
mod lab;
mod onenet;
mod report;
