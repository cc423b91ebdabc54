//! Writing JSON that stock SDKs can search: no blanks, known places of keys.

use alloc::{string::String, vec::Vec};

use serde_json::value::RawValue;

use super::{json, stock};
use crate::NoticeError;

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
        stock::check_keys(&self.text, &self.keys)?;
        Ok(self.text)
    }
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
    stock::check_extra(&out)?;
    Ok(out)
}
