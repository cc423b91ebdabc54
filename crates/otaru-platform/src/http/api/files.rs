//! Taking firmware files from operators.

use std::{io, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_LENGTH},
};
use futures_util::{StreamExt as _, stream};
use otaru_wire::Digest;
use serde::Deserialize;

use super::Api;
use crate::{
    files::ByteStream,
    http::{error::ApiError, extract::Query, shapes},
};

/// How long an upload may pause.
const PAUSE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    name: Option<String>,
}

pub(crate) async fn put(
    State(api): State<Api>,
    Query(named): Query<Named>,
    request: Request,
) -> Result<(StatusCode, axum::Json<shapes::FileTaken>), ApiError> {
    let size = declared_length(request.headers())?;
    let stored = api.files.put(size, impatient(request.into_body())).await?;
    // Should this fail, the file is kept but no package can name it; the next upload of the same bytes mends that.
    api.service.add_file(stored).await?;
    tracing::info!(file = %stored.id, bytes = stored.size, "took a file");
    let taken = shapes::FileTaken {
        sha256: stored.id.to_string(),
        md5: Digest::Md5(stored.md5).to_string(),
        size: stored.size,
        name: named.name,
    };
    Ok((StatusCode::CREATED, axum::Json(taken)))
}

fn declared_length(headers: &HeaderMap) -> Result<u64, ApiError> {
    headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| {
            ApiError::new(
                StatusCode::LENGTH_REQUIRED,
                "length_required",
                "the upload does not declare its length",
            )
            .next("send a Content-Length header, as `curl --upload-file` does")
        })
}

/// The body's bytes; an error if none come for a while, so that a silent peer does not hold a file open for ever.
fn impatient(body: Body) -> ByteStream<'static> {
    Box::pin(stream::unfold(Some(body.into_data_stream()), |body| async move {
        let mut body = body?;
        match tokio::time::timeout(PAUSE, body.next()).await {
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(body))),
            Ok(Some(Err(error))) => Some((Err(io::Error::other(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err(io::Error::new(io::ErrorKind::TimedOut, "no bytes came for 60 s")), None)),
        }
    }))
}
