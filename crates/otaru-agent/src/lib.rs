//! The device does: MQTT, HTTP ranges, A/B slots, the Record, boot. Blocking and small; no async runtime.
