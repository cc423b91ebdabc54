//! The program of the target `agent_config`.
#![no_main]

otaru_fuzz::target!("agent_config");
