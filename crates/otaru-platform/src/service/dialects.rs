//! From a dialect's name to the code that speaks it.

use otaru_fleet::Dialect;
use otaru_wire::{
    DeviceId,
    dialect::{Login, LoginError, PlatformHalf, aliyun, jd, onenet},
};

/// The platform's half of a dialect.
pub(super) fn half(dialect: Dialect) -> Option<&'static dyn PlatformHalf> {
    match dialect {
        Dialect::Aliyun => Some(&aliyun::Platform),
        Dialect::Jd => Some(&jd::PLATFORM),
        Dialect::Onenet => Some(&onenet::Platform),
        _ => None,
    }
}

/// Whose login this claims to be, and in which dialect: its form alone tells.
pub(super) fn claim(login: &Login) -> Result<(Dialect, &'static dyn PlatformHalf, DeviceId), LoginError> {
    for dialect in Dialect::ALL {
        let Some(half) = half(dialect) else { continue };
        match half.read_login(login) {
            Ok(device) => return Ok((dialect, half, device)),
            Err(LoginError::NotThisDialect) => {}
            Err(error) => return Err(error),
        }
    }
    Err(LoginError::NotThisDialect)
}
