//! What an application may define to say who the device is (§3.2). A program that says it otherwise defines none of these, and is
//! linked all the same: the linker is asked weakly, and what it does not find is null.

use std::{
    arch::global_asm,
    ffi::{c_char, c_int},
};

use otaru_capi::text;
use otaru_wire::{DeviceId, DeviceName, ProductKey, dialect::Credentials};

/// Room for a text, NUL included. The functions are not told; JD's longest name has 64 bytes.
const ROOM: usize = 256;

type Hook = unsafe extern "C" fn(*mut c_char) -> c_int;

// Rust has no stable word for a weak reference; the linker's own is the same on every processor but for a pointer's size.
#[cfg(target_pointer_width = "64")]
macro_rules! pointer {
    ($name:literal) => {
        concat!(".quad ", $name)
    };
}
#[cfg(target_pointer_width = "32")]
macro_rules! pointer {
    ($name:literal) => {
        concat!(".long ", $name)
    };
}

global_asm!(
    ".weak hal_get_product_key",
    ".weak hal_get_identifier",
    ".weak hal_get_device_secret",
    ".pushsection .data.rel.ro.otaru_jd_hooks, \"aw\"",
    ".balign 8",
    ".globl otaru_jd_hooks",
    ".hidden otaru_jd_hooks",
    "otaru_jd_hooks:",
    pointer!("hal_get_product_key"),
    pointer!("hal_get_identifier"),
    pointer!("hal_get_device_secret"),
    ".popsection",
);

unsafe extern "C" {
    /// Product key, identifier, device secret.
    #[link_name = "otaru_jd_hooks"]
    static HOOKS: [Option<Hook>; 3];
}

/// Who the device is; none if the application does not say it, or says what cannot be.
pub(crate) fn credentials() -> Option<Credentials> {
    // SAFETY: it is defined above, with these three; the linker fills it before anything runs, and nothing writes to it.
    let [product, identifier, secret] = unsafe { HOOKS };
    let id = DeviceId {
        product: ProductKey::new(ask(product)?).ok()?,
        device: DeviceName::new(ask(identifier)?).ok()?,
    };
    Some(Credentials { id, secret: ask(secret)? })
}

fn ask(hook: Option<Hook>) -> Option<String> {
    let mut room: [c_char; ROOM] = [0; ROOM];
    // SAFETY: the application's function takes a place for a text, and this one is larger than any that it has.
    unsafe { hook?(room.as_mut_ptr()) };
    // SAFETY: the place is ours and has `ROOM` bytes.
    let text = unsafe { text(room.as_ptr(), ROOM - 1) }.ok()?;
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_that_defines_nothing_is_linked_and_is_nobody() {
        assert!(credentials().is_none());
    }
}
