//! `iot_mqtt_param_t`, checked.

use std::{
    ffi::{c_char, c_void},
    ops::RangeInclusive,
    time::Duration,
};

use otaru_agent::Trust;
use otaru_capi::{Target, TextError, text};
use otaru_wire::{
    dialect::{DeviceHalf, Login, Transport, jd},
    mqtt::ClientOptions,
};

use super::message::{Handler, OnEvent};
use crate::hal;

/// The longest text of a login or a host, in bytes.
const MAX_TEXT: usize = 1024;
/// The longest text of certificates, in bytes.
const MAX_PEM: usize = 1024 * 1024;

/// Accepted, and taken otherwise; in milliseconds (aliyun-iotkit-v3 §5, of the SDK that JD's is modelled on).
const REQUEST_TIMEOUT: (RangeInclusive<u32>, u32) = (1_000..=10_000, 5_000);
const KEEP_ALIVE: (RangeInclusive<u32>, u32) = (30_000..=1_200_000, 60_000);

/// `iot_mqtt_param_t`.
#[repr(C)]
pub struct Params {
    port: u16,
    host: *const c_char,
    client_id: *const c_char,
    username: *const c_char,
    password: *const c_char,
    pub_key: *mut c_char,
    clean_session: u8,
    request_timeout_ms: u32,
    keepalive_interval_ms: u32,
    write_buf_size: u32,
    read_buf_size: u32,
    on_event: Handler,
    context: *mut c_void,
}

/// What a client is made of.
pub(super) struct Made {
    pub(super) target: Target,
    pub(super) options: ClientOptions,
    pub(super) on_event: OnEvent,
}

impl Params {
    /// None if something is missing or cannot be.
    ///
    /// # Safety
    /// Every text is null or ends with a NUL; the handler is null or such a function.
    pub(super) unsafe fn read(&self) -> Option<Made> {
        let transport = if self.pub_key.is_null() { Transport::Plain } else { Transport::Tls };
        // SAFETY: as the caller promises.
        let (host, pem, login) =
            unsafe { (text(self.host, MAX_TEXT), text(self.pub_key, MAX_PEM), self.login(transport)) };
        let host = host.ok().filter(|host| !host.is_empty())?.to_owned();
        let tls = match pem {
            Err(TextError::Null) => None,
            pem => Some(Trust::read(pem.ok()?.as_bytes()).ok()?.client_config().ok()?),
        };
        let timeout = within(self.request_timeout_ms, &REQUEST_TIMEOUT);
        let mut options = ClientOptions::new(login?);
        options.keep_alive = within(self.keepalive_interval_ms, &KEEP_ALIVE);
        options.connect_timeout = timeout;
        let target = Target { host, port: self.port, tls, connect_timeout: timeout, send_timeout: timeout };
        Some(Made { target, options, on_event: OnEvent { handler: self.on_event, context: self.context } })
    }

    /// # Safety
    /// As [`Params::read`].
    unsafe fn login(&self, transport: Transport) -> Option<Login> {
        if [self.client_id, self.username, self.password].iter().all(|text| text.is_null()) {
            return Some(jd::DEVICE.write_login(&hal::credentials()?, transport));
        }
        // SAFETY: as the caller promises.
        let read = |from| unsafe { text(from, MAX_TEXT) }.ok().map(str::to_owned);
        Some(Login {
            client_id: read(self.client_id)?,
            user_name: read(self.username)?,
            password: read(self.password)?,
        })
    }
}

fn within(ms: u32, (accepted, otherwise): &(RangeInclusive<u32>, u32)) -> Duration {
    let ms = if accepted.contains(&ms) { ms } else { *otherwise };
    Duration::from_millis(ms.into())
}
