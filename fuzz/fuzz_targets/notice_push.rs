//! The program of the target `notice_push`.
#![no_main]

otaru_fuzz::target!("notice_push");
