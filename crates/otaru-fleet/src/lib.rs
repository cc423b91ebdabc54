//! The platform decides: campaigns, tasks and their states. Values in, values out; no async, no database, no clock.
