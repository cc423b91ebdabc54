//! What operators call under `/api/v1`: check, convert, call the service, convert back.

pub(super) mod campaigns;
pub(super) mod configs;
pub(super) mod files;
pub(super) mod packages;
pub(super) mod products;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};

use super::error::ApiError;
use crate::{files::Files, service::Service};

/// What the calls need.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) service: Service,
    pub(super) files: Arc<dyn Files>,
}

/// Lets only calls through that bear an operator's token.
pub(super) async fn operators_only(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let token = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(ApiError::unauthorized)?;
    let operator = api.service.operator(token).await?.ok_or_else(ApiError::unauthorized)?;
    tracing::debug!(operator, method = %request.method(), path = request.uri().path(), "an operator calls");
    Ok(next.run(request).await)
}

/// No such path under `/api/v1`.
pub(super) async fn no_such_call() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is no such call")
        .next("docs/api.md lists the calls")
}

/// The path is known, the method is not one of its own.
pub(super) async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "this path does not take this method")
        .next("docs/api.md lists the calls")
}
