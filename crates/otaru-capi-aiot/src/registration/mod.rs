//! Dynamic registration: a device that knows only its product's secret asks for its own (§1.6).

mod http;
mod mqtt;

use std::{
    ffi::{c_uint, c_void},
    time::Duration,
};

use otaru_wire::DeviceId;

use crate::{
    code::{MISSING_DEVICE_NAME, MISSING_HOST, MISSING_PRODUCT_KEY, MISSING_PRODUCT_SECRET, OUT_RANGE},
    given::{MAX_TEXT, Own, function, text_of, value},
    mqtt::device_id,
    sysdep::{Cred, NetworkCred},
};

/// The options that both ways of registration have, by the same numbers. `H` is the type of its handler.
#[derive(Clone)] // no Debug: it holds a secret
struct Settings<H> {
    cred: Cred,
    host: Option<String>,
    port: u16,
    product_key: Option<String>,
    product_secret: Option<String>,
    device_name: Option<String>,
    send_timeout: Duration,
    handler: Option<H>,
    userdata: Own,
    timeout: Duration,
}

impl<H> Default for Settings<H> {
    fn default() -> Self {
        let five = Duration::from_secs(5);
        Self {
            cred: Cred::default(),
            host: None,
            port: 443,
            product_key: None,
            product_secret: None,
            device_name: None,
            send_timeout: five,
            handler: None,
            userdata: Own::default(),
            timeout: five,
        }
    }
}

impl<H: Copy> Settings<H> {
    /// # Safety
    /// `data` is what the option wants, and not null; a handler is of type `H`.
    unsafe fn set(&mut self, option: c_uint, data: *mut c_void) -> Result<(), i32> {
        // SAFETY: as the caller promises, for each option its type.
        unsafe {
            let text = || text_of(data.cast(), MAX_TEXT).map(str::to_owned);
            let millis = || value::<u32>(data).map(|ms| Duration::from_millis(ms.into()));
            match option {
                0 => self.cred = value::<NetworkCred>(data)?.copy()?,
                1 => self.host = Some(text()?),
                2 => self.port = value(data)?,
                3 => self.product_key = Some(text()?),
                4 => self.product_secret = Some(text()?),
                5 => self.device_name = Some(text()?),
                6 => self.send_timeout = millis()?,
                // `timeout` holds for the whole answer.
                7 => drop(millis()?),
                8 => self.handler = function(data),
                9 => self.userdata = Own(data),
                10 => self.timeout = millis()?,
                // Nothing is under way that its end would have to wait for.
                11 => drop(millis()?),
                _ => return Err(OUT_RANGE),
            }
        }
        Ok(())
    }

    /// Host, device and the product's secret, or the code of what is missing.
    fn needed(&self) -> Result<(&str, DeviceId, &str), i32> {
        let host = self.host.as_deref().ok_or(MISSING_HOST)?;
        let product = self.product_key.as_deref().ok_or(MISSING_PRODUCT_KEY)?;
        let secret = self.product_secret.as_deref().ok_or(MISSING_PRODUCT_SECRET)?;
        let device = self.device_name.as_deref().ok_or(MISSING_DEVICE_NAME)?;
        Ok((host, device_id(product, device)?, secret))
    }
}

/// Letters and digits, new each time.
fn random() -> String {
    format!("{:016X}", crate::chance())
}
