//! Where firmware files are kept.
