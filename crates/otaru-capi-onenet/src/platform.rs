//! Where the platform is: the vendor's client has that compiled in, here a program or its environment says it.

use std::{
    env,
    ffi::c_char,
    fs,
    sync::{PoisonError, RwLock},
};

use otaru_agent::{HttpClient, Trust};
use otaru_wire::dialect::onenet::Generation;

use crate::arguments::{INVALID, Outcome, number};

/// The longest URL, in bytes.
const MAX_URL: usize = 256;
/// The longest text of certificates, in bytes.
const MAX_PEM: usize = 1024 * 1024;

/// What stands before the paths of the third generation (§1).
const FUSE: &str = "/fuse-ota";

const URL_VARIABLE: &str = "OTARU_ONENET_URL";
const CA_VARIABLE: &str = "OTARU_ONENET_CA";

/// What a program set.
static SET: RwLock<Option<Platform>> = RwLock::new(None);

/// A platform and what is spoken there.
#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) http: HttpClient,
    /// The URL says that it is the third generation's.
    fuse: bool,
}

/// Says where the platform is.
///
/// # Safety
/// `url` and `ca_pem` are NULL or texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otaru_onenet_platform(url: *const c_char, ca_pem: *const c_char) -> i32 {
    number(|| {
        let set = match url.is_null() {
            true => None,
            false => {
                // SAFETY: as the caller promises.
                let url = unsafe { otaru_capi::text(url, MAX_URL) }.map_err(|_| INVALID)?;
                let trust = match ca_pem.is_null() {
                    true => Trust::WebRoots,
                    false => {
                        // SAFETY: as the caller promises.
                        let pem = unsafe { otaru_capi::text(ca_pem, MAX_PEM) }.map_err(|_| INVALID)?;
                        Trust::read(pem.as_bytes()).map_err(|_| INVALID)?
                    }
                };
                Some(Platform::at(url, &trust)?)
            }
        };
        *SET.write().unwrap_or_else(PoisonError::into_inner) = set;
        Ok(())
    })
}

impl Platform {
    /// Where it is, and the generation spoken there by a program of that one.
    pub(crate) fn of(program: Generation) -> Outcome<(HttpClient, Generation)> {
        let set = SET.read().unwrap_or_else(PoisonError::into_inner).clone();
        let platform = match set {
            Some(platform) => platform,
            None => Self::of_environment(program)?,
        };
        match (program, platform.fuse) {
            (Generation::Token, true) => Err(INVALID),
            (_, true) => Ok((platform.http, Generation::Fuse)),
            (program, false) => Ok((platform.http, program)),
        }
    }

    fn of_environment(program: Generation) -> Outcome<Self> {
        let vendor = match program {
            Generation::Token => "http://ota.heclouds.com",
            Generation::Tid | Generation::Fuse => "http://studio-ota.heclouds.com",
        };
        let url = env::var(URL_VARIABLE).unwrap_or_else(|_| vendor.to_owned());
        let trust = match env::var_os(CA_VARIABLE) {
            Some(file) => Trust::read(&fs::read(file).map_err(|_| INVALID)?).map_err(|_| INVALID)?,
            None => Trust::WebRoots,
        };
        Self::at(&url, &trust)
    }

    fn at(url: &str, trust: &Trust) -> Outcome<Self> {
        let url = url.trim_end_matches('/');
        let base = url.strip_suffix(FUSE);
        let http = HttpClient::new(base.unwrap_or(url), trust).map_err(|_| INVALID)?;
        Ok(Self { http, fuse: base.is_some() })
    }
}
