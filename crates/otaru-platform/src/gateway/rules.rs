//! What a device may say and hear, and the way of its messages to ingest.

use otaru_wire::mqtt::{Handler, Message, Taken};
use tracing::{debug, warn};

use super::{Admitted, Ingest, Verdict, listener::Gateway, meters};

/// The topic rules of one device, and the way to ingest.
pub(super) struct Rules<'a, I> {
    ingest: &'a I,
    received: &'a metrics::Counter,
    admitted: &'a Admitted,
    has_strayed: &'a mut bool,
}

impl<'a, I: Ingest> Rules<'a, I> {
    pub(super) fn new(gateway: &'a Gateway<I>, admitted: &'a Admitted, has_strayed: &'a mut bool) -> Self {
        Self { ingest: &gateway.ingest, received: &gateway.meters.received, admitted, has_strayed }
    }
}

impl<I: Ingest> Handler for Rules<'_, I> {
    fn message(&mut self, message: Message) -> Taken {
        let device = &self.admitted.device;
        if !self.admitted.dialect.may_publish(device, &message.topic) {
            metrics::counter!(meters::FOREIGN_PUBLISHES).increment(1);
            if !std::mem::replace(self.has_strayed, true) {
                warn!(%device, topic = ?message.topic, "dropped a message on a topic that is not the device's");
            }
            return Taken::NotAllowed;
        }
        self.received.increment(1);
        match self.ingest.published(self.admitted, message.clone()) {
            Verdict::Accepted => Taken::Accepted,
            Verdict::Busy => Taken::Busy(message),
        }
    }

    fn may_subscribe(&mut self, filter: &str) -> bool {
        let device = &self.admitted.device;
        let may = self.admitted.dialect.may_subscribe(device, filter);
        if !may {
            debug!(%device, ?filter, "refused a subscription that is not the device's");
            metrics::counter!(meters::FOREIGN_SUBSCRIPTIONS).increment(1);
        }
        may
    }
}
