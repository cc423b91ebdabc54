//! The program of the target `version`.
#![no_main]

otaru_fuzz::target!("version");
