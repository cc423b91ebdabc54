//! The program of the target `block_reply`.
#![no_main]

otaru_fuzz::target!("block_reply");
