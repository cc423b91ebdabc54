//! `IOT_Ioctl` (aliyun-iotkit-v3 §4.5).

use std::{
    ffi::{c_int, c_void},
    ptr,
};

use otaru_capi::{guard, out_text, text};
use otaru_wire::Module;

use crate::{
    codes::{FAIL, SUCCESS},
    settings::{Hidden, MAX_DOMAIN, Region, Settings, settings},
};

/// The longest texts, in bytes.
const MAX_PRODUCT_KEY: usize = 20;
const MAX_DEVICE_NAME: usize = 32;
const MAX_SECRET: usize = 64;
const MAX_CUSTOMIZE: usize = 80;
const MAX_MODULE: usize = 64;

/// What `data` is to an option.
enum Data {
    Number,
    Port,
    /// A text of at most so many bytes.
    Text(usize),
    /// Room for the answer.
    Room,
    /// Of no interest.
    Any,
}

/// What the application told.
enum Told {
    Number(c_int),
    Port(u16),
    Text(String),
    Nothing,
}

/// What it is answered.
enum Answer {
    Number(c_int),
    Text(String),
    Nothing,
}

/// `int IOT_Ioctl(int option, void *data)`.
///
/// # Safety
/// `data` is null or of the option's type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Ioctl(option: c_int, data: *mut c_void) -> c_int {
    guard(FAIL, || {
        if data.is_null() {
            return FAIL;
        }
        // SAFETY: as the caller promises.
        let answer = unsafe { told(option, data) }.and_then(|told| apply(&mut settings(), option, told));
        match answer {
            Some(answer) => {
                // SAFETY: as the caller promises.
                unsafe { give(answer, data) };
                SUCCESS
            }
            None => FAIL,
        }
    })
}

/// None if there is no such option, or it is not served.
fn data_of(option: c_int) -> Option<Data> {
    Some(match option {
        0 | 4 | 12 => Data::Number,
        14 => Data::Port,
        2 | 3 => Data::Text(MAX_DOMAIN),
        13 => Data::Text(MAX_CUSTOMIZE),
        20 => Data::Text(MAX_PRODUCT_KEY),
        24 => Data::Text(MAX_DEVICE_NAME),
        22 | 26 => Data::Text(MAX_SECRET),
        28 => Data::Text(MAX_MODULE),
        1 | 5 | 21 | 23 | 25 | 27 | 29 => Data::Room,
        // Replies to properties and events, which are not served: what is told changes nothing.
        6..=8 => Data::Any,
        _ => return None,
    })
}

/// None if the text is too long, or there is no such option.
///
/// # Safety
/// As [`IOT_Ioctl`], and `data` is not null.
unsafe fn told(option: c_int, data: *mut c_void) -> Option<Told> {
    Some(match data_of(option)? {
        // SAFETY: as the caller promises.
        Data::Number => Told::Number(unsafe { data.cast::<c_int>().read_unaligned() }),
        // SAFETY: as the caller promises.
        Data::Port => Told::Port(unsafe { data.cast::<u16>().read_unaligned() }),
        // SAFETY: as the caller promises.
        Data::Text(max) => Told::Text(unsafe { text(data.cast(), max) }.ok()?.to_owned()),
        Data::Room | Data::Any => Told::Nothing,
    })
}

/// None if the value is none that the option may have.
fn apply(settings: &mut Settings, option: c_int, told: Told) -> Option<Answer> {
    match (option, told) {
        (0, Told::Number(number)) => settings.region = Region::from_number(number)?,
        // It is not served, so it can only be told to be off.
        (4, Told::Number(0)) => {}
        (12, Told::Number(number)) => settings.fota_timeout_ms = u32::try_from(number).ok()?,
        (14, Told::Port(port)) => settings.mqtt_port = Some(port).filter(|port| *port != 0),
        (2, Told::Text(domain)) if !domain.is_empty() => {
            settings.mqtt_domain = domain;
            settings.region = Region::Custom;
        }
        // Where devices register, which is not served: what is told changes nothing.
        (3, Told::Text(domain)) if !domain.is_empty() => {}
        (13, Told::Text(pairs)) if is_pairs(&pairs) => settings.customize = pairs,
        (20, Told::Text(text)) => settings.product_key = text,
        (22, Told::Text(text)) => settings.product_secret = Hidden(text),
        (24, Told::Text(text)) => settings.device_name = text,
        (26, Told::Text(text)) => settings.device_secret = Hidden(text),
        (28, Told::Text(name)) => settings.module = module(&name)?,
        (6..=8, Told::Nothing) => {}
        (1, _) => return Some(Answer::Number(settings.region.number())),
        (5, _) => return Some(Answer::Number(0)),
        (21, _) => return Some(Answer::Text(settings.product_key.clone())),
        (23, _) => return Some(Answer::Text(settings.product_secret.0.clone())),
        (25, _) => return Some(Answer::Text(settings.device_name.clone())),
        (27, _) => return Some(Answer::Text(settings.device_secret.0.clone())),
        (29, _) => {
            return Some(Answer::Text(settings.module.as_ref().map_or(String::new(), Module::to_string)));
        }
        _ => return None,
    }
    Some(Answer::Nothing)
}

/// The empty name is the device's own.
fn module(name: &str) -> Option<Option<Module>> {
    match name {
        "" => Some(None),
        name => Module::new(name).ok().map(Some),
    }
}

/// They stand in the client id, between its bars.
fn is_pairs(text: &str) -> bool {
    !text.contains('|') && !text.contains(char::is_control)
}

/// Writes the answer.
///
/// # Safety
/// There is room for it.
unsafe fn give(answer: Answer, room: *mut c_void) {
    match answer {
        // SAFETY: there is room, as the caller promises.
        Answer::Number(number) => unsafe { room.cast::<c_int>().write_unaligned(number) },
        Answer::Text(text) => {
            let text = out_text(&text);
            let bytes = text.as_bytes_with_nul();
            // SAFETY: there is room, as the caller promises.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), room.cast::<u8>(), bytes.len()) }
        }
        Answer::Nothing => {}
    }
}
