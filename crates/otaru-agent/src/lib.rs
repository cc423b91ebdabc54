//! The device does: MQTT, HTTP ranges, A/B slots, the Record, boot. Blocking and small; no async runtime.

mod boot;
mod fault;
mod folder;
mod http;
mod pace;
mod record_store;
mod slots;
mod tls;

pub use boot::{BootError, Slot, active_folder};
pub use slots::{Manifest, ManifestFile};
pub use tls::TrustError;
