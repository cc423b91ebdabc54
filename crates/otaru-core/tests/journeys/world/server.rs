//! A file server in memory, with faults by request.

use std::collections::{HashMap, VecDeque};

use otaru_core::{FetchError, Head, Input, RequestId};
use otaru_wire::{ByteRange, http::Headers};

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    None,
    Status(u16),
    /// 200 and the whole file, whatever was asked for.
    IgnoresRange,
    /// `Content-Range` tells another start, and the bytes are from there.
    OtherStart,
    /// `Content-Range` tells another total.
    OtherTotal,
    /// No `Content-Length`, no `Content-Range`.
    NoLength,
    /// So many bytes, then the end.
    Short(usize),
    /// So many bytes, then the connection breaks.
    Breaks(usize),
    /// So many bytes, then nothing for ever.
    Stalls(usize),
    /// More bytes than announced.
    Long,
    /// The byte at that place of the file is another one.
    Flips(usize),
    /// The certificate is not trusted.
    NotTrusted,
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) url: String,
    pub(crate) range: ByteRange,
    pub(crate) etag: Option<String>,
    /// When, in milliseconds.
    pub(crate) at: u64,
}

#[derive(Default)]
pub(crate) struct Server {
    /// By path.
    pub(crate) files: HashMap<String, (Vec<u8>, String)>,
    /// For the next requests, in order.
    pub(crate) faults: VecDeque<Fault>,
    /// For all other requests.
    pub(crate) always: Option<Fault>,
    /// Links with a lower number are expired.
    pub(crate) oldest_link: u64,
    pub(crate) requests: Vec<Request>,
    /// Bytes sent.
    pub(crate) sent: u64,
}

/// An answer on its way.
pub(crate) struct Answer {
    pub(crate) request: RequestId,
    pub(crate) pieces: VecDeque<Input>,
}

impl Server {
    pub(crate) fn put(&mut self, path: String, bytes: Vec<u8>) {
        let etag = format!("\"{}-{}\"", self.files.len(), bytes.len());
        self.files.insert(path, (bytes, etag));
    }

    pub(crate) fn answer(&mut self, request: RequestId, asked: Request, chunk: usize) -> Answer {
        let fault = self.faults.pop_front().or(self.always.clone()).unwrap_or(Fault::None);
        let (path, link) = asked.url.strip_prefix("http://files/").unwrap().split_once("?t=").unwrap();
        let file = self.files.get(path).cloned();
        let expired = link.parse::<u64>().unwrap() < self.oldest_link;
        self.requests.push(asked.clone());
        let mut pieces = VecDeque::new();
        let status = match (&fault, &file) {
            (Fault::NotTrusted, _) => {
                pieces.push_back(Input::FetchEnded(
                    request,
                    Err(FetchError::NotTrusted("unknown issuer".into())),
                ));
                return Answer { request, pieces };
            }
            (Fault::Status(status), _) => Some(*status),
            (_, None) => Some(404),
            _ => expired.then_some(403),
        };
        if let Some(status) = status {
            let head = Head { status, headers: [("Content-Length", "5")].into() };
            pieces.push_back(Input::Head(request, head));
            pieces.push_back(Input::Body(request, b"error".to_vec()));
            pieces.push_back(Input::FetchEnded(request, Ok(())));
            return Answer { request, pieces };
        }
        let (bytes, etag) = file.unwrap();
        let (head, body) = plain(&bytes, &etag, &asked, &fault);
        pieces.push_back(Input::Head(request, head));
        let sent = match fault {
            Fault::Short(len) | Fault::Breaks(len) | Fault::Stalls(len) => &body[..len.min(body.len())],
            _ => &body[..],
        };
        self.sent += sent.len() as u64;
        pieces.extend(sent.chunks(chunk).map(|piece| Input::Body(request, piece.to_vec())));
        match fault {
            Fault::Stalls(_) => {}
            Fault::Breaks(_) => {
                pieces.push_back(Input::FetchEnded(request, Err(FetchError::Broken("reset by peer".into()))));
            }
            _ => pieces.push_back(Input::FetchEnded(request, Ok(()))),
        }
        Answer { request, pieces }
    }
}

/// Head and body, the fault's lie included.
fn plain(bytes: &[u8], etag: &str, asked: &Request, fault: &Fault) -> (Head, Vec<u8>) {
    let total = bytes.len() as u64;
    let changed = asked.etag.as_deref().is_some_and(|wanted| wanted != etag);
    let whole = changed || matches!(fault, Fault::IgnoresRange);
    let (mut start, end) = if whole { (0, total) } else { (asked.range.start, asked.range.end.min(total)) };
    if matches!(fault, Fault::OtherStart) {
        start += 1;
    }
    let mut body = bytes[start as usize..end as usize].to_vec();
    let told = if matches!(fault, Fault::OtherTotal) { total + 7 } else { total };
    let mut headers: Headers = [("ETag", etag)].into();
    if !matches!(fault, Fault::NoLength) {
        headers.add("Content-Length", body.len().to_string());
        if !whole {
            headers.add("Content-Range", format!("bytes {start}-{}/{told}", end - 1));
        }
    }
    let head = Head { status: if whole { 200 } else { 206 }, headers };
    match fault {
        Fault::Long => body.extend_from_slice(b"and more"),
        Fault::Flips(at) if (start..end).contains(&(*at as u64)) => body[*at - start as usize] ^= 0xff,
        _ => {}
    }
    (head, body)
}
