//! Remote configuration.

use axum::{extract::State, http::StatusCode};
use otaru_fleet::{Config, ConfigState};
use otaru_wire::{DeviceName, ProductKey};
use serde::Deserialize;

use super::Api;
use crate::{
    files::FileId,
    http::{
        error::ApiError,
        extract::{Json, Path, Query, next, page},
        shapes,
    },
    service::ConfigView,
};

pub(crate) async fn set(
    State(api): State<Api>,
    Path(product): Path<ProductKey>,
    Json(order): Json<shapes::NewConfig>,
) -> Result<(StatusCode, axum::Json<shapes::Config>), ApiError> {
    let file = order.sha256.parse().map_err(|error| ApiError::bad_request("bad_digest", error))?;
    let made = api.service.set_config(&product, file).await?;
    Ok((StatusCode::CREATED, axum::Json(config(&made))))
}

pub(crate) async fn show(
    State(api): State<Api>,
    Path(product): Path<ProductKey>,
) -> Result<axum::Json<shapes::Configs>, ApiError> {
    let kept = api.service.config(&product).await?;
    let versions = kept.versions.iter().map(config).collect();
    Ok(axum::Json(shapes::Configs { product_key: product, on: kept.on, versions }))
}

pub(crate) async fn switch_off(
    State(api): State<Api>,
    Path(product): Path<ProductKey>,
) -> Result<axum::Json<shapes::Configs>, ApiError> {
    api.service.switch_config_off(&product).await?;
    show(State(api), Path(product)).await
}

pub(crate) async fn push(
    State(api): State<Api>,
    Path(product): Path<ProductKey>,
    Json(order): Json<shapes::ConfigPush>,
) -> Result<axum::Json<shapes::ConfigPushed>, ApiError> {
    let pushed = api.service.push_config(&product, order.devices).await?;
    Ok(axum::Json(shapes::ConfigPushed {
        id: pushed.config.id,
        devices: pushed.devices,
        unknown: pushed.unknown,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    state: Option<ConfigState>,
    after: Option<DeviceName>,
    limit: Option<u32>,
}

pub(crate) async fn devices(
    State(api): State<Api>,
    Path(product): Path<ProductKey>,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<shapes::DeviceConfigs>, ApiError> {
    let page = page(wanted.after, wanted.limit);
    let limit = page.limit;
    let devices = api.service.device_configs(&product, wanted.state, page).await?;
    let next = next(&devices, limit, |view| view.config.device.device.clone());
    Ok(axum::Json(shapes::DeviceConfigs { devices: devices.into_iter().map(device).collect(), next }))
}

fn config(config: &Config) -> shapes::Config {
    shapes::Config {
        id: config.id,
        sha256: FileId(config.sha256).to_string(),
        size: config.size,
        created_ms: config.created_at.0,
    }
}

fn device(ConfigView { config, hold }: ConfigView) -> shapes::DeviceConfig {
    shapes::DeviceConfig {
        device: config.device.device,
        config_id: config.config,
        state: config.state,
        code: config.code,
        waiting_for: hold.map(|hold| hold.to_string()),
        updated_ms: config.updated_at.0,
    }
}
