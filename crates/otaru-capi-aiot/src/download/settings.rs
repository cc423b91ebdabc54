//! The options of a download.

use std::{
    ffi::{c_uint, c_void},
    sync::Arc,
    time::Duration,
};

use otaru_wire::dialect::aliyun::StateCode;

use super::RecvHandler;
use crate::{
    code::{OUT_RANGE, of},
    given::{Own, function, value},
    ota::{Task, TaskDesc},
    sysdep::{Cred, NetworkCred},
};

/// The longest piece that a program gets at once. Stops a mistaken option from taking all memory.
const MAX_BUFFER: u32 = 16 * 1024 * 1024;

/// What was set; the defaults are the SDK's (§4.9).
pub(super) struct Settings {
    pub(super) cred: Cred,
    pub(super) port: Option<u16>,
    pub(super) recv_timeout: Duration,
    pub(super) handler: Option<RecvHandler>,
    pub(super) userdata: Own,
    pub(super) task: Option<Arc<Task>>,
    pub(super) range_start: u32,
    /// Inclusive; 0: to the file's end.
    pub(super) range_end: u32,
    pub(super) buffer_len: usize,
}

/// What an option means beyond its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Nothing,
    /// Another range of the same file.
    Range,
    /// Another file.
    Task,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cred: Cred::default(),
            port: None,
            recv_timeout: Duration::from_secs(5),
            handler: None,
            userdata: Own::default(),
            task: None,
            range_start: 0,
            range_end: 0,
            buffer_len: 2048,
        }
    }
}

impl Settings {
    /// # Safety
    /// `data` is what the option wants, and not null.
    pub(super) unsafe fn set(&mut self, option: c_uint, data: *mut c_void) -> Result<Changed, i32> {
        // SAFETY: as the caller promises, for each option its type.
        unsafe {
            match option {
                0 => self.cred = value::<NetworkCred>(data)?.copy()?,
                1 => self.port = Some(value(data)?),
                2 => self.recv_timeout = Duration::from_millis(value::<u32>(data)?.into()),
                3 => self.handler = function(data),
                4 => self.userdata = Own(data),
                5 => {
                    let copied = Task::copy(&value::<TaskDesc>(data)?);
                    let task = copied.ok_or(of(StateCode::DownloadSetoptCopiedDataIsNull))?;
                    self.task = Some(Arc::new(task));
                    return Ok(Changed::Task);
                }
                6 => {
                    self.range_start = value(data)?;
                    return Ok(Changed::Range);
                }
                7 => {
                    self.range_end = value(data)?;
                    return Ok(Changed::Range);
                }
                8 => self.buffer_len = value::<u32>(data)?.clamp(1, MAX_BUFFER) as usize,
                _ => return Err(OUT_RANGE),
            }
        }
        Ok(Changed::Nothing)
    }
}
