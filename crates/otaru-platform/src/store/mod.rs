//! Where products, devices, packages, campaigns and tasks are kept.
