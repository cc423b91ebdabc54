//! What devices are updated to: packages and their files.

use otaru_wire::{Digest, DigestMethod, File, MAX_FILES, Module, Notice, ProductKey, Source, Version};
use serde::{Deserialize, Serialize};

use crate::{PackageId, ProductKeys, TaskId, Timestamp, named::named, product_keys::MAX_PRODUCTS};

/// The longest extra data of a package, in bytes (aliyun-link-sdk-v4 §2.3).
pub const MAX_EXTRA_BYTES: usize = 4096;

/// The largest file that is sent over MQTT, in bytes: the vendor's own limit (aliyun-link-sdk-v4 §3.3). Its SDK counts
/// in 32 bits and asks for one block after the other, so that larger files belong on HTTP.
pub const MAX_MQTT_FILE_BYTES: u64 = 16 << 20;

/// The longest name of a file, in bytes.
const MAX_NAME_BYTES: usize = 128;

named! {
    /// How devices fetch a package's files.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Over {
        /// By a link.
        #[default]
        Http = "http",
        /// In blocks over the connection that they have anyway: for devices without HTTP.
        Mqtt = "mqtt",
    }
    /// A text that names no way in which files are fetched.
    else UnknownOver("files cannot be sent over {0:?} (known: http, mqtt)")
}

/// One file of a package. Both digests are known, so that either can be announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFile {
    /// The name it was given at upload. Multi-file notices tell it to devices.
    pub name: String,
    /// Its length in bytes, above zero.
    pub size: u64,
    /// Its SHA-256, by which the file store knows it.
    pub sha256: [u8; 32],
    /// Its MD5, for devices that know nothing better.
    pub md5: [u8; 16],
}

impl PackageFile {
    /// The digest that is announced when `method` is chosen.
    pub fn digest(&self, method: DigestMethod) -> Digest {
        match method {
            DigestMethod::Md5 => Digest::Md5(self.md5),
            DigestMethod::Sha256 => Digest::Sha256(self.sha256),
        }
    }
}

/// An update package as it is ordered, before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPackage {
    /// Whose devices it is for.
    pub products: ProductKeys,
    /// The version devices report once they run it.
    pub version: Version,
    /// The part of the device it is for.
    pub module: Module,
    /// One to [`MAX_FILES`] files, in the order they are to be fetched.
    pub files: Vec<PackageFile>,
    /// Extra data for the device: the text of a JSON object, at most [`MAX_EXTRA_BYTES`].
    pub extra: Option<String>,
    /// Which digest notices announce. SHA-256 unless the devices are too old for it.
    pub digest_method: DigestMethod,
    /// How devices fetch its files.
    pub over: Over,
}

/// One update package. It never changes once it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its number.
    pub id: PackageId,
    /// What was ordered.
    pub spec: NewPackage,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Why a package cannot be made. The order is at fault; nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum PackageError {
    /// A package needs at least one product.
    #[error("the package is for no product; name at least one")]
    NoProducts,
    /// More than [`MAX_PRODUCTS`] products.
    #[error("the package is for {count} products; at most {MAX_PRODUCTS} are allowed")]
    TooManyProducts {
        /// How many it is for.
        count: usize,
    },
    /// A product named twice.
    #[error("product {product} is named twice")]
    SameProduct {
        /// The product.
        product: ProductKey,
    },
    /// A package needs at least one file.
    #[error("the package has no files; name at least one")]
    NoFiles,
    /// More than [`MAX_FILES`] files.
    #[error("the package has {count} files; at most {MAX_FILES} are allowed")]
    TooManyFiles {
        /// How many it has.
        count: usize,
    },
    /// A file of size 0: the vendor's SDK divides by it (aliyun-link-sdk-v4 §2.3).
    #[error("file {name:?} has size 0")]
    EmptyFile {
        /// Which file.
        name: String,
    },
    /// A name that some device could not read, or that leaves its folder.
    #[error("file name {name:?} is not usable: {problem}")]
    BadName {
        /// The name, at most its first 64 characters.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Two files of one name.
    #[error("two files are named {name:?}")]
    SameName {
        /// The name.
        name: String,
    },
    /// A file that is too large to be sent over MQTT.
    #[error(
        "file {name:?} has {size} bytes; at most {MAX_MQTT_FILE_BYTES} are sent over MQTT: let the package go over HTTP"
    )]
    TooLargeForMqtt {
        /// Which file.
        name: String,
        /// Its length in bytes.
        size: u64,
    },
    /// Extra data that is too long.
    #[error("the extra data has {len} bytes; at most {MAX_EXTRA_BYTES} are allowed")]
    ExtraTooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl NewPackage {
    /// The package as the device of `task` sees it. `link` gives the HTTP link of each file, from 0; over MQTT the stream
    /// is the Task's number, so that a request for a block says whose it is. Beside SHA-256 the MD5 is told as well: the
    /// v3 SDK looks at nothing else (aliyun-iotkit-v3 §0).
    pub fn notice(&self, task: TaskId, link: impl Fn(usize) -> String) -> Notice {
        let source = |index: usize| match self.over {
            Over::Http => Source::Http { url: link(index) },
            // There are at most MAX_FILES files.
            Over::Mqtt => Source::Mqtt { stream: task.0, file: u32::try_from(index + 1).unwrap_or(u32::MAX) },
        };
        let file = |(index, file): (usize, &PackageFile)| File {
            name: Some(file.name.clone()),
            size: file.size,
            digest: file.digest(self.digest_method),
            also: (self.digest_method == DigestMethod::Sha256).then(|| file.digest(DigestMethod::Md5)),
            source: source(index),
        };
        Notice {
            version: self.version.clone(),
            module: self.module.clone(),
            files: self.files.iter().enumerate().map(file).collect(),
            delta: false,
            silent: false,
            extra: self.extra.clone(),
            signature: None,
            terms: None,
        }
    }

    /// Checks what can be checked without looking anything up.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), PackageError> {
        match self.files.len() {
            0 => return Err(PackageError::NoFiles),
            count if count > MAX_FILES => return Err(PackageError::TooManyFiles { count }),
            _ => {}
        }
        for (index, file) in self.files.iter().enumerate() {
            check_name(&file.name)?;
            if file.size == 0 {
                return Err(PackageError::EmptyFile { name: file.name.clone() });
            }
            if self.over == Over::Mqtt && file.size > MAX_MQTT_FILE_BYTES {
                return Err(PackageError::TooLargeForMqtt { name: file.name.clone(), size: file.size });
            }
            if self.files.iter().take(index).any(|earlier| earlier.name == file.name) {
                return Err(PackageError::SameName { name: file.name.clone() });
            }
        }
        match &self.extra {
            Some(extra) if extra.len() > MAX_EXTRA_BYTES => {
                Err(PackageError::ExtraTooLong { len: extra.len() })
            }
            _ => Ok(()),
        }
    }
}

/// Devices read names by hand-cut strings and write files by them (aliyun-link-sdk-v4 §2.3): quotes, slashes and
/// control characters stay out.
fn check_name(name: &str) -> Result<(), PackageError> {
    let bad = |problem| Err(PackageError::BadName { name: name.chars().take(64).collect(), problem });
    if name.is_empty() {
        return bad("it is empty");
    }
    if name.len() > MAX_NAME_BYTES {
        return bad("it is longer than 128 bytes");
    }
    if name == "." || name == ".." {
        return bad("it names a folder");
    }
    if name.chars().any(|c| c.is_control() || matches!(c, '"' | '\\' | '/')) {
        return bad("it holds a quote, a slash or a control character");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64) -> PackageFile {
        PackageFile { name: name.into(), size, sha256: [1; 32], md5: [2; 16] }
    }

    fn package(files: Vec<PackageFile>) -> NewPackage {
        NewPackage {
            products: ProductKey::new("a1").unwrap().into(),
            version: Version::new("2.0.0").unwrap(),
            module: Module::default(),
            files,
            extra: None,
            digest_method: DigestMethod::Sha256,
            over: Over::Http,
        }
    }

    #[test]
    fn a_file_of_more_than_16_mib_goes_over_http_only() {
        let large = |over, size| NewPackage { over, ..package(vec![file("a.bin", size)]) }.check();
        let refused = PackageError::TooLargeForMqtt { name: "a.bin".into(), size: (16 << 20) + 1 };
        assert_eq!(large(Over::Mqtt, (16 << 20) + 1), Err(refused));
        assert_eq!(large(Over::Mqtt, 16 << 20), Ok(()));
        assert_eq!(large(Over::Http, (16 << 20) + 1), Ok(()));
    }

    #[test]
    fn over_mqtt_a_notice_names_the_tasks_stream_and_files_from_1() {
        let files = vec![file("a.bin", 1), file("b.bin", 1)];
        let sources = |over| {
            let notice = NewPackage { over, ..package(files.clone()) }.notice(TaskId(7), |n| format!("/{n}"));
            notice.files.into_iter().map(|file| file.source).collect::<Vec<_>>()
        };
        let blocks = |file| Source::Mqtt { stream: 7, file };
        assert_eq!(sources(Over::Mqtt), [blocks(1), blocks(2)]);
        let link = |url: &str| Source::Http { url: url.into() };
        assert_eq!(sources(Over::Http), [link("/0"), link("/1")]);
    }

    #[test]
    fn a_package_without_files_with_an_empty_file_or_too_many_is_refused() {
        assert_eq!(package(vec![]).check(), Err(PackageError::NoFiles));
        assert_eq!(
            package(vec![file("a.bin", 0)]).check(),
            Err(PackageError::EmptyFile { name: "a.bin".into() })
        );
        let many = (0..21).map(|n| file(&format!("{n}.bin"), 1)).collect();
        assert_eq!(package(many).check(), Err(PackageError::TooManyFiles { count: 21 }));
        assert_eq!(package(vec![file("a.bin", 1), file("b.bin", 1)]).check(), Ok(()));
    }

    #[test]
    fn a_file_name_that_a_device_could_not_take_is_refused() {
        for name in ["", "..", "a/b", "a\"b", "a\\b", "a\nb", &"x".repeat(129)] {
            assert!(
                matches!(package(vec![file(name, 1)]).check(), Err(PackageError::BadName { .. })),
                "{name:?}"
            );
        }
        assert_eq!(
            package(vec![file("a.bin", 1), file("a.bin", 2)]).check(),
            Err(PackageError::SameName { name: "a.bin".into() })
        );
    }

    #[test]
    fn extra_data_of_more_than_4096_bytes_is_refused() {
        let mut package = package(vec![file("a.bin", 1)]);
        package.extra = Some("x".repeat(MAX_EXTRA_BYTES + 1));
        assert_eq!(package.check(), Err(PackageError::ExtraTooLong { len: MAX_EXTRA_BYTES + 1 }));
    }
}
