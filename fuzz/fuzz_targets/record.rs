//! The program of the target `record`.
#![no_main]

otaru_fuzz::target!("record");
