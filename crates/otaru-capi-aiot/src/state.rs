//! `aiot_state_api.h`: the log.

use std::{
    ffi::{c_char, c_int},
    sync::{PoisonError, RwLock},
    time::{SystemTime, UNIX_EPOCH},
};

use otaru_capi::{guard, out_text};

use crate::code::SUCCESS;

/// The longest line, CR LF included, in bytes.
const MAX_LINE: usize = 160;

type LogCallback = unsafe extern "C" fn(code: i32, message: *mut c_char) -> c_int;

static CALLBACK: RwLock<Option<LogCallback>> = RwLock::new(None);

/// Sets the callback of the log.
///
/// # Safety
/// It may be called with a code and a text from any thread that calls the library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_state_set_logcb(handler: Option<LogCallback>) -> i32 {
    guard(SUCCESS, || {
        *CALLBACK.write().unwrap_or_else(PoisonError::into_inner) = handler;
        SUCCESS
    })
}

/// Tells the program's callback, if it has one: `[seconds.ms][LK-XXXX] text`, where XXXX is the code without its sign. No
/// lock is held meanwhile, so the callback may call the library.
pub(crate) fn log(code: i32, text: &str) {
    let callback = *CALLBACK.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(callback) = callback {
        let mut message = out_text(&line(code, text)).into_bytes_with_nul();
        // SAFETY: the program promised to take a code and a text; the text is ours and outlives the call.
        unsafe { callback(code, message.as_mut_ptr().cast()) };
    }
}

fn line(code: i32, text: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut line =
        format!("[{}.{:03}][LK-{:04X}] {text}", now.as_secs(), now.subsec_millis(), code.unsigned_abs());
    let mut end = line.len().min(MAX_LINE - 2);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_vendors_form_and_at_most_160_bytes() {
        let short = line(-0x0313, "connected");
        assert!(short.starts_with('[') && short.ends_with("][LK-0313] connected\r\n"), "{short:?}");
        let long = line(-0x1D04, &"é".repeat(200));
        assert!(long.len() <= MAX_LINE && long.ends_with("é\r\n"), "{long:?}");
    }
}
