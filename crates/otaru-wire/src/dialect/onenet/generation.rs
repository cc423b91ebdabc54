//! The three generations, and the two types of firmware they know.

use crate::Module;

/// One of the vendor's platforms. They share one flow (onenet §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Generation {
    /// "General OTA": a device has a number, a Task has a token.
    Token,
    /// "OneNET Studio": a device is named in the path, a Task has a number, its tid.
    Tid,
    /// The platform of today: as [`Generation::Tid`] under another prefix, and with other answers.
    Fuse,
}

impl Generation {
    /// All of them, oldest first.
    pub const ALL: [Generation; 3] = [Generation::Token, Generation::Tid, Generation::Fuse];

    /// Its name in otaru's configuration and logs.
    pub fn name(self) -> &'static str {
        match self {
            Generation::Token => "onenet-token",
            Generation::Tid => "onenet-tid",
            Generation::Fuse => "onenet-fuse",
        }
    }
}

/// What a request's `type` means (onenet §2.3). An answer's `type` is something else: whole or differential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 1: firmware of the radio or Wi-Fi module, whose version is `f_version`.
    Fota,
    /// 2: the application on the device's own processor, whose version is `s_version`.
    Sota,
}

/// The Module whose version is `f_version`.
const FOTA_MODULE: &str = "modem";

impl Kind {
    /// Both, by number.
    pub const ALL: [Kind; 2] = [Kind::Fota, Kind::Sota];

    /// Its number: 1 or 2.
    pub fn number(self) -> u8 {
        match self {
            Kind::Fota => 1,
            Kind::Sota => 2,
        }
    }

    /// The type of that number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| u64::from(kind.number()) == number)
    }

    /// The Module that it updates. The application is what otaru means by the whole device, so it is the default Module; the
    /// radio is a separate chip with a version of its own, so it is the Module `modem`.
    pub fn module(self) -> Module {
        match self {
            Kind::Fota => Module::new(FOTA_MODULE).unwrap_or_default(),
            Kind::Sota => Module::default(),
        }
    }

    /// The type that updates a Module; none for a Module that this dialect cannot name.
    pub fn of(module: &Module) -> Option<Self> {
        match module.as_str() {
            FOTA_MODULE => Some(Kind::Fota),
            Module::DEFAULT => Some(Kind::Sota),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fota_is_the_modem_and_sota_the_device_itself() {
        assert_eq!(Kind::Fota.module().as_str(), "modem");
        assert!(Kind::Sota.module().is_default());
        for kind in Kind::ALL {
            assert_eq!(Kind::of(&kind.module()), Some(kind));
            assert_eq!(Kind::from_number(kind.number().into()), Some(kind));
        }
        assert_eq!(Kind::of(&"mcu".parse().unwrap()), None);
        assert_eq!((Kind::from_number(0), Kind::from_number(3)), (None, None));
    }
}
