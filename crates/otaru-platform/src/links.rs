//! Signed, expiring download links, each bound to one device, one Task and one file.
