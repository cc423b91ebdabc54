//! What a session brings: the platform's messages, and what is said when it is there (again).

use alloc::string::{String, ToString};

use otaru_wire::{
    MessageId, Notice, Report,
    dialect::{Downlink, ReadError},
};

use super::Updater;
use crate::{
    Output,
    context::Cue,
    record::{MAX_EXTRA_BYTES, MAX_NAME_BYTES},
    state::{State, ignore},
};

/// The code of a push that is taken (jd-iot-engine §5).
const TAKEN: u16 = 200;
/// The code of a push that is not.
const REFUSED: u16 = 400;

impl Updater {
    /// The vendor's SDK repeats nothing after a reconnect (aliyun-link-sdk-v4 §8 row 2); here all is that harms no Task.
    pub(super) fn connected(&mut self) {
        self.cx.connected = true;
        self.cx.report_owed();
        self.cx.report_versions(self.state.as_ref().and_then(State::in_progress));
        self.configs.connected(&mut self.cx);
    }

    pub(super) fn subscribe(&mut self) {
        for filter in self.cx.options.dialect.subscriptions(&self.cx.options.device) {
            self.cx.emit(Output::Subscribe(filter));
        }
    }

    pub(super) fn message(&mut self, topic: &str, payload: &[u8]) -> Option<Cue> {
        let options = &self.cx.options;
        let push = options.dialect.push_to_answer(&options.device, topic, payload);
        match options.dialect.read_message(&options.device, topic, payload) {
            Ok(Downlink::Notice(notice)) => match self.fault(&notice) {
                None => {
                    self.answer_push(push, TAKEN);
                    Some(Cue::Notice(notice))
                }
                Some(reason) => {
                    self.answer_push(push, REFUSED);
                    ignore(&mut self.cx, reason);
                    None
                }
            },
            Ok(Downlink::NoTask) => Some(Cue::NoTask),
            // One that nobody waits for was repeated on its way, or came late.
            Ok(Downlink::Block(block)) => Some(Cue::Block(block)),
            Err(ReadError::Block(error)) if self.awaits_block() => Some(Cue::BadBlock(error)),
            Ok(Downlink::Config { config, push }) => {
                self.configs.offered(&mut self.cx, config, push);
                None
            }
            Ok(Downlink::NoConfig(why)) => {
                self.configs.none(&mut self.cx, why);
                None
            }
            Ok(Downlink::Poll) => {
                self.answer_push(push, TAKEN);
                self.poll_platform();
                None
            }
            Ok(Downlink::Gateway(_) | Downlink::Foreign) => None,
            Err(error) => {
                self.answer_push(push, REFUSED);
                ignore(&mut self.cx, error.to_string());
                None
            }
        }
    }

    /// Says at once what became of a push, where the platform waits for that (jd-iot-engine §7.3).
    fn answer_push(&mut self, push: Option<MessageId>, code: u16) {
        if let Some(push) = push {
            self.cx.publish(&Report::NoticeTaken { push, code });
        }
    }

    /// Why a notice cannot be followed by any device like this one.
    pub(super) fn fault(&self, notice: &Notice) -> Option<String> {
        if let Err(error) = notice.check() {
            return Some(error.to_string());
        }
        let too_long =
            [&notice.extra, &notice.signature].into_iter().flatten().any(|text| text.len() > MAX_EXTRA_BYTES)
                || notice
                    .files
                    .iter()
                    .filter_map(|file| file.name.as_ref())
                    .any(|name| name.len() > MAX_NAME_BYTES);
        if too_long {
            return Some("the notice is longer than a record may be".to_string());
        }
        match self.cx.running(&notice.module) {
            None => Some(alloc::format!("this device has no module {}", notice.module)),
            Some(running) if *running == notice.version => {
                Some(alloc::format!("version {running} of module {} runs already", notice.module))
            }
            Some(_) => None,
        }
    }
}
