//! The program of the target `config_push`.
#![no_main]

otaru_fuzz::target!("config_push");
