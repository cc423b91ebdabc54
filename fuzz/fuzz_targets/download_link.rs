//! The program of the target `download_link`.
#![no_main]

otaru_fuzz::target!("download_link");
