//! Packages.

use axum::{extract::State, http::StatusCode};
use otaru_fleet::{Package, PackageFile, PackageId, ProductKeys};
use otaru_wire::{Digest, DigestMethod, ProductKey};
use serde::Deserialize;

use super::Api;
use crate::{
    files::FileId,
    http::{
        error::ApiError,
        extract::{Json, Query, next, page},
        shapes,
    },
    service::PackageOrder,
};

pub(crate) async fn create(
    State(api): State<Api>,
    Json(order): Json<shapes::NewPackage>,
) -> Result<(StatusCode, axum::Json<shapes::PackageMade>), ApiError> {
    let files = order.files.into_iter().map(named_file).collect::<Result<_, _>>()?;
    let package = PackageOrder {
        products: products(order.product_key, order.product_keys)?,
        version: order.version,
        module: order.module,
        files,
        extra: order.extra.map(|extra| extra.get().to_owned()),
        digest_method: order.digest_method.unwrap_or(DigestMethod::Sha256),
        over: order.over,
    };
    let package = api.service.create_package(package).await?;
    // The package is made: whatever the warnings come to, that is the answer.
    let warnings = api.service.package_warnings(&package).await.unwrap_or_default();
    Ok((StatusCode::CREATED, axum::Json(shapes::PackageMade { id: package.id, warnings })))
}

fn products(one: Option<ProductKey>, several: Option<ProductKeys>) -> Result<ProductKeys, ApiError> {
    match (one, several) {
        (Some(product), None) => Ok(product.into()),
        (None, Some(products)) => Ok(products),
        (one, _) => {
            let problem = if one.is_some() { "both" } else { "neither" };
            Err(ApiError::bad_request(
                "bad_package",
                format!("{problem} of product_key and product_keys is named"),
            )
            .next("name product_key for one product, or product_keys for several"))
        }
    }
}

fn named_file(file: shapes::PackageFile) -> Result<(String, FileId), ApiError> {
    match file.sha256.parse() {
        Ok(id) => Ok((file.name, id)),
        Err(error) => Err(ApiError::bad_request("bad_digest", format!("sha256 of {:?}: {error}", file.name))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    product_key: Option<ProductKey>,
    after: Option<PackageId>,
    limit: Option<u32>,
}

pub(crate) async fn list(
    State(api): State<Api>,
    Query(wanted): Query<Wanted>,
) -> Result<axum::Json<shapes::Packages>, ApiError> {
    let page = page(wanted.after, wanted.limit);
    let limit = page.limit;
    let packages = api.service.packages(wanted.product_key.as_ref(), page).await?;
    let next = next(&packages, limit, |package| package.id);
    Ok(axum::Json(shapes::Packages { packages: packages.into_iter().map(package).collect(), next }))
}

fn package(package: Package) -> shapes::Package {
    shapes::Package {
        id: package.id,
        product_key: package.spec.products.first().clone(),
        product_keys: package.spec.products,
        version: package.spec.version,
        module: package.spec.module,
        files: package.spec.files.into_iter().map(stored_file).collect(),
        digest_method: package.spec.digest_method,
        over: package.spec.over,
        created_ms: package.created_at.0,
    }
}

fn stored_file(file: PackageFile) -> shapes::StoredFile {
    shapes::StoredFile {
        sha256: Digest::Sha256(file.sha256).to_string(),
        md5: Digest::Md5(file.md5).to_string(),
        name: file.name,
        size: file.size,
    }
}
