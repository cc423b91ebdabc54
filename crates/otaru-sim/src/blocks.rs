//! Files in blocks over MQTT: what the platform answers, and what the weather does to it on its way.

use otaru_wire::{
    BlockRequest, DeviceId, MessageId,
    dialect::{PlatformHalf, aliyun},
    mqtt::Message,
};

use crate::{outside::Outside, violation::Violation};

/// What comes of one request for a block, in this order.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) messages: Vec<Message>,
    /// Milliseconds until then; what follows on the session waits behind it.
    pub(crate) delay: u64,
}

impl Outside {
    /// The answer to a request for a block: lost, refused, damaged, late, twice or behind the next one, as the weather has it.
    pub(crate) fn answer_block(
        &mut self,
        device: &DeviceId,
        id: &MessageId,
        request: &BlockRequest,
    ) -> Answers {
        let mut answers = Answers::default();
        if self.strikes(|weather| if weather.outage { 1000 } else { weather.stalls + weather.breaks / 4 }) {
            return answers;
        }
        let refused = self.strikes(|weather| weather.status / 2);
        let place = self.platform.stream(device, request).filter(|_| !refused);
        let Some(place) = place else {
            let refusal = aliyun::Platform.write_block_refusal(device, id, request, "no such stream");
            answers.messages.extend(refusal);
            return answers;
        };
        let replaced = self.strikes(|weather| weather.replaced / 4);
        let Some(block) = self.server.block(place, request, replaced) else { return answers };
        let Ok(Some(mut message)) = aliyun::Platform.write_block(device, id, &block) else {
            self.platform.violation.get_or_insert(Violation::Misunderstood(format!("{request:?}")));
            return answers;
        };
        if self.strikes(|weather| weather.flips) {
            let place = 2 + self.rng.next() as usize % block.bytes.len(); // the checksum has the last two
            if let Some(byte) = message.payload.iter_mut().rev().nth(place) {
                *byte ^= 0x80;
            }
        }
        if self.strikes(|weather| weather.slow) {
            answers.delay = self.rng.between(500, 20_000);
        }
        if self.strikes(|weather| weather.long) {
            answers.messages.push(message.clone());
        }
        answers.messages.push(message);
        let held = self.held_blocks.remove(device);
        if held.is_none() && self.strikes(|weather| weather.short) {
            self.held_blocks.insert(device.clone(), std::mem::take(&mut answers.messages));
        }
        answers.messages.extend(held.unwrap_or_default());
        answers
    }
}

/// Makes a damaged block's checksum fit, as a doer would that does not look at it: CRC-16/ARC of the bytes behind the header
/// (aliyun-link-sdk-v4 §3.2).
pub(crate) fn overlook_checksum(message: &mut Message) {
    let Some((len, rest)) = message.payload.split_first_chunk_mut::<2>() else { return };
    let len = usize::from(u16::from_be_bytes(*len));
    let Some((bytes, crc)) = rest.get_mut(len..).and_then(|body| body.split_last_chunk_mut::<2>()) else {
        return;
    };
    let bit = |crc: u16, _| (crc >> 1) ^ (if crc & 1 == 1 { 0xa001 } else { 0 });
    let computed = bytes.iter().fold(0_u16, |crc, byte| (0..8).fold(crc ^ u16::from(*byte), bit));
    *crc = computed.to_le_bytes();
}
