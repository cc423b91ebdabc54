//! OneNET: its devices do everything but hear a notice over HTTP (onenet §2). What is asked and what is answered is the
//! service's; here a request becomes a [`Call`], and an answer is sent to the letter.
//!
//! Which paths are this dialect's is asked of the dialect, not of the router: they come with doubled slashes, trailing slashes
//! and in absolute form (onenet §2.2, §9 item 9).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, header::CONNECTION, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::{TryStreamExt as _, stream};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use otaru_wire::{
    dialect::onenet::{DownloadRefusal, MAX_BODY_BYTES, takes_body},
    http::{self, Answer, Call, Head, Headers},
};
use serde::de::IgnoredAny;
use tracing::{debug, error};

use super::health::CountedAs;
use crate::{
    files::{Files, OpenFile},
    service::{Piece, Served, Service},
};

/// How long a body may take. The vendor's clients wait for an answer for 3 s.
const BODY_TIME: Duration = Duration::from_secs(10);

/// How much of a body is read that is refused for its length, in bytes: a connection that is closed on unread bytes is reset,
/// and the answer is lost with it.
const MOST_READ: usize = 64 * 1024;

/// What its devices are answered from.
#[derive(Clone)]
pub(super) struct Onenet {
    pub(super) service: Service,
    pub(super) files: Arc<dyn Files>,
}

impl Onenet {
    /// Answers a request for a path that no route has: 404 if it is none of this dialect's.
    pub(super) async fn answer(self, request: Request) -> Response {
        match self.served(request).await {
            Ok(mut response) => {
                response.extensions_mut().insert(CountedAs("onenet"));
                response
            }
            Err(status) => status.into_response(),
        }
    }

    async fn served(self, request: Request) -> Result<Response, StatusCode> {
        let (parts, body) = request.into_parts();
        let (call, whole) = call(&parts, body).await?;
        let mut response = match self.service.onenet(&call).await {
            Served::NotOurs => return Err(StatusCode::NOT_FOUND),
            Served::Answer(answer) => told(answer),
            Served::File(piece) => self.sent(&piece).await,
        };
        if !whole {
            // Where the next request begins is not known any more.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }

    /// A piece of a file. Its head is sent only if the file is there and is the one that was taken.
    async fn sent(&self, piece: &Piece) -> Response {
        match self.files.open(piece.file).await {
            Ok(file) if file.size() == piece.size => found(piece, file.as_ref()),
            Ok(file) => {
                let (id, size, found) = (piece.file, piece.size, file.size());
                error!(%id, size, found, "file {id} has {found} bytes on the disk; it was taken with {size}");
                told(piece.refused(DownloadRefusal::SizeDiffers))
            }
            Err(error) => {
                error!(%error, "a download failed: {error}");
                told(piece.refused(DownloadRefusal::Unobtainable))
            }
        }
    }
}

/// The request as a value, and whether nothing of it is left on its connection.
async fn call(parts: &Parts, body: Body) -> Result<(Call, bool), StatusCode> {
    let target = parts.uri.to_string();
    let ours = |method| takes_body(method, &target).ok_or(StatusCode::NOT_FOUND);
    let (method, takes_body) = match parts.method {
        Method::GET => (http::Method::Get, ours(http::Method::Get)?),
        Method::POST => (http::Method::Post, ours(http::Method::Post)?),
        _ => return Err(ours(http::Method::Get).map_or_else(|none| none, |_| StatusCode::METHOD_NOT_ALLOWED)),
    };
    let (body, whole) = match takes_body {
        true => read(body).await,
        // A length is promised here that never comes (onenet §9 item 9).
        false => (Vec::new(), body.is_end_stream()),
    };
    let mut headers = Headers::default();
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            headers.add(name.as_str(), value);
        }
    }
    Ok((Call { method, target, headers, body }, whole))
}

/// A body, or its first [`MAX_BODY_BYTES`] + 1 bytes, and whether that is all of it. JSON that is whole is not waited on: some
/// clients promise more than they send (onenet §9 item 9).
async fn read(mut body: Body) -> (Vec<u8>, bool) {
    let (mut bytes, mut dropped) = (Vec::new(), 0);
    let has_length = body.size_hint().exact().is_some();
    let all = async {
        while let Some(Ok(frame)) = body.frame().await {
            let data = frame.into_data().unwrap_or_default();
            let kept = data.len().min((MAX_BODY_BYTES + 1).saturating_sub(bytes.len()));
            bytes.extend_from_slice(data.get(..kept).unwrap_or_default());
            dropped += data.len() - kept;
            if dropped > MOST_READ || (has_length && is_json(&bytes)) {
                return;
            }
        }
    };
    if tokio::time::timeout(BODY_TIME, all).await.is_err() {
        debug!(came = bytes.len(), "a body did not come whole in time");
    }
    (bytes, body.is_end_stream())
}

fn is_json(bytes: &[u8]) -> bool {
    bytes.trim_ascii_end().ends_with(b"}") && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

fn told(answer: Answer) -> Response {
    let Answer { head, body } = answer;
    let body = match head.headers.value("Transfer-Encoding") {
        // As a stream it has no length that the router could add.
        Some(_) => Body::from_stream(stream::iter([Ok::<_, Infallible>(body)])),
        None => Body::from(body),
    };
    headed(&head, body)
}

fn found(piece: &Piece, file: &dyn OpenFile) -> Response {
    let counted =
        |block: &Bytes| metrics::counter!("otaru_download_bytes_total").increment(block.len() as u64);
    headed(&piece.head, Body::from_stream(file.read(piece.range).inspect_ok(counted)))
}

/// The answer with exactly these headers; the server adds `Date`, and writes all of them in title case.
fn headed(head: &Head, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &head.headers.0 {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::StreamExt as _;
    use tokio::time::Instant;

    use super::*;

    /// A body of a declared length, of which these parts come, and then nothing.
    fn promised(length: usize, parts: &[&'static str]) -> Body {
        let parts: Vec<_> =
            parts.iter().map(|part| Ok::<_, io::Error>(Bytes::from_static(part.as_bytes()))).collect();
        let stream = stream::iter(parts).chain(stream::pending());
        Body::new(Sized(Body::from_stream(stream), length as u64))
    }

    /// Says how long it is.
    struct Sized(Body, u64);

    impl hyper::body::Body for Sized {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
            std::pin::Pin::new(&mut self.0).poll_frame(cx)
        }

        fn size_hint(&self) -> hyper::body::SizeHint {
            hyper::body::SizeHint::with_exact(self.1)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_whole_json_is_not_waited_on_whatever_was_promised() {
        let began = Instant::now();
        for parts in [&[r#"{"step":1}"#][..], &["{", r#""step""#, ":1", "}\r\n"], &[r#"{"a":{}"#, "}"]] {
            let (bytes, whole) = read(promised(20, parts)).await;
            assert_eq!((String::from_utf8(bytes).unwrap(), whole), (parts.concat(), false));
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up_and_what_came_is_kept() {
        for parts in [&[][..], &[r#"{"step""#], &["}"]] {
            let began = Instant::now();
            let (bytes, whole) = read(promised(20, parts)).await;
            assert_eq!((String::from_utf8(bytes).unwrap(), whole), (parts.concat(), false));
            assert_eq!(began.elapsed(), BODY_TIME);
        }
    }

    #[tokio::test]
    async fn of_a_body_without_bounds_one_byte_too_much_is_kept() {
        let endless = stream::repeat(Bytes::from_static(&[b' '; 1000])).map(Ok::<_, io::Error>);
        let endless = Body::from_stream(endless);
        let (bytes, whole) = read(endless).await;
        assert_eq!((bytes.len(), whole), (MAX_BODY_BYTES + 1, false));
    }
}
