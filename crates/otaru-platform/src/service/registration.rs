//! A device registers itself with its product's secret: what it is given, and what guards that.
//!
//! Nothing here is the vendors' but the bytes, which `otaru_wire` reads and writes. The rule is the product's
//! ([`otaru_fleet::RegistrationRule`]); the pace is ours.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use otaru_fleet::{Device, Dialect, Given, NotRegistered, Product, Secret, Standing, Timestamp};
use otaru_wire::{
    DeviceId, ProductKey,
    dialect::{
        LoginError,
        aliyun::registration::{Grant, Registration, Wish},
    },
};
use sha2::Sha256;
use tracing::{debug, error, info, warn};

use super::{DeviceOrder, Service, ServiceError, meters, tokens::random_hex};
use crate::store::{StoreError, What};

/// Wrong proofs of one product in a minute, after which none of its registrations is looked at until the minute is over:
/// at this pace no secret is guessed.
const WRONG_A_MINUTE: u32 = 60;

/// Devices that one product's registrations make in a minute. Bounds what a product's secret in wrong hands can fill.
const MADE_A_MINUTE: u32 = 600;

/// The longest secret that stock SDKs take, in bytes (aliyun-iotkit-v3 §1.6).
const MAX_GIVEN: usize = 64;

/// Why a device is not registered. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The request breaks the form.
    #[error(transparent)]
    Malformed(#[from] LoginError),
    /// There is no such product, or its devices speak otherwise.
    #[error("no product of that key registers devices this way")]
    NoProduct,
    /// The proof does not fit the product's secret.
    #[error("it is not signed with its product's secret")]
    WrongProof,
    /// Too many wrong proofs, or too many new devices, in a minute.
    #[error("there were too many registrations of its product in the last minute")]
    TooMany,
    /// The product's rule says no.
    #[error(transparent)]
    Refused(#[from] NotRegistered),
    /// The device has a secret that stock SDKs would cut or misread.
    #[error(
        "its secret is longer than 64 bytes or holds a quote or a backslash, so no stock SDK could read it"
    )]
    UntellableSecret,
    /// The device cannot be made.
    #[error(transparent)]
    NotMade(ServiceError),
    /// The store cannot tell.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RegistrationError {
    /// The code of the answer: what the status of an HTTP answer would be. Who has not proven to know the product's
    /// secret learns nothing about products and devices.
    pub fn code(&self) -> u16 {
        match self {
            Self::Malformed(LoginError::WrongPassword) | Self::NoProduct | Self::WrongProof => 403,
            Self::Malformed(_) => 400,
            Self::TooMany => 429,
            Self::Refused(NotRegistered::Off) => 403,
            Self::Refused(NotRegistered::Unlisted) => 404,
            Self::Refused(NotRegistered::Seen) | Self::UntellableSecret | Self::NotMade(_) => 409,
            Self::Store(_) => 503,
        }
    }

    /// What the device is told.
    pub fn told(&self) -> &'static str {
        match self.code() {
            400 => "malformed",
            403 => "not allowed",
            404 => "no such device",
            409 => "this device cannot register",
            429 => "too many registrations, try again later",
            _ => "try again later",
        }
    }
}

impl Service {
    /// Gives a device what it registers for, if its proof holds and its product's rule allows it.
    ///
    /// # Errors
    /// [`RegistrationError`]; it is in the log with the device's name.
    pub async fn register(&self, asked: &Registration) -> Result<Grant, RegistrationError> {
        let device = &asked.id;
        let outcome = self.registered(asked).await;
        let meter = match &outcome {
            Ok(_) => meters::REGISTRATIONS,
            Err(_) => meters::REGISTRATIONS_REFUSED,
        };
        metrics::counter!(meter).increment(1);
        match &outcome {
            Ok(_) => info!(%device, "{device} registered itself"),
            Err(RegistrationError::Store(problem)) => {
                error!(%device, %problem, "failed to register {device}: {problem}");
            }
            // A flood must not fill the log, too.
            Err(RegistrationError::TooMany) => debug!(%device, "registration of {device} refused: too many"),
            Err(problem) => info!(%device, %problem, "registration of {device} refused: {problem}"),
        }
        outcome
    }

    async fn registered(&self, asked: &Registration) -> Result<Grant, RegistrationError> {
        let product = self.proven_product(asked).await?;
        let known = self.device_if_there(&asked.id).await?;
        let standing = match &known {
            None => Standing::Unknown,
            Some(device) => match self.last_seen(&device.id, device.last_seen_at) {
                None => Standing::New,
                Some(_) => Standing::Seen,
            },
        };
        let device = match (product.registration.decide(standing)?, known) {
            (Given::ItsSecret, Some(device)) => device,
            (Given::ItsSecret | Given::APlace, _) => self.make_place(&asked.id).await?,
        };
        let secret = device.secret.expose();
        match asked.wish {
            Wish::Secret if secret.len() > MAX_GIVEN || secret.contains(['"', '\\']) => {
                Err(RegistrationError::UntellableSecret)
            }
            Wish::Secret => Ok(Grant::Secret(secret.to_owned())),
            Wish::Token => {
                let client_id = random_hex::<16>().map_err(RegistrationError::NotMade)?;
                let token = token(&device.secret, &client_id);
                Ok(Grant::Token { client_id, token })
            }
        }
    }

    /// The product, once the proof of its secret holds. A product that is not there takes as long as one that is.
    async fn proven_product(&self, asked: &Registration) -> Result<Product, RegistrationError> {
        let key = &asked.id.product;
        let product = match self.store().product(key).await {
            Ok(product) => Some(product).filter(|product| product.dialect == Dialect::Aliyun),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(product) = product else {
            // Its outcome means nothing: the time is what counts.
            let _ = asked.verify("");
            return Err(RegistrationError::NoProduct);
        };
        let wrong = &self.inner.registrations.wrong;
        if wrong.is_full(key, self.now()) {
            return Err(RegistrationError::TooMany);
        }
        if asked.verify(product.secret.expose()).is_err() {
            wrong.count(key, self.now());
            if wrong.is_full(key, self.now()) {
                warn!(product = %key, "too many wrong registrations of product {key}: none is looked at for a minute");
            }
            return Err(RegistrationError::WrongProof);
        }
        Ok(product)
    }

    async fn device_if_there(&self, id: &DeviceId) -> Result<Option<Device>, StoreError> {
        match self.store().device(id).await {
            Ok(device) => Ok(Some(device)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a device that registered without having been known.
    async fn make_place(&self, id: &DeviceId) -> Result<Device, RegistrationError> {
        let made = &self.inner.registrations.made;
        if !made.count(&id.product, self.now()) {
            return Err(RegistrationError::TooMany);
        }
        match self.create_device(DeviceOrder::new(id.clone())).await {
            Ok(device) => Ok(device),
            // It asked twice at the same moment: both get the same.
            Err(ServiceError::Store(StoreError::AlreadyExists { what: What::Device })) => {
                Ok(self.store().device(id).await?)
            }
            Err(ServiceError::Store(error)) => Err(error.into()),
            Err(error) => Err(RegistrationError::NotMade(error)),
        }
    }
}

/// The token that goes with a client id: 32 hex digits. Made of the device's secret, so that nothing more is kept.
pub(super) fn token(secret: &Secret, client_id: &str) -> String {
    let mut text = String::with_capacity(32);
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return text };
    mac.update(b"device token\0");
    mac.update(client_id.as_bytes());
    for byte in mac.finalize().into_bytes().iter().take(16) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// What registrations are held to.
pub(super) struct Registrations {
    wrong: Pace,
    made: Pace,
}

impl Registrations {
    pub(super) fn new() -> Self {
        Self { wrong: Pace::new(WRONG_A_MINUTE), made: Pace::new(MADE_A_MINUTE) }
    }
}

/// Counts what happens to each product in a minute. Only products that exist are counted, so it stays as small as they
/// are few.
struct Pace {
    most: u32,
    products: Mutex<HashMap<ProductKey, Minute>>,
}

#[derive(Clone, Copy)]
struct Minute {
    began: Timestamp,
    count: u32,
}

impl Pace {
    fn new(most: u32) -> Self {
        Self { most, products: Mutex::default() }
    }

    /// Did it happen as often as it may in the minute that runs?
    fn is_full(&self, product: &ProductKey, now: Timestamp) -> bool {
        let products = self.products.lock().unwrap_or_else(PoisonError::into_inner);
        products.get(product).is_some_and(|minute| minute.runs(now) && minute.count >= self.most)
    }

    /// It happens once more; false if it has happened as often as it may.
    fn count(&self, product: &ProductKey, now: Timestamp) -> bool {
        let mut products = self.products.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Minute { began: now, count: 0 };
        let minute = products.entry(product.clone()).or_insert(fresh);
        if !minute.runs(now) {
            *minute = fresh;
        }
        let may = minute.count < self.most;
        minute.count += u32::from(may);
        may
    }
}

impl Minute {
    fn runs(&self, now: Timestamp) -> bool {
        // A clock that was set back begins a new one.
        now >= self.began && now < self.began + Duration::from_secs(60)
    }
}
