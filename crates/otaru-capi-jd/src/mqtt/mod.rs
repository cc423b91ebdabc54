//! The session: `iot_mqtt.h`.

pub(crate) mod api;
pub(crate) mod client;
mod message;
mod params;
