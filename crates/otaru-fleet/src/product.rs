//! Who is updated: products and their devices.

use std::{fmt, str::FromStr};

use otaru_wire::{DeviceId, ProductKey};
use serde::{Deserialize, Serialize};

use crate::{RegistrationRule, Timestamp, named::named};

named! {
    /// How a product's devices speak.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Dialect {
        /// Alibaba Cloud IoT Platform.
        Aliyun = "aliyun",
        /// JD Cloud IoT Engine.
        Jd = "jd",
        /// OneNET of China Mobile IoT, in all its generations.
        Onenet = "onenet",
    }
    /// A text that names no dialect.
    else UnknownDialect("no dialect is named {0:?} (known: aliyun, jd, onenet)")
}

/// A text that must not reach a log. Only [`Secret::expose`] gives it out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that is to be kept secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a device knows itself by before it knows its name: a serial number for instance. 1 to 128 bytes without control
/// characters (onenet §2.1 row 9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(String);

/// A text that cannot be a serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a serial has 1 to {} bytes and no control characters", Serial::MAX_BYTES)]
pub struct NotASerial;

impl Serial {
    /// The longest one, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Takes the text if it can be one.
    ///
    /// # Errors
    /// [`NotASerial`].
    pub fn new(text: impl Into<String>) -> Result<Self, NotASerial> {
        let text = text.into();
        let fits = (1..=Self::MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(NotASerial) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Serial {
    type Error = NotASerial;

    fn try_from(text: String) -> Result<Self, NotASerial> {
        Self::new(text)
    }
}

impl FromStr for Serial {
    type Err = NotASerial;

    fn from_str(text: &str) -> Result<Self, NotASerial> {
        Self::new(text)
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> String {
        serial.0
    }
}

/// A kind of device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its key, unique on the platform.
    pub key: ProductKey,
    /// How its devices speak.
    pub dialect: Dialect,
    /// The product's secret: what devices register themselves with, or prove themselves with beside their own, where a dialect
    /// knows that.
    pub secret: Secret,
    /// Which of its devices may register themselves with that secret.
    pub registration: RegistrationRule,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One device of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Who it is.
    pub id: DeviceId,
    /// What its logins are proven with.
    pub secret: Secret,
    /// The text by which it asks for its name, where a dialect knows that and it does not know its name yet: unique within its
    /// product.
    pub serial: Option<Serial>,
    /// The gateway that it was added to: whose session may speak for it once it has logged in there.
    pub gateway: Option<DeviceId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last connected or spoke; none if it never did.
    pub last_seen_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_a_short_text_on_one_line() {
        for text in ["SN-0815", "imei 86 000", "ü"] {
            assert_eq!(Serial::new(text).unwrap().as_str(), text);
        }
        for text in ["", "a\nb", &"x".repeat(129)] {
            assert_eq!(text.parse::<Serial>(), Err(NotASerial), "{text:?}");
        }
    }
}
