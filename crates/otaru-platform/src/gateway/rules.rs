//! What a device may say and hear, and the way of its messages to ingest.

use otaru_wire::mqtt::{Handler, Message, Taken};
use tracing::{debug, warn};

use super::{Ingest, Verdict, handle::Handle, listener::Gateway, meters};

/// The topic rules of one session, and the way to ingest.
pub(super) struct Rules<'a, I> {
    ingest: &'a I,
    received: &'a metrics::Counter,
    handle: &'a Handle,
    has_strayed: &'a mut bool,
}

impl<'a, I: Ingest> Rules<'a, I> {
    pub(super) fn new(gateway: &'a Gateway<I>, handle: &'a Handle, has_strayed: &'a mut bool) -> Self {
        Self { ingest: &gateway.ingest, received: &gateway.meters.received, handle, has_strayed }
    }

    /// Is the topic, or the filter, of a device that logged in through this session?
    fn is_on_behalf(&self, topic: &str) -> bool {
        let device = self.handle.admitted.dialect.on_behalf(topic);
        device.is_some_and(|device| self.handle.speaks_for(&device))
    }
}

impl<I: Ingest> Handler for Rules<'_, I> {
    fn message(&mut self, message: Message) -> Taken {
        let admitted = &self.handle.admitted;
        let device = &admitted.device;
        if !admitted.dialect.may_publish(device, &message.topic) && !self.is_on_behalf(&message.topic) {
            metrics::counter!(meters::FOREIGN_PUBLISHES).increment(1);
            if !std::mem::replace(self.has_strayed, true) {
                warn!(%device, topic = ?message.topic, "dropped a message on a topic that is not the device's");
            }
            return Taken::NotAllowed;
        }
        self.received.increment(1);
        match self.ingest.published(admitted, message.clone()) {
            Verdict::Accepted => Taken::Accepted,
            Verdict::Busy => Taken::Busy(message),
        }
    }

    fn may_subscribe(&mut self, filter: &str) -> bool {
        let admitted = &self.handle.admitted;
        let device = &admitted.device;
        let may = admitted.dialect.may_subscribe(device, filter) || self.is_on_behalf(filter);
        if !may {
            debug!(%device, ?filter, "refused a subscription that is not the device's");
            metrics::counter!(meters::FOREIGN_SUBSCRIPTIONS).increment(1);
        }
        may
    }
}
