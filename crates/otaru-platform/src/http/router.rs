//! Every route, in the reader's order.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware,
    routing::{get, post, put},
};
use otaru_wire::dialect::aliyun::registration::HTTP_PATH;
use tokio::task::AbortHandle;

use super::{
    api::{self, Api, campaigns, configs, files, packages, products},
    download::{Downloads, Grants, download},
    health::{self, Health},
    onenet::Onenet,
    register::register,
};
use crate::{
    brake::Brake,
    files::Files,
    links::Links,
    service::{Clock, Service},
};

/// What the routes are served from.
pub(crate) struct Parts {
    pub(crate) service: Service,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) links: Links,
    pub(crate) clock: Clock,
    /// The task that takes devices' connections, for the health check.
    pub(crate) gateway: Option<AbortHandle>,
}

/// All of HTTP, as a value: no socket yet.
pub(crate) fn router(parts: Parts) -> Router {
    let Parts { service, files, links, clock, gateway } = parts;
    let grants: Arc<dyn Grants> = Arc::new(service.clone());
    let downloads = Downloads { links, clock, grants, files: Arc::clone(&files), brake: Brake::new() };
    let health = Health::new(service.clone(), Arc::clone(&files), gateway);
    let onenet = Onenet { service: service.clone(), files: Arc::clone(&files) };
    Router::new()
        .merge(for_devices(downloads))
        .merge(for_registration(service.clone()))
        .nest("/api/v1", for_operators(Api { service, files }))
        .merge(for_watchers(health))
        .fallback(move |request: Request| onenet.answer(request))
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .layer(middleware::from_fn(health::count))
}

pub(super) fn for_devices(downloads: Downloads) -> Router {
    Router::new().route("/f/{*link}", get(download)).route("/c/{*link}", get(download)).with_state(downloads)
}

fn for_registration(service: Service) -> Router {
    Router::new().route(HTTP_PATH, post(register)).with_state(service)
}

fn for_operators(api: Api) -> Router {
    Router::new()
        .route("/products", post(products::create).get(products::list))
        .route("/products/{product_key}/registration", put(products::set_registration))
        .route("/products/{product_key}/devices", post(products::create_device).get(products::devices))
        .route(
            "/products/{product_key}/config",
            put(configs::set).get(configs::show).delete(configs::switch_off),
        )
        .route("/products/{product_key}/config/push", post(configs::push))
        .route("/products/{product_key}/config/devices", get(configs::devices))
        .route("/files", put(files::put))
        .route("/packages", post(packages::create).get(packages::list))
        .route("/campaigns", post(campaigns::create).get(campaigns::list))
        .route("/campaigns/{id}", get(campaigns::show))
        .route("/campaigns/{id}/cancel", post(campaigns::cancel))
        .route("/campaigns/{id}/tasks", get(campaigns::tasks))
        .fallback(api::no_such_call)
        .method_not_allowed_fallback(api::wrong_method)
        .layer(middleware::from_fn_with_state(api.clone(), api::operators_only))
        .with_state(api)
}

fn for_watchers(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .with_state(health)
        .route("/metrics", get(health::metrics))
}
