//! One client: a session, who gets its messages, and how it comes back.

use std::{
    ffi::c_void,
    sync::{
        Mutex, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use otaru_capi::{OpenError, Session, Target, lock};
use otaru_wire::{
    Instant,
    mqtt::{ClientEvent, Message, PublishError, Qos},
};

use super::{
    comeback::Comeback,
    message::{Event, OnEvent},
    params::Made,
};
use crate::ota::Ota;

/// How long it waits at once: what is due by the clock is looked for in between.
const SLICE: Duration = Duration::from_secs(1);
/// How often a program that only downloads is looked after.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// Who gets the messages of a topic.
#[derive(Clone)]
pub(crate) enum Listener {
    Program(OnEvent),
    Ota(Weak<Ota>),
}

pub(crate) struct Client {
    /// What the program holds of it.
    handle: usize,
    session: Session,
    target: Target,
    on_event: OnEvent,
    listeners: Mutex<Vec<(String, Listener)>>,
    comeback: Mutex<Comeback>,
    ended: AtomicBool,
    /// How many threads receive.
    receiving: AtomicUsize,
    looked_after: Mutex<Instant>,
}

impl Client {
    /// Connects and logs in.
    pub(super) fn open(made: Made) -> Result<Self, OpenError> {
        let Made { target, options, on_event } = made;
        let session = Session::new();
        session.prepare(options);
        session.open(&target)?;
        let mut seed = [0; 8];
        // Without chance every device waits as long as the others; that is no reason not to come back.
        let _ = getrandom::fill(&mut seed);
        let comeback = Comeback::new(u64::from_le_bytes(seed), session.now());
        Ok(Self {
            handle: 0,
            session,
            target,
            on_event,
            listeners: Mutex::default(),
            comeback: Mutex::new(comeback),
            ended: AtomicBool::new(false),
            receiving: AtomicUsize::new(0),
            looked_after: Mutex::default(),
        })
    }

    /// The same, known to its program by that handle.
    pub(super) fn known_by(self, handle: *mut c_void) -> Self {
        Self { handle: handle.addr(), ..self }
    }

    /// Ends it, in the middle of whatever other threads do with it.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        lock(&self.listeners).clear();
        self.session.close();
    }

    pub(super) fn is_up(&self) -> bool {
        self.session.is_up()
    }

    /// Receives for so long. Ends sooner if the client does.
    pub(super) fn receive(&self, wait: Duration) {
        self.receiving.fetch_add(1, Ordering::Relaxed);
        self.receive_until_over(wait);
        self.receiving.fetch_sub(1, Ordering::Relaxed);
    }

    /// Keeps the session alive while nobody receives: a program with one thread downloads for longer than the platform takes
    /// silence for life, and then wants to report.
    pub(crate) fn look_after(&self) {
        let now = self.session.now();
        {
            let mut looked_after = lock(&self.looked_after);
            if now.since(*looked_after) < LOOK_AFTER || self.receiving.load(Ordering::Relaxed) > 0 {
                return;
            }
            *looked_after = now;
        }
        self.receive_until_over(Duration::ZERO);
    }

    fn receive_until_over(&self, wait: Duration) {
        let deadline = self.session.now() + wait;
        while !self.ended.load(Ordering::Relaxed) {
            self.session.timer();
            let left = deadline.since(self.session.now());
            match self.session.receive(left.min(SLICE)) {
                Ok(Some(ClientEvent::Message(message))) => self.hand_out(&message),
                Ok(Some(ClientEvent::Closed(_))) => {
                    lock(&self.comeback).lost(self.session.now());
                    self.tell(Event::Disconnect);
                }
                Ok(_) => {}
                Err(_) => self.come_back(left),
            }
            if deadline.since(self.session.now()).is_zero() {
                return;
            }
        }
    }

    /// Tries to come back, or waits until it is time to, but no longer than `left`.
    fn come_back(&self, left: Duration) {
        let mut comeback = lock(&self.comeback);
        let pause = comeback.due().since(self.session.now());
        if !pause.is_zero() {
            drop(comeback);
            // There is no connection that anything could come from.
            return thread::sleep(pause.min(left));
        }
        if self.ended.load(Ordering::Relaxed) || self.session.is_up() {
            return;
        }
        let opened = self.session.open(&self.target);
        comeback.tried(self.session.now(), &opened);
        if opened.is_err() {
            return;
        }
        drop(comeback);
        if self.ended.load(Ordering::Relaxed) {
            // It was ended while it came back.
            self.session.close();
            return;
        }
        let filters: Vec<String> = lock(&self.listeners).iter().map(|(filter, _)| filter.clone()).collect();
        for filter in filters {
            // A connection that breaks here is noticed by whoever receives.
            let _ = self.session.subscribe(&filter, Qos::AtLeastOnce);
        }
        self.tell(Event::Reconnect);
    }

    fn hand_out(&self, message: &Message) {
        let listeners: Vec<Listener> = lock(&self.listeners)
            .iter()
            .filter(|(topic, _)| *topic == message.topic)
            .map(|(_, listener)| listener.clone())
            .collect();
        for listener in &listeners {
            match listener {
                Listener::Program(program) => program.received(self.handle(), message),
                Listener::Ota(ota) => {
                    if let Some(ota) = ota.upgrade() {
                        ota.pushed(&message.topic, &message.payload);
                    }
                }
            }
        }
        if listeners.is_empty() {
            self.on_event.received(self.handle(), message);
        }
    }

    fn tell(&self, event: Event) {
        self.on_event.happened(self.handle(), event);
    }

    fn handle(&self) -> *mut c_void {
        std::ptr::without_provenance_mut(self.handle)
    }

    /// Listens to a topic, now and after every loss.
    pub(crate) fn listen(&self, topic: String, listener: Listener) -> Result<(), PublishError> {
        // The answer may come with the first message behind it.
        lock(&self.listeners).push((topic.clone(), listener));
        let subscribed = self.session.subscribe(&topic, Qos::AtLeastOnce);
        if subscribed.is_err() {
            lock(&self.listeners).pop_if(|(known, _)| *known == topic);
        }
        subscribed
    }

    /// True if the topic has a listener that is an update's.
    pub(crate) fn is_taken(&self, topic: &str) -> bool {
        let listeners = lock(&self.listeners);
        let live = |listener: &Listener| matches!(listener, Listener::Ota(ota) if ota.strong_count() > 0);
        listeners.iter().any(|(known, listener)| known == topic && live(listener))
    }

    /// Ends what [`Client::listen`] began, for the listeners that `which` names; false if there are none.
    pub(crate) fn unlisten(&self, topic: &str, which: impl Fn(&Listener) -> bool) -> bool {
        let (before, after, left) = {
            let mut listeners = lock(&self.listeners);
            let before = listeners.len();
            listeners.retain(|(known, listener)| known != topic || !which(listener));
            (before, listeners.len(), listeners.iter().any(|(known, _)| known == topic))
        };
        if before != after && !left {
            // Without a connection there is no subscription either.
            let _ = self.session.unsubscribe(topic);
        }
        before != after
    }

    /// Publishes; gives the message's number within this client.
    pub(crate) fn publish(&self, message: Message) -> Result<u32, PublishError> {
        self.session.publish(message).map(|ticket| ticket.map_or(0, |ticket| ticket.0))
    }
}
