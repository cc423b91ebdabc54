//! Calls to a small platform with every vice.

use std::sync::atomic::Ordering;

use otaru_wire::http::{Headers, Method};

use super::*;
use crate::{
    certificates::{Vouched, vouched},
    http_server::{Wire, header, serve},
};

const PATIENCE: Duration = Duration::from_secs(30);

struct Rig {
    caller: Caller,
    answers: Receiver<(CallId, Result<Answer, FetchError>)>,
}

fn rig(base: impl Into<String>, edit: impl FnOnce(&mut CallOptions)) -> Rig {
    let mut options = CallOptions {
        base: base.into(),
        trust: Trust::WebRoots,
        connect_timeout: Duration::from_secs(10),
        timeout: Duration::from_secs(20),
    };
    edit(&mut options);
    let (sender, answers) = channel();
    let caller = Caller::start(options, move |id, result| sender.send((id, result)).is_ok()).unwrap();
    Rig { caller, answers }
}

fn get(target: &str) -> Call {
    Call { method: Method::Get, target: target.into(), headers: Headers::default(), body: Vec::new() }
}

impl Rig {
    fn make(&self, call: Call) -> Result<Answer, FetchError> {
        self.caller.call(CallId::Probe, call);
        let (id, result) = self.answers.recv_timeout(PATIENCE).unwrap();
        assert_eq!(id, CallId::Probe);
        result
    }
}

/// The text of a whole answer.
fn answer(wire: &mut dyn Wire, text: &str) -> bool {
    wire.write_all(text.as_bytes()).is_ok()
}

#[test]
fn a_call_is_sent_as_it_is_and_its_whole_answer_comes_back() {
    let (server, connections) = serve(None, |request, wire| {
        let mut lines: Vec<_> = request.lines().filter(|line| !line.starts_with("host: ")).collect();
        lines.sort_unstable();
        let body = lines.join("|");
        let head = "HTTP/1.1 200 OK\r\nOta-Errno: 5\r\nContent-Type: application/json\r\n";
        answer(wire, &format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))
    });
    let rig = rig(format!("http://{server}"), |_| {});
    let mut headers = Headers::default();
    headers.add("Content-Type", "application/json");
    headers.add("Authorization", "version=2018-10-31&res=products%2F1");
    let post = Call {
        method: Method::Post,
        target: "/ota/device/version?dev_id=7".into(),
        headers: headers.clone(),
        body: br#"{"s_version":"1.0.0"}"#.to_vec(),
    };
    let heard = rig.make(post.clone()).unwrap();
    assert_eq!(heard.head.status, 200);
    assert_eq!(heard.head.headers.value("Ota-Errno"), Some("5"));
    let said = concat!(
        r#"|POST /ota/device/version?dev_id=7 HTTP/1.1|authorization: version=2018-10-31&res=products%2F1|content-length: 21"#,
        r#"|content-type: application/json|{"s_version":"1.0.0"}"#
    );
    assert_eq!(String::from_utf8(heard.body).unwrap(), said);
    let heard = rig.make(Call { method: Method::Get, body: Vec::new(), ..post.clone() }).unwrap();
    let said = String::from_utf8(heard.body).unwrap();
    assert!(said.starts_with("|GET /ota/device/version?dev_id=7 HTTP/1.1|authorization"), "{said}");
    assert!(!said.contains("content-length") && !said.contains("user-agent"), "{said}");
    // The vendor's device number is asked for by a GET that has a body (onenet §2.1 row 9).
    let heard = rig.make(Call { method: Method::Get, ..post.clone() }).unwrap();
    assert!(heard.body.ends_with(br#"{"s_version":"1.0.0"}"#));
    let heard = rig.make(Call { body: Vec::new(), ..post }).unwrap();
    assert!(String::from_utf8(heard.body).unwrap().contains("|content-length: 0|"));
    assert_eq!(connections.load(Ordering::SeqCst), 1, "one connection for all");
}

#[test]
fn whatever_the_status_the_answer_is_given_and_a_redirect_is_not_followed() {
    for status in [201, 302, 400, 401, 404, 500, 503] {
        let (server, connections) = serve(None, move |request, wire| {
            assert!(request.starts_with("GET /a "), "{request}");
            answer(wire, &format!("HTTP/1.1 {status} So\r\nLocation: /b\r\nContent-Length: 2\r\n\r\nno"))
        });
        let rig = rig(format!("http://{server}"), |_| {});
        for _ in 0..2 {
            let heard = rig.make(get("/a")).unwrap();
            assert_eq!((heard.head.status, heard.body.as_slice()), (status, &b"no"[..]));
        }
        assert!(connections.load(Ordering::SeqCst) <= 2, "{status}");
    }
}

#[test]
fn one_byte_in_one_chunk_is_an_answer() {
    let (server, _) = serve(None, |_, wire| {
        answer(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\x03\r\n0\r\n\r\n")
    });
    let heard = rig(format!("http://{server}"), |_| {}).make(get("/")).unwrap();
    assert_eq!((heard.head.headers.value("Content-Length"), heard.body.as_slice()), (None, &[3][..]));
}

#[test]
fn an_answer_that_does_not_end_is_broken_off_and_the_next_call_is_made() {
    type Vice = fn(&mut dyn Wire) -> bool;
    let vices: [(&str, Vice); 6] = [
        ("an endless head", |wire| {
            answer(wire, "HTTP/1.1 200 OK\r\n")
                && (0..).all(|n| answer(wire, &format!("X-{n}: {n:0999}\r\n")))
        }),
        ("an endless line", |wire| {
            answer(wire, "HTTP/1.1 200 OK\r\nX: ")
                && std::iter::repeat(()).all(|()| answer(wire, &"y".repeat(999)))
        }),
        ("an endless body", |wire| {
            answer(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                && std::iter::repeat(())
                    .all(|()| answer(wire, "3e8\r\n") && answer(wire, &format!("{:01000}\r\n", 0)))
        }),
        ("a body that is too long", |wire| {
            answer(wire, "HTTP/1.1 200 OK\r\nContent-Length: 8193\r\n\r\n") && answer(wire, &"y".repeat(8193))
        }),
        ("a body cut off", |wire| {
            answer(wire, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"errno\":0");
            false
        }),
        ("no HTTP", |wire| answer(wire, "220 mail.example ESMTP\r\n\r\n")),
    ];
    for (name, vice) in vices {
        let (server, _) = serve(None, move |request, wire| match request.starts_with("GET /good ") {
            true => answer(wire, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
            false => vice(wire),
        });
        let rig = rig(format!("http://{server}"), |_| {});
        let error = rig.make(get("/bad")).unwrap_err();
        assert!(matches!(error, FetchError::Broken(_)), "{name}: {error:?}");
        assert_eq!(rig.make(get("/good")).unwrap().body, b"{}", "{name}");
    }
}

#[test]
fn the_longest_answer_allowed_is_taken() {
    let (server, _) = serve(None, |_, wire| {
        answer(wire, "HTTP/1.1 200 OK\r\nContent-Length: 8192\r\n\r\n") && answer(wire, &"y".repeat(8192))
    });
    assert_eq!(rig(format!("http://{server}"), |_| {}).make(get("/")).unwrap().body.len(), 8192);
}

#[test]
fn a_platform_that_drips_or_is_silent_costs_no_more_than_the_timeout() {
    for silent in [true, false] {
        let (server, _) = serve(None, move |_, wire| {
            if silent {
                let _ = wire.read(&mut [0]); // until the caller has enough
                return false;
            }
            answer(wire, "HTTP/1.1 200 OK\r\nContent-Length: 8000\r\n\r\n")
                && std::iter::repeat(()).all(|()| {
                    thread::park_timeout(Duration::from_millis(20));
                    answer(wire, "y")
                })
        });
        let rig = rig(format!("http://{server}"), |options| options.timeout = Duration::from_millis(300));
        let begin = std::time::Instant::now();
        let error = rig.make(get("/")).unwrap_err();
        assert!(matches!(error, FetchError::Broken(_)), "{error:?}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
}

#[test]
fn a_caller_that_goes_does_not_wait_for_a_silent_platform() {
    let (hung_up, ended) = channel();
    let (server, _) = serve(None, move |_, wire| {
        let _ = wire.read(&mut [0]);
        let _ = hung_up.send(());
        false
    });
    let Rig { caller, answers } = rig(format!("http://{server}"), |_| {});
    caller.call(CallId::Probe, get("/"));
    assert!(answers.recv_timeout(Duration::from_millis(100)).is_err());
    drop(caller);
    // The call itself may take 20 s.
    ended.recv_timeout(Duration::from_secs(10)).unwrap();
}

#[test]
fn a_platform_that_is_not_there_or_not_trusted_is_told_apart_without_the_target() {
    let error = rig("http://127.0.0.1:1", |_| {}).make(get("/s3cret")).unwrap_err();
    assert!(matches!(error, FetchError::Unreachable(_)), "{error:?}");
    assert!(!error.to_string().contains("s3cret"), "{error}");

    let Vouched { ca_pem, config } = vouched();
    let [trust, other] = [ca_pem, vouched().ca_pem].map(|pem| Trust::read(pem.as_bytes()).unwrap());
    let (server, connections) = serve(Some(config), |request, wire| {
        assert_eq!(header(request, "host").and_then(|host| host.split_once(':')).unwrap().0, "localhost");
        answer(wire, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    });
    let base = format!("https://localhost:{}", server.port());
    let trusting = rig(&base, |options| options.trust = trust);
    for _ in 0..2 {
        assert_eq!(trusting.make(get("/")).unwrap().body, b"{}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1, "one handshake for both");
    for wrong in [Trust::WebRoots, other] {
        let error = rig(&base, |options| options.trust = wrong).make(get("/")).unwrap_err();
        assert!(matches!(error, FetchError::NotTrusted(_)), "{error:?}");
    }
}

#[test]
fn a_connection_that_the_platform_closed_between_two_calls_is_not_used_again() {
    let (server, connections) = serve(None, |_, wire| {
        answer(wire, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        false
    });
    let rig = rig(format!("http://{server}"), |_| {});
    let mut made = 0;
    while connections.load(Ordering::SeqCst) < 3 {
        made += 1;
        assert!(made < 100);
        // A close that is still on its way breaks a call, which the updater makes again.
        if let Ok(heard) = rig.make(get("/")) {
            assert_eq!(heard.body, b"{}");
        }
    }
}
