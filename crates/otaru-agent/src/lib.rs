//! The device does: MQTT, HTTP ranges, A/B slots, the Record, boot. Blocking and small; no async runtime.
//!
//! ```no_run
//! use otaru_agent::{Agent, BrokerConfig, Config, DeviceConfig};
//!
//! let device = DeviceConfig::new("pump", "pump-001", "its secret", "1.0.0")?;
//! let config = Config::new(device, BrokerConfig::new("ota.example:1883")?, "state"); // or Config::load
//! let agent = Agent::new(config)?;
//! let handle = agent.handle(); // decides, cancels, stops: from any thread
//! let exit = agent.run(&mut |event| println!("{event:?}"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It decides nothing: `otaru-core` does, and this crate carries out what it says. It checks no signature, runs no
//! script of a package and never writes the slot that runs. How bytes get to where they run: [`Install`].

/// The page's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/device-sdk.md")]
mod device_sdk {}

mod agent;
mod backoff;
mod boot;
mod calls;
#[cfg(test)]
#[path = "../tests/common/certificates.rs"]
mod certificates;
mod clock;
mod command;
mod config;
mod control;
mod events;
mod fault;
mod fetch;
mod fetchers;
mod folder;
mod handle;
mod http;
mod http_client;
#[cfg(test)]
#[path = "../tests/common/http_server.rs"]
mod http_server;
mod install;
mod link;
mod number;
mod pace;
mod pull;
mod record_store;
mod register;
mod remote_config;
mod storage;
mod tls;

/// What a program with a loop of its own needs beside `otaru-core`; the C libraries are such programs.
pub mod pieces {
    pub use crate::{
        backoff::{Backoff, Setback},
        link::tls::{decrypt, encrypt},
        register::http::{PostFailed, post_form},
        tls::OwnCertificate,
    };
}

pub use agent::{Agent, AgentError, Exit};
pub use boot::{BootError, Slot, active_folder};
pub use config::{
    BrokerConfig, Config, ConfigError, ControlConfig, DeviceConfig, DialectName, DownloadConfig, FaultConfig,
    HealthConfig, InstallConfig, ModuleConfig, MqttVersion, OnenetConfig, PlatformConfig, PolicyConfig,
    PolicyMode, RebootConfig, RebootMode, RegistrationMode, RemoteConfig, Seconds, Secret, SignEdition,
    SignMethod, SignedAs, StorageConfig, SubDevice, SubRebootConfig,
};
pub use control::{Control, tell};
pub use events::{AgentEvent, GatewayEvent, ModuleState, OfferedFile};
pub use fetch::{DownloadFailed, fetch};
pub use handle::Handle;
pub use http_client::{CallError, HttpClient};
pub use install::{Install, Manifest, ManifestFile, Running, Standing};
pub use otaru_core::{
    Download, DownloadError, DownloadOptions, FetchError, Policy, Protocol, SlotError, TaskSummary, Trouble,
};
pub use otaru_wire::{ByteRange, DeviceId, Digest, Failure, File, Module, Step, Version};
pub use pull::{Pull, Pulled};
pub use tls::{Trust, TrustError};
