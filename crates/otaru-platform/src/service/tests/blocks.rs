//! Files in blocks over MQTT.

use otaru_wire::{Block, BlockError, BlockRequest, Source, dialect::ReadError};

use super::*;

/// A campaign of a package over MQTT of one file of nine bytes, and the number of this device's task.
async fn task_over_mqtt(world: &World, version: &str, device: &DeviceId) -> (CampaignId, u64) {
    let order = PackageOrder { over: Over::Mqtt, ..world.order(version).await };
    let campaign = world.campaign(world.service.create_package(order).await.unwrap().id).await;
    (campaign, world.task(campaign, device).await.id.0)
}

fn of(stream: u64, file: u32, offset: u64, len: u32) -> BlockRequest {
    BlockRequest { stream, file, offset, len, token: None }
}

/// What the device gets for its request: a block, or the platform's reason. None: nothing.
async fn asked(world: &World, from: &Admitted, request: BlockRequest) -> Option<Result<Block, String>> {
    world.report(from, Report::Block(request)).await;
    let sent = world.wire.sent.lock().unwrap().remove(&from.device)?;
    let [message] = sent.as_slice() else { panic!("{sent:?}") };
    match aliyun::Device.read_message(&from.device, &message.topic, &message.payload) {
        Ok(Downlink::Block(block)) => Some(Ok(block)),
        Err(ReadError::Block(BlockError::Refused { code: 400, reason })) => Some(Err(reason)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_file_is_fetched_in_blocks_of_the_size_asked_for_and_short_at_its_end() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    let (_, task) = task_over_mqtt(&world, "2.0.0", &pump).await;
    let source = world.notice(&pump).files[0].source.clone();
    assert_eq!(source, Source::Mqtt { stream: task, file: 1 });
    for (offset, bytes) in [(0, "1234"), (4, "5678"), (8, "9"), (2, "3456")] {
        let token = Some("mine".to_owned());
        let request = BlockRequest { token: token.clone(), ..of(task, 1, offset, 4) };
        let block = asked(&world, &session, request).await.unwrap();
        assert_eq!(block, Ok(Block { token, file_size: 9, offset, bytes: bytes.into() }));
    }
    let whole = asked(&world, &session, of(task, 1, 0, 65_536)).await.unwrap();
    assert_eq!(whole.unwrap().bytes, b"123456789");
}

#[tokio::test]
async fn a_device_gets_blocks_of_its_own_open_task_only_and_is_told_why_not() {
    let mut world = World::new().await;
    let (pump, other) = (world.device("pump-1").await, world.device("pump-2").await);
    let (session, stranger) = (world.connect(&pump).await, world.connect(&other).await);
    let (campaign, task) = task_over_mqtt(&world, "2.0.0", &pump).await;
    world.heard(&pump);
    world.heard(&other);
    let before = world.store.dump().await;
    let reason = async |from: &Admitted, request| asked(&world, from, request).await.unwrap().unwrap_err();
    let unknown = reason(&session, of(999, 1, 0, 4)).await;
    assert_eq!(unknown, "stream 999 is none of this device's tasks");
    let foreign = reason(&stranger, of(task, 1, 0, 4)).await;
    assert_eq!(foreign, unknown.replace("999", &task.to_string()), "no word of whose it is");
    assert!(reason(&session, of(u64::MAX, 1, 0, 4)).await.contains("none of this device's tasks"));
    for file in [0, 2, u32::MAX] {
        assert!(reason(&session, of(task, file, 0, 4)).await.contains("there is no file"), "{file}");
    }
    for offset in [9, u64::MAX] {
        assert!(reason(&session, of(task, 1, offset, 4)).await.contains("9 bytes"), "{offset}");
    }
    assert_eq!(world.store.dump().await, before, "asking changes nothing");
    world.service.cancel_campaign(campaign).await.unwrap();
    assert!(reason(&session, of(task, 1, 0, 4)).await.contains("canceled"));
}

#[tokio::test]
async fn files_that_come_by_link_are_not_given_in_blocks() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&pump).await;
    world.heard(&pump);
    let task = world.task(campaign, &pump).await.id.0;
    let refused = asked(&world, &session, of(task, 1, 0, 4)).await.unwrap();
    assert_eq!(refused, Err("the files of this task come by link".into()));
}

#[tokio::test]
async fn a_file_that_was_changed_on_the_disk_is_never_given_in_blocks() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    let (_, task) = task_over_mqtt(&world, "2.0.0", &pump).await;
    world.heard(&pump);
    let files = world.folder.path().join("files");
    let stored = std::fs::read_dir(&files).unwrap().map(|entry| entry.unwrap().path());
    let stored = stored.into_iter().find(|path| path.metadata().unwrap().len() == 9).unwrap();
    std::fs::remove_file(&stored).unwrap();
    std::fs::write(&stored, b"12345").unwrap();
    // The platform that finds it so has just been started: it holds no file open.
    world.service = Service::new(Parts {
        files: Arc::new(LocalFiles::open(&files, 1 << 20).unwrap()),
        ..world.service.inner.parts.clone()
    });
    let refused = asked(&world, &session, of(task, 1, 0, 4)).await.unwrap();
    assert_eq!(refused, Err("the platform cannot read the file just now".into()));
}

#[tokio::test]
async fn a_device_that_takes_nothing_gets_no_further_blocks_and_asks_again_later() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    let (_, task) = task_over_mqtt(&world, "2.0.0", &pump).await;
    world.heard(&pump);
    world.wire.full.store(true, Ordering::SeqCst);
    assert_eq!(asked(&world, &session, of(task, 1, 0, 4)).await, None);
    world.wire.full.store(false, Ordering::SeqCst);
    assert!(asked(&world, &session, of(task, 1, 0, 4)).await.unwrap().is_ok());
}
