//! The program of the target `registration_grant`.
#![no_main]

otaru_fuzz::target!("registration_grant");
