//! Who and what: product, device, module, version, message number.

use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Serialize};

/// Why a text cannot be an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("{what} is empty")]
    Empty {
        /// Which id it was meant to be.
        what: &'static str,
    },
    /// The text is longer than the id may be.
    #[error("{what} has {len} bytes; at most {max} are allowed")]
    TooLong {
        /// Which id it was meant to be.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The longest length allowed, in bytes.
        max: usize,
    },
    /// The text holds a character that the id may not hold.
    #[error("{what} holds {found:?}; letters, digits and {allowed} are allowed")]
    Character {
        /// Which id it was meant to be.
        what: &'static str,
        /// The first such character.
        found: char,
        /// The marks allowed beside letters and digits.
        allowed: &'static str,
    },
}

pub(crate) fn check(
    what: &'static str,
    text: &str,
    max: usize,
    allowed: &'static str,
) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    if text.len() > max {
        return Err(IdError::TooLong { what, len: text.len(), max });
    }
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && !allowed.contains(*c)) {
        Some(found) => Err(IdError::Character { what, found, allowed }),
        None => Ok(()),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes the text if it is well formed.
            ///
            /// # Errors
            /// [`IdError`] says which rule the text breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check($what, &text, $max, $allowed)?;
                Ok(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl core::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A product: the kind of device. 1 to 64 of letters, digits, `_`, `-`.
    ProductKey, "product key", 64, "_-"
}
text_id! {
    /// A device's name, unique within its product. 1 to 64 of letters, digits, `_`, `-`, `.`, `:`, `@`.
    DeviceName, "device name", 64, "_-.:@"
}
text_id! {
    /// A firmware version. 1 to 64 of letters, digits, `.`, `_`, `-` (aliyun-link-sdk-v4 §2.2). Compared as text:
    /// no order is assumed between versions.
    Version, "version", 64, "._-"
}
text_id! {
    /// A separately versioned part of a device. 1 to 64 of letters, digits, `.`, `_`, `-` (aliyun-link-sdk-v4 §2.2).
    /// The whole device is the module `default`.
    Module, "module", 64, "._-"
}

impl Module {
    /// The name of the module that is meant when none is named.
    pub const DEFAULT: &'static str = "default";

    /// True for the module that dialects leave unnamed.
    pub fn is_default(&self) -> bool {
        self.0 == Self::DEFAULT
    }
}

impl Default for Module {
    fn default() -> Self {
        Self(Self::DEFAULT.to_string())
    }
}

/// One device of one product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceId {
    /// The product.
    pub product: ProductKey,
    /// The device's name within it.
    pub device: DeviceName,
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.product, self.device)
    }
}

/// The number a message bears. SDKs write a number, documents a text; an answer repeats what it was given
/// (aliyun-link-sdk-v4 §2.2, §2.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MessageId {
    /// Written without quotes.
    Number(u64),
    /// Written in quotes.
    Text(String),
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn an_id_refuses_empty_long_and_foreign_text() {
        assert_eq!(Version::new(""), Err(IdError::Empty { what: "version" }));
        assert_eq!(Version::new("1".repeat(65)), Err(IdError::TooLong { what: "version", len: 65, max: 64 }));
        let error = DeviceName::new("a/b").unwrap_err();
        assert_eq!(format!("{error}"), "device name holds '/'; letters, digits and _-.:@ are allowed");
        assert!(ProductKey::new("a1Demo+").is_err(), "a topic wildcard must never be part of an id");
    }

    #[test]
    fn the_unnamed_module_is_default() {
        assert!(Module::default().is_default());
        assert!(!Module::new("mcu").unwrap().is_default());
    }
}
