//! Files in blocks over MQTT, with faults by request.

use std::collections::VecDeque;

use otaru_core::Input;
use otaru_wire::{
    Block, BlockRequest, MessageId,
    dialect::{PlatformHalf, aliyun},
};

use super::platform::{device, input};

/// What goes wrong with one block.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    None,
    /// No answer.
    Lost,
    /// A byte changes on the way.
    Crc,
    /// The frame is cut short on the way.
    Cut,
    /// Bytes from another place, said to be from there.
    OtherOffset,
    /// Bytes of another download: the token tells.
    OtherToken,
    /// Said to be of a file with another size.
    OtherSize,
    /// Only so many bytes of those asked for.
    Short(usize),
    /// Twice.
    Twice,
    /// Only after the next request.
    Late,
    /// Refused.
    Refused,
    /// The session ends in place of an answer.
    SessionEnds,
    /// The byte at that place of the file is another one, and the checksum is of that.
    Flips(usize),
}

/// A request as the platform saw it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) request: BlockRequest,
    /// When, in milliseconds.
    pub(crate) at: u64,
}

#[derive(Default)]
pub(crate) struct Blocks {
    /// For the next requests, in order.
    pub(crate) faults: VecDeque<Fault>,
    /// For all other requests.
    pub(crate) always: Option<Fault>,
    /// Streams with a lower number are refused.
    pub(crate) oldest_stream: u64,
    /// Requests for more bytes get no answer, or end the session.
    pub(crate) most: Option<(u32, Fault)>,
    /// The platform repeats no token.
    pub(crate) forgets_token: bool,
    pub(crate) requests: Vec<Asked>,
    /// Bytes sent.
    pub(crate) sent: u64,
    late: Vec<Input>,
}

impl Blocks {
    /// The answer to one request for that file.
    pub(crate) fn answer(
        &mut self,
        id: &MessageId,
        request: BlockRequest,
        file: &[u8],
        at: u64,
    ) -> Vec<Input> {
        self.requests.push(Asked { request: request.clone(), at });
        let mut fault = self.faults.pop_front().or(self.always.clone()).unwrap_or(Fault::None);
        if let Some((most, instead)) = &self.most
            && request.len > *most
        {
            fault = instead.clone();
        }
        if request.stream < self.oldest_stream {
            fault = Fault::Refused;
        }
        let mut answers = std::mem::take(&mut self.late);
        let mut block = good(&request, file);
        match fault {
            Fault::Lost => return answers,
            Fault::SessionEnds => return vec![Input::Disconnected, Input::Connected],
            Fault::Refused => {
                let refusal = aliyun::Platform.write_block_refusal(&device(), id, &request, "no such stream");
                answers.push(input(refusal.unwrap()));
                return answers;
            }
            Fault::OtherOffset => {
                block.offset = if block.offset == 0 { 1.min(block.file_size - 1) } else { block.offset - 1 };
                block = good(&BlockRequest { offset: block.offset, ..request.clone() }, file);
            }
            Fault::OtherToken => block.token = Some("ffff".into()),
            Fault::OtherSize => block.file_size += 7,
            Fault::Short(len) => block.bytes.truncate(len),
            Fault::Flips(place) => {
                let place = place.checked_sub(block.offset as usize);
                if let Some(byte) = place.and_then(|place| block.bytes.get_mut(place)) {
                    *byte ^= 0xff;
                }
            }
            _ => {}
        }
        if self.forgets_token {
            block.token = None;
        }
        self.sent += block.bytes.len() as u64;
        let mut message = aliyun::Platform.write_block(&device(), id, &block).unwrap().unwrap();
        match fault {
            Fault::Crc => *message.payload.iter_mut().rev().nth(2).unwrap() ^= 1,
            Fault::Cut => message.payload.truncate(message.payload.len() - 1),
            Fault::Twice => answers.push(input(message.clone())),
            Fault::Late => {
                self.late.push(input(message));
                return answers;
            }
            _ => {}
        }
        answers.push(input(message));
        answers
    }
}

fn good(request: &BlockRequest, file: &[u8]) -> Block {
    let start = request.offset as usize;
    let end = file.len().min(start + request.len as usize);
    let bytes = file.get(start..end).expect("a request lies within its file").to_vec();
    Block { token: request.token.clone(), file_size: file.len() as u64, offset: request.offset, bytes }
}
