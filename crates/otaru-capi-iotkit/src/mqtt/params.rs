//! `iotx_mqtt_param_t`, and what a session makes of it (aliyun-iotkit-v3 §1.2, §5).

use std::{
    ffi::{c_char, c_void},
    time::Duration,
};

use otaru_agent::Trust;
use otaru_capi::{Target, text};
use otaru_wire::{
    DeviceId, DeviceName, ProductKey,
    dialect::{Credentials, DeviceHalf, Login, Transport, aliyun::DeviceV3},
    mqtt::ClientOptions,
};

use crate::{hal, mqtt::event::Handler, settings::settings};

const MAX_TEXT: usize = 255;
const MAX_PEM: usize = 256 * 1024;
/// Bounds of the request timeout, and what is taken outside of them.
const REQUEST_TIMEOUT_MS: (u32, u32, u32) = (1000, 10_000, 5000);
/// The same of the keep-alive.
const KEEP_ALIVE_MS: (u32, u32, u32) = (30_000, 1_200_000, 60_000);
/// Messages of QoS 1 that may wait for their PUBACK.
const MAX_WAITING: usize = 10;

/// `iotx_mqtt_param_t`: 96 bytes on LP64.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct MqttParam {
    port: u16,
    host: *const c_char,
    client_id: *const c_char,
    username: *const c_char,
    password: *const c_char,
    customize_info: *const c_char,
    pub_key: *const c_char,
    clean_session: u8,
    request_timeout_ms: u32,
    keepalive_interval_ms: u32,
    write_buf_size: u32,
    read_buf_size: u32,
    handle_event: EventHandle,
}

/// `iotx_mqtt_event_handle_t`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct EventHandle {
    h_fp: Handler,
    pcontext: *mut c_void,
}

/// All that a session needs.
pub(crate) struct Plan {
    pub(crate) device: DeviceId,
    pub(crate) target: Target,
    pub(crate) options: ClientOptions,
    /// Whom to trust on `https`.
    pub(crate) trust: Trust,
    pub(crate) handler: Handler,
    pub(crate) context: *mut c_void,
}

/// What the application says of a session, in Rust's words; what it leaves out has a default.
struct Wishes {
    host: Option<String>,
    port: u16,
    login: [Option<String>; 3],
    customize: Option<String>,
    pem: Option<String>,
    request_timeout_ms: u32,
    keep_alive_ms: u32,
    handler: Handler,
    context: *mut c_void,
}

/// Plans a session from what the application says, or from defaults alone. The error is for people.
///
/// # Safety
/// `param` is null, or its texts are null or end with NUL.
pub(crate) unsafe fn plan(param: *const MqttParam) -> Result<Plan, String> {
    // SAFETY: as the caller promises.
    let wishes =
        unsafe { if param.is_null() { Wishes::none() } else { Wishes::read(&param.read_unaligned())? } };
    wishes.plan()
}

impl Wishes {
    fn none() -> Self {
        Self {
            host: None,
            port: 0,
            login: [None, None, None],
            customize: None,
            pem: None,
            request_timeout_ms: 0,
            keep_alive_ms: 0,
            handler: None,
            context: std::ptr::null_mut(),
        }
    }

    /// # Safety
    /// The texts are null or end with NUL.
    unsafe fn read(param: &MqttParam) -> Result<Self, String> {
        let told = |what: &str, start, max| match start {
            start if <*const c_char>::is_null(start) => Ok(None),
            // SAFETY: as the caller promises.
            start => match unsafe { text(start, max) } {
                Ok(text) => Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
                Err(_) => Err(format!("{what} is longer than {max} bytes, or no UTF-8")),
            },
        };
        Ok(Self {
            host: told("the host", param.host, MAX_TEXT)?,
            port: param.port,
            login: [
                told("the client id", param.client_id, MAX_TEXT)?,
                told("the user name", param.username, MAX_TEXT)?,
                told("the password", param.password, MAX_TEXT)?,
            ],
            customize: told("customize_info", param.customize_info, MAX_TEXT)?,
            pem: told("pub_key", param.pub_key, MAX_PEM)?,
            request_timeout_ms: param.request_timeout_ms,
            keep_alive_ms: param.keepalive_interval_ms,
            handler: param.handle_event.h_fp,
            context: param.handle_event.pcontext,
        })
    }

    fn plan(self) -> Result<Plan, String> {
        let identity = hal::identity();
        let device = DeviceId {
            product: ProductKey::new(identity.product_key).map_err(|error| error.to_string())?,
            device: DeviceName::new(identity.device_name).map_err(|error| error.to_string())?,
        };
        let (broker, customize) = {
            let settings = settings();
            (settings.broker(&device.product), settings.customize.clone())
        };
        let customize = self.customize.or(Some(customize).filter(|text| !text.is_empty()));
        let (host, port) = match (self.host, broker) {
            (Some(host), broker) => (host, broker.map_or(443, |(_, port)| port)),
            (None, Some(broker)) => broker,
            (None, None) => return Err("the region is custom and no domain was told".to_owned()),
        };
        let trust = match self.pem.or_else(hal::root_certificate) {
            Some(pem) => {
                Some(Trust::read(pem.as_bytes()).map_err(|error| format!("the root certificate: {error}"))?)
            }
            None => None,
        };
        let transport = if trust.is_some() { Transport::Tls } else { Transport::Plain };
        let tls = trust.as_ref().map(Trust::client_config).transpose().map_err(|error| error.to_string())?;
        let credentials = Credentials { id: device.clone(), secret: identity.device_secret };
        let signed = match customize {
            Some(pairs) => DeviceV3.write_login_with(&credentials, transport, &pairs),
            None => DeviceV3.write_login(&credentials, transport),
        };
        let request_timeout = Duration::from_millis(bounded(self.request_timeout_ms, REQUEST_TIMEOUT_MS));
        let [client_id, user_name, password] = self.login;
        let mut options = ClientOptions::new(Login {
            client_id: client_id.unwrap_or(signed.client_id),
            user_name: user_name.unwrap_or(signed.user_name),
            password: password.unwrap_or(signed.password),
        });
        options.keep_alive = Duration::from_millis(bounded(self.keep_alive_ms, KEEP_ALIVE_MS));
        options.connect_timeout = request_timeout;
        options.max_waiting = MAX_WAITING;
        Ok(Plan {
            device,
            target: Target {
                host,
                port: if self.port == 0 { port } else { self.port },
                tls,
                connect_timeout: request_timeout,
                send_timeout: request_timeout,
            },
            options,
            trust: trust.unwrap_or(Trust::WebRoots),
            handler: self.handler,
            context: self.context,
        })
    }
}

fn bounded(value: u32, (min, max, default): (u32, u32, u32)) -> u64 {
    u64::from(if (min..=max).contains(&value) { value } else { default })
}
