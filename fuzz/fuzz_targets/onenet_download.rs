//! The program of the target `onenet_download`.
#![no_main]

otaru_fuzz::target!("onenet_download");
