//! A device logs in, connects, speaks, leaves: what the gateway asks.

use futures_util::FutureExt as _;
use otaru_wire::{
    DeviceId,
    dialect::{Login, LoginKeys, PlatformHalf, aliyun::registration},
    mqtt::Message,
};
use tracing::{debug, error, info};

use super::{RegistrationError, Service, lanes::Put, meters, registration::token};
use crate::{
    gateway::{Admitted, Entry, Ingest, Refused, Verdict},
    store::{Proofs, StoreError},
};

/// The most of a stranger's words that is logged, in characters.
const MAX_LOGGED: usize = 128;

impl Ingest for Service {
    async fn login(&self, login: &Login) -> Result<Entry, Refused> {
        if let Some(grant) = self.register_by_login(login).await? {
            return Ok(Entry::Grant(registration::write_grant(&grant)));
        }
        let outcome = self.admit(login).await.map(Entry::Session);
        let meter = if outcome.is_ok() { meters::LOGINS } else { meters::LOGINS_REFUSED };
        metrics::counter!(meter).increment(1);
        outcome
    }

    async fn connected(&self, device: &DeviceId) {
        self.inner.seen.note(device, self.now());
        if let Err(error) = self.tell_all(device).await {
            error!(%device, %error, "failed to tell {device} what waits for it, it will be tried again: {error}");
            self.inner.untold.note(device, self.now());
        }
    }

    fn published(&self, from: &Admitted, message: Message) -> Verdict {
        // Now, and not when it is processed: a gateway that has left by then has spoken all the same.
        let behind = self.spoken_for(from, &message.topic);
        match self.inner.lanes.put(from, behind, message) {
            Put::Busy => Verdict::Busy,
            Put::Queued => Verdict::Accepted,
            Put::NewLane => {
                tokio::spawn(self.clone().serve_lane(from.device.clone()));
                Verdict::Accepted
            }
        }
    }

    async fn ready(&self, device: &DeviceId) {
        self.inner.lanes.ready(device).await;
    }

    fn disconnected(&self, device: &DeviceId) {
        self.inner.unanswered.forget(device);
        self.inner.seen.note(device, self.now());
    }
}

impl Service {
    /// What a login that asks for registration is given; none if it asks for a session.
    async fn register_by_login(&self, login: &Login) -> Result<Option<registration::Grant>, Refused> {
        let granted = match registration::read_login(login) {
            Ok(None) => return Ok(None),
            Ok(Some(asked)) => self.register(&asked).await,
            Err(error) => {
                let client_id: String = login.client_id.chars().take(MAX_LOGGED).collect();
                info!(?client_id, %error, "registration refused: {error}");
                Err(error.into())
            }
        };
        granted.map(Some).map_err(|error| match error {
            RegistrationError::TooMany | RegistrationError::Store(_) => Refused::Unavailable,
            _ => Refused::BadLogin,
        })
    }

    async fn admit(&self, login: &Login) -> Result<Admitted, Refused> {
        let (dialect, half, device) = self.inner.parts.dialects.claim(login).map_err(|error| {
            let client_id: String = login.client_id.chars().take(MAX_LOGGED).collect();
            info!(?client_id, %error, "login refused: {error}");
            Refused::BadLogin
        })?;
        let known = match self.known_device(&device).await {
            Ok(known) => known,
            Err(StoreError::NotFound { what }) => {
                info!(%device, "login refused: there is no {what} for {device}");
                return Err(Refused::BadLogin);
            }
            Err(error) => {
                error!(%device, %error, "failed to look up {device}: {error}");
                return Err(Refused::Unavailable);
            }
        };
        if known.dialect != dialect {
            info!(%device, "login refused: {device} spoke {dialect}, its product speaks {}", known.dialect);
            return Err(Refused::BadLogin);
        }
        let proven = match registration::token_client_id(login) {
            Some(client_id) => registration::verify_token(login, &token(&known.device, client_id)),
            None => half.verify_login(login, &self.login_keys(&known)),
        };
        if let Err(error) = proven {
            info!(%device, %error, "login of {device} refused: {error}");
            return Err(Refused::BadLogin);
        }
        Ok(Admitted { device, dialect: half })
    }

    pub(super) fn login_keys<'a>(&self, known: &'a Proofs) -> LoginKeys<'a> {
        LoginKeys {
            device: known.device.expose(),
            product: Some(known.product.expose()),
            now_s: self.now().0 / 1000,
        }
    }

    pub(super) async fn known_device(&self, id: &DeviceId) -> Result<Proofs, StoreError> {
        if let Some(known) = self.inner.devices.find(id) {
            return Ok(known);
        }
        let known = self.store().proofs(id).await?;
        self.inner.devices.keep(id.clone(), known.clone());
        Ok(known)
    }

    /// The code that speaks a device's dialect.
    pub(super) async fn half_of(&self, device: &DeviceId) -> Result<&'static dyn PlatformHalf, StoreError> {
        let dialect = self.known_device(device).await?.dialect;
        let half = self.inner.parts.dialects.half(dialect);
        half.ok_or_else(|| StoreError::Broken(format!("this program does not speak {dialect}")))
    }

    /// Processes what waits in a device's lane, one after the other.
    async fn serve_lane(self, device: DeviceId) {
        while let Some(waiting) = self.inner.lanes.next(&device) {
            let took = std::panic::AssertUnwindSafe(self.take(
                &waiting.from,
                waiting.behind.as_ref(),
                &waiting.message,
            ));
            if took.catch_unwind().await.is_err() {
                // A bug of ours; the lane must go on, or the device would never be heard again.
                metrics::counter!(meters::REPORTS_LOST).increment(1);
                error!(%device, topic = waiting.message.topic, "a report of {device} was lost to a bug");
            }
        }
        debug!(%device, "all reports of {device} are processed");
    }
}
