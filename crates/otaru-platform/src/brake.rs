//! A refusal is answered late, so that a device that asks again at once cannot keep a core busy (aliyun-iotkit-v3 §1.4,
//! aliyun-link-sdk-v4 §8 row 7).
//!
//! Only refusals wait. Who proves itself is never slowed down, whatever others do under its name or from its address.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::sleep};

/// How long a refusal waits. SDKs wait for an answer for 2 s (aliyun-iotkit-v3 §6.1) or 5 s (aliyun-link-sdk-v4 §4.9).
const PAUSE: Duration = Duration::from_secs(1);

/// Refusals that wait at a time; further ones are answered at once. Stops refused peers from holding all sockets.
const MOST: usize = 1024;

/// Holds refusals back. Clones share their room.
#[derive(Debug, Clone)]
pub(crate) struct Brake(Arc<Semaphore>);

impl Brake {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }

    /// Waits, if there is room to.
    pub(crate) async fn hold(&self) {
        if let Ok(_place) = self.0.try_acquire() {
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_refusals_wait_than_there_is_room_for_and_none_waits_for_another() {
        let brake = Brake::new();
        let began = Instant::now();
        let waits = join_all((0..3 * MOST).map(|_| async {
            brake.hold().await;
            began.elapsed()
        }));
        let waits = waits.await;
        assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), 2 * MOST);
        assert!(waits.iter().all(|wait| *wait <= 2 * PAUSE), "{:?}", waits.iter().max());
    }
}
