//! The program of the target `notice_answer`.
#![no_main]

otaru_fuzz::target!("notice_answer");
