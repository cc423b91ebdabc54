//! A notice that was pushed and is not replied to, where the dialect has a reply to it. Nothing becomes of that but a word in
//! the log: the Task waits, and its device may ask for it at any time.

use std::time::Duration;

use otaru_fleet::Timestamp;
use otaru_wire::DeviceId;
use tracing::info;

use super::{Service, meters};

/// How often it is looked whose reply is late.
const LOOK: Duration = Duration::from_secs(1);

impl Service {
    /// A notice went to the device, which has this long to reply.
    pub(super) fn await_reply(&self, device: &DeviceId, within_s: u64) {
        self.inner.unanswered.note(device, self.now() + Duration::from_secs(within_s));
    }

    /// Looks after the replies that are due, until the service comes to its end.
    pub(super) async fn note_silence(&self) {
        while self.noted(&self.inner.unanswered, LOOK).await {
            self.look_for_silence();
        }
    }

    /// Says of whom a reply is late, once of each notice; gives of how many.
    pub(super) fn look_for_silence(&self) -> usize {
        let (now, all) = (self.now(), self.inner.unanswered.all());
        let late: Vec<(DeviceId, Timestamp)> = all.into_iter().filter(|(_, due)| *due <= now).collect();
        for (device, _) in &late {
            metrics::counter!(meters::NOTICES_UNANSWERED).increment(1);
            info!(%device, "{device} does not reply to its notice; its task waits until it asks");
        }
        self.inner.unanswered.done(&late);
        late.len()
    }
}
