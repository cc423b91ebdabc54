//! Numbers and texts as the Record spells them, both directions.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::clip;

/// Bytes in the making. A text longer than its length can tell is cut.
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text8(&mut self, text: &str) {
        let text = clip(text.to_string(), u8::MAX.into());
        self.u8(text.len() as u8);
        self.bytes(text.as_bytes());
    }

    pub(super) fn text16(&mut self, text: &str) {
        let text = clip(text.to_string(), u16::MAX.into());
        self.u16(text.len() as u16);
        self.bytes(text.as_bytes());
    }

    pub(super) fn text32(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.bytes(text.as_bytes());
    }
}

/// Bytes still to be read. Past their end everything is none.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(super) fn text(&mut self, len: usize) -> Option<String> {
        core::str::from_utf8(self.take(len)?).ok().map(ToString::to_string)
    }

    pub(super) fn text8(&mut self) -> Option<String> {
        let len = self.u8()?.into();
        self.text(len)
    }

    pub(super) fn text16(&mut self) -> Option<String> {
        let len = self.u16()?.into();
        self.text(len)
    }

    pub(super) fn text32(&mut self) -> Option<String> {
        let len = self.u32()?;
        self.text(usize::try_from(len).ok()?)
    }
}
