//! The border: no panic crosses into C, where it would be undefined behaviour or the end of the program.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `call` gives, or `instead` if it panics. Every exported function runs within it.
///
/// A panic is a bug of ours; its message goes to standard error. What the call held locked stays usable, because every
/// lock of these crates is taken whether or not it is poisoned.
pub fn guard<T>(instead: T, call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_the_documented_value() {
        assert_eq!(guard(-1, || 7), 7);
        assert_eq!(guard(-1, || panic!("a bug")), -1);
    }
}
