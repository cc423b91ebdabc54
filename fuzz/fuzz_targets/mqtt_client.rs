//! The program of the target `mqtt_client`.
#![no_main]

otaru_fuzz::target!("mqtt_client");
