//! `/healthz` and `/metrics`: what those who run the platform watch. Both are open, since neither tells anything of a
//! device; a reverse proxy can close them.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{MatchedPath, Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::Next,
    response::{IntoResponse, Response},
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use tokio::{sync::Mutex, task::AbortHandle};

use crate::{files::Files, service::Service};

/// How long a finding holds: whoever asks more often makes the store do no more work.
const HOLDS: Duration = Duration::from_secs(1);

/// What is looked at.
#[derive(Clone)]
pub(super) struct Health {
    service: Service,
    files: Arc<dyn Files>,
    gateway: Option<AbortHandle>,
    last: Arc<Mutex<Option<(Instant, Finding)>>>,
}

#[derive(Clone, Serialize)]
struct Finding {
    status: &'static str,
    /// Are devices' connections taken?
    mqtt: bool,
    /// Can the store be written to?
    store: bool,
    /// Can files be taken?
    files: bool,
}

impl Health {
    /// `gateway`: the task that takes devices' connections.
    pub(super) fn new(service: Service, files: Arc<dyn Files>, gateway: Option<AbortHandle>) -> Self {
        Self { service, files, gateway, last: Arc::default() }
    }

    async fn finding(&self) -> Finding {
        let mut last = self.last.lock().await;
        if let Some((at, finding)) = &*last
            && at.elapsed() < HOLDS
        {
            return finding.clone();
        }
        let store = works("the store", self.service.check().await);
        let files = works("the file store", self.files.check().await);
        let mqtt = self.gateway.as_ref().is_none_or(|gateway| !gateway.is_finished());
        let status = if store && files && mqtt { "ok" } else { "failing" };
        let finding = Finding { status, mqtt, store, files };
        *last = Some((Instant::now(), finding.clone()));
        finding
    }
}

fn works<E: std::fmt::Display>(what: &str, found: Result<(), E>) -> bool {
    if let Err(error) = &found {
        tracing::error!(%error, "the health check found that {what} cannot be written to");
    }
    found.is_ok()
}

/// `GET /healthz`: 200 if the platform can do its work, else 503; either way it says what it found.
pub(super) async fn healthz(State(health): State<Health>) -> Response {
    let finding = health.finding().await;
    let status = if finding.status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(finding)).into_response()
}

/// The process's one recorder; none if something else records this process's metrics.
pub(crate) fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            PrometheusBuilder::new()
                .install_recorder()
                .inspect(|_| crate::service::meters::describe())
                .map_err(|error| tracing::warn!(%error, "another recorder takes this process's metrics"))
                .ok()
        })
        .as_ref()
}

/// `GET /metrics`: Prometheus text.
pub(super) async fn metrics() -> Response {
    match recorder() {
        Some(recorder) => {
            recorder.run_upkeep();
            ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// How an answer is counted that no route gave.
#[derive(Clone, Copy)]
pub(super) struct CountedAs(pub(super) &'static str);

/// Counts answers by route and status.
pub(super) async fn count(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let other = response.extensions().get::<CountedAs>().map_or("none", |CountedAs(name)| name);
    let route = route.as_ref().map_or(other, MatchedPath::as_str).to_owned();
    let status = response.status().as_str().to_owned();
    metrics::counter!("otaru_http_answers_total", "route" => route, "status" => status).increment(1);
    response
}
