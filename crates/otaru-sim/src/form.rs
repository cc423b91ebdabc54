//! The forms of a package that a dialect can tell of.

use std::{fmt, str::FromStr};

use otaru_fleet::Over;
use otaru_wire::{
    DigestMethod, Module,
    dialect::{
        DeviceHalf, PlatformHalf, aliyun, jd,
        onenet::{self, Generation},
    },
};

/// One form of a notice, in a dialect that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One file, SHA-256.
    OneFile,
    /// Three files, SHA-256; the last has one byte.
    ThreeFiles,
    /// One file for a module of its own.
    Module,
    /// One file, MD5: what old devices know.
    Md5,
    /// Three files of a module, by MD5.
    ModuleMd5,
    /// Three files in blocks over MQTT, SHA-256; the last has one byte.
    OverMqtt,
    /// One file, SHA-256 with an MD5 beside it, to a device of the v3 generation.
    V3,
    /// One file, MD5, in the jd dialect.
    Jd,
    /// One file, MD5, asked for by calls of OneNET's first generation: no session, a Task has a token.
    OnenetToken,
    /// The same in the second generation, for its radio module; a session says when to ask.
    OnenetTid,
    /// The same in the third generation, for the device itself.
    OnenetFuse,
}

/// A text that names no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no form is named {text:?} (known: {})", Form::names())]
pub struct UnknownForm {
    /// The text.
    pub text: String,
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 11] = [
        Form::OneFile,
        Form::ThreeFiles,
        Form::Module,
        Form::Md5,
        Form::ModuleMd5,
        Form::OverMqtt,
        Form::V3,
        Form::Jd,
        Form::OnenetToken,
        Form::OnenetTid,
        Form::OnenetFuse,
    ];

    /// Every name, for people.
    pub fn names() -> String {
        Form::ALL.map(Form::as_str).join(", ")
    }

    /// Its name, as in `--form`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Form::OneFile => "one-file",
            Form::ThreeFiles => "three-files",
            Form::Module => "module",
            Form::Md5 => "md5",
            Form::ModuleMd5 => "module-md5",
            Form::OverMqtt => "over-mqtt",
            Form::V3 => "v3",
            Form::Jd => "jd",
            Form::OnenetToken => "onenet-token",
            Form::OnenetTid => "onenet-tid",
            Form::OnenetFuse => "onenet-fuse",
        }
    }

    /// The module that is updated.
    pub(crate) fn module(self) -> Module {
        match self {
            Form::Module | Form::ModuleMd5 | Form::OnenetTid => self.part(),
            _ => Module::default(),
        }
    }

    /// The device's other module.
    pub(crate) fn part(self) -> Module {
        match self.generation() {
            Some(_) => onenet::Kind::Fota.module(),
            None => Module::new("mcu").unwrap_or_default(),
        }
    }

    pub(crate) fn method(self) -> DigestMethod {
        match self {
            Form::OneFile | Form::ThreeFiles | Form::Module | Form::OverMqtt | Form::V3 => {
                DigestMethod::Sha256
            }
            Form::Md5 | Form::ModuleMd5 | Form::Jd => DigestMethod::Md5,
            Form::OnenetToken | Form::OnenetTid | Form::OnenetFuse => DigestMethod::Md5,
        }
    }

    /// How its devices speak.
    pub(crate) fn dialect(self) -> &'static dyn DeviceHalf {
        match self {
            Form::V3 => &aliyun::DeviceV3,
            Form::Jd => &jd::DEVICE,
            Form::OnenetToken => &onenet::DEVICE_TOKEN,
            Form::OnenetTid => &onenet::DEVICE_TID,
            Form::OnenetFuse => &onenet::DEVICE_FUSE,
            _ => &aliyun::Device,
        }
    }

    /// How their platform speaks.
    pub(crate) fn platform(self) -> &'static dyn PlatformHalf {
        match self {
            Form::Jd => &jd::PLATFORM,
            Form::OnenetToken | Form::OnenetTid | Form::OnenetFuse => &onenet::Platform,
            _ => &aliyun::Platform,
        }
    }

    /// The generation, where the platform is asked by calls.
    pub(crate) fn generation(self) -> Option<Generation> {
        match self {
            Form::OnenetToken => Some(Generation::Token),
            Form::OnenetTid => Some(Generation::Tid),
            Form::OnenetFuse => Some(Generation::Fuse),
            _ => None,
        }
    }

    pub(crate) fn over(self) -> Over {
        if self == Form::OverMqtt { Over::Mqtt } else { Over::Http }
    }

    /// The sizes of its files for a package of about `size` bytes, each above zero.
    pub(crate) fn sizes(self, size: u64) -> Vec<u64> {
        match self {
            Form::ThreeFiles | Form::ModuleMd5 | Form::OverMqtt => vec![size * 2 / 3 + 1, size / 3 + 1, 1],
            _ => vec![size.max(1)],
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Form {
    type Err = UnknownForm;

    fn from_str(text: &str) -> Result<Self, UnknownForm> {
        Form::ALL
            .into_iter()
            .find(|form| form.as_str() == text)
            .ok_or_else(|| UnknownForm { text: text.chars().take(32).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_by_its_name_and_has_no_empty_file() {
        for form in Form::ALL {
            assert_eq!(form.as_str().parse(), Ok(form));
            assert!([0, 1, 5000].iter().all(|size| form.sizes(*size).iter().all(|size| *size > 0)));
        }
        assert!("four-files".parse::<Form>().unwrap_err().to_string().contains("three-files"));
    }
}
