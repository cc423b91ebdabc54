//! Downloads: the file that a signed link leads to, whole or by range.
//!
//! Written for clients that cannot be changed any more (aliyun-link-sdk-v4 §4, aliyun-iotkit-v3 §3.6): an exact
//! `Content-Length` and never chunked, no redirects, header lines under 128 bytes, and errors without a body, since
//! some take any body for firmware.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, HeaderValue, Method, Request, StatusCode,
        header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use futures_util::{TryStreamExt as _, future::BoxFuture};
use hyper::ext::ReasonPhrase;
use otaru_wire::http_range::{ByteRange, ContentRange, RangeRequest, write_unsatisfied};

use crate::{
    brake::Brake,
    files::{FileId, Files, OpenError, OpenFile},
    links::{Grant, LinkError, Links},
    service::{Clock, GrantError, ServedFile, Service},
};

/// Tells what a genuine link leads to now.
pub(super) trait Grants: Send + Sync {
    fn served<'a>(&'a self, grant: &'a Grant) -> BoxFuture<'a, Result<ServedFile, GrantError>>;
}

impl Grants for Service {
    fn served<'a>(&'a self, grant: &'a Grant) -> BoxFuture<'a, Result<ServedFile, GrantError>> {
        Box::pin(self.grant_file(grant))
    }
}

/// What downloads need.
#[derive(Clone)]
pub(super) struct Downloads {
    pub(super) links: Links,
    pub(super) clock: Clock,
    pub(super) grants: Arc<dyn Grants>,
    pub(super) files: Arc<dyn Files>,
    pub(super) brake: Brake,
}

/// Why a download is refused. Each is answered with an empty body.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The platform promised a file that it cannot read. Its own fault, so the link stays good.
    #[error(transparent)]
    File(#[from] OpenError),
    /// As above: the file on the disk is not the one that was taken.
    #[error("file {id} has {found} bytes on the disk; it was taken with {size}")]
    Damaged { id: FileId, size: u64, found: u64 },
    #[error("the range asked for lies past the file's {size} bytes")]
    Unsatisfiable { size: u64 },
}

/// `GET` or `HEAD` of a link.
pub(super) async fn download(State(downloads): State<Downloads>, request: Request<Body>) -> Response {
    let (request, _) = request.into_parts();
    match downloads.answer(&request).await {
        Ok(answer) => answer,
        Err(refusal) => {
            downloads.brake.hold().await;
            refusal.answer(request.uri.path())
        }
    }
}

impl Downloads {
    async fn answer(&self, request: &Parts) -> Result<Response, Refusal> {
        let uri = &request.uri;
        let grant = self
            .links
            .read(uri.path(), uri.query().unwrap_or(""), (self.clock)().0)
            .map_err(Refusal::Link)?;
        let served = self.grants.served(&grant).await?;
        let file = self.files.open(served.id).await?;
        if file.size() != served.size {
            return Err(Refusal::Damaged { id: served.id, size: served.size, found: file.size() });
        }
        let etag = etag(served.id);
        // RFC 9110 §14.2: a range means something for GET only.
        let wanted = match request.method {
            Method::GET => wanted_range(&request.headers, &etag, file.size())?,
            _ => None,
        };
        tracing::debug!(
            device = %grant.device,
            what = ?grant.what,
            start = wanted.map(|range| range.start),
            "a device fetches a file"
        );
        Ok(found(&request.method, file.as_ref(), &etag, wanted))
    }
}

/// The part that is asked for; none: the whole. A `Range` that cannot be understood or is bound by `If-Range` to
/// another file is passed over, so that the client starts anew instead of mixing two files.
fn wanted_range(headers: &HeaderMap, etag: &HeaderValue, size: u64) -> Result<Option<ByteRange>, Refusal> {
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()).and_then(RangeRequest::read)
    else {
        return Ok(None);
    };
    if headers.get(IF_RANGE).is_some_and(|validator| validator != etag) {
        return Ok(None);
    }
    range.within(size).map(Some).ok_or(Refusal::Unsatisfiable { size })
}

fn found(method: &Method, file: &dyn OpenFile, etag: &HeaderValue, wanted: Option<ByteRange>) -> Response {
    let size = file.size();
    let range = wanted.unwrap_or(ByteRange { start: 0, end: size });
    let body = match *method {
        Method::HEAD => Body::empty(),
        _ => Body::from_stream(file.read(range).inspect_ok(|block| {
            metrics::counter!("otaru_download_bytes_total").increment(block.len() as u64);
        })),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(range.len()));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, etag.clone());
    if wanted.is_some() {
        insert_content_range(headers, &ContentRange { range, total: Some(size) }.write());
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

fn insert_content_range(headers: &mut HeaderMap, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(CONTENT_RANGE, value);
    }
}

/// The file's SHA-256 in quotes: 66 characters, so the line stays under 128.
fn etag(id: FileId) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{id}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

impl Refusal {
    fn answer(self, path: &str) -> Response {
        let (status, phrase) = match &self {
            Refusal::Link(LinkError::Malformed) => (StatusCode::NOT_FOUND, "Not Found: this is no link"),
            Refusal::Grant(GrantError::NotFound) => {
                (StatusCode::NOT_FOUND, "Not Found: there is no such task")
            }
            Refusal::Link(LinkError::Forged) => (StatusCode::FORBIDDEN, "Forbidden: the link is not genuine"),
            Refusal::Link(LinkError::Expired) => (StatusCode::FORBIDDEN, "Forbidden: the link has expired"),
            Refusal::Grant(GrantError::Closed(_)) => (StatusCode::GONE, "Gone: the task is over"),
            Refusal::Grant(GrantError::Withdrawn) => (StatusCode::GONE, "Gone: it was withdrawn"),
            Refusal::Grant(GrantError::Store(_)) | Refusal::File(_) | Refusal::Damaged { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            Refusal::Unsatisfiable { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "Range Not Satisfiable"),
        };
        if status.is_server_error() {
            tracing::error!(path, reason = %self, detail = ?self, "failed to serve a download");
        } else {
            tracing::debug!(path, reason = %self, "a download is refused");
        }
        let mut response = status.into_response();
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        // v3 looks at no status, but fails at a status line of more than 32 bytes (aliyun-iotkit-v3 §3.6).
        response.extensions_mut().insert(ReasonPhrase::from_static(phrase.as_bytes()));
        if let Refusal::Unsatisfiable { size } = self {
            insert_content_range(response.headers_mut(), &write_unsatisfied(size));
        }
        response
    }
}
