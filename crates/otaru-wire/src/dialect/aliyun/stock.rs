//! What a stock vendor SDK would misread (aliyun-link-sdk-v4 §2.3). It searches for the first `"key"` in the text,
//! at any depth, unescapes nothing, and counts braces inside texts too; a notice that it would read otherwise than
//! it was meant is refused before it is sent.

use alloc::{string::String, vec::Vec};

use serde_json::value::RawValue;

use super::json;
use crate::{File, Notice, NoticeError, Source};

/// Every key of a notice's `data` that some generation of the SDK looks for beside those that are always written.
const OPTIONAL_KEYS: [&str; 10] =
    ["size", "sign", "url", "md5", "module", "isDiff", "digestsign", "dProtocol", "streamId", "files"];

/// Sizes and stream numbers are 32 bits in the SDK's structures (aliyun-link-sdk-v4, `size_total`, `stream_id`).
const MAX_NUMBER: u64 = u32::MAX as u64;

/// A JSON object in the making. It remembers where each key stands, so that the stock SDK's search can be checked.
pub(super) struct Writer {
    text: String,
    keys: Vec<(&'static str, usize)>,
}

impl Writer {
    /// An empty object.
    pub(super) fn new() -> Self {
        Self { text: "{".into(), keys: Vec::new() }
    }

    /// Adds a text that needs no escapes but what JSON demands.
    pub(super) fn text(&mut self, key: &'static str, value: &str) {
        self.raw(key, &json::quoted(value));
    }

    /// Adds a value that is JSON already.
    pub(super) fn raw(&mut self, key: &'static str, value: &str) {
        if !self.keys.is_empty() {
            self.text.push(',');
        }
        self.keys.push((key, self.text.len()));
        self.text.push('"');
        self.text.push_str(key);
        self.text.push_str("\":");
        self.text.push_str(value);
    }

    /// The object, if the stock SDK finds each of its keys and no other.
    pub(super) fn finish(mut self) -> Result<String, NoticeError> {
        self.text.push('}');
        check_keys(&self.text, &self.keys)?;
        Ok(self.text)
    }
}

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

/// Extra data without blanks outside of texts: a stock SDK stops at a blank after a colon.
pub(super) fn compact(extra: &str) -> Result<String, NoticeError> {
    let refused = |problem| NoticeError::Extra { problem };
    if json::depth(extra) > json::MAX_DEPTH - 2 {
        return Err(refused("nests too deep"));
    }
    let value: &RawValue = serde_json::from_str(extra).map_err(|_| refused("is not JSON"))?;
    if !value.get().starts_with('{') {
        return Err(refused("is not an object"));
    }
    let (mut out, mut in_text, mut escaped) = (String::with_capacity(extra.len()), false, false);
    for c in value.get().chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            ' ' | '\t' | '\r' | '\n' if !in_text => continue,
            _ => {}
        }
        out.push(c);
    }
    check_extra(&out)?;
    Ok(out)
}

/// Extra data must end, by count of braces, where it ends: not before its last byte.
fn check_extra(extra: &str) -> Result<(), NoticeError> {
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
fn check_keys(object: &str, written: &[(&'static str, usize)]) -> Result<(), NoticeError> {
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
