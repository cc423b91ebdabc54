//! `IOT_OTA_Ioctl` (aliyun-iotkit-v3 §3.3).

use std::{
    ffi::{c_char, c_int, c_void},
    ptr,
};

use otaru_capi::guard;
use otaru_wire::Config;

use super::{
    Ota,
    api::ota_of,
    task::{Job, Task},
};
use crate::{
    codes::{
        FAIL, SUCCESS,
        ota::{GENERAL, INVALID_PARAM, INVALID_STATE},
    },
    hal,
};

/// The spelling of a method that v3's configurations have.
fn method_name(config: &Config) -> &'static str {
    match config.digest.method() {
        otaru_wire::DigestMethod::Md5 => "Md5",
        otaru_wire::DigestMethod::Sha256 => "Sha256",
    }
}

/// `int IOT_OTA_Ioctl(void *handle, IOT_OTA_CmdType_t type, void *buf, int buf_len)`.
///
/// # Safety
/// `buf` is null or of the request's type, with `buf_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_Ioctl(
    handle: *mut c_void,
    kind: c_int,
    buf: *mut c_void,
    buf_len: c_int,
) -> c_int {
    const RESET_STATE: c_int = 15;
    guard(FAIL, || {
        if handle.is_null() {
            return INVALID_PARAM;
        }
        let Some(ota) = ota_of(handle) else { return FAIL };
        // The vendor's own callers reset with NULL and 0, and mean it (§3.3).
        if kind == RESET_STATE {
            ota.with_task(Task::reset);
            return SUCCESS;
        }
        let room = match usize::try_from(buf_len) {
            Ok(len) if len > 0 && !buf.is_null() => Room { start: buf, len },
            _ => return ota.erred(INVALID_PARAM),
        };
        if !ota.with_task(|task| task.ever_pushed) {
            return ota.erred(INVALID_STATE);
        }
        // SAFETY: as the caller promises.
        match answer(&ota, kind, &room).and_then(|answer| unsafe { room.take(answer) }) {
            Some(()) => SUCCESS,
            None => ota.erred(GENERAL),
        }
    })
}

/// What the application hands over.
struct Room {
    start: *mut c_void,
    len: usize,
}

/// What is written there.
enum Answer {
    Number(u64),
    /// Cut to the room.
    Text(String),
    /// For the application to free, in place of a pointer that is null.
    Given(String),
    Nothing,
}

/// None if the task, the room or the number is not one for it.
fn answer(ota: &Ota, kind: c_int, room: &Room) -> Option<Answer> {
    let of_config = |what: fn(&Config) -> String| {
        let text = ota.with_task(|task| match task.job() {
            Some(Job::Config(config, _)) => Some(what(config)),
            _ => None,
        });
        text.map(Answer::Given)
    };
    match kind {
        0 => of_config(|config| config.id.clone()),
        1 => ota.with_task(|task| size_of_job(task, true)).map(Answer::Number),
        2 => of_config(|config| config.digest.to_string()),
        3 => of_config(|config| method_name(config).to_owned()),
        4 => of_config(|config| config.url.clone()),
        5 => of_config(|config| config.get_type.clone()),
        6 => Some(Answer::Number(ota.with_task(|task| type_of(task)))),
        7 => Some(Answer::Number(ota.with_task(|task| task.fetched()))),
        8 => ota.with_task(|task| size_of_job(task, false)).map(Answer::Number),
        9 => ota.with_task(|task| task.job()?.md5()).map(|md5| Answer::Text(md5.to_string())),
        10 | 11 => ota.with_task(|task| match task.job()? {
            Job::Firmware(notice) if kind == 10 => Some(Answer::Text(notice.version.to_string())),
            Job::Firmware(notice) if notice.module.is_default() => Some(Answer::Text(String::new())),
            Job::Firmware(notice) => Some(Answer::Text(notice.module.to_string())),
            Job::Config(..) => None,
        }),
        12 | 13 => {
            let firmware = ota.with_task(|task| matches!(task.job(), Some(Job::Firmware(_))));
            let asked = firmware == (kind == 12) && room.is_number();
            let good = if asked { ota.check() } else { None };
            good.map(|good| Answer::Number(u64::from(good)))
        }
        14 => {
            ota.with_task(Task::begin_anew);
            Some(Answer::Nothing)
        }
        _ => None,
    }
}

/// `IOT_OTA_Type_t`: none once all bytes are there.
fn type_of(task: &Task) -> u64 {
    match task.job().filter(|_| task.is_fetching()) {
        None => 0,
        Some(Job::Config(..)) => 1,
        Some(Job::Firmware(_)) => 2,
    }
}

/// The size of the configuration, or of whatever there is.
fn size_of_job(task: &Task, config: bool) -> Option<u64> {
    task.job().filter(|job| !config || matches!(job, Job::Config(..))).map(Job::size)
}

impl Room {
    fn is_number(&self) -> bool {
        self.len == size_of::<u32>() && self.start.addr().is_multiple_of(align_of::<u32>())
    }

    /// Writes the answer; none if there is no room for it.
    ///
    /// # Safety
    /// The room is writable, and of the request's type.
    unsafe fn take(&self, answer: Answer) -> Option<()> {
        match answer {
            Answer::Number(number) => {
                let number = u32::try_from(number).ok().filter(|_| self.is_number())?;
                // SAFETY: it has room for four bytes and is aligned.
                unsafe { self.start.cast::<u32>().write(number) };
            }
            Answer::Text(text) => {
                let len = text.len().min(self.len.checked_sub(1)?);
                let start = self.start.cast::<u8>();
                // SAFETY: with its NUL it has at most the room's bytes.
                unsafe {
                    ptr::copy_nonoverlapping(text.as_ptr(), start, len);
                    start.add(len).write(0);
                }
            }
            Answer::Given(text) => {
                let place = self.start.cast::<*mut c_char>();
                // SAFETY: the room is a `char *`, as the caller promises.
                if !unsafe { place.read_unaligned() }.is_null() {
                    return None;
                }
                let given = hal::given_text(&text);
                // SAFETY: as above.
                unsafe { place.write_unaligned(given) };
                return (!given.is_null()).then_some(());
            }
            Answer::Nothing => {}
        }
        Some(())
    }
}
