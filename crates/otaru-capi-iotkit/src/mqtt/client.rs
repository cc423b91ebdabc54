//! The session of the process, as the application drives it: what comes, who hears it, how it is kept.
//!
//! Bytes are taken whenever a call waits (`pump`); callbacks are called by `dispatch` alone, with nothing locked, so that
//! they may call every function of the library.

mod keeping;

use std::{
    collections::VecDeque,
    ffi::c_void,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use otaru_agent::Trust;
use otaru_capi::{OpenError, Session, Target, lock};
use otaru_wire::{
    DeviceId, Report, Version,
    dialect::{DeviceHalf, Downlink, aliyun::DeviceV3},
    mqtt::{CloseReason, Message, PublishError, Ticket, filter_matches},
};

use crate::{
    hal,
    log::{Level, log},
    mqtt::{
        event::{Handler, Happening},
        params::Plan,
        subscriptions::{Asked, Subscriptions},
    },
    settings::settings,
};

/// Connections tried before there is a session, and the pause between two.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// What may wait for `dispatch`: an application that never yields does not fill the memory.
const MAX_HAPPENINGS: usize = 1000;

/// Messages about updates that wait for somebody who listens; of more, the last ones.
const MAX_EARLY: usize = 4;

/// Who else hears of what happens: updates do.
pub(crate) trait Listener: Send + Sync {
    /// A message came; true if it was about an update. It is heard before any callback, and while a download goes on.
    fn heard(&self, message: &Message) -> bool;
    /// The session is up again.
    fn reconnected(&self);
    /// Now is the time to call callbacks of its own.
    fn tell(&self);
}

pub(crate) struct Client {
    pub(crate) device: DeviceId,
    pub(crate) trust: Trust,
    session: Session,
    target: Target,
    handle: usize,
    /// Hears all that no subscription hears.
    handler: Callback,
    state: Mutex<State>,
    listener: Mutex<Listening>,
    /// Held by the one thread that calls callbacks.
    dispatching: Mutex<()>,
    /// Numbers the version reports that go out by themselves.
    reports: AtomicU32,
    ended: AtomicBool,
}

/// Who hears of updates, or what came before anybody did: the platform pushes as soon as it knows the version.
enum Listening {
    NotYet(VecDeque<Message>),
    By(Weak<dyn Listener>),
}

struct State {
    subscriptions: Subscriptions,
    happenings: VecDeque<Happening>,
    published: Vec<(Ticket, u16)>,
    /// When to connect again, and the pause after that.
    retry: Option<(Instant, Duration)>,
    up: bool,
}

/// A function of the application's, and what it wants to be called with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callback {
    pub(crate) handler: Handler,
    pub(crate) context: *mut c_void,
}

// SAFETY: the context is only ever given back to the application, whose threads call us.
unsafe impl Send for Callback {}
// SAFETY: as above.
unsafe impl Sync for Callback {}

impl Client {
    /// Connects. The error is for people.
    pub(crate) fn open(plan: Plan) -> Result<Self, String> {
        let Plan { device, target, options, trust, handler, context } = plan;
        let session = Session::new();
        session.prepare(options);
        let mut tried = 0;
        while let Err(error) = session.open(&target) {
            tried += 1;
            let reason = format!("{}:{}: {error:?}", target.host, target.port);
            log(Level::Error, format_args!("no session with {reason}"));
            if tried == TRIES || matches!(error, OpenError::Closed(CloseReason::Refused(_))) {
                return Err(reason);
            }
            hal::sleep_ms(u32::try_from(PAUSE.as_millis()).unwrap_or(u32::MAX));
        }
        let client = Self {
            device,
            trust,
            session,
            target,
            handle: 0,
            handler: Callback { handler, context },
            state: Mutex::new(State {
                subscriptions: Subscriptions::default(),
                happenings: VecDeque::new(),
                published: Vec::new(),
                retry: None,
                up: true,
            }),
            listener: Mutex::new(Listening::NotYet(VecDeque::new())),
            dispatching: Mutex::new(()),
            reports: AtomicU32::new(0),
            ended: AtomicBool::new(false),
        };
        client.report_running();
        Ok(client)
    }

    /// The handle that callbacks get.
    pub(crate) fn known_as(self, handle: *mut c_void) -> Self {
        Self { handle: handle.addr(), ..self }
    }

    /// Who hears every message first, from those that came already on.
    pub(crate) fn listen(&self, listener: &Arc<dyn Listener>) {
        let before = std::mem::replace(&mut *lock(&self.listener), Listening::By(Arc::downgrade(listener)));
        if let Listening::NotYet(messages) = before {
            for message in &messages {
                listener.heard(message);
            }
        }
    }

    fn listener(&self) -> Option<Arc<dyn Listener>> {
        match &*lock(&self.listener) {
            Listening::By(listener) => listener.upgrade(),
            Listening::NotYet(_) => None,
        }
    }

    /// Gives a message to who hears of updates, or keeps it for him; false if it is not about one.
    fn hear(&self, message: &Message) -> bool {
        if let Some(listener) = self.listener() {
            return listener.heard(message);
        }
        let about_updates =
            DeviceV3.read_message(&self.device, &message.topic, &message.payload) != Ok(Downlink::Foreign);
        if about_updates && let Listening::NotYet(messages) = &mut *lock(&self.listener) {
            if messages.len() == MAX_EARLY {
                messages.pop_front();
            }
            messages.push_back(message.clone());
        }
        about_updates
    }

    /// Tells the version that runs, if the port knows it.
    pub(crate) fn report_running(&self) {
        let Some(version) = hal::firmware_version() else { return };
        match Version::new(version) {
            Ok(version) => {
                let id = self.reports.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
                let module = settings().module();
                // Lost while there is no connection; then it is told again with the next one.
                let _ = self.report(id, &Report::Version { module, version });
            }
            Err(error) => {
                log(Level::Error, format_args!("the version of HAL_GetFirmwareVersion is not told: {error}"))
            }
        }
    }

    /// Says something in the words of v3.
    pub(crate) fn report(&self, id: u32, report: &Report) -> Result<(), PublishError> {
        match DeviceV3.write_report(&self.device, id, report) {
            Some(message) => self.session.publish(message).map(|_| ()),
            None => Ok(()),
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        !self.has_ended() && self.session.is_up()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Says good-bye; nothing is heard any more.
    pub(crate) fn end(&self) {
        // A connection that is closed with bytes unread is reset, and its last words are lost.
        self.drain();
        self.ended.store(true, Ordering::Release);
        self.session.close();
    }

    /// Publishes; the packet's id for QoS 1, else 0.
    pub(crate) fn publish(&self, message: Message) -> Result<u16, PublishError> {
        // Locked over both, so that the answer does not come before the ticket is known.
        let mut state = lock(&self.state);
        let Some(ticket) = self.session.publish(message)? else { return Ok(0) };
        let id = state.subscriptions.next_id();
        state.published.push((ticket, id));
        Ok(id)
    }

    /// Asks for a subscription, or knows of it only here.
    pub(crate) fn subscribe(
        &self,
        filter: &str,
        asked: Asked,
        callback: Callback,
    ) -> Result<u16, PublishError> {
        let mut state = lock(&self.state);
        if let Asked::Qos(qos) = asked {
            self.session.subscribe(filter, qos)?;
        }
        Ok(state.subscriptions.add(filter, asked, callback))
    }

    /// Ends a subscription; none if there is none of that filter.
    pub(crate) fn unsubscribe(&self, filter: &str) -> Option<Result<u16, PublishError>> {
        let mut state = lock(&self.state);
        let local = state.subscriptions.is_local(filter)?;
        if !local && let Err(error) = self.session.unsubscribe(filter) {
            return Some(Err(error));
        }
        Some(Ok(state.subscriptions.remove(filter, local)))
    }

    /// Waits until the subscription with that id is answered; none if that does not happen in time.
    pub(crate) fn await_subscription(&self, id: u16, patience: Duration) -> Option<bool> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(granted) = lock(&self.state).subscriptions.answer(id) {
                return Some(granted);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.has_ended() {
                return None;
            }
            self.pump(left);
        }
    }

    fn happened(&self, happening: Happening) {
        let full = {
            let mut state = lock(&self.state);
            let full = state.happenings.len() >= MAX_HAPPENINGS;
            if !full {
                state.happenings.push_back(happening);
            }
            full
        };
        if full {
            log(Level::Warning, "an event is dropped: the application does not yield");
        }
    }

    /// Calls the callbacks for all that happened. One thread does at a time; another leaves it to that.
    pub(crate) fn dispatch(&self) {
        let Ok(_turn) = self.dispatching.try_lock() else { return };
        while let Some((happening, callbacks)) = self.next_call() {
            for Callback { handler, context } in callbacks {
                let handle = std::ptr::without_provenance_mut(self.handle);
                // SAFETY: what the application registered.
                unsafe { happening.tell(handler, context, handle) }
            }
        }
        if let Some(listener) = self.listener() {
            listener.tell();
        }
    }

    fn next_call(&self) -> Option<(Happening, Vec<Callback>)> {
        let happening = lock(&self.state).happenings.pop_front()?;
        let mut callbacks = match &happening {
            Happening::Received(message) => self.callbacks(message),
            _ => Vec::new(),
        };
        if callbacks.is_empty() {
            callbacks.push(self.handler);
        }
        Some((happening, callbacks))
    }

    /// Who subscribed to such a message.
    fn callbacks(&self, message: &Message) -> Vec<Callback> {
        lock(&self.state).subscriptions.callbacks(|filter| filter_matches(filter, &message.topic))
    }
}
