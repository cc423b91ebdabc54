//! How the vendors' C clients write requests and read answers (onenet §7.2, §9).

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::PATIENCE;

/// What the vendor's own client can take of an answer but a download's, in bytes (§9 item 3).
const ROOM: usize = 512;

/// The most header lines it can take (§9 item 2).
const LINES: usize = 10;

/// A request of the vendor's own C client: `Host:` without a blank, the length seven wide (§2.4, §9 item 9).
pub(crate) fn aio(method: &str, target: &str, authorization: &str, lines: &[&str], body: &str) -> Vec<u8> {
    let mut request = format!(
        "{method} {target} HTTP/1.1\r\nHost:ota.heclouds.com\r\nContent-Type:application/json\r\nAuthorization:{authorization}\r\n"
    );
    lines.iter().for_each(|line| request.push_str(&format!("{line}\r\n")));
    if !body.is_empty() {
        request.push_str(&format!("Content-Length:{:7}\r\n", body.len()));
    }
    format!("{request}\r\n{body}").into_bytes()
}

/// A request of the second vendor's SDK, which keeps its connection (§7.2).
pub(crate) fn cmiot(method: &str, target: &str, authorization: &str, lines: &[&str], body: &str) -> Vec<u8> {
    let mut request = format!(
        "{method} {target} HTTP/1.1\r\nhost: studio-ota.heclouds.com\r\nconnection: keep-alive\r\nauthorization: {authorization}\r\n"
    );
    lines.iter().for_each(|line| request.push_str(&format!("{line}\r\n")));
    if !body.is_empty() {
        request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    format!("{request}\r\n{body}").into_bytes()
}

/// A connection whose answers are read as the vendor's own C client reads them.
pub(crate) struct Client {
    stream: TcpStream,
    came: Vec<u8>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, came: Vec::new() }
    }

    /// Sends bytes as they are and reads one answer, however many follow.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Answer {
        self.stream.write_all(request).await.unwrap();
        timeout(PATIENCE, self.answer()).await.expect("an answer")
    }

    /// True once the platform has closed the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        assert!(self.came.is_empty(), "more came than was asked for");
        matches!(timeout(PATIENCE, self.stream.read(&mut [0; 1])).await.expect("an end"), Ok(0) | Err(_))
    }

    async fn answer(&mut self) -> Answer {
        let end = loop {
            if let Some(end) = self.came.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await;
        };
        let head = String::from_utf8(self.came.drain(..end).collect()).unwrap();
        let mut answer = Answer::headed(head);
        if let Some(length) = answer.header("Content-Length") {
            let length = length.parse().unwrap();
            self.at_least(length).await;
            answer.body = self.came.drain(..length).collect();
        } else {
            assert_eq!(answer.header("Transfer-Encoding"), Some("chunked"), "a length or a chunk");
            answer.body = self.one_chunk().await;
        }
        answer
    }

    /// One chunk with its length in lower-case hex, and nothing more (§9 item 4).
    async fn one_chunk(&mut self) -> Vec<u8> {
        while !self.came.ends_with(b"0\r\n\r\n") {
            self.more().await;
        }
        let line = self.came.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = String::from_utf8(self.came[..line].to_vec()).unwrap();
        assert!(!length.bytes().any(|digit| digit.is_ascii_uppercase()), "{length}");
        let length = usize::from_str_radix(&length, 16).unwrap();
        let body = self.came[line + 2..][..length].to_vec();
        assert_eq!(&self.came[line + 2 + length..], b"\r\n0\r\n\r\n", "one chunk");
        self.came.clear();
        body
    }

    async fn at_least(&mut self, length: usize) {
        while self.came.len() < length {
            self.more().await;
        }
    }

    async fn more(&mut self) {
        assert_ne!(self.stream.read_buf(&mut self.came).await.unwrap(), 0, "closed early: {:?}", self.came);
    }
}

/// What came back, byte for byte.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn headed(head: String) -> Self {
        assert!(head.starts_with("HTTP/1.1 "), "{head}");
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { code, head, body: Vec::new() }
    }

    /// The header lines, in their order, without `Date`.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let lines = self.head.trim_end().split("\r\n").skip(1);
        lines.filter(|line| !line.starts_with("Date: ")).collect()
    }

    /// The value of the header that is spelled exactly so.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.lines().into_iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The JSON of an answer that the vendor's client has room for.
    #[track_caller]
    pub(crate) fn reply(&self) -> &str {
        assert_eq!(self.code, 200, "{self:?}");
        assert!(self.head.len() + self.body.len() <= ROOM, "{} bytes", self.head.len() + self.body.len());
        self.check_lines();
        assert_eq!(self.header("Content-Type"), Some("application/json"));
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The bytes of an answer to a download that the vendor's client has room for.
    #[track_caller]
    pub(crate) fn piece(&self) -> &[u8] {
        assert!(self.code == 200 || self.code == 206, "{self:?}");
        assert!(self.head.len() <= ROOM, "{} bytes", self.head.len());
        self.check_lines();
        assert_eq!(self.header("Content-Type"), Some("application/octet-stream"));
        &self.body
    }

    /// At most ten lines, each `Name: value` with its name in title case (§9 items 1, 2, 11).
    #[track_caller]
    fn check_lines(&self) {
        let lines = self.head.trim_end().split("\r\n").skip(1);
        assert!(lines.clone().count() <= LINES, "{}", self.head);
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            assert!(!value.starts_with(' '), "{line}");
            for part in name.split('-') {
                let (first, rest) = part.split_at(1);
                assert!(first.bytes().all(|byte| byte.is_ascii_uppercase()), "{name}");
                assert!(rest.bytes().all(|byte| byte.is_ascii_lowercase()), "{name}");
            }
        }
    }
}
