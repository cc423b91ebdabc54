//! Who is updated: products and their devices.

use std::fmt;

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
    /// The gateway that it was added to: whose session may speak for it once it has logged in there.
    pub gateway: Option<DeviceId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last connected or spoke; none if it never did.
    pub last_seen_at: Option<Timestamp>,
}
