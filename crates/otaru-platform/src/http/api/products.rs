//! Products and their devices.

use axum::{extract::State, http::StatusCode};
use otaru_fleet::{Device, RegistrationRule, Secret};
use otaru_wire::{DeviceId, DeviceName, ProductKey};

use super::Api;
use crate::{
    http::{
        error::ApiError,
        extract::{Json, Paging, Path, Query, next},
        shapes,
    },
    service::{DeviceOrder, DeviceView, ProductOrder},
};

pub(crate) async fn create(
    State(api): State<Api>,
    Json(order): Json<shapes::NewProduct>,
) -> Result<(StatusCode, axum::Json<shapes::ProductMade>), ApiError> {
    let order = ProductOrder {
        key: order.product_key,
        dialect: order.dialect,
        secret: order.product_secret.map(Secret::new),
        registration: rule(order.registration.unwrap_or_default()),
    };
    let product = api.service.create_product(order).await?;
    let made = shapes::ProductMade {
        product_key: product.key,
        dialect: product.dialect,
        product_secret: product.secret.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, axum::Json(made)))
}

pub(crate) async fn list(
    State(api): State<Api>,
    Query(paging): Query<Paging<ProductKey>>,
) -> Result<axum::Json<shapes::Products>, ApiError> {
    let page = paging.page();
    let limit = page.limit;
    let products = api.service.products(page).await?;
    let next = next(&products, limit, |product| product.key.clone());
    let products = products
        .into_iter()
        .map(|product| shapes::Product {
            product_key: product.key,
            dialect: product.dialect,
            registration: shapes::Registration {
                devices: product.registration.devices,
                again: product.registration.again,
            },
            created_ms: product.created_at.0,
        })
        .collect();
    Ok(axum::Json(shapes::Products { products, next }))
}

pub(crate) async fn set_registration(
    State(api): State<Api>,
    Path(product): Path<ProductKey>,
    Json(order): Json<shapes::Registration>,
) -> Result<axum::Json<shapes::Registration>, ApiError> {
    api.service.set_registration(&product, rule(order)).await?;
    Ok(axum::Json(order))
}

fn rule(order: shapes::Registration) -> RegistrationRule {
    RegistrationRule { devices: order.devices, again: order.again }
}

pub(crate) async fn create_device(
    State(api): State<Api>,
    Path(product): Path<ProductKey>,
    Json(order): Json<shapes::NewDevice>,
) -> Result<(StatusCode, axum::Json<shapes::DeviceMade>), ApiError> {
    let order = DeviceOrder {
        id: DeviceId { product, device: order.device_name },
        secret: order.device_secret.map(Secret::new),
        serial: order.serial,
    };
    let Device { id, secret, .. } = api.service.create_device(order).await?;
    let made = shapes::DeviceMade {
        product_key: id.product,
        device_name: id.device,
        device_secret: secret.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, axum::Json(made)))
}

pub(crate) async fn devices(
    State(api): State<Api>,
    Path(product): Path<ProductKey>,
    Query(paging): Query<Paging<DeviceName>>,
) -> Result<axum::Json<shapes::Devices>, ApiError> {
    api.service.product(&product).await?; // no devices is an answer, no product is not
    let page = paging.page();
    let limit = page.limit;
    let devices = api.service.devices(&product, page).await?;
    let next = next(&devices, limit, |view| view.device.id.device.clone());
    Ok(axum::Json(shapes::Devices { devices: devices.into_iter().map(device).collect(), next }))
}

fn device(view: DeviceView) -> shapes::Device {
    shapes::Device {
        product_key: view.device.id.product,
        device_name: view.device.id.device,
        online: view.connected,
        gateway: view
            .device
            .gateway
            .map(|gateway| shapes::Gateway { product_key: gateway.product, device_name: gateway.device }),
        versions: view.running.into_iter().map(|running| (running.module, running.version)).collect(),
        last_seen_ms: view.device.last_seen_at.map(|at| at.0),
    }
}
