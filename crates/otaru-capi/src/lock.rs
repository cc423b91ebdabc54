//! Locks whose poison is not looked at: a panic ends at the border, and what was locked stays usable.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic in another call.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
