//! What tells devices apart inside one agent.

/// Names one device for as long as it is with this agent; one that comes again gets another. So what is still under way
/// for a device that is gone reaches nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeviceNumber(u32);

impl DeviceNumber {
    /// The agent's own device.
    pub(crate) const OWN: Self = Self(0);

    /// The number after this one.
    pub(crate) fn next(self) -> Self {
        Self(self.0.wrapping_add(1).max(1))
    }
}
