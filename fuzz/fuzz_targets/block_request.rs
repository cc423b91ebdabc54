//! The program of the target `block_request`.
#![no_main]

otaru_fuzz::target!("block_request");
