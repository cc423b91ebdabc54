//! The first generation: a device is a number, a Task has a token.

use std::ffi::c_uchar;

use otaru_wire::{
    DeviceId, DeviceName, Digest, Version,
    dialect::onenet::{Authorization, Generation, Handle, Local, Resource, ReturnCode, Task, Terms, Token},
};

use crate::{
    arguments::{INVALID, Outcome, field, kind, number, text},
    dev_token,
    platform::Platform,
    session::{Callback, Session, Slot},
};

/// The longest of a program's texts that is looked at, in bytes.
const MAX_TEXT: usize = 64;

static SESSION: Slot = Slot::new();

/// `struct ota_task_info_t`.
#[repr(C)]
pub struct TaskInfo {
    target: [u8; 32],
    md5: [u8; 36],
    size: u32,
    token: [u8; 32],
    ip: [u8; 32],
    interval: u32,
    retry: i16,
    signal: u8,
    power: u8,
    kind: u8,
}

impl TaskInfo {
    fn of(task: &Task) -> Outcome<Self> {
        let Terms::Token { token, limits, ip_port } = &task.terms else {
            return Err(ReturnCode::Local(Local::NoMemory));
        };
        Ok(Self {
            target: field(task.target.as_str())?,
            md5: field(&Digest::Md5(task.md5).to_string())?,
            size: task.size,
            token: field(token.as_str())?,
            ip: field(ip_port.as_deref().unwrap_or_default())?,
            interval: limits.interval_s,
            retry: limits.retry.try_into().unwrap_or(i16::MAX),
            signal: limits.signal,
            power: limits.power,
            kind: if task.delta { 2 } else { 1 },
        })
    }
}

/// Begins.
///
/// # Safety
/// Every pointer is NULL or a text; the callback may be called while this library is called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ota_init(
    evt_cb: Option<Callback>,
    dev_token: *const c_uchar,
    dev_id: *const c_uchar,
    version: *const c_uchar,
    manuf: *const c_uchar,
    model: *const c_uchar,
    r#type: u8,
    cdn: bool,
) -> i32 {
    number(|| {
        let callback = evt_cb.ok_or(INVALID)?;
        // SAFETY: as the caller promises.
        let (authorization, device, version) = unsafe {
            // Not sent, as by the vendor's client (§9 item 5), but they are arguments all the same.
            text(manuf, MAX_TEXT, Some)?;
            text(model, MAX_TEXT, Some)?;
            (
                text(dev_token, dev_token::ROOM - 1, |text| Some(text.to_owned()))?,
                text(dev_id, MAX_TEXT, |text| DeviceName::new(text).ok())?,
                text(version, MAX_TEXT, |text| Version::new(text).ok())?,
            )
        };
        // What a token speaks for is its product; a text that is none proves nothing to any platform.
        let product = match Authorization::read(&authorization).map_err(|_| INVALID)?.claim().resource.clone()
        {
            Resource::Product(product) => product,
            Resource::Device(device) => device.product,
            Resource::User(_) => return Err(INVALID),
        };
        let (http, generation) = Platform::of(Generation::Token)?;
        SESSION.begin(Session {
            http,
            generation,
            device: DeviceId { product, device },
            authorization,
            kind: kind(r#type),
            version,
            cdn,
            callback,
            fetched: Default::default(),
        })
    })
}

/// Ends. What is under way in other threads comes to its end.
#[unsafe(no_mangle)]
pub extern "C" fn ota_deinit() {
    number(|| {
        SESSION.end();
        Ok(())
    });
}

/// Tells the version.
#[unsafe(no_mangle)]
pub extern "C" fn ota_post_version(timeout_ms: u32) -> i32 {
    number(|| SESSION.get()?.post_version(timeout_ms))
}

/// Asks for a Task.
///
/// # Safety
/// `task_info` is NULL or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ota_check_task(task_info: *mut TaskInfo, timeout_ms: u32) -> i32 {
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
///
/// # Safety
/// `token` is NULL or a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ota_check_token(token: *mut c_uchar, timeout_ms: u32) -> i32 {
    // SAFETY: as the caller promises.
    number(|| unsafe { handle(token) }.and_then(|task| SESSION.get()?.check_token(task, timeout_ms)))
}

/// Fetches a piece.
///
/// # Safety
/// `token` is NULL or a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ota_download_package(
    token: *mut c_uchar,
    range_start: u32,
    range_size: u32,
    timeout_ms: u32,
) -> i32 {
    number(|| {
        // SAFETY: as the caller promises.
        let task = unsafe { handle(token) }?;
        SESSION.get()?.download(task, range_start, range_size, timeout_ms)
    })
}

/// Tells how far a Task is, or how it ended.
///
/// # Safety
/// `token` is NULL or a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ota_report_status(token: *mut c_uchar, status_code: u32, timeout_ms: u32) -> i32 {
    number(|| {
        // SAFETY: as the caller promises.
        let task = unsafe { handle(token) }?;
        SESSION.get()?.report_status(task, status_code, timeout_ms)
    })
}

/// # Safety
/// `token` is NULL or a text.
unsafe fn handle(token: *const c_uchar) -> Outcome<Handle> {
    // SAFETY: the caller's promise is the same.
    unsafe { text(token, MAX_TEXT, |text| Token::new(text).ok().map(Handle::Token)) }
}
