//! Sessions against a platform of a few bytes.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    thread,
};

use otaru_wire::{
    dialect::Login,
    mqtt::{CloseReason, Refusal},
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn login() -> ClientOptions {
    let text = |text: &str| text.to_owned();
    ClientOptions::new(Login { client_id: text("c"), user_name: text("u"), password: text("p") })
}

fn target(listener: &TcpListener) -> Target {
    Target {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        tls: None,
        connect_timeout: PATIENCE,
        send_timeout: PATIENCE,
    }
}

/// A platform that answers a CONNECT with `answer`, then does as told.
fn platform(answer: &'static [u8], then: impl FnOnce(TcpStream) + Send + 'static) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = target(&listener);
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut connect = [0; 512];
        assert_ne!(stream.read(&mut connect).unwrap(), 0);
        stream.write_all(answer).unwrap();
        then(stream);
    });
    target
}

fn opened(target: &Target) -> Session {
    let session = Session::new();
    session.prepare(login());
    session.open(target).unwrap();
    session
}

const CONNACK: &[u8] = &[0x20, 2, 0, 0];

#[test]
fn a_thread_that_waits_for_bytes_holds_no_other_up() {
    let target = platform(CONNACK, |mut stream| {
        let mut ping = [0; 2];
        stream.read_exact(&mut ping).unwrap();
        assert_eq!(ping, [0xc0, 0]);
        stream.write_all(&[0xd0, 0]).unwrap();
        // Until the program closes.
        let _ = stream.read(&mut ping);
    });
    let session = Arc::new(opened(&target));
    let receiving = thread::spawn({
        let session = Arc::clone(&session);
        move || session.receive(PATIENCE)
    });
    session.ping().unwrap();
    assert_eq!(receiving.join().unwrap(), Ok(Some(ClientEvent::Alive)));
}

#[test]
fn closing_wakes_a_thread_that_waits() {
    let (sent, hung_up) = std::sync::mpsc::channel();
    let target = platform(CONNACK, move |mut stream| {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        sent.send(rest).unwrap();
    });
    let session = Arc::new(opened(&target));
    let receiving = thread::spawn({
        let session = Arc::clone(&session);
        move || session.receive(Duration::from_secs(3600))
    });
    assert!(session.close());
    assert!(matches!(receiving.join().unwrap(), Err(NoSession) | Ok(None)));
    assert_eq!(hung_up.recv().unwrap(), [0xe0, 0], "it said good-bye");
    assert_eq!(session.receive(PATIENCE), Err(NoSession));
    assert!(!session.close() && !session.is_up());
}

#[test]
fn a_lost_connection_is_told_once() {
    let session = opened(&platform(CONNACK, drop));
    assert_eq!(session.receive(PATIENCE), Ok(Some(ClientEvent::Closed(CloseReason::TransportLost))));
    assert_eq!(session.receive(PATIENCE), Err(NoSession));
    assert_eq!(session.ping(), Err(PublishError::NotConnected));
}

#[test]
fn a_refused_login_is_an_error_and_leaves_no_session() {
    let session = Session::new();
    session.prepare(login());
    let error = session.open(&platform(&[0x20, 2, 0, 4], drop)).unwrap_err();
    assert!(matches!(error, OpenError::Closed(CloseReason::Refused(Refusal::BadLogin))), "{error:?}");
    assert!(!session.is_up());
}

#[test]
fn nothing_within_the_wait_is_nothing() {
    let (_keep, until) = std::sync::mpsc::channel::<()>();
    let session = opened(&platform(CONNACK, move |_stream| assert!(until.recv().is_err())));
    assert_eq!(session.receive(Duration::from_millis(20)), Ok(None));
    assert_eq!(session.receive(Duration::ZERO), Ok(None));
    assert!(session.is_up());
}

#[test]
fn nobody_there_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = target(&listener);
    drop(listener);
    let session = Session::new();
    assert!(matches!(session.open(&target), Err(OpenError::Unreachable(_))));
}
