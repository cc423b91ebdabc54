//! The program of the target `registration_reply`.
#![no_main]

otaru_fuzz::target!("registration_reply");
