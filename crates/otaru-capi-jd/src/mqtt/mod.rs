//! The session: `iot_mqtt.h`.

pub(crate) mod api;
pub(crate) mod client;
mod comeback;
mod message;
mod params;
