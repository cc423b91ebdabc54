//! The program of the target `jd_message`.
#![no_main]

otaru_fuzz::target!("jd_message");
