//! A device of JD: its texts by hand, its packets by otaru's client.

use otaru_wire::{
    Instant,
    dialect::Login,
    mqtt::{Client, ClientEvent, ClientOptions, Message, Qos},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{IDENTIFIER, PATIENCE, PRODUCT, Platform};

pub(crate) struct Device {
    identifier: String,
    client: Client,
    socket: TcpStream,
    began: std::time::Instant,
}

/// The sheet's example login (§8).
pub(crate) fn login() -> Login {
    Login {
        client_id: format!("{PRODUCT}.{IDENTIFIER}"),
        user_name: format!("{IDENTIFIER}&{PRODUCT}"),
        password: "a23f2f60c2981d4e04cd32c3012e6cba350d4a82f77d85365e68cd060ee7a8ec".to_owned(),
    }
}

impl Device {
    /// Connects with a login; whether it is let in is the first event.
    pub(crate) async fn knocking(platform: &Platform, login: Login) -> Self {
        let socket = TcpStream::connect(platform.address).await.unwrap();
        let mut client = Client::new(ClientOptions::new(login));
        client.opened(Instant(0));
        Self { identifier: IDENTIFIER.to_owned(), client, socket, began: std::time::Instant::now() }
    }

    /// The sheet's example device, let in.
    pub(crate) async fn connect(platform: &Platform) -> Self {
        let mut device = Self::knocking(platform, login()).await;
        assert!(matches!(device.event().await, ClientEvent::Connected));
        device
    }

    /// Another device, let in with a login that otaru writes.
    pub(crate) async fn connect_as(platform: &Platform, identifier: &str, login: Login) -> Self {
        let mut device = Self { identifier: identifier.to_owned(), ..Self::knocking(platform, login).await };
        assert!(matches!(device.event().await, ClientEvent::Connected));
        device
    }

    fn now(&self) -> Instant {
        Instant(self.began.elapsed().as_millis() as u64)
    }

    pub(crate) async fn event(&mut self) -> ClientEvent {
        let next = async {
            loop {
                let event = self.client.poll_event();
                let mut out = Vec::new();
                if self.client.poll_transmit(&mut out) {
                    // A platform that hung up is heard of by the next read.
                    let _ = self.socket.write_all(&out).await;
                }
                if let Some(event) = event {
                    return event;
                }
                let mut buffer = [0; 4096];
                match self.socket.read(&mut buffer).await {
                    Ok(0) | Err(_) => self.client.lost(),
                    Ok(read) => self.client.received(self.now(), &buffer[..read]),
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("an event")
    }

    /// The next message: the leaf of its topic and what it says.
    pub(crate) async fn hears(&mut self) -> (String, Value) {
        loop {
            if let ClientEvent::Message(message) = self.event().await {
                let prefix = format!("/sys/{PRODUCT}/{}/ota/firmware/", self.identifier);
                let leaf = message.topic.strip_prefix(&prefix).expect("a topic of its own").to_owned();
                return (leaf, serde_json::from_slice(&message.payload).unwrap());
            }
        }
    }

    /// The next message must be a push; gives it.
    pub(crate) async fn push(&mut self) -> Value {
        let (leaf, push) = self.hears().await;
        assert_eq!(leaf, "upgrade", "{push}");
        push
    }

    /// Says something on a leaf of its own.
    pub(crate) async fn says(&mut self, leaf: &str, payload: &str) {
        let topic = format!("/sys/{PRODUCT}/{}/ota/firmware/{leaf}", self.identifier);
        self.says_on(&topic, payload).await;
    }

    /// Says something on any topic.
    pub(crate) async fn says_on(&mut self, topic: &str, payload: &str) {
        let message = Message { topic: topic.to_owned(), payload: payload.into(), qos: Qos::AtLeastOnce };
        self.client.publish(self.now(), message).unwrap();
        let mut out = Vec::new();
        self.client.poll_transmit(&mut out);
        self.socket.write_all(&out).await.unwrap();
    }

    /// Says something and gives the answer, which comes on the same leaf.
    pub(crate) async fn asks(&mut self, leaf: &str, payload: &str) -> Value {
        self.says(leaf, payload).await;
        let (on, answer) = self.hears().await;
        assert_eq!(on, format!("{leaf}_reply"), "{answer}");
        answer
    }
}
