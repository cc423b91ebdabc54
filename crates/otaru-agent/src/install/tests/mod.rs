//! Installers on real files, full media, rehearsed faults and power cuts.

mod cuts;
mod partition;
mod program;
mod slots;

use std::collections::BTreeMap;

use otaru_core::{Protocol, TaskSummary};
use otaru_wire::{DeviceId, Digest, DigestMethod, File, Source};

use super::*;
use crate::{boot::BootMarkers, fault::WriteFault, folder::Folder};

/// A package of files of these sizes.
fn package(version: &str, sizes: &[u64]) -> TaskSummary {
    let digest = Digest::from_hex(DigestMethod::Md5, "25f9e794323b453885f5181f1b624d0b").unwrap();
    let file = |size: &u64| File {
        name: None,
        size: *size,
        digest,
        also: None,
        source: Source::Http { url: String::new() },
    };
    TaskSummary {
        version: Version::new(version).unwrap(),
        module: Module::default(),
        files: sizes.iter().map(file).collect(),
        total_bytes: sizes.iter().sum(),
        protocol: Protocol::Http,
        extra: None,
        signature: None,
        delta: false,
        silent: false,
        limits: otaru_wire::Limits::default(),
    }
}

/// One installer as the agent has it.
fn installers(install: impl Install + 'static, fault: Option<WriteFault>) -> Installers {
    let install: Box<dyn Install> = Box::new(install);
    Installers::new(BTreeMap::from([(Module::default(), install)]), fault)
}
