//! The program of the target `config_answer`.
#![no_main]

otaru_fuzz::target!("config_answer");
