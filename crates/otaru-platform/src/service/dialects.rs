//! From a dialect's name to the code that speaks it.

use otaru_fleet::Dialect;
use otaru_wire::{
    DeviceId,
    dialect::{Login, LoginError, PlatformHalf, aliyun, jd, onenet},
};

/// How each dialect is spoken here.
#[derive(Debug, Clone, Copy)]
pub struct Dialects {
    jd: &'static jd::Platform,
}

impl Default for Dialects {
    /// What vendors never published is as proposed.
    fn default() -> Self {
        Self { jd: &jd::PLATFORM }
    }
}

impl Dialects {
    /// With what JD never published. The table lives as long as the process, as every dialect does.
    pub fn with_jd(table: jd::Unpublished) -> Self {
        Self { jd: Box::leak(Box::new(jd::Platform(Box::leak(Box::new(table))))) }
    }

    /// The platform's half of a dialect.
    pub(super) fn half(&self, dialect: Dialect) -> Option<&'static dyn PlatformHalf> {
        match dialect {
            Dialect::Aliyun => Some(&aliyun::Platform),
            Dialect::Jd => Some(self.jd),
            Dialect::Onenet => Some(&onenet::Platform),
            _ => None,
        }
    }

    /// Whose login this claims to be, and in which dialect: its form alone tells.
    pub(super) fn claim(
        &self,
        login: &Login,
    ) -> Result<(Dialect, &'static dyn PlatformHalf, DeviceId), LoginError> {
        for dialect in Dialect::ALL {
            let Some(half) = self.half(dialect) else { continue };
            match half.read_login(login) {
                Ok(device) => return Ok((dialect, half, device)),
                Err(LoginError::NotThisDialect) => {}
                Err(error) => return Err(error),
            }
        }
        Err(LoginError::NotThisDialect)
    }
}
