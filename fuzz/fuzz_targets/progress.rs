//! The program of the target `progress`.
#![no_main]

otaru_fuzz::target!("progress");
