//! The program of the target `onenet_reply`.
#![no_main]

otaru_fuzz::target!("onenet_reply");
