//! The updater: one device, its modules, one Task at a time.

use otaru_wire::{DeviceId, Instant, dialect::DeviceHalf};

use crate::{Input, Output, Policy, Record};

/// What an updater is built with.
pub struct UpdaterOptions {
    /// Who the device is.
    pub device: DeviceId,
    /// How its platform speaks.
    pub dialect: &'static dyn DeviceHalf,
    /// What is decided beforehand.
    pub policy: Policy,
    /// Anything that differs between devices: spreads retries over the fleet.
    pub seed: u64,
}

/// The caller broke the updater's rules (an answer to nothing asked). Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first input must be `Booted`.
    #[error("the first input must be Booted")]
    NotBooted,
    /// An answer came that nothing waits for.
    #[error("{0} answers nothing that was asked")]
    Unexpected(&'static str),
}

/// Decides what a device does about updates.
pub struct Updater {
    _options: UpdaterOptions,
}

#[allow(clippy::todo, unused_variables)]
impl Updater {
    /// An updater that goes on where `record` was saved. Nothing happens before [`Input::Booted`].
    pub fn new(options: UpdaterOptions, record: Option<Record>) -> Self {
        Self { _options: options }
    }

    /// Takes an input. Outputs that follow from it wait in [`Updater::poll`].
    ///
    /// # Errors
    /// [`Error`] if the caller broke the rules; the platform's and the medium's faults are handled inside.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Error> {
        todo!()
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        todo!()
    }

    /// When [`Input::Timer`] is due, if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
}
