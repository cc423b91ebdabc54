//! The program of the target `config_query`.
#![no_main]

otaru_fuzz::target!("config_query");
