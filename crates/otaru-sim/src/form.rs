//! The forms of a package that a dialect can tell of.

use std::{fmt, str::FromStr};

use otaru_fleet::Over;
use otaru_wire::{
    DigestMethod, Module,
    dialect::{DeviceHalf, aliyun},
};

/// One form of a notice of the aliyun dialect.
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
}

/// A text that names no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no form is named {0:?} (known: one-file, three-files, module, md5, module-md5, over-mqtt, v3)")]
pub struct UnknownForm(pub String);

impl Form {
    /// Every form.
    pub const ALL: [Form; 7] =
        [Form::OneFile, Form::ThreeFiles, Form::Module, Form::Md5, Form::ModuleMd5, Form::OverMqtt, Form::V3];

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
        }
    }

    pub(crate) fn module(self) -> Module {
        match self {
            Form::Module | Form::ModuleMd5 => Module::new("mcu").unwrap_or_default(),
            Form::OneFile | Form::ThreeFiles | Form::Md5 | Form::OverMqtt | Form::V3 => Module::default(),
        }
    }

    pub(crate) fn method(self) -> DigestMethod {
        match self {
            Form::Md5 | Form::ModuleMd5 => DigestMethod::Md5,
            Form::OneFile | Form::ThreeFiles | Form::Module | Form::OverMqtt | Form::V3 => {
                DigestMethod::Sha256
            }
        }
    }

    /// How its devices speak.
    pub(crate) fn dialect(self) -> &'static dyn DeviceHalf {
        if self == Form::V3 { &aliyun::DeviceV3 } else { &aliyun::Device }
    }

    pub(crate) fn over(self) -> Over {
        if self == Form::OverMqtt { Over::Mqtt } else { Over::Http }
    }

    /// The sizes of its files for a package of about `size` bytes, each above zero.
    pub(crate) fn sizes(self, size: u64) -> Vec<u64> {
        match self {
            Form::ThreeFiles | Form::ModuleMd5 | Form::OverMqtt => vec![size * 2 / 3 + 1, size / 3 + 1, 1],
            Form::OneFile | Form::Module | Form::Md5 | Form::V3 => vec![size.max(1)],
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
            .ok_or_else(|| UnknownForm(text.chars().take(32).collect()))
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
