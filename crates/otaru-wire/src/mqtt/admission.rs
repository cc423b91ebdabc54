//! The first packet of a connection, judged before anything is kept for it.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::time::Duration;

use mqtt_protocol_core::mqtt::packet::{Property, v3_1_1, v5_0};

use super::{
    ProtocolVersion, Refusal, Violation,
    frame::{Frame, measure},
    packet::{Limits, exact},
    topic::is_topic,
    write,
};
use crate::dialect::Login;

/// The longest CONNECT accepted, in bytes. The vendors' are below 600. Stops a stranger from making the platform
/// hold memory before it has proven anything.
pub const MAX_CONNECT: usize = 2048;

/// What the first bytes of a connection mean.
#[derive(Debug)]
pub enum Admission {
    /// The CONNECT is not all there.
    More,
    /// A well-formed CONNECT. The bytes from `used` on wait until the login is checked.
    Connect {
        /// What it asks for.
        connect: Connect,
        /// How many bytes it took.
        used: usize,
    },
    /// Send `answer`, which may be empty, and close.
    Refuse {
        /// A CONNACK, where the protocol has one for this.
        answer: Vec<u8>,
        /// What was wrong.
        violation: Violation,
    },
}

/// A CONNECT that follows the protocol; whether the login holds is yet to be found out.
#[derive(Debug)]
pub struct Connect {
    /// The protocol level asked for.
    pub version: ProtocolVersion,
    /// Who the device says it is.
    pub login: Login,
    /// The silence it promises not to exceed; `None`: it promises nothing.
    pub keep_alive: Option<Duration>,
    pub(super) limits: Limits,
    /// It asks for a session that outlives the connection (MQTT 5). It is told that there is none.
    pub(super) wants_expiry: bool,
}

impl Connect {
    /// The CONNACK that refuses it.
    pub fn refuse(&self, refusal: Refusal) -> Vec<u8> {
        refuse(self.version, refusal)
    }
}

/// Judges the bytes that came so far, all from the start of the connection.
pub fn admit(bytes: &[u8]) -> Admission {
    match judge(bytes) {
        Ok(admission) => admission,
        Err((answer, violation)) => Admission::Refuse { answer, violation },
    }
}

type Refused = (Vec<u8>, Violation);

fn silently(violation: Violation) -> Refused {
    (Vec::new(), violation)
}

fn judge(bytes: &[u8]) -> Result<Admission, Refused> {
    match bytes.first() {
        None => return Ok(Admission::More),
        Some(first) if first >> 4 != 1 => {
            return Err(silently(Violation::protocol("the first packet is not a CONNECT")));
        }
        Some(_) => {}
    }
    let Some(size) = measure(bytes, MAX_CONNECT).map_err(silently)? else { return Ok(Admission::More) };
    let Some((bytes, _)) = bytes.split_at_checked(size.total) else { return Ok(Admission::More) };
    let frame = Frame::new(bytes, size.header);
    let version = level(frame.body)?;
    let connect = match version {
        ProtocolVersion::V311 => read_v3(frame),
        ProtocolVersion::V5 => read_v5(frame),
    };
    connect.map(|connect| Admission::Connect { connect, used: size.total })
}

/// Protocol name and level. The answer to a level that is not spoken has the form the client may know.
fn level(body: &[u8]) -> Result<ProtocolVersion, Refused> {
    let violation = Violation::new(0x84, "the protocol level is not 4 (MQTT 3.1.1) or 5");
    match body {
        [0, 4, b'M', b'Q', b'T', b'T', 4, ..] => Ok(ProtocolVersion::V311),
        [0, 4, b'M', b'Q', b'T', b'T', 5, ..] => Ok(ProtocolVersion::V5),
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] if *level > 5 => {
            Err((refuse(ProtocolVersion::V5, Refusal::ProtocolVersion), violation))
        }
        [0, 4, b'M', b'Q', b'T', b'T', _, ..] | [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', ..] => {
            Err((refuse(ProtocolVersion::V311, Refusal::ProtocolVersion), violation))
        }
        _ => Err(silently(Violation::protocol("the protocol is not MQTT"))),
    }
}

/// The connect flags: the byte after the level.
fn check_flags(body: &[u8]) -> Result<(), Violation> {
    let flags = body.get(7).copied().unwrap_or(0);
    let (will, will_details) = (flags & 0b100 != 0, flags & 0b11_1000);
    if flags & 1 != 0 {
        return Err(Violation::malformed("the reserved connect flag is set"));
    }
    if !will && will_details != 0 {
        return Err(Violation::malformed("connect flags describe a will that is not there"));
    }
    if will_details & 0b1_1000 == 0b1_1000 {
        return Err(Violation::malformed("the will has QoS 3"));
    }
    if flags & 0b1100_0000 == 0b0100_0000 {
        return Err(Violation::malformed("a password without a user name"));
    }
    Ok(())
}

fn read_v3(frame: Frame<'_>) -> Result<Connect, Refused> {
    // MQTT 3.1.1 closes without an answer where the packet itself is wrong (§3.1.4).
    check_flags(frame.body).map_err(silently)?;
    let (packet, _) =
        v3_1_1::Connect::parse(frame.body).map_err(|error| silently(Violation::from_library(error)))?;
    exact(&packet, frame).map_err(silently)?;
    if packet.will_topic().is_some_and(|topic| !is_topic(topic)) {
        return Err(silently(Violation::malformed("the will's topic is malformed")));
    }
    Ok(Connect {
        version: ProtocolVersion::V311,
        login: login(ProtocolVersion::V311, packet.client_id(), packet.user_name(), packet.password())?,
        keep_alive: seconds(packet.keep_alive()),
        limits: Limits::NONE,
        wants_expiry: false,
    })
}

fn read_v5(frame: Frame<'_>) -> Result<Connect, Refused> {
    let told =
        |violation: Violation| (refuse(ProtocolVersion::V5, Refusal::Other(violation.code())), violation);
    check_flags(frame.body).map_err(told)?;
    let (packet, _) =
        v5_0::Connect::parse(frame.body).map_err(|error| told(Violation::from_library(error)))?;
    exact(&packet, frame).map_err(told)?;
    if packet.will_topic().is_some_and(|topic| !is_topic(topic)) {
        return Err(told(Violation::malformed("the will's topic is malformed")));
    }
    if packet.props().iter().any(|property| matches!(property, Property::AuthenticationMethod(_))) {
        return Err(told(Violation::new(0x8c, "an authentication method that is not spoken")));
    }
    let wants_expiry = packet
        .props()
        .iter()
        .any(|property| matches!(property, Property::SessionExpiryInterval(seconds) if seconds.val() > 0));
    Ok(Connect {
        version: ProtocolVersion::V5,
        login: login(ProtocolVersion::V5, packet.client_id(), packet.user_name(), packet.password())?,
        keep_alive: seconds(packet.keep_alive()),
        limits: Limits::read(packet.props()),
        wants_expiry,
    })
}

fn seconds(keep_alive: u16) -> Option<Duration> {
    (keep_alive > 0).then(|| Duration::from_secs(u64::from(keep_alive)))
}

fn login(
    version: ProtocolVersion,
    client_id: &str,
    user_name: Option<&str>,
    password: Option<&[u8]>,
) -> Result<Login, Refused> {
    if client_id.is_empty() || client_id.contains('\0') {
        let violation = Violation::new(0x85, "the client id is empty or holds U+0000");
        return Err((refuse(version, Refusal::ClientId), violation));
    }
    let user_name = user_name.unwrap_or_default();
    let password = core::str::from_utf8(password.unwrap_or_default());
    match password {
        Ok(password) if !user_name.contains('\0') => Ok(Login {
            client_id: client_id.to_string(),
            user_name: user_name.to_string(),
            password: String::from(password),
        }),
        _ => {
            let violation = Violation::new(0x86, "the user name or password is no text");
            Err((refuse(version, Refusal::BadLogin), violation))
        }
    }
}

/// A CONNACK that refuses.
fn refuse(version: ProtocolVersion, refusal: Refusal) -> Vec<u8> {
    let mut answer = vec![];
    // What cannot be told is not told: the connection is closed all the same.
    let _ = write::connack_refused(&mut answer, version, refusal);
    answer
}
