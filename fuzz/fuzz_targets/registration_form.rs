//! The program of the target `registration_form`.
#![no_main]

otaru_fuzz::target!("registration_form");
