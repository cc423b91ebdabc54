//! What handlers take out of a request, refused in the API's own words.

use std::{error::Error as _, time::Duration};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, request::Parts},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::{Deserialize, de::DeserializeOwned};

use super::error::ApiError;
use crate::store::{MAX_PAGE, Page};

/// The longest JSON body, in bytes: room for a campaign over the longest list of the longest names.
const MAX_JSON_BYTES: usize = 16 << 20;

/// How long a JSON body may take.
const JSON_TIME: Duration = Duration::from_secs(30);

/// The page length unless `limit` says otherwise.
const DEFAULT_PAGE: u32 = 100;

/// A JSON body of at most 16 MiB. Its media type is not looked at: what counts is whether it can be read.
pub(super) struct Json<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let body = Limited::new(request.into_body(), MAX_JSON_BYTES).collect();
        let body = tokio::time::timeout(JSON_TIME, body)
            .await
            .map_err(|_| {
                ApiError::new(StatusCode::REQUEST_TIMEOUT, "cut_off", "the body did not come in 30 s")
            })?
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    let message = format!("the body has more than {MAX_JSON_BYTES} bytes");
                    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
                } else {
                    ApiError::bad_request("cut_off", format!("the body was cut off: {error}"))
                }
            })?
            .to_bytes();
        serde_json::from_slice(&body).map(Json).map_err(|error| {
            ApiError::bad_request("bad_json", format!("the body is not as it should be: {error}"))
        })
    }
}

/// A value, or several, from the path.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(rejection) => Err(ApiError::bad_request("bad_path", rejection.body_text())),
        }
    }
}

/// The query's values.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Query(value)),
            Err(rejection) => {
                let cause = rejection.source().map(|source| format!(": {source}")).unwrap_or_default();
                Err(ApiError::bad_request("bad_query", format!("the query is not as it should be{cause}")))
            }
        }
    }
}

/// `?after=…&limit=…`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging<K> {
    after: Option<K>,
    limit: Option<u32>,
}

impl<K> Paging<K> {
    pub(super) fn page(self) -> Page<K> {
        page(self.after, self.limit)
    }
}

/// A page of 1 to [`MAX_PAGE`] entries, [`DEFAULT_PAGE`] if `limit` is not told.
pub(super) fn page<K>(after: Option<K>, limit: Option<u32>) -> Page<K> {
    Page { after, limit: limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE) }
}

/// What `after` is to be for the next page, given this one: none if it was not full.
pub(super) fn next<T, K>(list: &[T], limit: u32, key: impl Fn(&T) -> K) -> Option<K> {
    match list.last() {
        Some(last) if list.len() >= limit as usize => Some(key(last)),
        _ => None,
    }
}
