//! Products, devices, files and packages.

use otaru_fleet::{
    Device, NewPackage, Over, Package, PackageFile, PackageId, Product, ProductKeys, RegistrationRule,
    Secret, Serial, Timestamp,
};
use otaru_wire::{DeviceId, DeviceName, DigestMethod, Module, ProductKey, Version};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    super::{Answer, Catalog, MAX_PAGE, Page, Proofs, Running, StoreError, What},
    Sqlite,
    errors::found,
    rows::{self, int, number, text, time},
};
use crate::files::{FileId, Stored};

pub(super) const DEVICE_OF_SERIAL: &str = "SELECT name FROM devices WHERE product = ?1 AND serial = ?2";

impl Catalog for Sqlite {
    fn add_product(&self, product: Product) -> Answer<'_, ()> {
        self.writing(move |connection| {
            let Product { key, dialect, secret, registration, created_at } = product;
            connection
                .prepare_cached(
                    "INSERT INTO products (key, dialect, secret, registration, register_again, created_at) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    key.as_str(),
                    dialect.as_str(),
                    secret.expose(),
                    registration.devices.as_str(),
                    registration.again,
                    int(created_at.0),
                ))?;
            Ok(())
        })
    }

    fn product(&self, key: &ProductKey) -> Answer<'_, Product> {
        let key = key.clone();
        self.reading(move |connection| {
            let sql = format!("SELECT {} FROM products WHERE key = ?1", rows::PRODUCT);
            found(connection.prepare_cached(&sql)?.query_row([key.as_str()], rows::product), What::Product)
        })
    }

    fn products(&self, page: Page<ProductKey>) -> Answer<'_, Vec<Product>> {
        self.reading(move |connection| {
            let sql = format!("SELECT {} FROM products WHERE key > ?1 ORDER BY key LIMIT ?2", rows::PRODUCT);
            let after = page.after.as_ref().map_or("", ProductKey::as_str);
            list(connection, &sql, params![after, limit(page.limit)], rows::product)
        })
    }

    fn set_registration(&self, key: &ProductKey, rule: RegistrationRule) -> Answer<'_, ()> {
        let key = key.clone();
        self.writing(move |connection| {
            let changed = connection
                .prepare_cached("UPDATE products SET registration = ?2, register_again = ?3 WHERE key = ?1")?
                .execute((key.as_str(), rule.devices.as_str(), rule.again))?;
            match changed {
                0 => Err(StoreError::NotFound { what: What::Product }),
                _ => Ok(()),
            }
        })
    }

    fn add_device(&self, device: Device) -> Answer<'_, ()> {
        self.writing(move |connection| {
            must_have_product(connection, &device.id.product)?;
            connection
                .prepare_cached(
                    "INSERT INTO devices (product, name, secret, created_at, last_seen_at, serial) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    device.id.product.as_str(),
                    device.id.device.as_str(),
                    device.secret.expose(),
                    int(device.created_at.0),
                    rows::maybe_int(device.last_seen_at),
                    device.serial.as_ref().map(Serial::as_str),
                ))?;
            Ok(())
        })
    }

    fn device(&self, id: &DeviceId) -> Answer<'_, Device> {
        let id = id.clone();
        self.reading(move |connection| {
            let sql = format!("SELECT {} FROM devices WHERE product = ?1 AND name = ?2", rows::DEVICE);
            let row = connection
                .prepare_cached(&sql)?
                .query_row([id.product.as_str(), id.device.as_str()], rows::device);
            found(row, What::Device)
        })
    }

    fn proofs(&self, id: &DeviceId) -> Answer<'_, Proofs> {
        let id = id.clone();
        self.looking_up(move |connection| {
            let row = connection
                .prepare_cached(
                    "SELECT p.dialect, d.secret, p.secret FROM devices d JOIN products p ON p.key = d.product \
                     WHERE d.product = ?1 AND d.name = ?2",
                )?
                .query_row([id.product.as_str(), id.device.as_str()], |row| {
                    Ok(Proofs {
                        dialect: rows::name(row, 0)?,
                        device: Secret::new(row.get::<_, String>(1)?),
                        product: Secret::new(row.get::<_, String>(2)?),
                    })
                });
            found(row, What::Device)
        })
    }

    fn device_of_serial(&self, product: &ProductKey, serial: &Serial) -> Answer<'_, DeviceId> {
        let (product, serial) = (product.clone(), serial.clone());
        self.looking_up(move |connection| {
            let row = connection
                .prepare_cached(DEVICE_OF_SERIAL)?
                .query_row([product.as_str(), serial.as_str()], |row| text(row, 0));
            Ok(DeviceId { product, device: found(row, What::Device)? })
        })
    }

    fn devices(&self, product: &ProductKey, page: Page<DeviceName>) -> Answer<'_, Vec<Device>> {
        let product = product.clone();
        self.reading(move |connection| {
            must_have_product(connection, &product)?;
            let sql = format!(
                "SELECT {} FROM devices WHERE product = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
                rows::DEVICE
            );
            let after = page.after.as_ref().map_or("", DeviceName::as_str);
            list(connection, &sql, params![product.as_str(), after, limit(page.limit)], rows::device)
        })
    }

    fn running(&self, id: &DeviceId) -> Answer<'_, Vec<Running>> {
        let id = id.clone();
        self.reading(move |connection| {
            list(
                connection,
                "SELECT r.module, r.version, r.reported_at FROM devices d JOIN running r ON r.device = d.id \
                 WHERE d.product = ?1 AND d.name = ?2 ORDER BY r.module",
                params![id.product.as_str(), id.device.as_str()],
                |row| {
                    Ok(Running { module: text(row, 0)?, version: text(row, 1)?, reported_at: time(row, 2)? })
                },
            )
        })
    }

    fn seen(&self, devices: Vec<(DeviceId, Timestamp)>) -> Answer<'_, ()> {
        self.writing(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE devices SET last_seen_at = max(coalesce(last_seen_at, 0), ?3) \
                 WHERE product = ?1 AND name = ?2",
            )?;
            for (id, at) in devices {
                update.execute((id.product.as_str(), id.device.as_str(), int(at.0)))?;
            }
            Ok(())
        })
    }

    fn add_file(&self, file: Stored, now: Timestamp) -> Answer<'_, ()> {
        self.writing(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO files (sha256, md5, size, added_at) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT DO NOTHING",
                )?
                .execute((file.id.0, file.md5, int(file.size), int(now.0)))?;
            Ok(())
        })
    }

    fn file(&self, id: FileId) -> Answer<'_, Stored> {
        self.reading(move |connection| {
            let row = connection
                .prepare_cached("SELECT md5, size FROM files WHERE sha256 = ?1")?
                .query_row([id.0], |row| Ok(Stored { id, md5: row.get(0)?, size: number(row, 1)? }));
            found(row, What::File)
        })
    }

    fn add_package(&self, package: NewPackage, now: Timestamp) -> Answer<'_, Package> {
        self.writing(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO packages (module, version, extra, digest_method, created_at, sent_over) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute((
                    package.module.as_str(),
                    package.version.as_str(),
                    package.extra.as_deref(),
                    rows::digest_method_name(package.digest_method),
                    int(now.0),
                    package.over.as_str(),
                ))?;
            let id = connection.last_insert_rowid();
            let mut insert = connection.prepare_cached(
                "INSERT INTO package_products (package, position, product) VALUES (?1, ?2, ?3)",
            )?;
            for (position, product) in package.products.iter().enumerate() {
                must_have_product(connection, product)?;
                insert.execute((id, int(position as u64), product.as_str()))?;
            }
            let mut known = connection.prepare_cached("SELECT 1 FROM files WHERE sha256 = ?1")?;
            let mut insert = connection.prepare_cached(
                "INSERT INTO package_files (package, position, name, sha256) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for (position, file) in package.files.iter().enumerate() {
                if !known.exists([file.sha256])? {
                    return Err(StoreError::NotFound { what: What::File });
                }
                insert.execute((id, int(position as u64), &file.name, file.sha256))?;
            }
            let id = PackageId(u64::try_from(id).unwrap_or_default());
            Ok(Package { id, spec: package, created_at: now })
        })
    }

    fn package(&self, id: PackageId) -> Answer<'_, Package> {
        self.reading(move |connection| {
            let sql = format!("SELECT {PACKAGE} FROM packages WHERE id = ?1");
            let row = connection.prepare_cached(&sql)?.query_row([int(id.0)], row_of_package);
            package(connection, found(row, What::Package)?)
        })
    }

    fn packages(&self, product: Option<&ProductKey>, page: Page<PackageId>) -> Answer<'_, Vec<Package>> {
        let product = product.cloned();
        self.reading(move |connection| {
            if let Some(product) = &product {
                must_have_product(connection, product)?;
            }
            let sql = format!(
                "SELECT {PACKAGE} FROM packages WHERE id > ?1 AND (?2 IS NULL OR id IN \
                     (SELECT package FROM package_products WHERE product = ?2)) \
                 ORDER BY id LIMIT ?3"
            );
            let after = page.after.map_or(0, |id| int(id.0));
            let product = product.as_ref().map(ProductKey::as_str);
            let rows = list(connection, &sql, params![after, product, limit(page.limit)], row_of_package)?;
            rows.into_iter().map(|row| package(connection, row)).collect()
        })
    }
}

const PACKAGE: &str = "id, module, version, extra, digest_method, created_at, sent_over";

/// A package as far as its own row tells it.
struct PackageRow {
    id: PackageId,
    module: Module,
    version: Version,
    extra: Option<String>,
    digest_method: DigestMethod,
    created_at: Timestamp,
    over: Over,
}

fn row_of_package(row: &Row<'_>) -> rusqlite::Result<PackageRow> {
    Ok(PackageRow {
        id: PackageId(number(row, 0)?),
        module: text(row, 1)?,
        version: text(row, 2)?,
        extra: row.get(3)?,
        digest_method: rows::digest_method(row, 4)?,
        created_at: time(row, 5)?,
        over: rows::name(row, 6)?,
    })
}

fn package(connection: &Connection, row: PackageRow) -> Result<Package, StoreError> {
    let PackageRow { id, module, version, extra, digest_method, created_at, over } = row;
    let products = package_products(connection, id)?;
    let files = package_files(connection, id)?;
    Ok(Package {
        id,
        spec: NewPackage { products, version, module, files, extra, digest_method, over },
        created_at,
    })
}

pub(super) fn package_products(connection: &Connection, id: PackageId) -> Result<ProductKeys, StoreError> {
    let keys: Vec<ProductKey> = list(
        connection,
        "SELECT product FROM package_products WHERE package = ?1 ORDER BY position",
        params![int(id.0)],
        |row| text(row, 0),
    )?;
    ProductKeys::try_from(keys).map_err(|error| StoreError::Broken(format!("package {id}: {error}")))
}

fn package_files(connection: &Connection, id: PackageId) -> Result<Vec<PackageFile>, StoreError> {
    list(
        connection,
        "SELECT p.name, f.size, f.sha256, f.md5 FROM package_files p JOIN files f ON f.sha256 = p.sha256 \
         WHERE p.package = ?1 ORDER BY p.position",
        params![int(id.0)],
        |row| {
            Ok(PackageFile {
                name: row.get(0)?,
                size: number(row, 1)?,
                sha256: row.get(2)?,
                md5: row.get(3)?,
            })
        },
    )
}

pub(super) fn must_have_product(connection: &Connection, key: &ProductKey) -> Result<(), StoreError> {
    let known = connection
        .prepare_cached("SELECT 1 FROM products WHERE key = ?1")?
        .query_row([key.as_str()], |_| Ok(()))
        .optional()?;
    known.ok_or(StoreError::NotFound { what: What::Product })
}

pub(super) fn list<T>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params, read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn limit(wanted: u32) -> u32 {
    wanted.min(MAX_PAGE)
}
