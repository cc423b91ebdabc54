//! Every state code of the sheet: provoked by one C program and printed in one table, or in the list of those that cannot be.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    ops::RangeInclusive,
    thread,
};

use crate::{
    aiot::image,
    aiot_links,
    common::repository,
    field::Field,
    lab::{AIOT, Linked},
};

/// All of them. Source: aliyun-link-sdk-v4 §5.7.
const SHEET: [RangeInclusive<u16>; 10] = [
    0x0100..=0x010A,
    0x0200..=0x020A,
    0x0300..=0x032A,
    0x0400..=0x0412,
    0x0500..=0x0503,
    0x0600..=0x0604,
    0x0900..=0x092A,
    0x0F00..=0x0F28,
    0x1000..=0x1000,
    0x1D00..=0x1D0B,
];

/// A peer that answers each CONNECT with the code in its user name, or with bytes that are none.
fn refusing() -> u16 {
    peer(|stream, said| {
        let code = said.windows(6).find_map(|at| at.strip_prefix(b"code-")?.first().copied());
        match code {
            Some(digit @ b'1'..=b'9') => stream.write_all(&[0x20, 2, 0, digit - b'0']),
            _ => stream.write_all(&[0x20, 2, 7, 0]),
        }
    })
}

fn peer(answer: impl Fn(&mut TcpStream, &[u8]) -> std::io::Result<()> + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut said = [0; 512];
            if let Ok(len) = stream.read(&mut said) {
                // The program may be gone.
                let _ = answer(&mut stream, &said[..len]);
            }
        }
    });
    port
}

/// A peer that accepts each login and pushes three tasks to `pump/p1` that cannot be followed.
fn pushing() -> u16 {
    let digest = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
    let push = |method: &str, url: &str| {
        format!(
            r#"{{"code":"1000","data":{{"size":9,"sign":"{digest}","version":"2","signMethod":"{method}","url":"{url}"}},"id":1}}"#
        )
    };
    let long = format!("http://h/{}", "x".repeat(9000));
    let pushes = [
        "{ this is no JSON, and as long as the length of a packet of two bytes has to be to be well formed "
            .repeat(2),
        push("Sha3", "http://h/a"),
        push("SHA256", &long),
    ];
    peer(move |stream, _| {
        stream.write_all(&[0x20, 2, 0, 0])?;
        for push in &pushes {
            let topic = "/ota/device/upgrade/pump/p1";
            let len = 2 + topic.len() + push.len();
            stream.write_all(&[0x30, (len % 128) as u8 | 0x80, (len / 128) as u8, 0, topic.len() as u8])?;
            stream.write_all(topic.as_bytes())?;
            stream.write_all(push.as_bytes())?;
        }
        Ok(())
    })
}

/// A peer that accepts each login, then answers whatever it hears with a block that is none.
fn answering() -> u16 {
    peer(|stream, _| {
        stream.write_all(&[0x20, 2, 0, 0])?;
        let topic = "/sys/pump/p1/thing/file/download_reply";
        let mut said = [0; 512];
        while stream.read(&mut said)? > 0 {
            stream.write_all(&[0x30, topic.len() as u8 + 3, 0, topic.len() as u8])?;
            stream.write_all(topic.as_bytes())?;
            stream.write_all(b"!")?;
        }
        Ok(())
    })
}

/// A registrar that gives every device the same answer.
fn registrar(answer: &'static str) -> u16 {
    peer(move |stream, _| {
        stream.write_all(answer.as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        // What was not read when a socket closes would take the answer with it.
        std::io::copy(stream, &mut std::io::sink()).map(drop)
    })
}

/// The codes that the page of the C libraries says no program comes to: `0101` or `0101–0103`, with commas between them.
fn unreachable() -> BTreeSet<u16> {
    let page = fs::read_to_string(repository().join("docs/c-api.md")).unwrap();
    let (_, list) = page.split_once("| not reachable | why |\n| --- | --- |\n").unwrap();
    let rows = list.lines().take_while(|line| line.starts_with('|'));
    let codes = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(',').map(str::trim));
    let number = |hex: &str| u16::from_str_radix(hex, 16).unwrap_or_else(|_| panic!("{hex:?} is no code"));
    codes
        .flat_map(|codes| match codes.split_once('–') {
            Some((first, last)) => number(first)..=number(last),
            None => number(codes)..=number(codes),
        })
        .collect()
}

#[test]
fn state_codes_are_provoked_from_c_and_the_table_is_printed() {
    let field = Field::new("aliyun");
    let device = field.device("p1");
    field.campaign("2.0.0", &[&image(1000)], &["--over", "mqtt"]);
    let ports = [refusing(), peer(|_, _| Ok(())), pushing(), answering()].map(|port| port.to_string());
    let files = aiot_links::server();
    let registrars = [
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    ]
    .map(|answer| registrar(answer).to_string());
    let more: Vec<&str> = ports.iter().chain([&files]).chain(&registrars).map(String::as_str).collect();
    let table = field.starts(&AIOT, "aiot_codes", Linked::Static, &device, &more).ends_well();
    let printed = table.join("\n");
    let provoked: BTreeSet<u16> = table
        .iter()
        .map(|row| {
            let code =
                row.strip_prefix("-0x").and_then(|row| row.get(..4)).unwrap_or_else(|| panic!("{row}"));
            u16::from_str_radix(code, 16).unwrap()
        })
        .collect();
    let sheet: BTreeSet<u16> = SHEET.into_iter().flatten().collect();
    let unreachable = unreachable();
    let hex = |codes: BTreeSet<u16>| codes.iter().map(|code| format!("{code:04X} ")).collect::<String>();
    let listed = &provoked | &unreachable;
    assert_eq!(hex(&sheet - &listed), "", "neither provoked nor listed as not reachable, of\n{printed}");
    assert_eq!(hex(&provoked & &unreachable), "", "provoked, and listed as not reachable");
    assert_eq!(hex(&listed - &sheet), "", "not of the sheet");
}
