//! Devices register themselves by an HTTP form (aliyun-link-sdk-v4 §1.6, aliyun-iotkit-v3 §1.6).

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt as _, Limited};
use otaru_wire::dialect::aliyun::registration::{Grant, read_form, write_reply, write_reply_refusal};
use tracing::{debug, info};

use crate::service::{RegistrationError, Service};

/// The longest form, in bytes. Stock ones have below 250.
const MAX_FORM_BYTES: usize = 1024;

/// How long a form may take. Stock devices give up after 10 s.
const FORM_TIME: Duration = Duration::from_secs(10);

/// The one type of body that is read; a request that names none is taken for it.
const FORM: &str = "application/x-www-form-urlencoded";

/// `POST /auth/register/device`: 200 with the device's secret, or a refusal whose code is never 200. Both are JSON of at
/// most 192 bytes, which is what the smallest stock SDK reads.
pub(super) async fn register(State(service): State<Service>, request: Request) -> Response {
    match registered(&service, request).await {
        Ok(reply) => answer(StatusCode::OK, reply),
        Err((status, told)) => {
            debug!(%status, told, "a registration by HTTP was refused: {told}");
            answer(status, write_reply_refusal(status.as_u16(), told))
        }
    }
}

async fn registered(service: &Service, request: Request) -> Result<String, (StatusCode, &'static str)> {
    let form = form(request).await?;
    let asked = read_form(&form).map_err(|error| {
        info!(%error, "registration refused: {error}");
        refusal(&error.into())
    })?;
    match service.register(&asked).await.map_err(|error| refusal(&error))? {
        Grant::Secret(secret) => Ok(write_reply(&asked.id, &secret)),
        // A form asks for nothing else.
        Grant::Token { .. } => Err((StatusCode::INTERNAL_SERVER_ERROR, "try again later")),
    }
}

/// The body, if it is a form and no longer than one.
async fn form(request: Request) -> Result<axum::body::Bytes, (StatusCode, &'static str)> {
    let named = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let kind = named.unwrap_or(FORM).split(';').next().unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case(FORM) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "not a form"));
    }
    let body = Limited::new(request.into_body(), MAX_FORM_BYTES).collect();
    match tokio::time::timeout(FORM_TIME, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "the form is cut off or too long")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the form took too long")),
    }
}

fn refusal(error: &RegistrationError) -> (StatusCode, &'static str) {
    let status = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    (status, error.told())
}

/// Closes the connection: stock SDKs send one request on each, and some leave it open for ever.
fn answer(status: StatusCode, json: String) -> Response {
    let mut response = (status, Body::from(json)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
