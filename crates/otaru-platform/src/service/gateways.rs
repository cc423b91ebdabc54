//! A gateway speaks of the devices behind it: which belong to it, who logs in through it, who leaves.
//!
//! A device belongs to a gateway once it was added with its own proof; that is kept. It is logged in once it proved itself
//! again in the gateway's session; that lasts as long as the session. Both together let the gateway speak for it.

use otaru_wire::{
    DeviceId, GatewayRefusal, GatewayReport, MessageId,
    dialect::{Login, PlatformHalf},
};
use tracing::{debug, error, info};

use super::Service;
use crate::{
    gateway::Ingest as _,
    store::{StoreError, What},
};

/// A gateway, and the code that speaks its dialect.
#[derive(Clone, Copy)]
struct Speaker<'a> {
    gateway: &'a DeviceId,
    half: &'static dyn PlatformHalf,
}

impl Service {
    /// Does what a gateway asks and answers. What the store cannot tell just now is answered so: the gateway asks again.
    pub(super) async fn gateway_said(
        &self,
        gateway: &DeviceId,
        id: &MessageId,
        report: &GatewayReport,
    ) -> Result<(), StoreError> {
        let by = Speaker { gateway, half: self.half_of(gateway).await? };
        let answer = match report {
            GatewayReport::Add(logins) => self.add_behind(by, logins).await,
            GatewayReport::Remove(devices) => self.remove_behind(by, devices).await,
            GatewayReport::Login(login) => self.log_in_behind(by, login).await,
            GatewayReport::Logout(device) => self.log_out_behind(by, device),
        };
        match &answer {
            Ok(()) => debug!(device = %gateway, ?report, "{gateway} speaks of the devices behind it"),
            Err(why) if self.may_complain(gateway) => {
                info!(device = %gateway, ?report, %why, "{gateway} is refused for a device behind it: {why}");
            }
            Err(_) => {}
        }
        if let Some(message) = by.half.write_gateway_answer(gateway, id, report, answer) {
            self.inner.parts.outbox.deliver(gateway, message);
        }
        if let (Ok(()), GatewayReport::Login(login)) = (answer, report)
            && let Ok(device) = by.half.read_login(login)
        {
            // After the answer, so that the gateway knows the device when its first notice comes.
            self.connected(&device).await;
        }
        Ok(())
    }

    /// All of them or none. A device that was behind another gateway moves.
    async fn add_behind(&self, by: Speaker<'_>, logins: &[Login]) -> Result<(), GatewayRefusal> {
        let mut devices = Vec::with_capacity(logins.len());
        let mut moved = Vec::new();
        for login in logins {
            let device = self.proven(by, login).await?;
            let former = self.gateway_of(&device).await?.filter(|former| former != by.gateway);
            moved.extend(former.map(|former| (former, device.clone())));
            devices.push(device);
        }
        self.store().set_gateway(devices, by.gateway).await.map_err(|error| match error {
            StoreError::Conflict(_) => GatewayRefusal::TooMany,
            error => unavailable(by.gateway, &error),
        })?;
        for (former, device) in moved {
            self.leave_behind(&former, &device);
        }
        Ok(())
    }

    /// All of them or none. Those that are logged in are logged out.
    async fn remove_behind(&self, by: Speaker<'_>, devices: &[DeviceId]) -> Result<(), GatewayRefusal> {
        self.store().unset_gateway(devices.to_vec(), by.gateway).await.map_err(|error| match error {
            StoreError::Conflict(_) | StoreError::NotFound { .. } => GatewayRefusal::NotAdded,
            error => unavailable(by.gateway, &error),
        })?;
        for device in devices {
            self.leave_behind(by.gateway, device);
        }
        Ok(())
    }

    async fn log_in_behind(&self, by: Speaker<'_>, login: &Login) -> Result<(), GatewayRefusal> {
        let device = self.proven(by, login).await?;
        self.must_be_behind(by, &device).await?;
        self.inner.parts.outbox.log_in_behind(by.gateway, &device)?;
        // Another gateway may have taken it over meanwhile: that one logs out whom it finds, but found nobody yet.
        self.must_be_behind(by, &device).await.inspect_err(|_| {
            self.leave_behind(by.gateway, &device);
        })
    }

    async fn must_be_behind(&self, by: Speaker<'_>, device: &DeviceId) -> Result<(), GatewayRefusal> {
        match self.gateway_of(device).await? {
            Some(gateway) if gateway == *by.gateway => Ok(()),
            _ => Err(GatewayRefusal::NotAdded),
        }
    }

    fn log_out_behind(&self, by: Speaker<'_>, device: &DeviceId) -> Result<(), GatewayRefusal> {
        match self.leave_behind(by.gateway, device) {
            true => Ok(()),
            false => Err(GatewayRefusal::NotLoggedIn),
        }
    }

    /// False if the device was not logged in through this gateway.
    fn leave_behind(&self, gateway: &DeviceId, device: &DeviceId) -> bool {
        let left = self.inner.parts.outbox.log_out_behind(gateway, device);
        if left {
            self.disconnected(device);
        }
        left
    }

    /// Whose login this is, once its proof holds. It is checked as if the device had come by itself.
    async fn proven(&self, by: Speaker<'_>, login: &Login) -> Result<DeviceId, GatewayRefusal> {
        let device = by.half.read_login(login).map_err(|_| GatewayRefusal::Malformed)?;
        if device == *by.gateway {
            return Err(GatewayRefusal::Itself);
        }
        let known = match self.known_device(&device).await {
            Ok(known) => known,
            Err(StoreError::NotFound { .. }) => return Err(GatewayRefusal::BadLogin),
            Err(error) => return Err(unavailable(by.gateway, &error)),
        };
        let same_dialect = known.dialect.as_str() == by.half.name();
        match by.half.verify_login(login, &self.login_keys(&known)) {
            Ok(()) if same_dialect => Ok(device),
            _ => Err(GatewayRefusal::BadLogin),
        }
    }

    async fn gateway_of(&self, device: &DeviceId) -> Result<Option<DeviceId>, GatewayRefusal> {
        match self.store().device(device).await {
            Ok(device) => Ok(device.gateway),
            Err(StoreError::NotFound { what: What::Device }) => Err(GatewayRefusal::BadLogin),
            Err(error) => Err(unavailable(device, &error)),
        }
    }
}

fn unavailable(device: &DeviceId, error: &StoreError) -> GatewayRefusal {
    error!(%device, %error, "failed to look up who is behind which gateway, for {device}: {error}");
    GatewayRefusal::Unavailable
}
