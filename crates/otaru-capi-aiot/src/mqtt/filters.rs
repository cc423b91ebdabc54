//! Who gets which message.

use std::{ffi::c_void, fmt, sync::Arc};

use otaru_wire::mqtt::{Message, Qos, filter_matches};

use super::types::RecvHandler;
use crate::given::Own;

/// A part of this library that takes messages itself.
pub(crate) type Taker = Arc<dyn Fn(&Message) + Send + Sync>;

#[derive(Clone)]
pub(super) enum To {
    /// A function of the program, and what it gets; without a function the default handler.
    Program(Option<RecvHandler>, Own),
    /// The object of this library whose handle that is.
    Library(Own, Taker),
}

#[derive(Clone)]
struct Filter {
    filter: String,
    to: To,
    subscribed: Option<Subscribed>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Subscribed {
    pub(super) qos: Qos,
    /// What acknowledgements of it bear.
    pub(super) number: u16,
}

/// Filters in the order in which they were set.
#[derive(Default)]
pub(super) struct Filters {
    all: Vec<Filter>,
    /// Subscriptions that are being ended.
    ending: Vec<(String, u16)>,
    last_number: u16,
}

impl fmt::Debug for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|filter| &filter.filter)).finish()
    }
}

impl Filters {
    /// Where a message goes: to every filter that matches, else to the default handler, which is `None`.
    pub(super) fn receivers(&self, topic: &str) -> Vec<To> {
        let matching = self.all.iter().filter(|filter| filter_matches(&filter.filter, topic));
        matching.map(|filter| filter.to.clone()).filter(|to| !matches!(to, To::Program(None, _))).collect()
    }

    /// A handler without a subscription. The same once more changes its userdata.
    pub(super) fn append(&mut self, filter: &str, to: To) {
        match self.all.iter_mut().find(|other| other.filter == filter && other.to.is_same(&to)) {
            Some(known) => known.to = to,
            None => self.all.push(Filter { filter: filter.to_owned(), to, subscribed: None }),
        }
    }

    /// A handler with a subscription.
    pub(super) fn subscribe(&mut self, filter: &str, to: To, qos: Qos) {
        self.last_number = self.last_number.checked_add(1).unwrap_or(1);
        let subscribed = Some(Subscribed { qos, number: self.last_number });
        self.append(filter, to.clone());
        let known = self.all.iter_mut().find(|other| other.filter == filter && other.to.is_same(&to));
        if let Some(known) = known {
            known.subscribed = subscribed;
        }
    }

    /// Forgets one handler of the program.
    pub(super) fn remove(&mut self, filter: &str, handler: Option<RecvHandler>) {
        let to = To::Program(handler, Own::default());
        self.all.retain(|other| other.filter != filter || !other.to.is_same(&to));
    }

    /// Forgets every handler of the program for it.
    pub(super) fn unsubscribe(&mut self, filter: &str) {
        let ended = self.all.iter().rev().filter(|other| other.filter == filter);
        let number =
            ended.clone().find_map(|other| other.subscribed).map_or(0, |subscribed| subscribed.number);
        self.ending.push((filter.to_owned(), number));
        self.all.retain(|other| other.filter != filter || matches!(other.to, To::Library(..)));
    }

    /// The number of a subscription that was ended.
    pub(super) fn ended(&mut self, filter: &str) -> u16 {
        let place = self.ending.iter().position(|(ending, _)| ending == filter);
        place.map_or(0, |place| self.ending.swap_remove(place).1)
    }

    /// Forgets what an object of this library took.
    pub(super) fn forget(&mut self, owner: *mut c_void) {
        self.all.retain(|other| !matches!(other.to, To::Library(own, _) if own.0 == owner));
    }

    /// The latest subscription to a filter.
    pub(super) fn subscribed(&self, filter: &str) -> Option<Subscribed> {
        self.all.iter().rev().filter(|other| other.filter == filter).find_map(|other| other.subscribed)
    }

    /// What is to be subscribed to again on a new connection.
    pub(super) fn subscriptions(&self) -> Vec<(String, Qos)> {
        let all = self.all.iter().filter_map(|other| Some((other.filter.clone(), other.subscribed?.qos)));
        all.collect()
    }
}

impl To {
    /// The same receiver, whatever its userdata.
    fn is_same(&self, other: &To) -> bool {
        match (self, other) {
            (To::Program(Some(a), _), To::Program(Some(b), _)) => std::ptr::fn_addr_eq(*a, *b),
            (To::Program(None, _), To::Program(None, _)) => true,
            (To::Library(a, _), To::Library(b, _)) => a == b,
            _ => false,
        }
    }
}
