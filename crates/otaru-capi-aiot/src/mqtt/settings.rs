//! The options of a session.

use std::{
    ffi::{c_uint, c_void},
    time::Duration,
};

use otaru_capi::Target;
use otaru_wire::{
    DeviceId, DeviceName, ProductKey,
    dialect::{Credentials, Login, aliyun},
    mqtt::ClientOptions,
};

use super::types::{EventHandler, RecvHandler};
use crate::{
    code::{
        MISSING_DEVICE_NAME, MISSING_DEVICE_SECRET, MISSING_HOST, MISSING_PRODUCT_KEY, OUT_RANGE,
        UNKNOWN_OPTION,
    },
    given::{MAX_TEXT, Own, function, text_of, value},
    sysdep::{Cred, NetworkCred},
};

/// The longest packet taken: the longest payload that the SDK sends, and its topic.
const MAX_PACKET: usize = 1024 * 1024 + 1024;

/// What was set; the defaults are the SDK's (§5.5).
#[derive(Clone)] // no Debug: it holds secrets
pub(crate) struct Settings {
    host: Option<String>,
    port: u16,
    product_key: Option<String>,
    device_name: Option<String>,
    device_secret: Option<String>,
    extend_client_id: String,
    security_mode: Option<String>,
    user_name: Option<String>,
    password: Option<String>,
    client_id: Option<String>,
    keep_alive_s: u16,
    cred: Cred,
    connect_timeout_ms: u32,
    heartbeat_interval_ms: u32,
    heartbeat_max_lost: u8,
    pub(super) reconnect: bool,
    /// Set by the program: it does not grow then.
    pub(super) reconnect_interval_ms: Option<u32>,
    send_timeout_ms: u32,
    recv_timeout_ms: u32,
    deinit_timeout_ms: u32,
    pub(super) recv_handler: Option<RecvHandler>,
    pub(super) event_handler: Option<EventHandler>,
    pub(super) append_request_id: bool,
    pub(super) userdata: Own,
    max_waiting: u16,
    pub(super) topic_header_check: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: None,
            port: 0,
            product_key: None,
            device_name: None,
            device_secret: None,
            extend_client_id: String::new(),
            security_mode: None,
            user_name: None,
            password: None,
            client_id: None,
            keep_alive_s: 1200,
            cred: Cred::default(),
            connect_timeout_ms: 10_000,
            heartbeat_interval_ms: 25_000,
            heartbeat_max_lost: 2,
            reconnect: true,
            reconnect_interval_ms: None,
            send_timeout_ms: 5000,
            recv_timeout_ms: 5000,
            deinit_timeout_ms: 2000,
            recv_handler: None,
            event_handler: None,
            append_request_id: false,
            userdata: Own::default(),
            max_waiting: 50,
            topic_header_check: true,
        }
    }
}

impl Settings {
    /// Sets an option that is not about filters.
    ///
    /// # Safety
    /// `data` is what the option wants, and not null.
    pub(super) unsafe fn set(&mut self, option: c_uint, data: *mut c_void) -> Result<(), i32> {
        // SAFETY: as the caller promises, for each option its type.
        unsafe {
            let text = || text_of(data.cast(), MAX_TEXT).map(str::to_owned);
            match option {
                0 => self.host = Some(text()?),
                1 => self.port = value(data)?,
                2 => self.product_key = Some(text()?),
                3 => self.device_name = Some(text()?),
                4 => self.device_secret = Some(text()?),
                5 => self.extend_client_id = text()?,
                6 => self.security_mode = Some(text()?),
                7 => self.user_name = Some(text()?),
                8 => self.password = Some(text()?),
                9 => self.client_id = Some(text()?),
                10 => self.keep_alive_s = value(data)?,
                // Sessions are clean whatever is set: the platform keeps none (§1.5).
                11 => drop(flag(data)?),
                12 => self.cred = value::<NetworkCred>(data)?.copy()?,
                13 => self.connect_timeout_ms = value(data)?,
                14 => self.heartbeat_interval_ms = value(data)?,
                15 => self.heartbeat_max_lost = value(data)?,
                16 => self.reconnect = flag(data)?,
                17 => self.reconnect_interval_ms = Some(value(data)?),
                18 => self.send_timeout_ms = value(data)?,
                19 => self.recv_timeout_ms = value(data)?,
                // What is not acknowledged goes out again after a reconnect, not by a clock.
                20 => drop(value::<u32>(data)?),
                21 => self.deinit_timeout_ms = value(data)?,
                22 => self.recv_handler = function(data),
                23 => self.event_handler = function(data),
                26 => self.append_request_id = flag(data)?,
                27 => self.userdata = Own(data),
                28 => self.max_waiting = value(data)?,
                29 => self.topic_header_check = flag(data)?,
                _ => return Err(UNKNOWN_OPTION),
            }
        }
        Ok(())
    }

    /// Whose session it is.
    pub(crate) fn device(&self) -> Result<DeviceId, i32> {
        let product = self.product_key.as_deref().ok_or(MISSING_PRODUCT_KEY)?;
        let device = self.device_name.as_deref().ok_or(MISSING_DEVICE_NAME)?;
        device_id(product, device)
    }

    pub(super) fn recv_timeout(&self) -> Duration {
        millis(self.recv_timeout_ms)
    }

    pub(super) fn deinit_timeout(&self) -> Duration {
        millis(self.deinit_timeout_ms)
    }

    pub(super) fn heartbeat_interval(&self) -> Duration {
        millis(self.heartbeat_interval_ms)
    }

    /// Where the platform is.
    pub(super) fn target(&self) -> Result<Target, i32> {
        Ok(Target {
            host: self.host.clone().ok_or(MISSING_HOST)?,
            port: self.port,
            tls: self.cred.tls()?,
            connect_timeout: millis(self.connect_timeout_ms),
            send_timeout: millis(self.send_timeout_ms),
        })
    }

    /// Everything else that a session is opened with.
    pub(super) fn options(&self) -> Result<ClientOptions, i32> {
        let mut options = ClientOptions::new(self.login()?);
        options.keep_alive = Duration::from_secs(self.keep_alive_s.into());
        options.connect_timeout = millis(self.connect_timeout_ms);
        // So many signs of life may stay without an answer, and one more is waited for (§1.5).
        options.answer_timeout = self.heartbeat_interval() * (u32::from(self.heartbeat_max_lost) + 1);
        options.max_packet = MAX_PACKET;
        options.max_waiting = self.max_waiting.into();
        Ok(options)
    }

    /// The three texts as the program has them, or made of the triple (§1.2).
    fn login(&self) -> Result<Login, i32> {
        if let (Some(client_id), Some(user_name), Some(password)) =
            (&self.client_id, &self.user_name, &self.password)
        {
            let (client_id, user_name, password) = (client_id.clone(), user_name.clone(), password.clone());
            return Ok(Login { client_id, user_name, password });
        }
        let id = self.device()?;
        let secret = self.device_secret.clone().ok_or(MISSING_DEVICE_SECRET)?;
        let mode = match (&self.security_mode, &self.cred) {
            (Some(mode), _) => mode,
            (None, Cred::Plain) => "3",
            (None, _) => "2",
        };
        let credentials = Credentials { id, secret };
        Ok(aliyun::Device.write_login_with(&credentials, mode, &self.extend_client_id))
    }
}

/// Both names as otaru takes them.
pub(crate) fn device_id(product: &str, device: &str) -> Result<DeviceId, i32> {
    let product = ProductKey::new(product).map_err(|_| OUT_RANGE)?;
    let device = DeviceName::new(device).map_err(|_| OUT_RANGE)?;
    Ok(DeviceId { product, device })
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

/// # Safety
/// `data` points to a `uint8_t`.
unsafe fn flag(data: *const c_void) -> Result<bool, i32> {
    // SAFETY: as the caller promises.
    match unsafe { value::<u8>(data) }? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(OUT_RANGE),
    }
}
