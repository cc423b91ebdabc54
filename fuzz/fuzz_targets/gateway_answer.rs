//! The program of the target `gateway_answer`.
#![no_main]

otaru_fuzz::target!("gateway_answer");
