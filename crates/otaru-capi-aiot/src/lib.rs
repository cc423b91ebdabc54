//! `libotaru_aiot`: programs written against the headers of Alibaba's Link SDK v4 are rebuilt against otaru.
//! Facts: the sheet aliyun-link-sdk-v4, §5 unless another section is named. Its headers are in `include`.
//!
//! Names, layouts, numbers and what a program sees are the vendor's, but where those would do harm. Nothing of the
//! protocol is here: otaru-wire has the bytes, otaru-core decides, otaru-agent fetches.
#![allow(unsafe_code, reason = "C hands over pointers")]
#![allow(unreachable_pub, reason = "C reaches what is exported by its name")]
#![deny(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc, unsafe_op_in_unsafe_fn)]

mod blocks;
mod code;
mod download;
mod given;
mod mqtt;
mod ota;
mod registration;
mod state;
mod sysdep;

/// A number that devices do not share.
fn chance() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
