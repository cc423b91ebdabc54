//! A session as its handle stands for it: connecting, receiving, connecting again.

use std::{
    collections::BTreeSet,
    ffi::c_void,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use otaru_capi::{Calls, NoSession, OpenError, Session, lock};
use otaru_wire::{
    Instant,
    mqtt::{ClientEvent, CloseReason, Refusal},
};

use super::{
    filters::Filters,
    settings::Settings,
    types::{Event, Recv},
};
use crate::{
    code::{
        CONNACK_BAD_USERNAME_PASSWORD, CONNACK_FMT_ERROR, CONNACK_NOT_AUTHORIZED, CONNACK_PROTOCOL_VERSION,
        CONNACK_SERVER_UNAVAILABLE, CONNACK_UNKNOWN, CONNECT_FAILED, CONNECT_TIMEOUT, DNS_FAILED,
        LOG_CONNECT, LOG_DISCONNECT, LOG_RECONNECTING, NWK_CLOSED, NWK_READ_OVERTIME, RECV_CONNECTION_CLOSED,
        TLS_INVALID_HANDSHAKE,
    },
    given::Own,
    state::log,
};

/// The first pause before a reconnect grows by itself with each failure, to so many times itself (§1.5).
const RECONNECT_MS: u64 = 2000;
const MOST_FAILURES: u32 = 60;
/// Half the width of what chance adds.
const JITTER_MS: u64 = 500;

pub(crate) struct Mqtt {
    pub(super) handle: Own,
    pub(super) session: Session,
    pub(crate) calls: Calls,
    settings: Mutex<Settings>,
    filters: Mutex<Filters>,
    standing: Mutex<Standing>,
    /// When the last sign of life was asked for on this connection.
    beat: Mutex<Option<Instant>>,
    /// Reports of this library whose acknowledgement is not the program's.
    own_tickets: Mutex<BTreeSet<u32>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The program has not connected, or has disconnected.
    Idle,
    /// A thread is connecting.
    Opening,
    Up,
    /// The connection is lost; the next try comes then.
    Waiting {
        until: Instant,
        failures: u32,
    },
}

impl Mqtt {
    pub(super) fn new(handle: *mut c_void) -> Self {
        Self {
            handle: Own(handle),
            session: Session::new(),
            calls: Calls::default(),
            settings: Mutex::default(),
            filters: Mutex::default(),
            standing: Mutex::new(Standing::Idle),
            beat: Mutex::default(),
            own_tickets: Mutex::default(),
        }
    }

    /// The time of the session's clock.
    pub(crate) fn now(&self) -> Instant {
        self.session.now()
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub(super) fn filters(&self) -> MutexGuard<'_, Filters> {
        lock(&self.filters)
    }

    pub(super) fn own_tickets(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        lock(&self.own_tickets)
    }

    /// The program's own connect.
    pub(super) fn connect(&self) -> Result<(), i32> {
        let options = self.settings().options()?;
        self.settings().target()?;
        if !self.moves(Standing::Opening, |standing| !matches!(standing, Standing::Opening | Standing::Up)) {
            return Ok(());
        }
        self.session.prepare(options);
        self.open(0)?;
        log(LOG_CONNECT, "connected");
        self.raise(&Event::CONNECT);
        Ok(())
    }

    /// Opens the session; the standing is `Opening`, and what follows from the outcome afterwards.
    fn open(&self, failures: u32) -> Result<(), i32> {
        let target = self.settings().target();
        let opened = target.and_then(|target| self.session.open(&target).map_err(|error| open_code(&error)));
        *lock(&self.beat) = None;
        match opened {
            Ok(()) => self.moves(Standing::Up, |_| true),
            Err(_) => self.moves(self.after_loss(failures + 1), |_| true),
        };
        opened
    }

    /// The program's own disconnect.
    pub(super) fn disconnect(&self) {
        *lock(&self.standing) = Standing::Idle;
        if self.session.close() {
            log(LOG_DISCONNECT, "disconnected by the program");
            self.raise(&Event::NETWORK_DISCONNECT);
        }
    }

    /// Ends the connection without a word to the program, so that whoever receives returns.
    pub(super) fn end(&self) {
        *lock(&self.standing) = Standing::Idle;
        self.session.close();
    }

    /// Does what is due: a sign of life at once on a new connection, then one in each interval (§1.5).
    pub(super) fn process(&self) {
        let interval = self.settings().heartbeat_interval();
        let now = self.session.now();
        if lock(&self.beat).is_none_or(|last| now.since(last) >= interval) && self.session.ping().is_ok() {
            *lock(&self.beat) = Some(now);
        }
        self.session.timer();
    }

    /// Receives for at most the receive timeout, then whatever is there already.
    pub(super) fn receive(&self) -> Result<(), i32> {
        let standing = *lock(&self.standing);
        match standing {
            Standing::Idle | Standing::Opening => return Err(NWK_CLOSED),
            Standing::Waiting { until, .. } if until > self.session.now() => return Err(NWK_CLOSED),
            Standing::Waiting { failures, .. } => return self.reconnect(standing, failures),
            Standing::Up => {}
        }
        let mut wait = self.settings().recv_timeout();
        loop {
            match self.session.receive(wait) {
                Ok(Some(ClientEvent::Closed(reason))) => return self.lost(&reason),
                Ok(Some(event)) => self.dispatch(event),
                Ok(None) => return Ok(()),
                Err(NoSession) => return Err(NWK_CLOSED),
            }
            wait = Duration::ZERO;
        }
    }

    fn reconnect(&self, standing: Standing, failures: u32) -> Result<(), i32> {
        if !self.moves(Standing::Opening, |now| *now == standing) {
            return Err(NWK_CLOSED);
        }
        log(LOG_RECONNECTING, "connecting again");
        self.open(failures)?;
        let subscriptions = self.filters().subscriptions();
        for (filter, qos) in subscriptions {
            // A connection that is gone again is told of by the next call.
            let _ = self.session.subscribe(&filter, qos);
        }
        log(LOG_CONNECT, "connected again");
        self.raise(&Event::RECONNECT);
        Ok(())
    }

    fn lost(&self, reason: &CloseReason) -> Result<(), i32> {
        // The program disconnected meanwhile: it knows.
        if !self.moves(self.after_loss(0), |standing| *standing == Standing::Up) {
            return Err(NWK_CLOSED);
        }
        log(LOG_DISCONNECT, &format!("disconnected: {reason:?}"));
        self.raise(match reason {
            CloseReason::Silence => &Event::HEARTBEAT_DISCONNECT,
            _ => &Event::NETWORK_DISCONNECT,
        });
        Err(NWK_CLOSED)
    }

    /// True if the standing was as wanted; it is `to` then.
    fn moves(&self, to: Standing, wanted: impl FnOnce(&Standing) -> bool) -> bool {
        let mut standing = lock(&self.standing);
        let moves = wanted(&standing);
        if moves {
            *standing = to;
        }
        moves
    }

    /// When the next try comes, if one comes by itself.
    fn after_loss(&self, failures: u32) -> Standing {
        let settings = self.settings();
        if !settings.reconnect {
            return Standing::Idle;
        }
        let failures = failures.min(MOST_FAILURES);
        let pause = match settings.reconnect_interval_ms {
            Some(interval) => interval.into(),
            None => RECONNECT_MS * (u64::from(failures) + 1) - JITTER_MS + crate::chance() % (2 * JITTER_MS),
        };
        Standing::Waiting { until: self.session.now() + Duration::from_millis(pause), failures }
    }

    fn raise(&self, event: &Event) {
        let (handler, userdata) = {
            let settings = self.settings();
            (settings.event_handler, settings.userdata)
        };
        if let Some(handler) = handler {
            // SAFETY: the program promised a function of that type; the event outlives the call; no lock is held.
            unsafe { handler(self.handle.0, event, userdata.0) };
        }
    }

    /// Hands something to the default handler.
    pub(super) fn tell(&self, packet: &Recv) {
        let (handler, userdata) = {
            let settings = self.settings();
            (settings.recv_handler, settings.userdata)
        };
        if let Some(handler) = handler {
            // SAFETY: the program promised a function of that type; the packet outlives the call; no lock is held.
            unsafe { handler(self.handle.0, packet, userdata.0) };
        }
    }
}

/// What the SDK gives for a connect that failed. Its names of CONNACK's codes are one off (§1.5).
pub(crate) fn open_code(error: &OpenError) -> i32 {
    match error {
        OpenError::Unknown(_) => DNS_FAILED,
        OpenError::TimedOut => CONNECT_TIMEOUT,
        OpenError::Unreachable(_) => CONNECT_FAILED,
        OpenError::Tls(_) => TLS_INVALID_HANDSHAKE,
        OpenError::Closed(CloseReason::Refused(refusal)) => match refusal {
            Refusal::ProtocolVersion => CONNACK_PROTOCOL_VERSION,
            Refusal::ClientId => CONNACK_SERVER_UNAVAILABLE,
            Refusal::Unavailable => CONNACK_BAD_USERNAME_PASSWORD,
            Refusal::BadLogin => CONNACK_NOT_AUTHORIZED,
            Refusal::NotAuthorized | Refusal::Other(_) => CONNACK_UNKNOWN,
        },
        OpenError::Closed(CloseReason::Misbehaved(_)) => CONNACK_FMT_ERROR,
        OpenError::Closed(CloseReason::Silence) => NWK_READ_OVERTIME,
        OpenError::Closed(CloseReason::TransportLost | CloseReason::Disconnected(_)) => {
            RECV_CONNECTION_CLOSED
        }
        OpenError::NotPrepared => NWK_CLOSED,
    }
}
