//! Cuts a byte stream into MQTT packets; judges the fixed header before a byte of memory is spent on the body.

use alloc::vec::Vec;

use super::Violation;

/// The longest packet MQTT can express, in bytes after the fixed header.
const MAX_REMAINING: usize = 268_435_455;

/// One whole packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// Fixed header and body.
    pub(super) bytes: &'a [u8],
    /// Variable header and payload.
    pub(super) body: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(super) fn new(bytes: &'a [u8], header: usize) -> Self {
        Self { bytes, body: bytes.get(header..).unwrap_or_default() }
    }

    /// The packet type, 1 to 15.
    pub(super) fn kind(&self) -> u8 {
        self.bytes.first().map_or(0, |first| first >> 4)
    }

    /// The four flag bits beside the type.
    pub(super) fn flags(&self) -> u8 {
        self.bytes.first().map_or(0, |first| first & 0x0f)
    }
}

/// How long a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// Bytes of the fixed header, 2 to 5.
    pub(super) header: usize,
    /// Bytes of the whole packet.
    pub(super) total: usize,
}

/// Reads the fixed header at the start of `bytes`; `None` until it is all there. `max` bounds the whole packet.
pub(super) fn measure(bytes: &[u8], max: usize) -> Result<Option<Size>, Violation> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
    check_flags(*first)?;
    let mut remaining = 0_usize;
    for (at, byte) in rest.iter().take(4).enumerate() {
        remaining |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 != 0 {
            continue;
        }
        if at > 0 && *byte == 0 {
            return Err(Violation::malformed(
                "the remaining length is written with more bytes than it needs",
            ));
        }
        let header = at + 2;
        let total = header + remaining;
        if total > max {
            return Err(Violation::too_large());
        }
        return Ok(Some(Size { header, total }));
    }
    if rest.len() >= 4 {
        return Err(Violation::malformed("the remaining length has more than four bytes"));
    }
    Ok(None)
}

/// The flags beside each packet type are fixed, except PUBLISH's.
fn check_flags(first: u8) -> Result<(), Violation> {
    let flags = first & 0x0f;
    let wanted = match first >> 4 {
        0 => return Err(Violation::malformed("packet type 0 does not exist")),
        3 if flags & 0b0110 == 0b0110 => return Err(Violation::malformed("a PUBLISH has QoS 3")),
        3 if flags & 0b1110 == 0b1000 => {
            return Err(Violation::malformed("a PUBLISH of QoS 0 is marked DUP"));
        }
        3 => return Ok(()),
        6 | 8 | 10 => 0b0010,
        _ => 0,
    };
    if flags == wanted { Ok(()) } else { Err(Violation::malformed("the fixed header has wrong flags")) }
}

/// Holds the start of a packet whose rest has not come; holds no memory between packets.
#[derive(Debug)]
pub(super) struct Framer {
    max: usize,
    partial: Vec<u8>,
    complete: bool,
}

impl Framer {
    /// Packets longer than `max` bytes are refused when their header arrives.
    pub(super) fn new(max: usize) -> Self {
        Self { max: max.min(MAX_REMAINING), partial: Vec::new(), complete: false }
    }

    /// Takes the next whole packet from `input`, or keeps what there is of it. Memory grows with the bytes that
    /// came, not with the length they announce.
    pub(super) fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Frame<'a>>, Violation> {
        if self.complete {
            self.partial = Vec::new();
            self.complete = false;
        }
        if self.partial.is_empty() {
            if let Some(size) = measure(input, self.max)?
                && let Some((packet, rest)) = input.split_at_checked(size.total)
            {
                *input = rest;
                return Ok(Some(Frame::new(packet, size.header)));
            }
            self.partial.extend_from_slice(input);
            *input = &[];
            return Ok(None);
        }
        self.finish(input)
    }

    fn finish<'a>(&'a mut self, input: &mut &[u8]) -> Result<Option<Frame<'a>>, Violation> {
        loop {
            if let Some(size) = measure(&self.partial, self.max)? {
                let missing = size.total.saturating_sub(self.partial.len());
                let (part, rest) = input.split_at_checked(missing).unwrap_or((input, &[]));
                self.partial.extend_from_slice(part);
                *input = rest;
                if part.len() < missing {
                    return Ok(None);
                }
                self.complete = true;
                return Ok(Some(Frame::new(&self.partial, size.header)));
            }
            let Some((first, rest)) = input.split_first() else { return Ok(None) };
            self.partial.push(*first);
            *input = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_packet_over_the_limit_is_refused_before_memory_is_reserved() {
        let mut framer = Framer::new(1024);
        let mut input: &[u8] = &[0x30, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(framer.next(&mut input).unwrap_err(), Violation::too_large());
        assert_eq!(framer.partial.capacity(), 0);
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut framer = Framer::new(256 * 1024);
        let mut input: &[u8] = &[0x30, 0xf0, 0xff, 0x0f];
        assert!(framer.next(&mut input).unwrap().is_none());
        assert!(framer.partial.capacity() <= 64);
        assert!(!framer.partial.is_empty() && !framer.complete);
    }

    #[test]
    fn an_over_long_length_is_refused() {
        assert!(measure(&[0xc0, 0x80, 0x00], 1024).is_err());
        assert!(measure(&[0x30, 0x80, 0x80, 0x80, 0x80], usize::MAX).is_err());
        assert_eq!(measure(&[0x30, 0x80, 0x01], 1024).unwrap(), Some(Size { header: 3, total: 131 }));
    }

    #[test]
    fn wrong_flags_are_refused() {
        for first in [0x00, 0x11, 0x82 ^ 0x01, 0x80, 0xa0, 0x60, 0xc1, 0xe1, 0x36, 0x38, 0x3e] {
            assert!(measure(&[first, 0], 1024).is_err(), "{first:#x}");
        }
        for first in [0x10, 0x82, 0xa2, 0x62, 0xc0, 0xe0, 0x30, 0x32, 0x3a, 0x3c, 0x31] {
            assert!(measure(&[first, 0], 1024).is_ok(), "{first:#x}");
        }
    }

    #[test]
    fn splitting_at_every_byte_gives_the_same_packets() {
        let mut stream = vec![0xc0, 0x00, 0x30, 0x85, 0x01];
        stream.extend(core::iter::repeat_n(7, 133));
        stream.extend([0xd0, 0x00]);
        let whole = cut(&stream, stream.len());
        assert_eq!(whole.len(), 3);
        for step in 1..stream.len() {
            assert_eq!(cut(&stream, step), whole, "in pieces of {step}");
        }
    }

    fn cut(stream: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut framer = Framer::new(1024);
        let mut packets = Vec::new();
        for mut piece in stream.chunks(step) {
            while let Some(frame) = framer.next(&mut piece).unwrap() {
                packets.push(frame.bytes.to_vec());
            }
        }
        packets
    }
}
