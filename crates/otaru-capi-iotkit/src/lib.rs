//! `libotaru_iotkit`: programs written against the headers of Alibaba's iotkit-embedded v3 are rebuilt against otaru.
//! Facts: the sheet aliyun-iotkit-v3, §5. Its headers are in `include`.
#![allow(unsafe_code, reason = "C hands over pointers")]
#![allow(unreachable_pub, reason = "C reaches what is exported by its name")]
#![deny(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc, unsafe_op_in_unsafe_fn)]
