//! Who hears what: the application's subscriptions and the packets' ids.

use otaru_wire::mqtt::Qos;

use super::client::Callback;

/// How a filter is subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The platform is asked.
    Qos(Qos),
    /// The platform delivers unasked: the filter is known only here.
    Locally,
}

#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    all: Vec<Subscription>,
    /// Ends of subscriptions that the platform has not answered.
    ending: Vec<(String, u16)>,
    /// The answers that nobody asked for yet: a few at a time.
    answers: Vec<(u16, bool)>,
    last_id: u16,
}

#[derive(Debug)]
struct Subscription {
    filter: String,
    asked: Asked,
    callback: Callback,
    /// The packet's id, until the platform has answered.
    open: Option<u16>,
}

/// Answers kept for those who wait for them.
const MAX_ANSWERS: usize = 16;

impl Subscriptions {
    /// The next packet id. It names the application's request, whatever id the packet has on the wire.
    pub(crate) fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }

    /// Takes a subscription; one of the same filter is replaced.
    pub(crate) fn add(&mut self, filter: &str, asked: Asked, callback: Callback) -> u16 {
        let id = self.next_id();
        self.all.retain(|subscription| subscription.filter != filter);
        let open = match asked {
            Asked::Qos(_) => Some(id),
            Asked::Locally => {
                self.keep(id, true);
                None
            }
        };
        self.all.push(Subscription { filter: filter.to_owned(), asked, callback, open });
        id
    }

    /// Is the filter known only here? None if there is no such subscription.
    pub(crate) fn is_local(&self, filter: &str) -> Option<bool> {
        let found = self.all.iter().find(|subscription| subscription.filter == filter)?;
        Some(found.asked == Asked::Locally)
    }

    /// Forgets a subscription at once; the id names the question to the platform.
    pub(crate) fn remove(&mut self, filter: &str, local: bool) -> u16 {
        let id = self.next_id();
        self.all.retain(|subscription| subscription.filter != filter);
        if !local {
            self.ending.push((filter.to_owned(), id));
        }
        id
    }

    /// The platform has answered. One that it refused is forgotten. None if nobody asked.
    pub(crate) fn answered(&mut self, filter: &str, granted: bool) -> Option<u16> {
        let found = self.all.iter_mut().find(|subscription| subscription.filter == filter)?;
        let id = found.open.take();
        if !granted {
            self.all.retain(|subscription| subscription.filter != filter);
        }
        let id = id?;
        self.keep(id, granted);
        Some(id)
    }

    /// The platform has ended a subscription. None if nobody asked.
    pub(crate) fn removed(&mut self, filter: &str) -> Option<u16> {
        let place = self.ending.iter().position(|(ending, _)| ending == filter)?;
        Some(self.ending.remove(place).1)
    }

    /// What the platform said to the request with that id.
    pub(crate) fn answer(&mut self, id: u16) -> Option<bool> {
        let place = self.answers.iter().position(|(answered, _)| *answered == id)?;
        Some(self.answers.remove(place).1)
    }

    fn keep(&mut self, id: u16, granted: bool) {
        if self.answers.len() == MAX_ANSWERS {
            self.answers.remove(0);
        }
        self.answers.push((id, granted));
    }

    /// The connection is lost: what was not answered will not be. Gives the ids of those who subscribed and of those who
    /// ended a subscription; subscriptions stay.
    pub(crate) fn lost(&mut self) -> (Vec<u16>, Vec<u16>) {
        let subscribing = self.all.iter_mut().filter_map(|subscription| subscription.open.take()).collect();
        (subscribing, self.ending.drain(..).map(|(_, id)| id).collect())
    }

    /// The filters that the platform must be asked for again.
    pub(crate) fn remote(&self) -> Vec<(String, Qos)> {
        let asked = |subscription: &Subscription| match subscription.asked {
            Asked::Qos(qos) => Some((subscription.filter.clone(), qos)),
            Asked::Locally => None,
        };
        self.all.iter().filter_map(asked).collect()
    }

    /// Who hears what those filters match that `hears` says so of.
    pub(crate) fn callbacks(&self, hears: impl Fn(&str) -> bool) -> Vec<Callback> {
        let own = |subscription: &&Subscription| subscription.callback.handler.is_some();
        self.all
            .iter()
            .filter(|subscription| hears(&subscription.filter))
            .filter(own)
            .map(|subscription| subscription.callback)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Callback = Callback { handler: None, context: std::ptr::null_mut() };
    const QOS: Asked = Asked::Qos(Qos::AtMostOnce);

    #[test]
    fn a_refused_subscription_is_forgotten_and_its_answer_kept_for_who_waits() {
        let mut all = Subscriptions::default();
        let (a, b) = (all.add("a", QOS, NONE), all.add("b", QOS, NONE));
        assert_eq!((all.answered("a", true), all.answered("b", false)), (Some(a), Some(b)));
        assert_eq!(all.answered("a", true), None, "it was answered");
        assert_eq!((all.answer(a), all.answer(b), all.answer(a)), (Some(true), Some(false), None));
        assert_eq!(all.remote(), [("a".to_owned(), Qos::AtMostOnce)]);
    }

    #[test]
    fn what_is_known_only_here_is_never_asked_for() {
        let mut all = Subscriptions::default();
        let id = all.add("a", Asked::Locally, NONE);
        assert_eq!((all.answer(id), all.remote().len(), all.is_local("a")), (Some(true), 0, Some(true)));
        assert_eq!(all.is_local("b"), None);
    }

    #[test]
    fn subscriptions_outlive_a_connection_and_questions_do_not() {
        let mut all = Subscriptions::default();
        let (a, b) = (all.add("a", QOS, NONE), all.add("b", QOS, NONE));
        all.answered("a", true);
        let end = all.remove("a", false);
        assert_eq!(all.lost(), (vec![b], vec![end]));
        assert_eq!((all.removed("a"), all.remote().len()), (None, 1));
        assert_ne!(a, b);
    }

    #[test]
    fn ids_come_round_and_are_never_zero() {
        let mut all = Subscriptions { last_id: u16::MAX, ..Subscriptions::default() };
        assert_eq!(all.next_id(), 1);
    }
}
