//! HTTP: downloads for devices, `/api/v1` for operators, `/healthz`, `/metrics`.
