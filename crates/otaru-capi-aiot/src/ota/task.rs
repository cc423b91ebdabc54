//! One file of a task, as C sees it and as otaru keeps it.

use std::{
    ffi::{CString, c_char, c_uint, c_void},
    ptr,
};

use otaru_capi::out_text;
use otaru_wire::{Config, DeviceId, Digest, DigestMethod, File, Module, Notice, Source};

use crate::{
    given::{MAX_TEXT, Own, text_of},
    mqtt::device_id,
};

/// `aiot_download_task_desc_t`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct TaskDesc {
    product_key: *mut c_char,
    device_name: *mut c_char,
    url: *mut c_char,
    stream_id: u32,
    stream_file_id: u32,
    size_total: u32,
    digest_method: u8,
    expect_digest: *mut c_char,
    version: *mut c_char,
    module: *mut c_char,
    mqtt_handle: *mut c_void,
    extra_data: *mut c_char,
    file_name: *mut c_char,
    file_num: u32,
    file_id: u32,
    protocol_type: c_uint,
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A link; a program may hand over a task without one.
    Link(Option<String>),
    /// Blocks over the session.
    Stream { stream: u32, file: u32 },
}

/// The same, owned.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) device: DeviceId,
    pub(crate) module: Module,
    pub(crate) place: Place,
    /// Bytes; never 0.
    pub(crate) size: u32,
    pub(crate) method: DigestMethod,
    /// None: what the program handed over can be no digest, so nothing matches it.
    pub(crate) digest: Option<Digest>,
    version: String,
    pub(crate) mqtt: Own,
    extra: Option<String>,
    file_name: Option<String>,
    file_num: u32,
    file_id: u32,
}

impl Task {
    /// The files of a notice. None if one has a size or a stream that C's numbers cannot hold.
    pub(super) fn of_notice(device: &DeviceId, notice: Notice, mqtt: Own) -> Option<Vec<Self>> {
        let Notice { version, module, files, extra, .. } = notice;
        let file_num = u32::try_from(files.len()).ok()?;
        let task = |(file_id, File { name, size, digest, source, .. }): (u32, File)| {
            let place = match source {
                Source::Http { url } => Place::Link(Some(url)),
                Source::Mqtt { stream, file } => Place::Stream { stream: stream.try_into().ok()?, file },
            };
            Some(Self {
                device: device.clone(),
                module: module.clone(),
                place,
                size: size.try_into().ok()?,
                method: digest.method(),
                digest: Some(digest),
                version: version.as_str().to_owned(),
                mqtt,
                extra: extra.clone(),
                file_name: name.filter(|_| file_num > 1),
                file_num,
                file_id,
            })
        };
        (0..).zip(files).map(task).collect()
    }

    /// The one file of a configuration; its id stands where a version would (§2.6).
    pub(super) fn of_config(device: &DeviceId, config: Config, mqtt: Own) -> Option<Self> {
        Some(Self {
            device: device.clone(),
            module: Module::default(),
            place: Place::Link(Some(config.url)),
            size: config.size.try_into().ok()?,
            method: config.digest.method(),
            digest: Some(config.digest),
            version: config.id,
            mqtt,
            extra: None,
            file_name: None,
            file_num: 1,
            file_id: 0,
        })
    }

    /// Copies what a program hands over. None if a text or the size is missing, or a name cannot be one.
    ///
    /// # Safety
    /// Each text of `given` is null or a text.
    pub(crate) unsafe fn copy(given: &TaskDesc) -> Option<Self> {
        // SAFETY: as the caller promises.
        let text = |text: *mut c_char| unsafe { text_of(text, MAX_TEXT) }.ok();
        let device = device_id(text(given.product_key)?, text(given.device_name)?).ok()?;
        let module = text(given.module).map_or(Some(Module::default()), |name| Module::new(name).ok())?;
        let method = if given.digest_method == 0 { DigestMethod::Md5 } else { DigestMethod::Sha256 };
        let place = match (given.url.is_null(), given.stream_id) {
            (true, 1..) => Place::Stream { stream: given.stream_id, file: given.stream_file_id },
            _ => Place::Link(text(given.url).map(str::to_owned)),
        };
        Some(Self {
            device,
            module,
            place,
            size: if given.size_total == 0 { return None } else { given.size_total },
            method,
            digest: Digest::from_hex(method, text(given.expect_digest)?).ok(),
            version: text(given.version).unwrap_or_default().to_owned(),
            mqtt: Own(given.mqtt_handle),
            extra: None,
            file_name: None,
            file_num: given.file_num,
            file_id: given.file_id,
        })
    }
}

/// A task for C, and the texts it points to.
pub(super) struct Lent {
    pub(super) desc: TaskDesc,
    _texts: Vec<CString>,
}

impl Lent {
    pub(super) fn new(task: &Task) -> Self {
        let mut texts = Vec::new();
        let mut lend = |text: Option<&str>| {
            let Some(text) = text else { return ptr::null_mut() };
            let text = out_text(text);
            let lent = text.as_ptr().cast_mut();
            texts.push(text);
            lent
        };
        let digest = task.digest.map(|digest| digest.to_string());
        let module = Some(task.module.as_str()).filter(|_| !task.module.is_default());
        let (url, stream_id, stream_file_id, protocol_type) = match &task.place {
            Place::Link(url) => (url.as_deref(), 0, 0, 0),
            Place::Stream { stream, file } => (None, *stream, *file, 1),
        };
        let desc = TaskDesc {
            product_key: lend(Some(task.device.product.as_str())),
            device_name: lend(Some(task.device.device.as_str())),
            url: lend(url),
            stream_id,
            stream_file_id,
            size_total: task.size,
            digest_method: u8::from(task.method == DigestMethod::Sha256),
            expect_digest: lend(digest.as_deref()),
            version: lend(Some(&task.version)),
            module: lend(module),
            mqtt_handle: task.mqtt.0,
            extra_data: lend(task.extra.as_deref()),
            file_name: lend(task.file_name.as_deref()),
            file_num: task.file_num,
            file_id: task.file_id,
            protocol_type,
        };
        Self { desc, _texts: texts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(sources: &[Source]) -> Notice {
        let file = |source: &Source| File {
            name: Some("app.bin".to_owned()),
            size: 9,
            digest: Digest::Md5([7; 16]),
            also: None,
            source: source.clone(),
        };
        Notice {
            version: "2.0.0".parse().unwrap(),
            module: "mcu".parse().unwrap(),
            files: sources.iter().map(file).collect(),
            delta: false,
            silent: false,
            extra: Some("{\"a\":1}".to_owned()),
            signature: None,
            terms: None,
        }
    }

    fn device() -> DeviceId {
        DeviceId { product: "pump".parse().unwrap(), device: "p1".parse().unwrap() }
    }

    #[test]
    fn a_task_that_is_lent_and_copied_says_the_same_but_for_what_the_sdk_does_not_copy() {
        let link = Source::Http { url: "http://files.example/a?t=1".to_owned() };
        let stream = Source::Mqtt { stream: 7, file: 2 };
        for (source, file_num) in [(link, 1), (stream, 2)] {
            let sources = vec![source; file_num];
            let tasks = Task::of_notice(&device(), notice(&sources), Own::default()).unwrap();
            assert_eq!(tasks.len(), file_num);
            for task in tasks {
                let lent = Lent::new(&task);
                // SAFETY: every text is lent.
                let copy = unsafe { Task::copy(&lent.desc) }.unwrap();
                assert_eq!((copy.device, copy.module, copy.place), (task.device, task.module, task.place));
                assert_eq!((copy.size, copy.digest, copy.version), (task.size, task.digest, task.version));
                assert_eq!((copy.extra, copy.file_name), (None, None));
                assert_eq!(lent.desc.file_name.is_null(), file_num == 1);
            }
        }
    }

    #[test]
    fn a_size_that_c_cannot_hold_makes_no_task() {
        let mut huge = notice(&[Source::Mqtt { stream: 1, file: 1 }]);
        huge.files[0].size = 1 << 32;
        assert!(Task::of_notice(&device(), huge, Own::default()).is_none());
    }
}
