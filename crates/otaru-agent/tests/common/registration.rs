//! The platform's end of a dynamic registration, over HTTP and MQTT.

use std::io::BufReader;

use otaru_wire::{
    dialect::aliyun::registration::{self, Grant, Registration, Wish},
    mqtt::Connect,
};

use super::*;

pub(crate) const PRODUCT_SECRET: &str = "ProdSecretDemo16";
pub(crate) const CLIENT_ID: &str = "given-by-the-platform";
pub(crate) const TOKEN: &str = "ffeeddccbbaa99887766554433221100";

/// How a device asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Http,
    Mqtt,
    MqttUnlisted,
}

/// Answers one form and ends the connection.
pub(super) fn answer(shared: &Shared, request: &str, wire: &mut BufReader<Box<dyn Wire>>) {
    assert!(request.starts_with("POST /auth/register/device HTTP/1.1\r\n"), "{request}");
    let length = request.lines().find_map(|line| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("content-length:").map(|length| length.trim().parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    wire.read_exact(&mut body).unwrap();
    let asked = registration::read_form(&body).unwrap();
    let proven = asked.verify(PRODUCT_SECRET).is_ok();
    let broken = note(shared, proven, Asked::Http);
    let answer = broken.unwrap_or_else(|| {
        let body = match proven {
            true => registration::write_reply(&asked.id, SECRET),
            false => registration::write_reply_refusal(460, "request parameter error"),
        };
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let _ = wire.get_mut().write_all(answer.as_bytes()).and_then(|()| wire.get_mut().flush());
}

/// Answers one login that asks, and ends the connection when the device does.
pub(super) fn serve(
    shared: &Shared,
    mut wire: Box<dyn Wire>,
    connect: &Connect,
    asked: &Registration,
    now: Instant,
) {
    let proven = asked.verify(PRODUCT_SECRET).is_ok();
    let (how, grant) = match asked.wish {
        Wish::Secret => (Asked::Mqtt, Grant::Secret(SECRET.into())),
        Wish::Token => {
            (Asked::MqttUnlisted, Grant::Token { client_id: CLIENT_ID.into(), token: TOKEN.into() })
        }
    };
    let broken = note(shared, proven, how);
    let mut out = Vec::new();
    if proven {
        let mut session = Server::accept(now, connect, &ServerOptions::default(), &mut out);
        if broken.is_none() {
            session.send(&registration::write_grant(&grant), &mut out).unwrap();
        }
    } else {
        out = connect.refuse(Refusal::BadLogin);
    }
    let _ = wire.write_all(&out).and_then(|()| wire.flush());
    if broken.is_none() {
        // Until the device says good-bye.
        let _ = wire.read(&mut [0; 64]);
    }
}

fn note(shared: &Shared, proven: bool, how: Asked) -> Option<String> {
    let mut world = shared.world();
    match proven {
        true => world.registrations.push(how),
        false => world.refused_registrations += 1,
    }
    let broken = world.broken_answers.pop();
    drop(world);
    shared.changed();
    broken
}
