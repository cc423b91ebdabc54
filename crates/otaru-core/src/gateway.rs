//! Which devices speak through this gateway: logs them in after each connect, and again when that fails.
//!
//! A decider beside the [`Updater`](crate::Updater), with the same three calls. Each device behind the gateway has an
//! updater and a Record of its own: it hears `Connected` when [`GatewayOutput::Online`] names it, and the messages that
//! [`GatewayOutput::Message`] hands on.
//!
//! ```text
//!              ask                    done
//!   Out ───────────────▶ Asked ────────────────▶ In
//!    ▲  a pause after    │  ▲ │ refused: the device is added to the gateway, then asked for once more
//!    │  each refusal     │  └─┘
//!    └───────────────────┘ refused again, or no answer
//! ```

mod standing;

use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;

use otaru_wire::{
    DeviceId, GatewayAnswer, GatewayReport, Instant, MAX_SUB_DEVICES, MessageId, Report,
    dialect::{Credentials, DeviceHalf, Downlink, Transport},
    mqtt::Message,
};

use crate::retry::Spread;
use standing::{Question, Standing};

/// What a gateway is built with.
pub struct GatewayOptions {
    /// Who the gateway is.
    pub gateway: DeviceId,
    /// How its platform speaks.
    pub dialect: &'static dyn DeviceHalf,
    /// How its session is made, which a login tells.
    pub transport: Transport,
    /// Bounds of its asking.
    pub policy: GatewayPolicy,
    /// Anything that differs between gateways: spreads retries over the fleet.
    pub seed: u64,
}

/// Bounds of a gateway's asking. Every wait has an end.
#[derive(Debug, Clone)]
pub struct GatewayPolicy {
    /// How long an answer may take. Default: 10 s.
    pub answer_timeout: Duration,
    /// The first pause after a device was refused; doubled each time, spread by ±50 %. Default: 5 s.
    pub retry_first: Duration,
    /// The longest such pause. Default: 1 h.
    pub retry_longest: Duration,
    /// Questions whose answers may be awaited at the same time. Default: 8.
    pub at_once: usize,
}

impl Default for GatewayPolicy {
    fn default() -> Self {
        Self {
            answer_timeout: Duration::from_secs(10),
            retry_first: Duration::from_secs(5),
            retry_longest: Duration::from_secs(3600),
            at_once: 8,
        }
    }
}

/// Something happened.
#[derive(Debug)]
pub enum GatewayInput {
    /// A device is behind the gateway from now on. Said again of one that is, its credentials are replaced and it logs in anew.
    Admit(Credentials),
    /// A device is not behind the gateway any more: it is logged out.
    Dismiss(DeviceId),
    /// The gateway's session is up.
    Connected,
    /// The gateway's session is gone, and every device's with it.
    Disconnected,
    /// A message came on the gateway's session.
    Message(Message),
    /// A time that `poll_timeout` told has come.
    Timer,
}

/// Something to do, in the order given.
#[derive(Debug)]
pub enum GatewayOutput {
    /// Subscribe to a topic filter.
    Subscribe(String),
    /// Publish a message. Lost if there is no session.
    Publish(Message),
    /// This device's updater is `Connected`.
    Online(DeviceId),
    /// This device's updater is `Disconnected`.
    Offline(DeviceId),
    /// A message for this device's updater; for the gateway's own, if the device is the gateway.
    Message(DeviceId, Message),
    /// The platform does not take a device, or does not answer. It is asked again.
    Refused {
        /// The device.
        device: DeviceId,
        /// Why, with the platform's code.
        reason: String,
        /// Milliseconds until it is asked again.
        after_ms: u64,
    },
}

/// A device cannot be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// It is the gateway itself.
    #[error("a gateway cannot be behind itself")]
    Itself,
    /// There are [`MAX_SUB_DEVICES`] already.
    #[error("a gateway has at most {MAX_SUB_DEVICES} devices behind it")]
    TooMany,
}

/// Decides what a gateway says of the devices behind it.
pub struct Gateway {
    options: GatewayOptions,
    now: Instant,
    connected: bool,
    subscribed: bool,
    devices: BTreeMap<DeviceId, Member>,
    outputs: VecDeque<GatewayOutput>,
    spread: Spread,
    last_number: u32,
}

/// A device behind the gateway.
struct Member {
    credentials: Credentials,
    standing: Standing,
    /// Refusals in a row.
    refusals: u32,
}

impl Gateway {
    /// A gateway without devices: [`GatewayInput::Admit`] names them.
    pub fn new(options: GatewayOptions) -> Self {
        Self {
            spread: Spread::new(options.seed),
            options,
            now: Instant::default(),
            connected: false,
            subscribed: false,
            devices: BTreeMap::new(),
            outputs: VecDeque::new(),
            last_number: 0,
        }
    }

    /// Takes an input. Outputs that follow from it wait in [`Gateway::poll`].
    ///
    /// # Errors
    /// [`GatewayError`] if a device cannot be admitted. Nothing changed.
    pub fn handle(&mut self, now: Instant, input: GatewayInput) -> Result<(), GatewayError> {
        self.now = now;
        match input {
            GatewayInput::Admit(credentials) => self.admit(credentials)?,
            GatewayInput::Dismiss(device) => self.dismiss(&device),
            GatewayInput::Connected => self.connected = true,
            GatewayInput::Disconnected => self.disconnected(),
            GatewayInput::Message(message) => self.message(message),
            GatewayInput::Timer => self.timer(),
        }
        self.ask_next();
        Ok(())
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<GatewayOutput> {
        self.outputs.pop_front()
    }

    /// When [`GatewayInput::Timer`] is due, if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.connected {
            return None;
        }
        let free = self.awaited() < self.options.policy.at_once.max(1);
        self.devices.values().filter_map(|member| member.standing.due(free)).min()
    }

    /// Is this device logged in through the gateway?
    pub fn is_online(&self, device: &DeviceId) -> bool {
        self.devices.get(device).is_some_and(|member| matches!(member.standing, Standing::In))
    }

    fn admit(&mut self, credentials: Credentials) -> Result<(), GatewayError> {
        if credentials.id == self.options.gateway {
            return Err(GatewayError::Itself);
        }
        if !self.devices.contains_key(&credentials.id) && self.devices.len() >= MAX_SUB_DEVICES {
            return Err(GatewayError::TooMany);
        }
        self.offline(&credentials.id.clone());
        let standing = Standing::Out { ask_at: self.now };
        self.devices.insert(credentials.id.clone(), Member { credentials, standing, refusals: 0 });
        Ok(())
    }

    fn dismiss(&mut self, device: &DeviceId) {
        if self.offline(device) {
            self.publish(&GatewayReport::Logout(device.clone()));
        }
        self.devices.remove(device);
    }

    fn disconnected(&mut self) {
        (self.connected, self.subscribed) = (false, false);
        let devices: Vec<_> = self.devices.keys().cloned().collect();
        for device in devices {
            self.offline(&device);
            if let Some(member) = self.devices.get_mut(&device) {
                member.standing = Standing::Out { ask_at: self.now };
            }
        }
    }

    /// True if the device was online and its updater is told that it is not.
    fn offline(&mut self, device: &DeviceId) -> bool {
        let was = self.is_online(device);
        if was {
            self.outputs.push_back(GatewayOutput::Offline(device.clone()));
        }
        was
    }

    /// Answers about devices are the gateway's; everything else is for the updater of the device whose topic it is.
    fn message(&mut self, message: Message) {
        let GatewayOptions { gateway, dialect, .. } = &self.options;
        let Some(device) = dialect.addressee(&message.topic) else { return };
        if device == *gateway {
            // Only answers are read here: the updater reads the rest, and a block of a file is long to read twice.
            if dialect.gateway_subscriptions(gateway).contains(&message.topic)
                && let Ok(Downlink::Gateway(answer)) =
                    dialect.read_message(gateway, &message.topic, &message.payload)
            {
                return self.answered(answer);
            }
        } else if !self.is_online(&device) {
            return;
        }
        self.outputs.push_back(GatewayOutput::Message(device, message));
    }

    fn answered(&mut self, answer: GatewayAnswer) {
        let number = match &answer.id {
            MessageId::Number(number) => u32::try_from(*number).ok(),
            MessageId::Text(text) => text.parse().ok(),
        };
        let asked = self.devices.iter().find_map(|(device, member)| match member.standing {
            Standing::Asked { question, number: asked, .. } if Some(asked) == number => {
                Some((device.clone(), question))
            }
            _ => None,
        });
        // An answer that nobody waits for any more.
        let Some((device, question)) = asked else { return };
        match (question, answer.result) {
            (Question::Login | Question::LoginOnceAdded, Ok(())) => {
                if let Some(member) = self.devices.get_mut(&device) {
                    member.standing = Standing::In;
                    member.refusals = 0;
                }
                self.outputs.push_back(GatewayOutput::Online(device));
            }
            // Platforms differ in how they say that it was never added; adding it again does no harm.
            (Question::Login, Err(_)) => self.ask(&device, Question::Add),
            (Question::Add, Ok(())) => self.ask(&device, Question::LoginOnceAdded),
            (Question::Add | Question::LoginOnceAdded, Err((code, reason))) => {
                self.refused(&device, format!("the platform refuses it with code {code}: {reason}"));
            }
        }
    }

    fn timer(&mut self) {
        let silent = self.devices.iter().filter(|(_, member)| member.standing.is_over(self.now));
        let silent: Vec<_> = silent.map(|(device, _)| device.clone()).collect();
        for device in silent {
            self.refused(&device, "the platform does not answer".to_string());
        }
    }

    fn refused(&mut self, device: &DeviceId, reason: String) {
        let GatewayPolicy { retry_first, retry_longest, .. } = self.options.policy;
        let Some(member) = self.devices.get_mut(device) else { return };
        member.refusals = member.refusals.saturating_add(1);
        let pause = self.spread.pause(retry_first, retry_longest, member.refusals);
        member.standing = Standing::Out { ask_at: self.now + pause };
        let after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.outputs.push_back(GatewayOutput::Refused { device: device.clone(), reason, after_ms });
    }

    /// Asks for those that are due, as many as may be asked for at once.
    fn ask_next(&mut self) {
        if !self.connected {
            return;
        }
        self.subscribe();
        let room = self.options.policy.at_once.max(1).saturating_sub(self.awaited());
        let due = self.devices.iter().filter(|(_, member)| member.standing.may_ask(self.now));
        let due: Vec<_> = due.take(room).map(|(device, _)| device.clone()).collect();
        for device in due {
            self.ask(&device, Question::Login);
        }
    }

    /// Once in each session, and not before there is a device to speak of: most devices are no gateways.
    fn subscribe(&mut self) {
        if self.subscribed || self.devices.is_empty() {
            return;
        }
        self.subscribed = true;
        for filter in self.options.dialect.gateway_subscriptions(&self.options.gateway) {
            self.outputs.push_back(GatewayOutput::Subscribe(filter));
        }
    }

    fn awaited(&self) -> usize {
        self.devices.values().filter(|member| matches!(member.standing, Standing::Asked { .. })).count()
    }

    fn ask(&mut self, device: &DeviceId, question: Question) {
        let Some(member) = self.devices.get(device) else { return };
        let login = self.options.dialect.write_login(&member.credentials, self.options.transport);
        let number = self.publish(&match question {
            Question::Add => GatewayReport::Add([login].into()),
            Question::Login | Question::LoginOnceAdded => GatewayReport::Login(login),
        });
        let until = self.now + self.options.policy.answer_timeout;
        if let Some(member) = self.devices.get_mut(device) {
            member.standing = Standing::Asked { question, number, until };
        }
    }

    /// Gives the message's number.
    fn publish(&mut self, report: &GatewayReport) -> u32 {
        self.last_number = self.last_number.wrapping_add(1);
        let GatewayOptions { gateway, dialect, .. } = &self.options;
        let message = dialect.write_report(gateway, self.last_number, &Report::Gateway(report.clone()));
        self.outputs.extend(message.map(GatewayOutput::Publish));
        self.last_number
    }
}
