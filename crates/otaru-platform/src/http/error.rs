//! The one way in which the operator API refuses.

use std::fmt;

use axum::{
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};

use super::shapes::{Refused, RefusedBecause};
use crate::{
    files::PutError,
    service::ServiceError,
    store::{StoreError, What},
};

/// A refusal, as an operator is to see it. What is nobody's business outside goes to the log instead.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    next_step: Option<&'static str>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl fmt::Display) -> Self {
        Self { status, code, message: message.to_string(), next_step: None }
    }

    /// The request is at fault in a way that only reading it shows.
    pub(super) fn bad_request(code: &'static str, message: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the call bears no token that this platform knows",
        )
        .next("send the header `Authorization: Bearer TOKEN`; the first token was printed at the first start")
    }

    pub(super) fn next(mut self, step: &'static str) -> Self {
        self.next_step = Some(step);
        self
    }

    /// The platform is at fault. Why is for its log alone.
    fn internal(cause: &dyn std::error::Error) -> Self {
        let mut chain = cause.to_string();
        let mut source = cause.source();
        while let Some(cause) = source {
            chain.push_str(": ");
            chain.push_str(&cause.to_string());
            source = cause.source();
        }
        tracing::error!(cause = chain, "failed to answer an operator's call");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the platform failed to do this")
            .next("look into its log")
    }

    fn disk_full(message: impl fmt::Display) -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", message)
            .next("free some space on the platform's disk and repeat the call")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = RefusedBecause {
            code: self.code.to_owned(),
            message: self.message,
            next_step: self.next_step.map(str::to_owned),
        };
        let mut response = (self.status, axum::Json(Refused { error })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Store(error) => error.into(),
            ServiceError::Package(error) => Self::bad_request("bad_package", error),
            ServiceError::Extra(_) | ServiceError::Notice { .. } | ServiceError::Untellable { .. } => {
                Self::bad_request("bad_package", error)
            }
            ServiceError::LongLinks { .. } => Self::bad_request("long_links", error)
                .next("give the device a shorter name, or the platform a --public-url with a shorter path"),
            ServiceError::BadSecret | ServiceError::BadAccessKey(_) => Self::bad_request("bad_secret", error),
            ServiceError::NoRegistration { .. } => Self::bad_request("no_registration", error)
                .next("leave `registration` off and make each device with its secret"),
            ServiceError::NoSuchProduct(_) => {
                Self::new(StatusCode::NOT_FOUND, "not_found", error).next(where_to_look(What::Product))
            }
            ServiceError::NoSuchFile(_) => Self::new(StatusCode::NOT_FOUND, "not_found", error)
                .next("send the file with `PUT /api/v1/files`, then repeat the call"),
            ServiceError::File(_) | ServiceError::Random(_) => Self::internal(&error),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::AlreadyExists { .. } => Self::new(StatusCode::CONFLICT, "already_exists", error),
            StoreError::NotFound { what } => {
                Self::new(StatusCode::NOT_FOUND, "not_found", &error).next(where_to_look(*what))
            }
            StoreError::Conflict(_) => Self::new(StatusCode::CONFLICT, "conflict", error),
            StoreError::Campaign(_) => Self::bad_request("bad_campaign", error),
            StoreError::Full => Self::disk_full(error),
            StoreError::TooNew { .. } | StoreError::Broken(_) => Self::internal(&error),
        }
    }
}

fn where_to_look(what: What) -> &'static str {
    match what {
        What::Product => "`GET /api/v1/products` lists the products there are",
        What::Device => "`GET /api/v1/products/{product_key}/devices` lists the devices there are",
        What::File => "send the file with `PUT /api/v1/files`",
        What::Package => "`GET /api/v1/packages` lists the packages there are",
        What::Campaign => "`GET /api/v1/campaigns` lists the campaigns there are",
        What::Task => "`GET /api/v1/campaigns/{id}/tasks` lists a campaign's tasks",
        What::Token => "use a token that was printed by this platform",
    }
}

impl From<PutError> for ApiError {
    fn from(error: PutError) -> Self {
        match &error {
            PutError::Empty => Self::bad_request("empty_file", error),
            PutError::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", error),
            PutError::CutOff { .. } => {
                Self::bad_request("cut_off", error).next("send the file again; nothing of it was kept")
            }
            PutError::TooLong { .. } => Self::bad_request("too_long", error),
            PutError::Full { .. } => Self::disk_full(error),
            PutError::Io { .. } => Self::internal(&error),
        }
    }
}
