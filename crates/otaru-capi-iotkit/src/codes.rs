//! The vendor's numbers (aliyun-iotkit-v3 §3.1, §3.4, §4).

use std::ffi::c_int;

/// All went well.
pub(crate) const SUCCESS: c_int = 0;
/// It did not.
pub(crate) const FAIL: c_int = -1;
/// A null pointer, or a text that is too long; in the OTA group: an invalid argument.
pub(crate) const NULL_VALUE: c_int = -2;

/// A time that is negative, or a buffer that is null.
pub(crate) const OUT_OF_RANGE: c_int = -0x0113;
pub(crate) const NULL_META: c_int = -0x010F;
pub(crate) const BAD_DEVICE_TYPE: c_int = -0x0111;

/// A download broke.
pub(crate) const BROKEN: c_int = -0x0208;
/// No byte in time.
pub(crate) const TIMED_OUT: c_int = -0x0209;
/// `HAL_Firmware_Persistence_Write` failed.
pub(crate) const WRITE_FAILED: c_int = -0x020F;
/// Ten messages wait for their PUBACK.
pub(crate) const TOO_MANY_WAIT: c_int = -0x031C;
/// The server's answer is of no use.
pub(crate) const BAD_ANSWER: c_int = -0x0605;

pub(crate) const ALREADY_OPEN: c_int = -0x0901;
pub(crate) const ALREADY_CONNECTED: c_int = -0x0902;
pub(crate) const NOT_OPEN: c_int = -0x0903;
pub(crate) const NOT_CONNECTED: c_int = -0x0904;
pub(crate) const CONNECT_FAILED: c_int = -0x090F;
pub(crate) const DIGEST_WRONG: c_int = -0x0918;
pub(crate) const NO_TASK: c_int = -0x0919;
pub(crate) const FETCH_FAILED: c_int = -0x091A;
pub(crate) const NOT_RUNNING: c_int = -0x093C;
pub(crate) const BUSY: c_int = -0x093D;

/// `IOT_OTA_Err_t`.
pub(crate) mod ota {
    use std::ffi::c_int;

    pub(crate) const GENERAL: c_int = -1;
    pub(crate) const INVALID_PARAM: c_int = -2;
    pub(crate) const INVALID_STATE: c_int = -3;
    pub(crate) const STR_TOO_LONG: c_int = -4;
    pub(crate) const OSC_FAILED: c_int = -7;
}
