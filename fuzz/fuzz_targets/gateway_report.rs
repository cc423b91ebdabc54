//! The program of the target `gateway_report`.
#![no_main]

otaru_fuzz::target!("gateway_report");
