//! The program of the target `http_head`.
#![no_main]

otaru_fuzz::target!("http_head");
