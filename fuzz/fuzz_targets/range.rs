//! The program of the target `range`.
#![no_main]

otaru_fuzz::target!("range");
