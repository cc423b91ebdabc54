//! Devices that repeat themselves for ever (aliyun-iotkit-v3 §0 item 10, aliyun-link-sdk-v4 §8 item 7).

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tracing::{Event, Level, Metadata, span};

use crate::{
    PATIENCE, Platform,
    device::{connect_v3, field},
    image, target,
};

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
    let answers = join_all((0..100).map(|_| platform.ask(request.as_bytes()))).await;
    assert!(answers.iter().all(|answer| answer.code == 410));
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

/// A device that is refused asks again without a pause. It gets one answer a second, whatever it does; another device
/// that asks meanwhile is served as if it were alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_loops_over_an_old_link_or_a_wrong_secret_gets_one_answer_a_second() {
    let platform = Platform::start().await;
    let image = image(100, 1);
    platform.campaign("2.0.0", &[&image]).await;
    let link = field(&platform.connected().await.push().await, "url").to_owned();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let expired = get(&target(&link).replacen("?e=1", "?e=0", 1));
    let mut stranger = connect_v3(60);
    *stranger.last_mut().unwrap() ^= 1;

    let began = Instant::now();
    let looping = async {
        for _ in 0..2 {
            assert_eq!(platform.ask(expired.as_bytes()).await.code, 403);
        }
        for _ in 0..2 {
            assert_eq!(refused_login(platform.running.mqtt, &stranger).await, [0x20, 2, 0, 4]);
        }
    };
    let honest = async {
        let answer = platform.ask(get(target(&link)).as_bytes()).await;
        assert!(answer.code == 200 && answer.body == image);
        platform.connected().await.pings().await;
        began.elapsed()
    };
    let ((), served) = tokio::join!(looping, honest);
    let looped = began.elapsed();
    assert!(looped >= Duration::from_secs(4), "four refusals in {looped:?}");
    assert!(served < looped / 2, "the honest device waited {served:?}");
}

async fn refused_login(address: SocketAddr, connect: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(connect).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    answer
}
