//! `libotaru_iotkit`: programs written against the headers of Alibaba's iotkit-embedded v3 are rebuilt against otaru.
//! Facts: the sheet aliyun-iotkit-v3, §5. Its headers are in `include`; the functions of the port, which an application may
//! replace, are in `hal`.
//!
//! One session, one set of settings and one update a process, as the vendor has it. No thread is started but for a download's
//! bytes: all else happens in the calls that wait.
#![allow(unsafe_code, reason = "C hands over pointers")]
#![allow(unreachable_pub, reason = "C reaches what is exported by its name")]
#![allow(non_snake_case, reason = "the vendor's names")]
#![deny(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc, unsafe_op_in_unsafe_fn)]

mod codes;
mod conn_info;
mod hal;
mod ioctl;
mod linkkit;
mod log;
mod mqtt;
mod ota;
mod settings;
