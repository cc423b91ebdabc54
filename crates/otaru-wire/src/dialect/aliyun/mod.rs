//! Alibaba Cloud IoT Platform: Link SDK v4 generation. Facts: the sheet aliyun-link-sdk-v4.

/// The device's half.
#[derive(Debug, Clone, Copy)]
pub struct Device;

/// The platform's half.
#[derive(Debug, Clone, Copy)]
pub struct Platform;
