//! `IOT_Linkkit_*`: updates by one call each (aliyun-iotkit-v3 §4). Properties, events and services are not served: otaru
//! has no device model.

mod callbacks;
mod download;

use std::{
    ffi::{c_char, c_int, c_uchar, c_void},
    ptr, slice,
    sync::{Arc, Mutex},
    time::Duration,
};

use otaru_capi::{guard, lock, out_text, text};
use otaru_wire::{DigestMethod, Report, Version};

use crate::{
    codes::{
        ALREADY_CONNECTED, ALREADY_OPEN, BAD_DEVICE_TYPE, BUSY, CONNECT_FAILED, FAIL, NOT_CONNECTED,
        NOT_OPEN, NOT_RUNNING, NULL_META, OUT_OF_RANGE, SUCCESS,
    },
    hal,
    log::{Level, log},
    mqtt::{
        self,
        event::EventMsg,
        outside_callbacks,
        params::{Plan, plan},
    },
    ota::{self, Job, OnNews, Ota},
    settings::{Hidden, settings},
};
use callbacks::ConfigTexts;
use download::What;

/// The device itself: there are no others.
const MASTER: c_int = 0;
/// Silence after which a sign of life is asked for (aliyun-iotkit-v3 §4.1).
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The longest version told, in bytes.
const MAX_VERSION: usize = 32;

/// `iotx_linkkit_dev_meta_info_t`: 184 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MetaInfo {
    product_key: [c_char; 21],
    product_secret: [c_char; 65],
    device_name: [c_char; 33],
    device_secret: [c_char; 65],
}

static LINK: Mutex<Link> = Mutex::new(Link { open: false, connected: None, at_work: 0 });

struct Link {
    open: bool,
    connected: Option<Connected>,
    /// Calls that are under way.
    at_work: u32,
}

#[derive(Clone)]
struct Connected {
    client: usize,
    handle: usize,
    ota: Arc<Ota>,
}

/// A call under way: nothing is closed meanwhile.
struct Work(Option<Connected>);

impl Work {
    fn begin() -> Self {
        let mut link = lock(&LINK);
        link.at_work += 1;
        Self(link.connected.clone())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut link = lock(&LINK);
        link.at_work = link.at_work.saturating_sub(1);
    }
}

/// `int IOT_Linkkit_Open(iotx_linkkit_dev_type_t dev_type, iotx_linkkit_dev_meta_info_t *meta_info)`.
///
/// # Safety
/// `meta_info` is null or such a struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Linkkit_Open(dev_type: c_int, meta_info: *mut MetaInfo) -> c_int {
    guard(FAIL, || {
        if meta_info.is_null() {
            return NULL_META;
        }
        match dev_type {
            0 => {}
            1 => return FAIL,
            _ => return BAD_DEVICE_TYPE,
        }
        // SAFETY: as the caller promises.
        let meta = unsafe { meta_info.read_unaligned() };
        let Some([product_key, product_secret, device_name, device_secret]) = texts(&meta) else {
            return FAIL;
        };
        let mut link = lock(&LINK);
        if link.open {
            return ALREADY_OPEN;
        }
        link.open = true;
        let mut settings = settings();
        settings.product_key = product_key;
        settings.product_secret = Hidden(product_secret);
        settings.device_name = device_name;
        settings.device_secret = Hidden(device_secret);
        MASTER
    })
}

/// None if a text fills its array without a NUL.
fn texts(meta: &MetaInfo) -> Option<[String; 4]> {
    let read = |array: &[c_char]| {
        // SAFETY: no more bytes are read than the array has.
        unsafe { text(array.as_ptr(), array.len() - 1) }.ok().map(str::to_owned)
    };
    Some([
        read(&meta.product_key)?,
        read(&meta.product_secret)?,
        read(&meta.device_name)?,
        read(&meta.device_secret)?,
    ])
}

/// `int IOT_Linkkit_Connect(int devid)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Linkkit_Connect(devid: c_int) -> c_int {
    guard(FAIL, || {
        let work = Work::begin();
        if !lock(&LINK).open || devid != MASTER {
            return NOT_OPEN;
        }
        if work.0.is_some() {
            return ALREADY_CONNECTED;
        }
        match outside_callbacks(connect) {
            Some(Ok(())) => SUCCESS,
            Some(Err(reason)) => {
                log(Level::Error, format_args!("IOT_Linkkit_Connect: {reason}"));
                callbacks::state(CONNECT_FAILED, &reason);
                CONNECT_FAILED
            }
            None => FAIL,
        }
    })
}

fn connect() -> Result<(), String> {
    let client = mqtt::open(|| {
        // SAFETY: null is allowed.
        let mut plan: Plan = unsafe { plan(ptr::null()) }?;
        plan.options.keep_alive = KEEP_ALIVE;
        plan.handler = Some(happened);
        Ok(plan)
    })?;
    let session = mqtt::client_of(client).ok_or("the session is over")?;
    let device = session.device.clone();
    let Some((handle, ota)) = ota::open(device, session) else {
        mqtt::end(client);
        return Err("updates cannot be listened for".to_owned());
    };
    ota.on_news(OnNews::Library(tell));
    lock(&LINK).connected = Some(Connected { client: client.addr(), handle: handle.addr(), ota });
    callbacks::connected();
    callbacks::initialized(MASTER);
    Ok(())
}

/// The session's own news.
unsafe extern "C" fn happened(_context: *mut c_void, _client: *mut c_void, msg: *mut EventMsg) {
    // SAFETY: the library calls it, with an event.
    match unsafe { (*msg).event_type } {
        1 => callbacks::disconnected(),
        2 => callbacks::connected(),
        _ => {}
    }
}

/// A push came.
fn tell(ota: &Ota) {
    match ota.with_task(|task| task.job().cloned()) {
        Some(Job::Firmware(notice)) => {
            let module = Some(notice.module.as_str()).filter(|_| !notice.module.is_default());
            callbacks::fota(notice.version.as_str(), module);
        }
        Some(Job::Config(config, _)) => callbacks::cota(&ConfigTexts {
            id: out_text(&config.id),
            size: c_int::try_from(config.size).unwrap_or(c_int::MAX),
            get_type: out_text(&config.get_type),
            sign: out_text(&config.digest.to_string()),
            sign_method: match config.digest.method() {
                DigestMethod::Md5 => c"Md5",
                DigestMethod::Sha256 => c"Sha256",
            },
            url: out_text(&config.url),
        }),
        None => {}
    }
}

/// `int IOT_Linkkit_Yield(int timeout_ms)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Linkkit_Yield(timeout_ms: c_int) -> c_int {
    guard(FAIL, || {
        let patience = match u32::try_from(timeout_ms) {
            Ok(patience) if patience > 0 => patience,
            _ => return OUT_OF_RANGE,
        };
        let work = Work::begin();
        let Some(Connected { ota, .. }) = &work.0 else {
            drop(work);
            hal::sleep_ms(patience);
            return NOT_RUNNING;
        };
        match outside_callbacks(|| mqtt::run(&ota.client, Duration::from_millis(u64::from(patience)))) {
            Some(()) => SUCCESS,
            None => FAIL,
        }
    })
}

/// `int IOT_Linkkit_Close(int devid)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Linkkit_Close(devid: c_int) -> c_int {
    guard(FAIL, || {
        let connected = {
            let mut link = lock(&LINK);
            if !link.open || devid != MASTER {
                return NOT_OPEN;
            }
            if link.at_work > 0 {
                return BUSY;
            }
            link.open = false;
            link.connected.take()
        };
        if let Some(Connected { client, handle, .. }) = connected {
            ota::close(ptr::without_provenance(handle));
            mqtt::end(ptr::without_provenance(client));
        }
        SUCCESS
    })
}

/// `int IOT_Linkkit_Query(int devid, iotx_linkkit_msg_type_t msg_type, unsigned char *payload, int payload_len)`.
///
/// # Safety
/// `payload` is null or has `payload_len` bytes, writable where they are to be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Linkkit_Query(
    devid: c_int,
    msg_type: c_int,
    payload: *mut c_uchar,
    payload_len: c_int,
) -> c_int {
    guard(FAIL, || {
        let work = Work::begin();
        let Some(Connected { ota, .. }) = work.0.as_ref().filter(|_| devid == MASTER) else {
            return NOT_CONNECTED;
        };
        let len = usize::try_from(payload_len).ok().filter(|len| *len > 0 && !payload.is_null());
        match (msg_type, len) {
            (9 | 10, Some(len)) => {
                // SAFETY: as the caller promises; zeros are written first, so that the bytes are defined.
                let buffer = unsafe {
                    ptr::write_bytes(payload, 0, len);
                    slice::from_raw_parts_mut(payload, len)
                };
                download::run(ota, if msg_type == 9 { What::Firmware } else { What::Config }, buffer)
            }
            (11, _) => done(ota.report(0, &Report::ConfigQuery).is_ok()),
            (12, Some(len)) => {
                // SAFETY: as the caller promises.
                let version = unsafe { slice::from_raw_parts(payload, len) };
                done(ask_for_image(ota, version))
            }
            (9 | 10 | 12, None) => OUT_OF_RANGE,
            _ => FAIL,
        }
    })
}

fn ask_for_image(ota: &Ota, version: &[u8]) -> bool {
    let version = str::from_utf8(version).unwrap_or_default().trim_end_matches('\0');
    let known = Version::new(version).ok().filter(|_| version.len() <= MAX_VERSION);
    let busy = ota.with_task(|task| task.is_fetching());
    known.is_some() && !busy && ota.ask_for_update(known).is_ok()
}

fn done(well: bool) -> c_int {
    if well { SUCCESS } else { FAIL }
}

/// `int IOT_Linkkit_Report(…)`: not served.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Linkkit_Report(
    _devid: c_int,
    _msg_type: c_int,
    _payload: *mut c_uchar,
    _payload_len: c_int,
) -> c_int {
    FAIL
}

/// `int IOT_Linkkit_TriggerEvent(…)`: not served.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Linkkit_TriggerEvent(
    _devid: c_int,
    _eventid: *mut c_char,
    _eventid_len: c_int,
    _payload: *mut c_char,
    _payload_len: c_int,
) -> c_int {
    FAIL
}
