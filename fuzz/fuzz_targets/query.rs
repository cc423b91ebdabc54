//! The program of the target `query`.
#![no_main]

otaru_fuzz::target!("query");
