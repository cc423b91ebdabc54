//! Updates of one device: `iot_ota.h`.

mod api;
mod fetch;

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use otaru_agent::Trust;
use otaru_wire::{
    DeviceId, Notice, Report,
    dialect::{DeviceHalf, Downlink, jd},
    mqtt::Message,
};

use otaru_capi::lock;

use crate::mqtt::{api::next_msgid, client::Client};
use fetch::{Fetch, Fetched};

/// `iot_ota_err_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Code {
    General = -1,
    InvalidParam = -2,
    InvalidState = -3,
    StrTooLong = -4,
    FetchFailed = -5,
    NoSession = -7,
}

/// The code of a push that is taken, and of one that is not (§5).
const TAKEN: u16 = 200;
const REFUSED: u16 = 400;

pub(crate) struct Ota {
    device: DeviceId,
    /// Its program may end the client before it ends this.
    client: Weak<Client>,
    state: Mutex<State>,
    trust: Mutex<Trust>,
}

/// §6.2; the state before all others is that there is no [`Ota`].
enum State {
    Ready,
    Fetching(Arc<Fetch>),
    /// Over, well or not.
    Fetched(Notice),
}

impl Ota {
    fn new(device: DeviceId, client: &Arc<Client>) -> Self {
        let (state, trust) = (Mutex::new(State::Ready), Mutex::new(Trust::WebRoots));
        Self { device, client: Arc::downgrade(client), state, trust }
    }

    /// A message on the topic of pushes. It is answered at once: the platform waits ten seconds (§7.3).
    pub(crate) fn pushed(&self, topic: &str, payload: &[u8]) {
        let code = match jd::DEVICE.read_message(&self.device, topic, payload) {
            Ok(Downlink::Notice(notice)) => self.take(notice),
            _ => REFUSED,
        };
        if let Some(push) = jd::DEVICE.push_to_answer(&self.device, topic, payload) {
            // Without a session the platform pushes again.
            let _ = self.report(&Report::NoticeTaken { push, code });
        }
    }

    /// Begins a download. The firmware that is being fetched already is given a fresh link; another has to wait (§6.4).
    fn take(&self, notice: Notice) -> u16 {
        let mut state = lock(&self.state);
        if let State::Fetching(fetch) = &*state {
            return if fetch.renew(&notice) { TAKEN } else { REFUSED };
        }
        match Fetch::new(notice, lock(&self.trust).clone()) {
            Some(fetch) => {
                *state = State::Fetching(Arc::new(fetch));
                TAKEN
            }
            None => REFUSED,
        }
    }

    /// The next bytes of the download.
    fn fetch(&self, room: &mut [u8], patience: Duration) -> Result<usize, Code> {
        let fetch = match &*lock(&self.state) {
            State::Fetching(fetch) => Arc::clone(fetch),
            State::Ready | State::Fetched(_) => return Err(Code::InvalidState),
        };
        if let Some(client) = self.client.upgrade() {
            client.look_after();
        }
        // No lock on the state: another thread may receive meanwhile, or look how it stands.
        match fetch.read(room, patience) {
            Fetched::Bytes { len, first, last } => {
                if first {
                    self.tell(jd::Status::Downloading);
                }
                if last {
                    self.over(&fetch);
                }
                Ok(len)
            }
            Fetched::Nothing => Ok(0),
            Fetched::Done => {
                self.over(&fetch);
                Ok(0)
            }
            Fetched::Failed(failure) => {
                self.over(&fetch);
                self.tell(jd::Status::Failed(failure));
                Err(Code::FetchFailed)
            }
            Fetched::Over => Err(Code::InvalidState),
        }
    }

    /// That download is over, unless another thread has begun the next one.
    fn over(&self, fetch: &Arc<Fetch>) {
        let mut state = lock(&self.state);
        if matches!(&*state, State::Fetching(now) if Arc::ptr_eq(now, fetch)) {
            *state = State::Fetched(fetch.notice().clone());
        }
    }

    /// Reports progress by itself; what cannot be told is not missed.
    fn tell(&self, status: jd::Status) {
        let _ = self.send(jd::DEVICE.write_status(&self.device, next_msgid(), status, 0));
    }

    fn report(&self, report: &Report) -> Result<u32, Code> {
        self.report_of(&self.device, report)
    }

    fn report_of(&self, device: &DeviceId, report: &Report) -> Result<u32, Code> {
        self.send(jd::DEVICE.write_report(device, next_msgid(), report).ok_or(Code::General)?)
    }

    fn send(&self, message: Message) -> Result<u32, Code> {
        let client = self.client.upgrade().ok_or(Code::NoSession)?;
        client.publish(message).map_err(|_| Code::NoSession)
    }
}
