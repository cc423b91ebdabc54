//! Calls under way on an object, so that its end can wait for them.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::lock;

/// Names a thread. Not std's own id: that one makes std keep an object for the program's main thread for ever.
type ThreadNumber = u64;

static THREADS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static ME: ThreadNumber = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// This thread. One that is ending has no number any more and shares one with others that are.
fn me() -> ThreadNumber {
    ME.try_with(|me| *me).unwrap_or(ThreadNumber::MAX)
}

/// Which threads are within a call on an object.
#[derive(Debug, Default)]
pub struct Calls {
    under_way: Mutex<Vec<ThreadNumber>>,
    ended: Condvar,
}

/// One call; it ends when this is dropped.
#[derive(Debug)]
pub struct Call<'a>(&'a Calls);

impl Calls {
    /// A call begins on this thread.
    pub fn enter(&self) -> Call<'_> {
        self.under_way().push(me());
        Call(self)
    }

    /// Waits until no other thread is within a call; false if one still is after `patience`. This thread's own calls do
    /// not count: a program may end an object within a callback of it.
    pub fn wait_for_others(&self, patience: Duration) -> bool {
        let me = me();
        let others = |under_way: &mut Vec<ThreadNumber>| under_way.iter().any(|thread| *thread != me);
        let waited = self.ended.wait_timeout_while(self.under_way(), patience, others);
        let (mut under_way, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !others(&mut under_way)
    }

    fn under_way(&self) -> MutexGuard<'_, Vec<ThreadNumber>> {
        lock(&self.under_way)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut under_way = self.0.under_way();
        let me = me();
        if let Some(place) = under_way.iter().position(|thread| *thread == me) {
            under_way.swap_remove(place);
        }
        self.0.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::channel, thread};

    use super::*;

    #[test]
    fn the_end_waits_for_other_threads_and_not_for_its_own() {
        let calls = Calls::default();
        let _own = calls.enter();
        assert!(calls.wait_for_others(Duration::ZERO));
        thread::scope(|scope| {
            let (entered, has_entered) = channel();
            let (leave, may_leave) = channel::<()>();
            let calls = &calls;
            scope.spawn(move || {
                let _call = calls.enter();
                entered.send(()).unwrap();
                assert!(may_leave.into_iter().next().is_none());
            });
            has_entered.recv().unwrap();
            assert!(!calls.wait_for_others(Duration::ZERO));
            drop(leave);
            assert!(calls.wait_for_others(Duration::from_secs(60)));
        });
    }
}
