//! A socket that finishes the one request head which a stock SDK leaves unfinished.
//!
//! SDK v3.2.0 writes its header lines into a buffer of 128 bytes. From byte 1 000 000 on, `Range` no longer fits:
//! the request ends in `-\r\r\n` (7 digits), `-\r\n` (8) or, the dash lost, `\r\n` (9), never in a blank line, and a
//! server that waits for one never answers (aliyun-iotkit-v3 §0, §3.5).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use otaru_wire::{dialect::onenet::takes_body, http::Method};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a head may be silent before what is missing is supplied (aliyun-iotkit-v3 §0).
const SILENCE: Duration = Duration::from_millis(300);

/// Longer heads are not this SDK's (aliyun-iotkit-v3 §3.6).
const LONGEST: usize = 1024;

/// The header lines of this SDK, in its order; `Range` is the one that is cut.
const NAMES: [&[u8]; 3] = [b"Host", b"Accept", b"Accept-Encoding"];

/// Holds back the first head of a connection until it is whole or cannot be this SDK's, which sends one request a
/// connection. After [`SILENCE`] behind a `Range` line, supplies what is missing, once; what the client sends after
/// that is passed over. Bounds on the time of a head stay with whoever reads.
pub(super) struct Unfinished<T> {
    inner: T,
    head: Head,
}

enum Head {
    /// Waiting for the rest of it.
    Gathering { bytes: Vec<u8>, quiet: Option<Pin<Box<Sleep>>> },
    /// Handed on, from `taken` on; then the socket is read as it is, or nothing more of it if this was `repaired`.
    Ready { bytes: Vec<u8>, taken: usize, repaired: bool },
    /// Nothing is held back any more.
    Through,
    /// What still comes is not read on, but its end is.
    Repaired,
}

impl<T> Unfinished<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, head: Head::Gathering { bytes: Vec::new(), quiet: None } }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Unfinished<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { inner, head } = self.get_mut();
        loop {
            *head = match head {
                Head::Gathering { bytes, quiet } => ready!(gather(inner, bytes, quiet, cx))?,
                Head::Ready { bytes, taken, repaired } => {
                    let rest = bytes.get(*taken..).unwrap_or_default();
                    if !rest.is_empty() {
                        let now = rest.len().min(buf.remaining());
                        buf.put_slice(rest.get(..now).unwrap_or_default());
                        *taken += now;
                        return Poll::Ready(Ok(()));
                    }
                    if *repaired { Head::Repaired } else { Head::Through }
                }
                Head::Through => return Pin::new(inner).poll_read(cx, buf),
                Head::Repaired => loop {
                    if ready!(read_some(inner, cx, |_| ()))? == 0 {
                        return Poll::Ready(Ok(()));
                    }
                },
            };
        }
    }
}

/// Reads until it is clear what this head is.
fn gather<T: AsyncRead + Unpin>(
    inner: &mut T,
    bytes: &mut Vec<u8>,
    quiet: &mut Option<Pin<Box<Sleep>>>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Head>> {
    let whole = |bytes: &mut Vec<u8>| Head::Ready { bytes: std::mem::take(bytes), taken: 0, repaired: false };
    while let Poll::Ready(read) = read_some(inner, cx, |came| bytes.extend_from_slice(came)) {
        if read? == 0 || is_whole(bytes) || !may_be_the_sdks(bytes) {
            return Poll::Ready(Ok(whole(bytes)));
        }
        *quiet = repair(bytes).map(|_| Box::pin(sleep(SILENCE)));
    }
    let Some(silence) = quiet else { return Poll::Pending };
    ready!(silence.as_mut().poll(cx));
    Poll::Ready(Ok(match repair(bytes) {
        Some(repaired) => Head::Ready { bytes: repaired, taken: 0, repaired: true },
        None => whole(bytes),
    }))
}

fn read_some<T: AsyncRead + Unpin>(
    inner: &mut T,
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]),
) -> Poll<io::Result<usize>> {
    let mut space = [0; LONGEST];
    let mut space = ReadBuf::new(&mut space);
    ready!(Pin::new(inner).poll_read(cx, &mut space))?;
    take(space.filled());
    Poll::Ready(Ok(space.filled().len()))
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|four| four == b"\r\n\r\n") || bytes.windows(2).any(|two| two == b"\n\n")
}

/// May this become a head of the SDK's that wants repair? Everything else is handed on at once.
fn may_be_the_sdks(bytes: &[u8]) -> bool {
    let begin = b"GET ";
    let both = begin.len().min(bytes.len());
    bytes.len() <= LONGEST && bytes.get(..both) == begin.get(..both)
}

/// The head as it was meant, if it is this SDK's, ends with a whole `Range` line and lacks nothing else. Other heads
/// are never touched: a range that was meant to be bound by an `If-Range` still to come must not be answered.
fn repair(head: &[u8]) -> Option<Vec<u8>> {
    let text = head.strip_suffix(b"\r\n")?;
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let mut lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let target = lines.next()?.strip_prefix(b"GET ")?.strip_suffix(b" HTTP/1.1")?;
    // Another vendor's devices send what proves them behind their range.
    if takes_body(Method::Get, std::str::from_utf8(target).ok()?).is_some() {
        return None;
    }
    let mut names = NAMES.iter();
    let mut line = lines.next()?;
    let mut has_host = false;
    while !line.starts_with(b"Range: ") {
        let name = line.split(|byte| *byte == b':').next()?;
        has_host |= name == b"Host";
        names.find(|known| **known == name)?;
        line = lines.next()?;
    }
    let range = line.strip_prefix(b"Range: bytes=")?;
    let digits = range.strip_suffix(b"-").unwrap_or(range);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !has_host || !is_number || lines.next().is_some() {
        return None;
    }
    let mut whole = text.to_vec();
    if digits.len() == range.len() {
        whole.push(b'-');
    }
    // What may still come of this request is passed over, so it is the connection's last.
    whole.extend_from_slice(b"\r\nConnection: close\r\n\r\n");
    Some(whole)
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Unfinished<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::Instant,
    };

    use super::*;

    const LINES: &str = "GET /f/a HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n";

    fn repaired(end: &str) -> Option<String> {
        repair(format!("{LINES}{end}").as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    /// Source: aliyun-iotkit-v3 §3.5, the table by number of digits.
    #[test]
    fn each_way_in_which_the_range_is_cut_is_mended() {
        for (cut, meant) in
            [("1000000-\r\r\n", "1000000-"), ("12345678-\r\n", "12345678-"), ("123456789\r\n", "123456789-")]
        {
            let wanted = format!("{LINES}Range: bytes={meant}\r\nConnection: close\r\n\r\n");
            assert_eq!(repaired(&format!("Range: bytes={cut}")), Some(wanted));
        }
    }

    #[test]
    fn a_head_that_is_not_the_sdks_or_not_at_the_end_of_its_range_is_never_touched() {
        for end in [
            "",
            "Range: bytes=1000000",
            "Range: bytes=1000000-",
            "Range: bytes=1000000-\r",
            "Range: bytes=-\r\n",
            "Range: bytes=1-2\r\n",
            "Range: bytes=1,2-\r\n",
            "Range: bytes=1-\r\nIf-Range: \"x\"\r\n",
            "If-Range: \"x\"\r\nRange: bytes=1-\r\n",
            "Content-Length: 5\r\nRange: bytes=1-\r\n",
            "Host: y\r\nRange: bytes=1-\r\n",
        ] {
            assert_eq!(repaired(end), None, "{end:?}");
        }
        assert_eq!(repair(b"GET /f/a HTTP/1.1\r\nRange: bytes=1-\r\n"), None, "no host");
        let other_vendors = b"GET /ota/p/d/7/download HTTP/1.1\r\nHost: x\r\nRange: bytes=0-\r\n";
        assert_eq!(repair(other_vendors), None, "its Authorization is still to come");
        assert_eq!(repair(b"GET /f/a HTTP/1.0\r\nHost: x\r\nRange: bytes=1-\r\n"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_is_supplied_once_and_after_the_silence_only() {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let mut ours = Unfinished::new(ours);
        let head = format!("{LINES}Range: bytes=1000000-\r\r\n");
        let began = Instant::now();
        let writer = tokio::spawn(async move {
            for part in head.as_bytes().chunks(20) {
                tokio::time::sleep(Duration::from_millis(250)).await;
                theirs.write_all(part).await.unwrap();
            }
            let ended = Instant::now();
            tokio::time::sleep(Duration::from_secs(1)).await;
            theirs.write_all(b"\r\n\r\nGET /f/b HTTP/1.1\r\nRange: bytes=5-\r\n").await.unwrap();
            ended
        });
        let mut bytes = vec![0; 4096];
        let read = ours.read(&mut bytes).await.unwrap();
        let answered = Instant::now();
        assert!(bytes[..read].ends_with(b"Range: bytes=1000000-\r\nConnection: close\r\n\r\n"));
        assert_eq!(ours.read(&mut bytes).await.unwrap(), 0, "nothing more is read on, but the end is seen");
        assert_eq!(answered - writer.await.unwrap(), SILENCE);
        assert!(answered - began > SILENCE * 5, "slow lines were waited for");
    }

    #[tokio::test(start_paused = true)]
    async fn everything_else_passes_byte_for_byte() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n", "a".repeat(2 * LONGEST));
        let get = format!("{LINES}Range: bytes=1-\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nRange: bytes=1-\r\n");
        for sent in ["PUT /x HTTP/1.1\r\nRange: bytes=1-\r\n", "GE", "", "\u{16}\u{3}\u{1}", &long, &get] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let bytes = sent.as_bytes().to_vec();
            let writer = tokio::spawn(async move {
                theirs.write_all(&bytes).await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            });
            let mut came = Vec::new();
            Unfinished::new(ours).read_to_end(&mut came).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&came), sent);
            writer.await.unwrap();
        }
    }
}
