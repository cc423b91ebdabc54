//! `dev_token.h`: the signed text by which a device proves who it is.

use std::ffi::c_uchar;

use otaru_wire::{
    DeviceId, DeviceName, ProductKey,
    dialect::onenet::{AccessKey, Claim, Edition, Local, Method, Resource, ReturnCode},
};

use crate::arguments::{INVALID, number, text};

/// The room that a program has for the text, in bytes, NUL included.
pub(crate) const ROOM: usize = 256;

/// The longest access key, in base64.
pub(crate) const MAX_KEY: usize = 344;

const MAX_NAME: usize = 64;

/// `enum sig_method_e`.
const METHODS: [Method; 3] = [Method::Md5, Method::Sha1, Method::Sha256];

/// Writes the text.
///
/// # Safety
/// `token` is NULL or has room for 256 bytes; the others are NULL or texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dev_token_generate(
    token: *mut c_uchar,
    method: u32,
    exp_time: u32,
    product_id: *const c_uchar,
    dev_name: *const c_uchar,
    access_key: *const c_uchar,
) -> i32 {
    number(|| {
        if token.is_null() {
            return Err(INVALID);
        }
        // SAFETY: there is room, as the caller promises. A program that looks at no number finds the empty text.
        unsafe { token.write(0) };
        let method = usize::try_from(method).ok().and_then(|at| METHODS.get(at)).ok_or(INVALID)?;
        // SAFETY: as the caller promises.
        let (product, key) = unsafe {
            (
                text(product_id, MAX_NAME, |text| ProductKey::new(text).ok())?,
                text(access_key, MAX_KEY, |text| AccessKey::from_base64(text).ok())?,
            )
        };
        let resource = match dev_name.is_null() {
            true => Resource::Product(product),
            false => {
                // SAFETY: as the caller promises.
                let device = unsafe { text(dev_name, MAX_NAME, |text| DeviceName::new(text).ok()) }?;
                Resource::Device(DeviceId { product, device })
            }
        };
        let claim = Claim { edition: Edition::E2018, resource, expires_s: exp_time.into(), method: *method };
        let signed = claim.sign(&key);
        if signed.len() >= ROOM {
            return Err(ReturnCode::Local(Local::Overflow));
        }
        // SAFETY: the text and its NUL fit into the room.
        unsafe {
            token.copy_from_nonoverlapping(signed.as_ptr(), signed.len());
            token.add(signed.len()).write(0);
        }
        Ok(())
    })
}
