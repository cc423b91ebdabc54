//! Notices for the tests of this folder.

use alloc::{format, string::String, vec};

use proptest::prelude::*;

use super::json;
use crate::{Digest, File, Module, Notice, Source};

pub(super) const MD5: &str = "25f9e794323b453885f5181f1b624d0b";
pub(super) const SHA256: &str = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";

pub(super) fn file(digest: &str, url: &str) -> File {
    let source = Source::Http { url: url.into() };
    File { name: None, size: 9, digest: Digest::try_from(String::from(digest)).unwrap(), also: None, source }
}

pub(super) fn one(file: File) -> Notice {
    Notice {
        version: "2.0.0".parse().unwrap(),
        module: Module::default(),
        files: vec![file],
        delta: false,
        silent: false,
        extra: None,
        signature: None,
        terms: None,
    }
}

pub(super) fn two(url: &str) -> Notice {
    let named = |name: &str, url: String| File { name: Some(name.into()), ..file(MD5, &url) };
    let files =
        vec![named("app.bin", format!("{url}/a.bin?t=1")), named("font.bin", format!("{url}/b.bin?t=1"))];
    Notice { files, ..one(file(MD5, url)) }
}

pub(super) fn mqtt(file: &File, number: u32, stream: u64) -> File {
    // Elements of several streamed files have no field for a second digest.
    let also = file.also.filter(|_| file.name.is_none());
    File { source: Source::Mqtt { stream, file: number }, also, ..file.clone() }
}

/// A text, or one that a search for a key stumbles over.
fn text(regex: &'static str) -> impl Strategy<Value = String> {
    const KEYS: [&str; 14] = [
        "size",
        "sign",
        "version",
        "signMethod",
        "url",
        "md5",
        "module",
        "isDiff",
        "extData",
        "files",
        "streamId",
        "fileUrl",
        "fileName",
        "fileSign",
    ];
    prop_oneof![12 => regex, 1 => proptest::sample::select(&KEYS[..]).prop_map(String::from)]
}

prop_compose! {
    fn any_file(sha256: bool, several: bool)(
        size in 1..=u64::from(u32::MAX), other in proptest::option::of(any::<[u8; 16]>()), bytes in any::<[u8; 32]>(), url in "https?://[a-z0-9./?&=%_-]{1,60}", name in text("[a-z.固 ]{1,20}"),
    ) -> File {
        let digest = if sha256 { Digest::Sha256(bytes) } else { Digest::Md5(std::array::from_fn(|at| bytes[at])) };
        let also = other.filter(|_| sha256).map(Digest::Md5);
        File { name: several.then_some(name), size, digest, also, source: Source::Http { url } }
    }
}

prop_compose! {
    pub(super) fn any_notice()(sha256 in any::<bool>(), count in 1_usize..=20)(
        files in proptest::collection::vec(any_file(sha256, count > 1), count),
        version in text("[A-Za-z0-9._-]{1,64}"), module in text("[A-Za-z0-9._-]{1,64}|default"), delta in any::<bool>(), stream in proptest::option::of(1..=u64::from(u32::MAX)),
        extra in proptest::option::of((text("[a-z]{1,9}"), text("[a-z {}:\",\\\\]{0,20}"))), signature in proptest::option::of("[A-Za-z0-9+/]{4,90}=?"),
    ) -> Notice {
        let place = |(at, file): (usize, File)| match stream {
            Some(stream) => mqtt(&file, at as u32 + 1, stream),
            None => file,
        };
        let files = files.into_iter().enumerate().map(place).collect();
        let extra = extra.map(|(key, text)| format!("{{\"{key}\":{}}}", json::quoted(&text)));
        Notice { version: version.parse().unwrap(), module: module.parse().unwrap(), files, delta, silent: false, extra, signature, terms: None }
    }
}
