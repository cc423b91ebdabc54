//! What a stock vendor SDK would misread (aliyun-link-sdk-v4 §2.3). It searches for the first `"key"` in the text,
//! at any depth, unescapes nothing, and counts braces inside texts too; a notice that it would read otherwise than
//! it was meant is refused before it is sent.

use crate::{Config, File, Notice, NoticeError, Source};

/// Every key of a notice's `data` that some generation of the SDK looks for beside those that are always written.
const OPTIONAL_KEYS: [&str; 10] =
    ["size", "sign", "url", "md5", "module", "isDiff", "digestsign", "dProtocol", "streamId", "files"];

/// Sizes and stream numbers are 32 bits in the SDK's structures (aliyun-link-sdk-v4, `size_total`, `stream_id`).
const MAX_NUMBER: u64 = u32::MAX as u64;

/// Checks everything of a notice that can be judged before it is written.
pub(super) fn check(notice: &Notice) -> Result<(), NoticeError> {
    notice.check()?;
    let several = notice.files.len() > 1;
    for (index, file) in notice.files.iter().enumerate() {
        check_file(index, file, several)?;
    }
    for pair in notice.files.windows(2) {
        let [a, b] = pair else { continue };
        if a.digest.method() != b.digest.method() {
            return Err(NoticeError::MixedDigests);
        }
        match (&a.source, &b.source) {
            (Source::Http { .. }, Source::Http { .. }) => {}
            (Source::Mqtt { stream: a, .. }, Source::Mqtt { stream: b, .. }) if a == b => {}
            _ => return Err(NoticeError::MixedSources),
        }
    }
    if let Some(signature) = &notice.signature {
        let foreign = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='));
        refuse_character("signature", signature, foreign)?;
    }
    Ok(())
}

/// Checks a Config as [`check`] does a notice: texts that need no escapes, and none that is the name of a key.
pub(super) fn check_config(config: &Config) -> Result<(), NoticeError> {
    const KEYS: [&str; 6] = ["configId", "configSize", "sign", "signMethod", "url", "getType"];
    if config.size > MAX_NUMBER {
        return Err(NoticeError::FileTooLarge { index: 0, size: config.size, max: MAX_NUMBER });
    }
    let foreign = |c: char| !c.is_ascii_graphic() || matches!(c, '"' | '\\');
    for (what, text) in
        [("link", &config.url), ("configuration id", &config.id), ("getType", &config.get_type)]
    {
        refuse_character(what, text, foreign)?;
        check_braces(what, text)?;
        if let Some(key) = KEYS.into_iter().find(|key| key == text) {
            return Err(NoticeError::Shadowed { key });
        }
    }
    Ok(())
}

fn check_file(index: usize, file: &File, several: bool) -> Result<(), NoticeError> {
    if file.size > MAX_NUMBER {
        return Err(NoticeError::FileTooLarge { index, size: file.size, max: MAX_NUMBER });
    }
    match &file.source {
        Source::Http { url } => {
            // A non-ASCII or quoted character would have to be escaped, and escapes are used as they stand.
            refuse_character("link", url, |c| !c.is_ascii_graphic() || matches!(c, '"' | '\\'))?;
            check_braces("link", url)?;
        }
        Source::Mqtt { stream, file } => {
            if *stream == 0 || *stream > MAX_NUMBER || *file == 0 {
                return Err(NoticeError::Stream { index });
            }
        }
    }
    if several {
        match file.name.as_deref() {
            None | Some("") => return Err(NoticeError::Unnamed { index }),
            Some(name) => {
                refuse_character("file name", name, |c| c.is_control() || matches!(c, '"' | '\\'))?;
                check_braces("file name", name)?;
            }
        }
    }
    Ok(())
}

fn refuse_character(
    what: &'static str,
    text: &str,
    foreign: impl Fn(char) -> bool,
) -> Result<(), NoticeError> {
    match text.chars().find(|c| foreign(*c)) {
        Some(found) => Err(NoticeError::Character { what, found }),
        None => Ok(()),
    }
}

/// Braces and brackets of a text must balance by count, because the SDK finds the end of an object by counting.
fn check_braces(what: &'static str, text: &str) -> Result<(), NoticeError> {
    for (open, close) in [(b'{', b'}'), (b'[', b']')] {
        let mut depth = 0_usize;
        for byte in text.bytes() {
            if byte == open {
                depth += 1;
            } else if byte == close {
                depth = depth.checked_sub(1).ok_or(NoticeError::Braces { what })?;
            }
        }
        if depth != 0 {
            return Err(NoticeError::Braces { what });
        }
    }
    Ok(())
}

/// Extra data must end, by count of braces, where it ends: not before its last byte.
pub(super) fn check_extra(extra: &str) -> Result<(), NoticeError> {
    let what = "extra data";
    let mut depth = 0_usize;
    for (at, byte) in extra.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1).ok_or(NoticeError::Braces { what })?,
            _ => {}
        }
        if depth == 0 && at + 1 != extra.len() {
            return Err(NoticeError::Braces { what });
        }
    }
    if depth == 0 { Ok(()) } else { Err(NoticeError::Braces { what }) }
}

/// Searches as the SDK does: each key written must be the first place where its name stands in quotes, and no key
/// left out may be found as somebody else's, say inside the extra data.
pub(super) fn check_keys(object: &str, written: &[(&'static str, usize)]) -> Result<(), NoticeError> {
    for &(key, at) in written {
        if find(object, key) != Some(at) {
            return Err(NoticeError::Shadowed { key });
        }
    }
    let left_out = |key: &&str| !written.iter().any(|(written, _)| written == key);
    for key in OPTIONAL_KEYS.into_iter().filter(left_out) {
        let followed_by = |at: usize| object.as_bytes().get(at + key.len() + 2);
        if find(object, key).and_then(followed_by) == Some(&b':') {
            return Err(NoticeError::Shadowed { key });
        }
    }
    Ok(())
}

/// Where `"key"`, quotes included, first stands.
fn find(object: &str, key: &str) -> Option<usize> {
    let (object, key) = (object.as_bytes(), key.as_bytes());
    object.windows(key.len() + 2).position(|window| match window {
        [b'"', name @ .., b'"'] => name == key,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use std::{
        format,
        string::{String, ToString},
        vec,
    };

    use proptest::prelude::*;

    use super::*;
    use crate::{
        Digest,
        dialect::aliyun::{
            notice::write_push,
            samples::{MD5, any_notice, file, mqtt, one, two},
        },
    };

    fn push(notice: &Notice) -> Result<String, NoticeError> {
        write_push(1_700_000_000_000, notice)
    }

    /// Reads as the stock SDK does: the first `"key"`, a colon right after it, then a text up to the next quote, an
    /// object or array by count of braces or brackets, or a number up to the next mark (aliyun-link-sdk-v4 §2.3).
    fn stock_value<'a>(object: &'a str, key: &str) -> Option<&'a str> {
        let quoted = format!("\"{key}\"");
        let value = object[object.find(&quoted)? + quoted.len()..].strip_prefix(':')?;
        let counted = |open: char, close: char| {
            let mut depth = 0;
            value.find(|c| {
                depth += i32::from(c == open) - i32::from(c == close);
                depth == 0
            })
        };
        match value.chars().next()? {
            '"' => value[1..].split('"').next(),
            '{' => Some(&value[..=counted('{', '}')?]),
            '[' => Some(&value[..=counted('[', ']')?]),
            _ => value.split([',', '}']).next(),
        }
    }

    /// What the SDK hands to its program must be what the notice says.
    fn assert_stock_reads(element: &str, keys: [&str; 4], file: &File) {
        let [size, sign, url, stream_file] = keys;
        assert_eq!(stock_value(element, size), Some(file.size.to_string().as_str()));
        assert_eq!(stock_value(element, sign), Some(file.digest.to_string().as_str()));
        match &file.source {
            Source::Http { url: link } => assert_eq!(stock_value(element, url), Some(link.as_str())),
            Source::Mqtt { file, .. } => {
                assert_eq!(stock_value(element, stream_file), Some(file.to_string().as_str()));
            }
        }
    }

    proptest! {
        #[test]
        fn a_stock_sdk_reads_every_notice_that_is_sent_as_it_was_meant(notice in any_notice()) {
            let Ok(text) = push(&notice) else { return Ok(()) };
            let data = stock_value(&text, "data").unwrap();
            let module = (!notice.module.is_default()).then_some(notice.module.as_str());
            prop_assert_eq!(stock_value(data, "version"), Some(notice.version.as_str()));
            prop_assert_eq!(stock_value(data, "module"), module);
            prop_assert_eq!(stock_value(data, "digestsign"), notice.signature.as_deref());
            prop_assert_eq!(stock_value(data, "extData"), notice.extra.as_deref());
            let Some(files) = stock_value(data, "files") else {
                assert_stock_reads(data, ["size", "sign", "url", "streamFileId"], &notice.files[0]);
                return Ok(());
            };
            let mut rest = &files[1..];
            for file in &notice.files {
                let whole = format!("{{\"x\":{rest}");
                let element = stock_value(&whole, "x").unwrap();
                assert_stock_reads(element, ["fileSize", "fileSign", "fileUrl", "streamFileId"], file);
                prop_assert_eq!(stock_value(element, "fileName"), file.name.as_deref());
                rest = &rest[element.len() + 1..];
            }
            prop_assert_eq!(rest, "");
        }
    }

    /// Source: aliyun-link-sdk-v4 §2.3, the table of what a stock SDK does with it.
    #[test]
    fn nothing_is_sent_that_a_stock_sdk_would_misread() {
        let good = one(file(MD5, "http://x/a"));
        let url = |url: &str| push(&one(file(MD5, url)));
        assert_eq!(push(&Notice { files: vec![], ..good.clone() }), Err(NoticeError::NoFiles));
        assert_eq!(
            push(&one(File { size: 0, ..file(MD5, "http://x/a") })),
            Err(NoticeError::EmptyFile { index: 0 })
        );
        let large = one(File { size: 1 << 32, ..file(MD5, "http://x/a") });
        assert!(matches!(push(&large), Err(NoticeError::FileTooLarge { index: 0, .. })));
        for found in ['"', '\\', '\n', ' ', '固', '\u{7f}'] {
            let refused = url(&format!("http://x/{found}"));
            assert_eq!(refused, Err(NoticeError::Character { what: "link", found }));
        }
        for text in ["http://x/{", "http://x/}{", "http://x/]"] {
            assert_eq!(url(text), Err(NoticeError::Braces { what: "link" }), "{text}");
        }
        assert!(url("http://[::1]:80/{a}").is_ok());
        for (name, key) in [("size", None), ("url", Some("url")), ("md5", Some("md5")), ("extData", None)] {
            let version = push(&Notice { version: name.parse().unwrap(), ..good.clone() });
            assert_eq!(version.err(), key.map(|key| NoticeError::Shadowed { key }), "version {name}");
        }
        let shadowing =
            Notice { module: "extData".parse().unwrap(), extra: Some("{}".into()), ..good.clone() };
        assert_eq!(push(&shadowing), Err(NoticeError::Shadowed { key: "extData" }));
        let signed = |text: &str| push(&Notice { signature: Some(text.into()), ..good.clone() });
        assert!(signed("Ab+/==").unwrap().contains(r#","digestsign":"Ab+/=="}"#));
        assert_eq!(signed("a\"b"), Err(NoticeError::Character { what: "signature", found: '"' }));
    }

    #[test]
    fn extra_data_that_a_stock_sdk_would_misread_is_not_sent() {
        let extra = |text: &str| push(&Notice { extra: Some(text.into()), ..one(file(MD5, "http://x/a")) });
        for text in [r#"{"a":"{"}"#, r#"{"a":"}"}"#, r#"{"a":"}{"}"#] {
            assert_eq!(extra(text), Err(NoticeError::Braces { what: "extra data" }), "{text}");
        }
        for text in ["", "[]", "1", "null", "{", r#"{"a":1}{"#, r#"{"a":01}"#] {
            assert!(matches!(extra(text), Err(NoticeError::Extra { .. })), "{text}");
        }
        assert!(matches!(
            extra(&format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40))),
            Err(NoticeError::Extra { .. })
        ));
        assert_eq!(extra(r#"{"module":"mcu"}"#), Err(NoticeError::Shadowed { key: "module" }));
        assert_eq!(extra(r#"{"a":{"files":[]}}"#), Err(NoticeError::Shadowed { key: "files" }));
        for text in [
            r#"{"size":1,"version":"9.9"}"#,
            r#"{"a":"module"}"#,
            r#"{"a":"\"module\":1"}"#,
            r#"{"a":"a b"}"#,
            "{}",
        ] {
            assert!(extra(text).unwrap().contains(text), "{text}");
        }
        assert!(extra("{ \"a\" :\t\"x \\\" y\" }").unwrap().contains(r#""extData":{"a":"x \" y"}"#));
        let long = format!(r#"{{"a":"{}"}}"#, "a".repeat(65_536));
        assert!(matches!(extra(&long), Err(NoticeError::TooLong { .. })));
    }

    #[test]
    fn several_files_that_a_stock_sdk_would_misread_are_not_sent() {
        let good = two("http://x");
        let second = |change: &dyn Fn(&mut File)| {
            let mut notice = good.clone();
            change(&mut notice.files[1]);
            push(&notice)
        };
        assert!(second(&|_| {}).is_ok());
        for name in [None, Some(String::new())] {
            assert_eq!(second(&|file| file.name = name.clone()), Err(NoticeError::Unnamed { index: 1 }));
        }
        assert_eq!(
            second(&|file| file.name = Some("a\"b".into())),
            Err(NoticeError::Character { what: "file name", found: '"' })
        );
        assert_eq!(
            second(&|file| file.name = Some("a}".into())),
            Err(NoticeError::Braces { what: "file name" })
        );
        assert_eq!(
            second(&|file| file.name = Some("fileUrl".into())),
            Err(NoticeError::Shadowed { key: "fileUrl" })
        );
        assert_eq!(second(&|file| file.digest = Digest::Sha256([0; 32])), Err(NoticeError::MixedDigests));
        assert_eq!(second(&|file| *file = mqtt(file, 2, 1)), Err(NoticeError::MixedSources));
        let streams = |a: u64, b: u64| {
            let files = vec![mqtt(&good.files[0], 1, a), mqtt(&good.files[1], 2, b)];
            push(&Notice { files, ..good.clone() })
        };
        assert!(streams(5, 5).is_ok());
        assert_eq!(streams(5, 6), Err(NoticeError::MixedSources));
        assert_eq!(streams(0, 0), Err(NoticeError::Stream { index: 0 }));
        assert_eq!(streams(1 << 32, 1 << 32), Err(NoticeError::Stream { index: 0 }));
        let module = Notice { module: "mcu".parse().unwrap(), ..good.clone() };
        let mut shadowed = module.clone();
        shadowed.files[0].name = Some("module".into());
        assert!(push(&module).is_ok());
        assert_eq!(push(&shadowed), Err(NoticeError::Shadowed { key: "module" }));
    }
}
