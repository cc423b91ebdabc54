//! Which devices the demo has, what each is sent, and what goes wrong on the way.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use otaru_platform::http::shapes::Dialect;

/// The version every device runs at first.
pub(super) const OLD: &str = "1.0.0";
/// The version every device is to end on.
pub(super) const NEW: &str = "2.0.0";
/// The named module of the module devices.
pub(super) const MODULE: &str = "mcu";

/// What a device is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The image as one file.
    OneFile,
    /// The image as three files.
    ThreeFiles,
    /// The image as one file for the module [`MODULE`].
    Module,
}

impl Kind {
    pub(super) const ALL: [Kind; 3] = [Kind::OneFile, Kind::ThreeFiles, Kind::Module];

    pub(super) fn label(self) -> &'static str {
        match self {
            Kind::OneFile => "one file",
            Kind::ThreeFiles => "three files",
            Kind::Module => "module mcu",
        }
    }

    /// The module it updates.
    pub(super) fn module(self) -> &'static str {
        match self {
            Kind::Module => MODULE,
            Kind::OneFile | Kind::ThreeFiles => "default",
        }
    }
}

/// How a device speaks: one for each generation of each vendor that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Aliyun,
    AliyunV3,
    Jd,
    OnenetToken,
    OnenetTid,
    OnenetFuse,
}

impl Speaks {
    /// As in the agent's configuration.
    pub(super) fn half(self) -> &'static str {
        match self {
            Speaks::Aliyun => "aliyun",
            Speaks::AliyunV3 => "aliyun-v3",
            Speaks::Jd => "jd",
            Speaks::OnenetToken => "onenet-token",
            Speaks::OnenetTid => "onenet-tid",
            Speaks::OnenetFuse => "onenet-fuse",
        }
    }

    /// Its product's dialect.
    pub(super) fn dialect(self) -> Dialect {
        match self {
            Speaks::Aliyun | Speaks::AliyunV3 => Dialect::Aliyun,
            Speaks::Jd => Dialect::Jd,
            Speaks::OnenetToken | Speaks::OnenetTid | Speaks::OnenetFuse => Dialect::Onenet,
        }
    }

    /// Its product: the same hardware has one on each cloud.
    pub(super) fn product(self) -> String {
        format!("demo-{}", self.dialect())
    }

    /// The name of the device with that number. OneNET's first generation knows devices by numbers alone.
    fn name(self, number: usize, width: usize) -> String {
        match self {
            Speaks::OnenetToken => (700_100_200 + number).to_string(),
            _ => format!("device-{number:0width$}"),
        }
    }
}

/// What goes wrong on the way, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// Its process is killed in the middle of the download.
    PowerCut,
    /// One bit of its slot is written wrong, once.
    CorruptWrite,
}

/// One device of the demo.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) speaks: Speaks,
    pub(super) kind: Kind,
    pub(super) mishap: Option<Mishap>,
}

/// The smallest image in whose middle power is cut, in bytes. An agent saves its place every 256 KiB (docs/agent.md):
/// a smaller image has hardly a middle to go on from.
pub(super) const SMALLEST_TO_CUT: u64 = 1 << 20;

/// Who takes turns: of eight devices three speak Alibaba's dialect, one of them as its older SDK does, two JD's and three
/// OneNET's, one of each generation. From four on every vendor is there.
const TURN: [(Speaks, Kind); 8] = [
    (Speaks::AliyunV3, Kind::OneFile),
    (Speaks::Jd, Kind::OneFile),
    (Speaks::OnenetFuse, Kind::OneFile),
    (Speaks::Aliyun, Kind::ThreeFiles),
    (Speaks::OnenetTid, Kind::OneFile),
    (Speaks::Jd, Kind::OneFile),
    (Speaks::OnenetToken, Kind::OneFile),
    (Speaks::Aliyun, Kind::Module),
];

/// The devices for an image of so many bytes. The first loses its power if the image is large enough, the second gets the
/// wrong bit.
pub(super) fn devices(count: u16, image_bytes: u64) -> Vec<Plan> {
    let power_cut = (image_bytes >= SMALLEST_TO_CUT).then_some(Mishap::PowerCut);
    let mishaps = [power_cut, Some(Mishap::CorruptWrite)];
    let width = count.to_string().len();
    (0..usize::from(count))
        .zip(TURN.into_iter().cycle())
        .map(|(index, (speaks, kind))| Plan {
            name: speaks.name(index + 1, width),
            speaks,
            kind,
            mishap: mishaps.get(index).copied().flatten(),
        })
        .collect()
}

/// The firmware, whole and in three parts.
pub(super) struct Image {
    pub(super) whole: PathBuf,
    pub(super) parts: Vec<PathBuf>,
    pub(super) size: u64,
}

impl Image {
    /// Copies the image into `dir` (it may change while the demo runs) and cuts the copy in three.
    pub(super) fn prepare(source: &Path, dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        let whole = dir.join("firmware.bin");
        let size =
            fs::copy(source, &whole).with_context(|| format!("reading the image {}", source.display()))?;
        ensure!(
            size >= 3,
            "the image {} has {size} bytes; at least 3 are needed to cut it in three",
            source.display()
        );
        let mut rest = fs::File::open(&whole)?;
        let mut parts = Vec::new();
        for (index, len) in [size / 3, size / 3, size - 2 * (size / 3)].into_iter().enumerate() {
            let part = dir.join(format!("firmware.{}.bin", index + 1));
            let mut to = fs::File::create(&part)?;
            std::io::copy(&mut (&mut rest).take(len), &mut to)?;
            to.flush()?;
            parts.push(part);
        }
        Ok(Self { whole, parts, size })
    }

    /// The files a kind of device is sent, in order.
    pub(super) fn files(&self, kind: Kind) -> Vec<PathBuf> {
        match kind {
            Kind::OneFile | Kind::Module => vec![self.whole.clone()],
            Kind::ThreeFiles => self.parts.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn eight_devices_speak_in_every_way_are_of_every_kind_and_meet_both_mishaps() {
        let devices = devices(8, SMALLEST_TO_CUT);
        for kind in Kind::ALL {
            assert!(devices.iter().any(|device| device.kind == kind), "{kind:?}");
        }
        assert_eq!(devices.iter().filter(|device| device.mishap.is_some()).count(), 2);
        let speak = |dialect| devices.iter().filter(|device| device.speaks.dialect() == dialect).count();
        assert_eq!([Dialect::Aliyun, Dialect::Jd, Dialect::Onenet].map(speak), [3, 2, 3]);
        let halves: HashSet<_> = devices.iter().map(|device| device.speaks.half()).collect();
        assert_eq!(halves.len(), 6, "{halves:?}");
        let names: HashSet<_> = super::devices(500, 0).into_iter().map(|device| device.name).collect();
        assert_eq!(names.len(), 500);
    }

    #[test]
    fn an_image_without_a_middle_loses_no_power() {
        let devices = devices(8, SMALLEST_TO_CUT - 1);
        assert!(devices.iter().all(|device| device.mishap != Some(Mishap::PowerCut)));
    }

    #[test]
    fn the_three_parts_are_the_image() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs::write(&source, b"0123456789").unwrap();
        let image = Image::prepare(&source, &dir.path().join("image")).unwrap();
        let joined: Vec<u8> = image.parts.iter().flat_map(|part| fs::read(part).unwrap()).collect();
        assert_eq!(joined, b"0123456789");
        assert_eq!(image.size, 10);
    }

    #[test]
    fn an_image_too_small_to_cut_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs::write(&source, b"ab").unwrap();
        assert!(Image::prepare(&source, &dir.path().join("image")).is_err());
    }
}
