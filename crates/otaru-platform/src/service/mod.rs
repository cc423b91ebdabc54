//! What the platform does when a device speaks, an operator asks or time passes.
