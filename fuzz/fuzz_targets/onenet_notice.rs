//! The program of the target `onenet_notice`.
#![no_main]

otaru_fuzz::target!("onenet_notice");
