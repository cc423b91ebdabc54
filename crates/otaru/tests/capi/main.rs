//! The C libraries: C programs as a user would write them, built by the C compiler, against a platform that runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../../otaru-agent/tests/common/certificates.rs"]
mod certificates;
#[path = "../common/mod.rs"]
mod common;

mod aiot;
mod aiot_codes;
mod aiot_flows;
mod aiot_headers;
mod aiot_links;
mod aiot_readme;
mod aiot_valgrind;
mod as_printed;
mod field;
mod iotkit;
mod iotkit_headers;
mod iotkit_linkkit;
mod jd;
mod jd_headers;
mod lab;
mod onenet;
mod onenet_headers;
mod onenet_platform;
mod pkg_config;
mod tls;
mod wire;
