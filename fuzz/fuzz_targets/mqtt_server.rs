//! The program of the target `mqtt_server`.
#![no_main]

otaru_fuzz::target!("mqtt_server");
