//! Campaigns and their tasks.

use std::time::Duration;

use axum::{extract::State, http::StatusCode};
use otaru_fleet::{CampaignId, NewCampaign, Patience, Rules, Targets, TaskId, TaskState};
use serde::Deserialize;

use super::Api;
use crate::{
    http::{
        error::ApiError,
        extract::{Json, Paging, Path, Query, next, page},
        shapes,
    },
    service::{CampaignView, TaskView},
    store::{MAX_PAGE, Page, Skip},
};

/// Seconds of a minute.
const MINUTE: u64 = 60;
/// Seconds of a day.
const DAY: u64 = 24 * 60 * MINUTE;

pub(crate) async fn create(
    State(api): State<Api>,
    Json(order): Json<shapes::NewCampaign>,
) -> Result<(StatusCode, axum::Json<shapes::CampaignMade>), ApiError> {
    let rules = rules(&order);
    let started = api
        .service
        .create_campaign(NewCampaign {
            package: order.package_id,
            targets: order.devices.map_or(Targets::All, Targets::List),
            source_versions: order.source_versions,
            rules,
        })
        .await?;
    let id = started.campaign.id;
    let skips = match started.skipped {
        0 => Vec::new(),
        _ => api.service.skips(id, Page::first(MAX_PAGE)).await?,
    };
    let made = shapes::CampaignMade {
        id,
        tasks: started.tasks,
        skipped_count: started.skipped,
        skipped: skips
            .into_iter()
            .map(|Skip { device, reason }| shapes::Skipped {
                product_key: device.product,
                device: device.device,
                reason: reason.to_string(),
            })
            .collect(),
    };
    Ok((StatusCode::CREATED, axum::Json(made)))
}

fn rules(order: &shapes::NewCampaign) -> Rules {
    let default = Rules::default();
    let span =
        |count: Option<u32>, unit: u64| count.map(|count| Duration::from_secs(u64::from(count) * unit));
    Rules {
        timeout: span(order.timeout_minutes, MINUTE).unwrap_or(default.timeout),
        retries: order.retries.unwrap_or(default.retries),
        retry_interval: span(order.retry_interval_minutes, MINUTE).unwrap_or(default.retry_interval),
        patience: match order.answer_timeout_seconds {
            None => Patience::AsDocumented,
            Some(0) => Patience::Endless,
            Some(seconds) => Patience::For(Duration::from_secs(seconds.into())),
        },
        valid_for: span(order.valid_days, DAY),
        policy: order.policy,
    }
}

pub(crate) async fn list(
    State(api): State<Api>,
    Query(paging): Query<Paging<CampaignId>>,
) -> Result<axum::Json<shapes::Campaigns>, ApiError> {
    let page = paging.page();
    let limit = page.limit;
    let views = api.service.campaigns(page).await?;
    let next = next(&views, limit, |view| view.campaign.id);
    let mut campaigns = Vec::with_capacity(views.len());
    for view in views {
        campaigns.push(campaign(&api, view).await?);
    }
    Ok(axum::Json(shapes::Campaigns { campaigns, next }))
}

pub(crate) async fn show(
    State(api): State<Api>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<shapes::Campaign>, ApiError> {
    let view = api.service.campaign(id).await?;
    Ok(axum::Json(campaign(&api, view).await?))
}

async fn campaign(api: &Api, view: CampaignView) -> Result<shapes::Campaign, ApiError> {
    let package = api.service.package(view.campaign.package).await?.spec;
    let counts = TaskState::ALL.into_iter().map(|state| (state, view.counts.of(state)));
    let rules = &view.campaign.rules;
    Ok(shapes::Campaign {
        id: view.campaign.id,
        package_id: view.campaign.package,
        product_key: package.products.first().clone(),
        product_keys: package.products,
        version: package.version,
        module: package.module,
        state: view.campaign.state,
        counts: counts.filter(|(_, count)| *count > 0).collect(),
        timeout_minutes: rules.timeout.as_secs() / MINUTE,
        retries: rules.retries,
        retry_interval_minutes: rules.retry_interval.as_secs() / MINUTE,
        answer_timeout_seconds: match rules.patience {
            Patience::AsDocumented => None,
            Patience::Endless => Some(0),
            Patience::For(limit) => Some(limit.as_secs()),
        },
        policy: rules.policy,
        expires_ms: view.campaign.expires_at().map(|at| at.0),
        created_ms: view.campaign.created_at.0,
        ended_ms: view.campaign.ended_at.map(|at| at.0),
    })
}

pub(crate) async fn cancel(
    State(api): State<Api>,
    Path(id): Path<CampaignId>,
) -> Result<axum::Json<shapes::CampaignCanceled>, ApiError> {
    let canceled = api.service.cancel_campaign(id).await?;
    Ok(axum::Json(shapes::CampaignCanceled { id, canceled }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    state: Option<TaskState>,
    after: Option<TaskId>,
    limit: Option<u32>,
}

pub(crate) async fn tasks(
    State(api): State<Api>,
    Path(id): Path<CampaignId>,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<shapes::Tasks>, ApiError> {
    api.service.campaign(id).await?; // no tasks is an answer, no campaign is not
    let page = page(wanted.after, wanted.limit);
    let limit = page.limit;
    let views = api.service.tasks(id, wanted.state, page).await?;
    let next = next(&views, limit, |view| view.task.id);
    Ok(axum::Json(shapes::Tasks { tasks: views.into_iter().map(task).collect(), next }))
}

fn task(TaskView { task, hold, .. }: TaskView) -> shapes::Task {
    shapes::Task {
        attempt: task.attempt,
        attempts: task.attempts(),
        retry_ms: task.retry_at.map(|at| at.0),
        id: task.id,
        campaign_id: task.campaign,
        product_key: task.device.product,
        device: task.device.device,
        module: task.module,
        version: task.version,
        state: task.state,
        progress: task.progress,
        reason: task.reason,
        waiting_for: hold.map(|hold| hold.to_string()),
        created_ms: task.created_at.0,
        updated_ms: task.updated_at.0,
    }
}
