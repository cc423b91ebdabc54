//! The program of the target `jd_report`.
#![no_main]

otaru_fuzz::target!("jd_report");
