//! The program of the target `onenet_authorization`.
#![no_main]

otaru_fuzz::target!("onenet_authorization");
