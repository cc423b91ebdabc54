//! The program of the target `config_taken`.
#![no_main]

otaru_fuzz::target!("config_taken");
