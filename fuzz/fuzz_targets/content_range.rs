//! The program of the target `content_range`.
#![no_main]

otaru_fuzz::target!("content_range");
