//! `aiot_dynregmq_api.h`: by a short session over MQTT.

use std::{
    ffi::{c_char, c_uint, c_void},
    ptr,
    sync::{Mutex, MutexGuard},
};

use otaru_capi::{Handles, NoSession, Session, Target, guard, lock, out_text};
use otaru_wire::{
    dialect::{
        Transport,
        aliyun::{
            regions,
            registration::{self, Grant, Wish},
        },
    },
    mqtt::{ClientEvent, ClientOptions},
};

use super::{Settings, random};
use crate::{
    code::{
        ADAPTER_COMMON, DYNREGMQ_NEED_REQUEST, DYNREGMQ_TIMEOUT, NULL_POINTER, RECV_CONNECTION_CLOSED,
        SUCCESS, result,
    },
    given::{MAX_TEXT, take_handle, text_of, value},
    mqtt::open_code,
    sysdep::{self, Cred},
};

/// Options beyond those of both ways.
const NO_WHITELIST: c_uint = 12;
const INSTANCE_ID: c_uint = 13;

/// `aiot_dynregmq_recv_handler_t`.
pub type RecvHandler = unsafe extern "C" fn(handle: *mut c_void, packet: *const Recv, userdata: *mut c_void);

/// `aiot_dynregmq_recv_t`.
#[repr(C)]
pub struct Recv {
    kind: c_uint,
    data: RecvData,
}

#[repr(C)]
union RecvData {
    device_secret: *mut c_char,
    login: LoginTexts,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct LoginTexts {
    client_id: *mut c_char,
    user_name: *mut c_char,
    password: *mut c_char,
}

#[derive(Default)]
struct Registering {
    settings: Mutex<Options>,
    session: Session,
}

#[derive(Default, Clone)]
struct Options {
    common: Settings<RecvHandler>,
    no_whitelist: bool,
    instance_id: Option<String>,
}

static HANDLES: Handles<Registering> = Handles::new();

impl Registering {
    fn settings(&self) -> MutexGuard<'_, Options> {
        lock(&self.settings)
    }

    /// # Safety
    /// `data` is what the option wants, and not null.
    unsafe fn set(&self, option: c_uint, data: *mut c_void) -> Result<(), i32> {
        let mut settings = self.settings();
        // SAFETY: as the caller promises, for each option its type.
        unsafe {
            match option {
                NO_WHITELIST => settings.no_whitelist = value::<u8>(data)? != 0,
                INSTANCE_ID => settings.instance_id = Some(text_of(data.cast(), MAX_TEXT)?.to_owned()),
                _ => settings.common.set(option, data)?,
            }
        }
        Ok(())
    }

    /// The login asks.
    fn request(&self) -> Result<(), i32> {
        let settings = self.settings().clone();
        let (host, device, secret) = settings.common.needed()?;
        let wish = if settings.no_whitelist { Wish::Token } else { Wish::Secret };
        let mut login = registration::write_login(&device, wish, secret, &random());
        if let Some(instance) = settings.instance_id.as_deref().or_else(|| regions::instance_of(host)) {
            registration::name_instance(&mut login, instance);
        }
        let mut options = ClientOptions::new(login);
        options.connect_timeout = settings.common.timeout;
        self.session.prepare(options);
        let target = Target {
            host: host.to_owned(),
            port: settings.common.port,
            tls: settings.common.cred.tls()?,
            connect_timeout: settings.common.timeout,
            send_timeout: settings.common.send_timeout,
        };
        self.session.open(&target).map_err(|error| open_code(&error))
    }

    /// Waits for what the platform grants.
    fn receive(&self, handle: *mut c_void) -> Result<(), i32> {
        if !self.session.is_up() {
            return Err(DYNREGMQ_NEED_REQUEST);
        }
        let settings = self.settings().clone();
        let deadline = self.session.now() + settings.common.timeout;
        loop {
            let left = deadline.since(self.session.now());
            if left.is_zero() {
                return Err(DYNREGMQ_TIMEOUT);
            }
            match self.session.receive(left) {
                Ok(Some(ClientEvent::Message(message))) => {
                    if let Ok(Some(grant)) = registration::read_grant(&message.topic, &message.payload) {
                        self.session.close();
                        return settings.tell(handle, &grant);
                    }
                }
                Ok(Some(ClientEvent::Closed(_))) | Err(NoSession) => return Err(RECV_CONNECTION_CLOSED),
                Ok(_) => {}
            }
        }
    }
}

impl Options {
    fn tell(&self, handle: *mut c_void, grant: &Grant) -> Result<(), i32> {
        let Some(handler) = self.common.handler else { return Ok(()) };
        let tell = |packet: &Recv| {
            // SAFETY: the program promised a function of that type; packet and texts outlive the call; no lock is held.
            unsafe { handler(handle, packet, self.common.userdata.0) };
        };
        match grant {
            Grant::Secret(secret) => {
                let secret = out_text(secret);
                tell(&Recv { kind: 0, data: RecvData { device_secret: secret.as_ptr().cast_mut() } });
            }
            Grant::Token { client_id, token } => {
                let (_, device, _) = self.common.needed()?;
                let transport = match self.common.cred {
                    Cred::Plain => Transport::Plain,
                    _ => Transport::Tls,
                };
                let login = registration::write_token_login(&device, client_id, token, transport);
                let texts = [&login.client_id, &login.user_name, &login.password].map(|text| out_text(text));
                let [client_id, user_name, password] = texts.each_ref().map(|text| text.as_ptr().cast_mut());
                tell(&Recv {
                    kind: 1,
                    data: RecvData { login: LoginTexts { client_id, user_name, password } },
                });
            }
        }
        Ok(())
    }
}

/// Null without a port file.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_dynregmq_init() -> *mut c_void {
    guard(ptr::null_mut(), || match sysdep::is_ready() {
        true => HANDLES.insert(Registering::default()),
        false => ptr::null_mut(),
    })
}

/// Sets an option.
///
/// # Safety
/// `data` is null or what the option wants; function and userdata outlive the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_dynregmq_setopt(handle: *mut c_void, option: c_uint, data: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || match HANDLES.get(handle).filter(|_| !data.is_null()) {
        // SAFETY: `data` is not null and, as the program promises, what the option wants.
        Some(registering) => result(unsafe { registering.set(option, data) }),
        None => NULL_POINTER,
    })
}

/// Ends a handle.
///
/// # Safety
/// `handle` is null or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_dynregmq_deinit(handle: *mut *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        // SAFETY: as the program promises.
        let ended = unsafe { take_handle(handle) }.and_then(|handle| HANDLES.remove(handle));
        let Some(registering) = ended else { return NULL_POINTER };
        registering.session.close();
        SUCCESS
    })
}

/// Logs in to ask.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_dynregmq_send_request(handle: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || match HANDLES.get(handle) {
        Some(registering) => result(registering.request()),
        None => NULL_POINTER,
    })
}

/// Waits for what is granted.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_dynregmq_recv(handle: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || match HANDLES.get(handle) {
        Some(registering) => result(registering.receive(handle)),
        None => NULL_POINTER,
    })
}
