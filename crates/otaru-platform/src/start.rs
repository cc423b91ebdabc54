//! From a configuration to a running platform.

use std::{net::SocketAddr, path::PathBuf};

/// What a platform is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that holds the database and the files. Made if it does not exist.
    pub data: PathBuf,
    /// Where devices connect by MQTT. Port 0 takes a free one.
    pub mqtt: SocketAddr,
    /// Where devices download and operators call. Port 0 takes a free one.
    pub http: SocketAddr,
    /// How devices reach the HTTP port from outside, e.g. `https://ota.example`. None: `http://` + the bound address.
    pub public_url: Option<String>,
}

/// A platform that runs. Dropping it does not stop it; [`Running::stop`] does.
#[derive(Debug)]
pub struct Running {
    /// The bound MQTT address.
    pub mqtt: SocketAddr,
    /// The bound HTTP address.
    pub http: SocketAddr,
    /// The first operator token, if this start made it. Shown once; only its hash is kept.
    pub first_token: Option<String>,
}

/// Why a platform does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {}

/// Starts a platform; returns once both ports listen.
///
/// # Errors
/// [`StartError`] names what is in the way.
#[allow(clippy::todo)]
pub async fn start(_config: Config) -> Result<Running, StartError> {
    todo!()
}

#[allow(clippy::todo)]
impl Running {
    /// Stops taking connections, finishes what is under way, closes the store.
    pub async fn stop(self) {
        todo!()
    }
}
