//! What an OTA handle stands for: versions up, tasks down.

use std::{
    ffi::{c_uint, c_void},
    sync::{Arc, Mutex, MutexGuard},
};

use otaru_capi::lock;

use otaru_wire::{
    DeviceId, Module, Report, Version,
    dialect::{DeviceHalf, Downlink, aliyun, aliyun::StateCode},
    mqtt::Message,
};

use super::{
    HANDLES,
    task::{Lent, Task, TaskDesc},
};
use crate::{
    code::{self, NULL_POINTER, OUT_RANGE, UNKNOWN_OPTION},
    given::{MAX_TEXT, Own, function, text_of},
    mqtt::{self, Mqtt},
    state::log,
};

/// What the SDK listens to; it subscribes to none of them (§2.1).
const FILTERS: [&str; 4] = [
    "/ota/device/upgrade/+/+",
    "/sys/+/+/thing/config/push",
    "/sys/+/+/thing/config/get_reply",
    "/sys/+/+/thing/ota/firmware/get_reply",
];

/// `aiot_ota_recv_handler_t`.
pub type RecvHandler = unsafe extern "C" fn(handle: *mut c_void, message: *const Recv, userdata: *mut c_void);

/// `aiot_ota_recv_t`.
#[derive(Debug)]
#[repr(C)]
pub struct Recv {
    kind: c_uint,
    task: *const TaskDesc,
}

const FOTA: c_uint = 0;
const COTA: c_uint = 1;

#[derive(Debug)]
pub(super) struct Updates {
    handle: Own,
    settings: Mutex<Settings>,
}

#[derive(Debug, Default)]
struct Settings {
    handler: Option<RecvHandler>,
    mqtt: Own,
    userdata: Own,
    module: Module,
}

impl Updates {
    pub(super) fn new(handle: *mut c_void) -> Self {
        Self { handle: Own(handle), settings: Mutex::default() }
    }

    /// # Safety
    /// `data` is what the option wants, and not null.
    pub(super) unsafe fn set(&self, option: c_uint, data: *mut c_void) -> Result<(), i32> {
        match option {
            // SAFETY: as the caller promises.
            0 => self.settings().handler = unsafe { function(data) },
            1 => self.listen(data)?,
            2 => self.settings().userdata = Own(data),
            3 => {
                // SAFETY: as the caller promises.
                let name = unsafe { text_of(data.cast(), MAX_TEXT)? };
                self.settings().module = Module::new(name).map_err(|_| OUT_RANGE)?;
            }
            _ => return Err(UNKNOWN_OPTION),
        }
        Ok(())
    }

    fn listen(&self, handle: *mut c_void) -> Result<(), i32> {
        let mqtt = mqtt::find(handle)?;
        self.leave();
        self.settings().mqtt = Own(handle);
        let (owner, session) = (self.handle, Own(handle));
        for filter in FILTERS {
            let take = move |message: &Message| {
                if let Some(updates) = HANDLES.get(owner.pointer()) {
                    updates.hear(session, message);
                }
            };
            mqtt.take(owner, filter, false, Arc::new(take));
        }
        Ok(())
    }

    /// Listens no more.
    pub(super) fn leave(&self) {
        let mqtt = self.settings().mqtt;
        if let Ok(mqtt) = mqtt::find(mqtt.0) {
            mqtt.leave(self.handle, None);
        }
    }

    /// The session it was given; the error is for a handle that was never set. One that was ended says so itself.
    pub(super) fn session(&self, missing: i32) -> Result<Arc<Mqtt>, i32> {
        let mqtt = self.settings().mqtt;
        mqtt::find(mqtt.0).map_err(|code| if code == NULL_POINTER { missing } else { code })
    }

    /// Reports what the session's own device runs.
    pub(super) fn report(&self, mqtt: &Mqtt, version: &str) -> Result<(), i32> {
        let device = mqtt.settings().device()?;
        let module = self.settings().module.clone();
        report_version(mqtt, &device, module, version)
    }

    /// Asks whether there is a task.
    pub(super) fn query(&self, mqtt: &Mqtt) -> Result<(), i32> {
        let device = mqtt.settings().device()?;
        let module = self.settings().module.clone();
        mqtt.report(&device, &Report::Query { module, running: None, wanted: None })
    }

    /// A message on one of its topics.
    fn hear(&self, mqtt: Own, message: &Message) {
        let Some(device) = aliyun::Device.addressee(&message.topic) else { return };
        match aliyun::Device.read_message(&device, &message.topic, &message.payload) {
            Ok(Downlink::Notice(notice)) => match Task::of_notice(&device, notice, mqtt) {
                Some(tasks) => tasks.iter().for_each(|task| self.tell(FOTA, task)),
                None => unread("a size or a stream does not fit into 32 bits"),
            },
            Ok(Downlink::Config { config, .. }) => match Task::of_config(&device, config, mqtt) {
                Some(task) => self.tell(COTA, &task),
                None => unread("a size does not fit into 32 bits"),
            },
            Ok(_) => {}
            Err(error) => {
                let code = StateCode::of_reading(&error).unwrap_or(StateCode::OtaParseJsonError);
                log(code::of(code), &error.to_string());
            }
        }
    }

    fn tell(&self, kind: c_uint, task: &Task) {
        let (handler, userdata) = {
            let settings = self.settings();
            (settings.handler, settings.userdata)
        };
        if let Some(handler) = handler {
            let lent = Lent::new(task);
            let message = Recv { kind, task: &raw const lent.desc };
            // SAFETY: the program promised a function of that type; message, task and texts outlive the call; no lock is
            // held.
            unsafe { handler(self.handle.0, &message, userdata.0) };
        }
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }
}

/// Reports what a device runs. `version` is the program's.
pub(super) fn report_version(
    mqtt: &Mqtt,
    device: &DeviceId,
    module: Module,
    version: &str,
) -> Result<(), i32> {
    let version = Version::new(version).map_err(|_| OUT_RANGE)?;
    mqtt.report(device, &Report::Version { module, version })
}

fn unread(why: &str) {
    log(code::of(StateCode::OtaParseJsonError), why);
}
