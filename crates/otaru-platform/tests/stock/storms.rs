//! Devices that repeat themselves for ever (aliyun-iotkit-v3 §0 item 10, aliyun-link-sdk-v4 §8 item 7).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tracing::{Event, Level, Metadata, span};

use crate::{Platform, device::field, image, target};

const FAILED: &str = r#"{"id":0,"params":{"step":"-2","desc":""}}"#;
const BEGUN: &str = r#"{"id":0,"params":{"step":"0","desc":"Enter in downloading state"}}"#;

/// Counts what would be written to a log at its usual level.
#[derive(Clone, Default)]
struct Log(Arc<AtomicUsize>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

// On one thread, so that all of the platform's log comes to this test's subscriber.
#[tokio::test]
async fn a_thousand_failures_after_the_task_was_given_up_change_push_and_log_nothing() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let platform = Platform::start().await;
    let campaign = platform.campaign("2.0.0", &[&image(100, 1)]).await;
    let mut device = platform.connected().await;
    let link = field(&device.push().await, "url").to_owned();
    device.progress(BEGUN).await;
    device.progress(FAILED).await;
    let given_up = platform.task_in(campaign, "failed").await;
    assert_eq!(device.asks("8").await, r#"{"id":8,"code":200,"data":{}}"#);
    let pushes = device.passed_over;
    let written = log.0.load(Ordering::Relaxed);
    assert!(written > 0, "the log is heard");

    for _ in 0..1000 {
        device.progress(FAILED).await;
        device.progress(BEGUN).await;
    }
    // The answer to its question stands behind everything that it was told because of the pairs.
    assert_eq!(device.asks("9").await, r#"{"id":9,"code":200,"data":{}}"#);
    assert_eq!(device.passed_over, pushes, "no push came");
    assert_eq!(platform.task(campaign).await, given_up, "not even the time of its last change");
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target(&link));
    for _ in 0..100 {
        assert_eq!(platform.ask(request.as_bytes()).await.code, 410);
    }
    assert_eq!(log.0.load(Ordering::Relaxed), written, "nothing at the log's usual level");
}

#[tokio::test]
async fn a_thousand_reports_that_cannot_be_read_are_one_line_of_the_log() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let platform = Platform::start().await;
    let mut device = platform.connected().await;
    assert_eq!(device.asks("8").await, r#"{"id":8,"code":200,"data":{}}"#);
    let written = log.0.load(Ordering::Relaxed);
    for _ in 0..1000 {
        // A v3 text cut at 127 bytes (aliyun-iotkit-v3 §2.1).
        device.progress(r#"{"id":0,"params":{"step":"37","desc":"hel"#).await;
    }
    assert_eq!(device.asks("9").await, r#"{"id":9,"code":200,"data":{}}"#);
    assert_eq!(log.0.load(Ordering::Relaxed), written + 1);
}
