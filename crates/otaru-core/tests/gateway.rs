//! A gateway and a platform in memory: who is logged in, when, and how often it is asked.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail as tests do")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use otaru_core::{Gateway, GatewayError, GatewayInput, GatewayOptions, GatewayOutput, GatewayPolicy};
use otaru_wire::{
    DeviceId, GatewayRefusal, GatewayReport, Instant, MAX_SUB_DEVICES, Report,
    dialect::{Credentials, DeviceHalf, Login, LoginKeys, PlatformHalf, Transport, aliyun},
    mqtt::Message,
};

fn id(product: &str, name: &str) -> DeviceId {
    DeviceId { product: product.parse().unwrap(), device: name.parse().unwrap() }
}

fn sub(name: &str) -> Credentials {
    Credentials { id: id("a1SubPk0002", name), secret: format!("secret of {name}") }
}

fn gate() -> DeviceId {
    id("a1DemoPk001", "gate")
}

/// The platform: knows secrets and who belongs to the gateway.
#[derive(Default)]
struct Platform {
    secrets: BTreeMap<DeviceId, String>,
    added: BTreeSet<DeviceId>,
    online: BTreeSet<DeviceId>,
    silent: bool,
    heard: Vec<GatewayReport>,
    awaited: usize,
}

impl Platform {
    fn of(names: &[&str]) -> Self {
        let secrets = names.iter().map(|name| (sub(name).id, sub(name).secret)).collect();
        Self { secrets, ..Self::default() }
    }

    fn proven(&self, login: &Login) -> Result<DeviceId, GatewayRefusal> {
        let device = aliyun::Platform.read_login(login).unwrap();
        let secret = self.secrets.get(&device).ok_or(GatewayRefusal::BadLogin)?;
        aliyun::Platform
            .verify_login(login, &LoginKeys::of_device(secret))
            .map_err(|_| GatewayRefusal::BadLogin)?;
        Ok(device)
    }

    fn hear(&mut self, message: &Message) -> Option<Message> {
        assert!(aliyun::Platform.may_publish(&gate(), &message.topic), "{}", message.topic);
        let uplink = aliyun::Platform.read_report(&message.topic, &message.payload).unwrap();
        let Report::Gateway(report) = uplink.report else { panic!("{:?}", uplink.report) };
        self.heard.push(report.clone());
        if self.silent {
            return None;
        }
        let answer = match &report {
            GatewayReport::Add(logins) => logins.iter().try_for_each(|login| {
                let device = self.proven(login)?;
                self.added.insert(device);
                Ok(())
            }),
            GatewayReport::Login(login) => self.proven(login).and_then(|device| {
                if !self.added.contains(&device) {
                    return Err(GatewayRefusal::NotAdded);
                }
                self.online.insert(device);
                Ok(())
            }),
            GatewayReport::Logout(device) => {
                self.online.remove(device).then_some(()).ok_or(GatewayRefusal::NotLoggedIn)
            }
            GatewayReport::Remove(_) => Ok(()),
        };
        aliyun::Platform.write_gateway_answer(&gate(), &uplink.id, &report, answer)
    }
}

struct World {
    gateway: Gateway,
    platform: Platform,
    now: Instant,
    seen: Vec<String>,
    /// Answers that are on their way; delivered in reverse order, so that order is never relied on.
    answers: Vec<Message>,
    subscribed: usize,
}

impl World {
    fn new(platform: Platform) -> Self {
        let options = GatewayOptions {
            gateway: gate(),
            dialect: &aliyun::Device,
            transport: Transport::Plain,
            policy: GatewayPolicy::default(),
            seed: 7,
        };
        let gateway = Gateway::new(options);
        Self { gateway, platform, now: Instant(0), seen: Vec::new(), answers: Vec::new(), subscribed: 0 }
    }

    fn give(&mut self, input: GatewayInput) {
        self.gateway.handle(self.now, input).unwrap();
        self.drain();
        while let Some(answer) = self.answers.pop() {
            self.gateway.handle(self.now, GatewayInput::Message(answer)).unwrap();
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.gateway.poll() {
            match output {
                GatewayOutput::Publish(message) => self.answers.extend(self.platform.hear(&message)),
                GatewayOutput::Online(device) => self.seen.push(format!("{} online", device.device)),
                GatewayOutput::Offline(device) => self.seen.push(format!("{} offline", device.device)),
                GatewayOutput::Refused { device, reason, .. } => {
                    self.seen.push(format!("{} refused: {reason}", device.device));
                }
                GatewayOutput::Message(device, _) => self.seen.push(format!("{} hears", device.device)),
                GatewayOutput::Subscribe(filter) => {
                    assert!(aliyun::Platform.may_subscribe(&gate(), &filter), "{filter}");
                    self.subscribed += 1;
                }
            }
        }
        self.platform.awaited = self.platform.awaited.max(self.answers.len());
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.gateway.poll_timeout().filter(|due| *due <= end) {
            assert!(due >= self.now || self.platform.silent, "a timer in the past: the caller would spin");
            self.now = self.now.max(due);
            self.give(GatewayInput::Timer);
        }
        self.now = end;
    }

    fn seen(&mut self) -> Vec<String> {
        let mut seen = std::mem::take(&mut self.seen);
        seen.sort();
        seen
    }
}

#[test]
fn every_device_behind_a_gateway_is_added_once_and_logged_in_after_each_connect() {
    let mut world = World::new(Platform::of(&["sub-1", "sub-2"]));
    for name in ["sub-1", "sub-2"] {
        world.give(GatewayInput::Admit(sub(name)));
    }
    assert!(world.platform.heard.is_empty(), "nothing is said without a session");
    assert_eq!(world.subscribed, 0);
    world.give(GatewayInput::Connected);
    assert_eq!(world.seen(), ["sub-1 online", "sub-2 online"]);
    let adds = |world: &World| {
        world.platform.heard.iter().filter(|word| matches!(word, GatewayReport::Add(_))).count()
    };
    assert_eq!(adds(&world), 2);

    world.give(GatewayInput::Disconnected);
    assert_eq!(world.seen(), ["sub-1 offline", "sub-2 offline"]);
    world.give(GatewayInput::Connected);
    assert_eq!(world.seen(), ["sub-1 online", "sub-2 online"]);
    assert_eq!(adds(&world), 2, "the platform remembers them");
    assert!(world.gateway.poll_timeout().is_none(), "nothing is left to wait for");
}

#[test]
fn a_refused_device_is_asked_for_again_with_growing_pauses_and_harms_no_other() {
    let mut world = World::new(Platform::of(&["sub-1"]));
    world.give(GatewayInput::Admit(sub("sub-1")));
    world.give(GatewayInput::Admit(Credentials { secret: "wrong".into(), ..sub("sub-9") }));
    world.give(GatewayInput::Connected);
    let seen = world.seen();
    assert_eq!(seen[0], "sub-1 online");
    assert!(seen[1].starts_with("sub-9 refused: the platform refuses it with code 6287: "), "{seen:?}");

    let before = world.platform.heard.len();
    world.pass(Duration::from_secs(24 * 3600));
    let asked = world.platform.heard.len() - before;
    // 10 pauses double from 5 s to 1 h, then one an hour, spread by half; each is a login, and an addition.
    assert!((2 * 24..=2 * 70).contains(&asked), "{asked} questions in a day");

    world.platform.secrets.insert(sub("sub-9").id, "wrong".into());
    world.pass(Duration::from_secs(2 * 3600));
    assert!(world.seen().contains(&"sub-9 online".to_owned()), "what was mended works without help");
}

#[test]
fn a_platform_that_does_not_answer_is_asked_again_and_a_late_answer_changes_nothing() {
    let mut world = World::new(Platform::of(&["sub-1"]));
    world.platform.added.insert(sub("sub-1").id);
    world.platform.silent = true;
    world.give(GatewayInput::Admit(sub("sub-1")));
    world.give(GatewayInput::Connected);
    assert!(world.seen().is_empty());
    world.pass(Duration::from_secs(10));
    assert_eq!(world.seen(), ["sub-1 refused: the platform does not answer"]);

    let login = GatewayReport::Login(aliyun::Device.write_login(&sub("sub-1"), Transport::Plain));
    let late =
        aliyun::Platform.write_gateway_answer(&gate(), &otaru_wire::MessageId::Number(1), &login, Ok(()));
    world.give(GatewayInput::Message(late.unwrap()));
    assert!(world.seen().is_empty());
    world.platform.silent = false;
    world.pass(Duration::from_secs(10));
    assert_eq!(world.seen(), ["sub-1 online"]);
}

#[test]
fn a_message_reaches_the_updater_of_its_topics_device_and_of_no_other() {
    let mut world = World::new(Platform::of(&["sub-1", "sub-2"]));
    world.give(GatewayInput::Admit(sub("sub-1")));
    world.give(GatewayInput::Connected);
    world.seen();
    let push = |device: DeviceId| {
        let topic = aliyun::Topic::Upgrade.of(&device);
        GatewayInput::Message(Message {
            topic,
            payload: b"{}".to_vec(),
            qos: otaru_wire::mqtt::Qos::AtMostOnce,
        })
    };
    world.give(push(sub("sub-1").id));
    world.give(push(gate()));
    world.give(push(sub("sub-2").id)); // not admitted
    world.give(push(id("other", "x")));
    assert_eq!(world.seen(), ["gate hears", "sub-1 hears"]);
    world.give(GatewayInput::Disconnected);
    world.seen();
    world.give(push(sub("sub-1").id));
    assert!(world.seen().is_empty(), "who is offline hears nothing");
}

#[test]
fn a_device_can_leave_and_come_with_new_credentials_while_the_session_is_up() {
    let mut world = World::new(Platform::of(&["sub-1"]));
    world.give(GatewayInput::Admit(sub("sub-1")));
    world.give(GatewayInput::Connected);
    world.seen();
    world.give(GatewayInput::Dismiss(sub("sub-1").id));
    assert_eq!(world.seen(), ["sub-1 offline"]);
    assert!(matches!(world.platform.heard.last(), Some(GatewayReport::Logout(_))));
    assert!(world.platform.online.is_empty());

    world.platform.secrets.insert(sub("sub-1").id, "new".into());
    world.give(GatewayInput::Admit(Credentials { secret: "new".into(), ..sub("sub-1") }));
    assert_eq!(world.seen(), ["sub-1 online"]);
}

#[test]
fn a_gateway_is_not_behind_itself_and_has_a_bounded_number_of_devices_and_questions() {
    let names: Vec<_> = (0..MAX_SUB_DEVICES).map(|n| format!("sub-{n}")).collect();
    let mut world = World::new(Platform::of(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    let itself = Credentials { id: gate(), secret: "x".into() };
    let result = world.gateway.handle(world.now, GatewayInput::Admit(itself));
    assert_eq!(result, Err(GatewayError::Itself));
    for name in &names {
        world.give(GatewayInput::Admit(sub(name)));
    }
    let result = world.gateway.handle(world.now, GatewayInput::Admit(sub("one-more")));
    assert_eq!(result, Err(GatewayError::TooMany));

    world.give(GatewayInput::Connected);
    assert_eq!(world.seen().len(), MAX_SUB_DEVICES, "all are online");
    assert!(world.platform.awaited <= GatewayPolicy::default().at_once, "{} at once", world.platform.awaited);
}

#[test]
fn a_device_without_others_behind_it_says_nothing_of_gateways() {
    let mut world = World::new(Platform::of(&["sub-1"]));
    world.give(GatewayInput::Connected);
    assert_eq!((world.subscribed, world.platform.heard.len()), (0, 0));
    assert!(world.gateway.poll_timeout().is_none());

    world.give(GatewayInput::Admit(sub("sub-1")));
    let in_a_session = aliyun::Device.gateway_subscriptions(&gate()).len();
    assert!(in_a_session > 0);
    assert_eq!(world.subscribed, in_a_session);
    world.give(GatewayInput::Admit(sub("sub-2")));
    assert_eq!(world.subscribed, in_a_session, "once in a session is enough");
    world.give(GatewayInput::Disconnected);
    world.give(GatewayInput::Connected);
    assert_eq!(world.subscribed, 2 * in_a_session, "and needed in each");
}
