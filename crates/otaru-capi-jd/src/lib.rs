//! `libotaru_jd`: programs written against `iot_ota.h` of JD Cloud's IoT device SDK are rebuilt against otaru.
//! Facts: the sheet jd-iot-engine, §6 and §3.2 unless another section is named. Its headers are in `include`.
//!
//! JD's own SDK cannot be had, so what a program sees beyond the documented functions is the sheet's proposal. Nothing of the
//! protocol is here: otaru-wire has the bytes, otaru-core decides how a file is fetched, otaru-agent fetches it.
#![allow(unsafe_code, reason = "C hands over pointers")]
#![allow(unreachable_pub, reason = "C reaches what is exported by its name")]
#![deny(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc, unsafe_op_in_unsafe_fn)]

mod hal;
mod mqtt;
mod ota;
