//! The program of the target `onenet_request`.
#![no_main]

otaru_fuzz::target!("onenet_request");
