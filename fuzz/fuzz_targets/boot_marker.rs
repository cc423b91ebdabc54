//! The program of the target `boot_marker`.
#![no_main]

otaru_fuzz::target!("boot_marker");
