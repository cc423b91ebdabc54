//! Handles: what a C program holds of an object of ours.

use std::{
    collections::BTreeMap,
    ffi::c_void,
    ptr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::lock;

/// Handles are told apart by 16, as pointers to objects would be.
const STEP: usize = 16;

/// One line of numbers for every table of a library: a handle of one kind is never one of another.
static NEXT: AtomicUsize = AtomicUsize::new(0x1000);

/// The live objects of one kind.
///
/// A handle is a number in the clothes of a pointer. It is never dereferenced and never given twice, so one that was ended,
/// one of another kind and any other pointer are not found, whatever a program does with them. A call that found its object
/// keeps it until it returns, even if another thread ends the handle meanwhile.
#[derive(Debug)]
pub struct Handles<T> {
    live: Mutex<BTreeMap<usize, Arc<T>>>,
}

impl<T> Handles<T> {
    /// No object yet.
    pub const fn new() -> Self {
        Self { live: Mutex::new(BTreeMap::new()) }
    }

    /// Takes an object and gives its handle, which is never null.
    pub fn insert(&self, object: T) -> *mut c_void {
        self.insert_with(|_| object)
    }

    /// As [`Handles::insert`], for an object that must know its own handle.
    pub fn insert_with(&self, make: impl FnOnce(*mut c_void) -> T) -> *mut c_void {
        let number = NEXT.fetch_add(STEP, Ordering::Relaxed);
        let handle = ptr::without_provenance_mut(number);
        let object = Arc::new(make(handle));
        self.live().insert(number, object);
        handle
    }

    /// The object of a handle; none if there is none.
    pub fn get(&self, handle: *const c_void) -> Option<Arc<T>> {
        self.live().get(&handle.addr()).cloned()
    }

    /// Ends a handle. The object goes when the last call on it returns.
    pub fn remove(&self, handle: *const c_void) -> Option<Arc<T>> {
        self.live().remove(&handle.addr())
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<usize, Arc<T>>> {
        lock(&self.live)
    }
}

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NAMES: Handles<&str> = Handles::new();
    static NUMBERS: Handles<u32> = Handles::new();

    #[test]
    fn an_ended_handle_and_a_foreign_pointer_are_refused() {
        let handle = NAMES.insert("pump");
        assert_eq!(NAMES.get(handle).as_deref(), Some(&"pump"));
        assert!(NUMBERS.get(handle).is_none(), "a handle of another kind");
        assert!(NAMES.get((&raw const NAMES).cast()).is_none() && NAMES.get(ptr::null()).is_none());
        assert!(NAMES.remove(handle).is_some());
        assert!(NAMES.remove(handle).is_none() && NAMES.get(handle).is_none());
        assert_ne!(NAMES.insert("again"), handle, "a number is never given twice");
    }

    #[test]
    fn a_call_under_way_keeps_its_object() {
        let handle = NUMBERS.insert(7);
        let under_way = NUMBERS.get(handle).unwrap();
        NUMBERS.remove(handle);
        assert_eq!(*under_way, 7);
    }

    #[test]
    fn an_object_may_know_its_own_handle() {
        static OWN: Handles<usize> = Handles::new();
        let handle = OWN.insert_with(|handle| handle.addr());
        assert_eq!(OWN.get(handle).as_deref(), Some(&handle.addr()));
    }
}
