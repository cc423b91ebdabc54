//! The program of the target `login`.
#![no_main]

otaru_fuzz::target!("login");
