//! Fetches of several devices from a server that answers only when it is let.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use otaru_core::FetchError;
use otaru_wire::ByteRange;

use super::*;
use crate::tls::Trust;

const PATIENCE: Duration = Duration::from_secs(30);

struct Rig {
    fetchers: Fetchers,
    events: Receiver<(Lane, FetchEvent)>,
    address: std::net::SocketAddr,
    /// Each word lets one request be answered.
    let_go: Sender<()>,
    /// The names asked for, as they come.
    asked: Receiver<String>,
}

fn rig(at_once: usize) -> Rig {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (let_go, go) = channel::<()>();
    let (ask, asked) = channel();
    let go = std::sync::Arc::new(std::sync::Mutex::new(go));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (ask, go, mut stream) = (ask.clone(), go.clone(), BufReader::new(stream.unwrap()));
            thread::spawn(move || {
                loop {
                    let mut request = String::new();
                    while !request.ends_with("\r\n\r\n") {
                        if stream.read_line(&mut request).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let _ = ask.send(request.split(' ').nth(1).unwrap().to_owned());
                    if go.lock().unwrap().recv().is_err() {
                        return;
                    }
                    let answer = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx";
                    if stream.get_mut().write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let options = FetchOptions {
        trust: Trust::WebRoots,
        pace: None,
        stall_timeout: PATIENCE,
        connect_timeout: PATIENCE,
    };
    let (sender, events) = channel();
    let deliver = move |lane, event| sender.send((lane, event)).is_ok();
    let fetchers = Fetchers::start(options, at_once, deliver).unwrap();
    Rig { fetchers, events, address, let_go, asked }
}

/// The number of a device after the agent's own.
fn device(n: u32) -> DeviceNumber {
    (0..n).fold(DeviceNumber::OWN, |number, _| number.next())
}

impl Rig {
    /// Every device's first fetch has the same id: only together with the device it is one.
    fn fetch(&mut self, n: u32) -> Turn {
        let url = format!("http://{}/{n}", self.address);
        let request = FetchRequest {
            id: RequestId(1),
            url,
            range: ByteRange { start: 0, end: 1 },
            etag: None,
            authorization: None,
        };
        self.fetchers.fetch(device(n), request)
    }

    /// Lets the server answer once; gives whose fetch has ended then.
    fn end_one(&mut self) -> DeviceNumber {
        self.let_go.send(()).unwrap();
        loop {
            let (lane, event) = self.events.recv_timeout(PATIENCE).unwrap();
            match self.fetchers.heard(lane, event) {
                Some((_, FetchEvent::Body(_, bytes))) => self.fetchers.returned(lane, bytes),
                Some((device, FetchEvent::Ended(_, result))) => {
                    assert_eq!(result, Ok::<(), FetchError>(()));
                    return device;
                }
                _ => {}
            }
        }
    }

    fn asked(&self) -> String {
        self.asked.recv_timeout(PATIENCE).unwrap()
    }
}

#[test]
fn so_many_are_fetched_at_once_and_the_others_in_the_order_in_which_they_came() {
    let mut rig = rig(2);
    let turns = [1, 2, 3, 4].map(|n| rig.fetch(n));
    assert_eq!(turns, [Turn::Now, Turn::Now, Turn::Later, Turn::Later]);
    assert_eq!(rig.fetchers.next(), None, "both lanes are taken");
    let mut first = [rig.asked(), rig.asked()];
    first.sort();
    assert_eq!(first, ["/1", "/2"]);
    for n in [3, 4] {
        let ended = rig.end_one();
        assert!(ended == device(1) || ended == device(2));
        assert_eq!(rig.fetchers.next(), Some((device(n), RequestId(1))));
        assert_eq!(rig.asked(), format!("/{n}"));
        if n == 3 {
            assert_eq!(rig.fetch(5), Turn::Later, "who comes later stands behind who waits");
        }
    }
}

#[test]
fn a_device_stops_its_own_fetch_and_no_others_and_its_lane_is_for_the_next() {
    let mut rig = rig(1);
    assert_eq!([1, 2, 3].map(|n| rig.fetch(n)), [Turn::Now, Turn::Later, Turn::Later]);
    assert_eq!(rig.asked(), "/1");
    rig.fetchers.stop(device(2), RequestId(1));
    assert_eq!(rig.fetchers.next(), None, "the first goes on");
    rig.fetchers.stop(device(1), RequestId(7));
    assert_eq!(rig.fetchers.next(), None, "that was not its fetch");
    rig.fetchers.forget(device(1));
    assert_eq!(rig.fetchers.next(), Some((device(3), RequestId(1))), "the second does not wait any more");
    assert_eq!(rig.asked(), "/3");
    // The answer that the first would have had.
    rig.let_go.send(()).unwrap();
    assert_eq!(rig.end_one(), device(3));
    assert_eq!(rig.fetchers.next(), None);
}

#[test]
fn a_second_fetch_of_a_device_takes_the_place_of_its_first() {
    let mut rig = rig(2);
    assert_eq!(rig.fetch(1), Turn::Now);
    assert_eq!(rig.asked(), "/1");
    assert_eq!(rig.fetch(1), Turn::Now);
    assert_eq!(rig.asked(), "/1");
    assert_eq!(rig.fetch(2), Turn::Now, "the device has one lane, not two");
}
