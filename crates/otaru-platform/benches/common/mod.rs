//! An operator's calls on a platform that runs in the same process.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use otaru_platform::Running;
use serde_json::Value;

/// Makes something, with the first token; gives the answer.
pub(crate) fn call(platform: &Running, method: &str, path: &str, body: &[u8]) -> Value {
    let mut stream = TcpStream::connect(platform.http).unwrap();
    let token = platform.first_token.as_deref().unwrap();
    let head = format!(
        "{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}
