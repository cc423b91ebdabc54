//! The second generation, for programs that are built with `CONFIG_TM`, and the third, which differs in paths only: a device
//! has a name, a Task has a number.

use std::ffi::c_uchar;

use otaru_wire::{
    DeviceId, DeviceName, Digest, ProductKey, Version,
    dialect::onenet::{
        AccessKey, Claim, Edition, Generation, Handle, Local, Method, Resource, ReturnCode, Task, Terms,
    },
};

use crate::{
    arguments::{INVALID, Outcome, field, kind, number, text},
    dev_token,
    platform::Platform,
    session::{Callback, Session, Slot},
};

/// The longest of a program's texts that is looked at, in bytes.
const MAX_TEXT: usize = 64;

/// Until when a session's calls are signed, in seconds since 1970: as in the vendor's example (§8), for devices without a
/// clock.
const EXPIRES_S: u64 = 2_524_579_200;

static SESSION: Slot = Slot::new();

/// `struct ota_task_info_t`.
#[repr(C)]
pub struct TaskInfo {
    target: [u8; 32],
    md5: [u8; 36],
    size: u32,
    tid: u32,
    kind: u8,
}

impl TaskInfo {
    fn of(task: &Task) -> Outcome<Self> {
        let Terms::Tid { tid, .. } = task.terms else { return Err(ReturnCode::Local(Local::NoMemory)) };
        let kind = if task.delta { 2 } else { 1 };
        Ok(Self {
            target: field(task.target.as_str())?,
            md5: field(&Digest::Md5(task.md5).to_string())?,
            size: task.size,
            tid,
            kind,
        })
    }
}

/// Begins.
///
/// # Safety
/// Every pointer is NULL or a text; the callback may be called while this library is called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otaru_tm_ota_init(
    evt_cb: Option<Callback>,
    product_id: *const c_uchar,
    dev_name: *const c_uchar,
    access_key: *const c_uchar,
    version: *const c_uchar,
    r#type: u8,
) -> i32 {
    number(|| {
        let callback = evt_cb.ok_or(INVALID)?;
        // SAFETY: as the caller promises.
        let (product, device, key, version) = unsafe {
            (
                text(product_id, MAX_TEXT, |text| ProductKey::new(text).ok())?,
                text(dev_name, MAX_TEXT, |text| DeviceName::new(text).ok())?,
                text(access_key, dev_token::MAX_KEY, |text| AccessKey::from_base64(text).ok())?,
                text(version, MAX_TEXT, |text| Version::new(text).ok())?,
            )
        };
        let device = DeviceId { product, device };
        let resource = Resource::Device(device.clone());
        let claim = Claim { edition: Edition::E2018, resource, expires_s: EXPIRES_S, method: Method::Sha256 };
        let (http, generation) = Platform::of(Generation::Tid)?;
        SESSION.begin(Session {
            http,
            generation,
            device,
            authorization: claim.sign(&key),
            kind: kind(r#type),
            version,
            cdn: false,
            callback,
            fetched: Default::default(),
        })
    })
}

/// Ends. What is under way in other threads comes to its end.
#[unsafe(no_mangle)]
pub extern "C" fn otaru_tm_ota_deinit() {
    number(|| {
        SESSION.end();
        Ok(())
    });
}

/// Tells the version.
#[unsafe(no_mangle)]
pub extern "C" fn otaru_tm_ota_post_version(timeout_ms: u32) -> i32 {
    number(|| SESSION.get()?.post_version(timeout_ms))
}

/// Asks for a Task.
///
/// # Safety
/// `task_info` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otaru_tm_ota_check_task(task_info: *mut TaskInfo, timeout_ms: u32) -> i32 {
    number(|| {
        if task_info.is_null() {
            return Err(INVALID);
        }
        SESSION.get()?.check_task(timeout_ms, |task| {
            let told = TaskInfo::of(task)?;
            // SAFETY: it is not NULL, so it is a place for one.
            unsafe { task_info.write(told) };
            Ok(())
        })
    })
}

/// Asks whether a Task is still to be done.
#[unsafe(no_mangle)]
pub extern "C" fn otaru_tm_ota_check_token(tid: u32, timeout_ms: u32) -> i32 {
    number(|| SESSION.get()?.check_token(Handle::Tid(tid), timeout_ms))
}

/// Fetches a piece.
#[unsafe(no_mangle)]
pub extern "C" fn otaru_tm_ota_download_package(
    tid: u32,
    range_start: u32,
    range_size: u32,
    timeout_ms: u32,
) -> i32 {
    number(|| SESSION.get()?.download(Handle::Tid(tid), range_start, range_size, timeout_ms))
}

/// Tells how far a Task is, or how it ended.
#[unsafe(no_mangle)]
pub extern "C" fn otaru_tm_ota_report_status(tid: u32, status_code: u32, timeout_ms: u32) -> i32 {
    number(|| SESSION.get()?.report_status(Handle::Tid(tid), status_code, timeout_ms))
}
