//! Bad input: each is refused, and everything stays as it was.

use otaru_fleet::{TaskId, TaskState};
use otaru_wire::{
    dialect::{Login, PlatformHalf as _},
    mqtt::Qos,
};

use super::*;
use crate::{gateway::Refused, links::Grant};

#[tokio::test]
async fn a_wrong_proof_an_unknown_device_and_a_foreign_form_get_the_same_answer() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let before = world.store.dump().await;
    let wrong = Credentials { secret: "not its secret".into(), ..world.credentials(&pump) };
    let unknown = Credentials { id: id("nobody"), secret: "x".into() };
    for credentials in [wrong, unknown] {
        let login = aliyun::Device.write_login(&credentials, Transport::Plain);
        assert_eq!(world.service.login(&login).await.err(), Some(Refused::BadLogin), "{credentials:?}");
    }
    let foreign = Login { client_id: "mosq-1".into(), user_name: "root".into(), password: "toor".into() };
    assert_eq!(world.service.login(&foreign).await.err(), Some(Refused::BadLogin));
    assert_eq!(world.service.login(&Login::default()).await.err(), Some(Refused::BadLogin));
    assert_eq!(world.store.dump().await, before);
    world.connect(&pump).await;
}

#[tokio::test]
async fn a_device_that_is_made_after_a_refused_login_can_log_in() {
    let mut world = World::new().await;
    let unknown = Credentials { id: id("pump-1"), secret: "x".into() };
    let login = aliyun::Device.write_login(&unknown, Transport::Plain);
    assert_eq!(world.service.login(&login).await.err(), Some(Refused::BadLogin));
    let pump = world.device("pump-1").await;
    world.connect(&pump).await;
}

#[tokio::test]
async fn what_cannot_be_understood_changes_nothing() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&pump).await;
    world.report_step(&session, Step::Percent(40)).await;
    world.heard(&pump);
    let before = world.store.dump().await;
    let inform = format!("/ota/device/inform/{}/{}", pump.product, pump.device);
    let progress = format!("/ota/device/progress/{}/{}", pump.product, pump.device);
    let hostile: [(&str, &[u8]); 9] = [
        (&inform, b""),
        (&inform, b"{"),
        (&inform, b"\xff\xfe\x00"),
        (&inform, br#"{"id":1,"params":{}}"#),
        (&inform, br#"{"id":1,"params":{"version":"2.0.0\n"}}"#),
        (&inform, br#"{"id":1,"params":{"version":{"a":1}}}"#),
        (&progress, br#"{"id":1,"params":{"step":"fast"}}"#),
        (&progress, br#"{"id":1,"params":{"step":"50","module":"../../x"}}"#),
        (&progress, br#"[[[[[[[[[[[[[[[[[[[["#),
    ];
    for (topic, payload) in hostile {
        let message = Message { topic: topic.into(), payload: payload.into(), qos: Qos::AtLeastOnce };
        world.publish(&session, message).await;
        assert_eq!(world.store.dump().await, before, "{}", String::from_utf8_lossy(payload));
    }
    assert_eq!(world.heard(&pump), []);
    assert_eq!(world.task(campaign, &pump).await.progress, 40);
}

#[tokio::test]
async fn a_report_for_another_device_changes_nothing() {
    let mut world = World::new().await;
    let (pump, other) = (world.device("pump-1").await, world.device("pump-2").await);
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&pump).await;
    let report = Report::Version { module: Module::default(), version: v("2.0.0") };
    let message = aliyun::Device.write_report(&other, 1, &report).unwrap();
    assert!(!aliyun::Platform.may_publish(&pump, &message.topic), "the gateway asks this first");
    let before = world.store.dump().await;
    // And even past the gateway it changes nothing.
    world.service.take(&session, None, &message).await;
    assert_eq!(world.store.dump().await, before);
    assert_eq!(world.task(campaign, &other).await.state, TaskState::Queued);
}

#[tokio::test]
async fn a_link_of_another_device_of_a_missing_file_or_task_leads_nowhere() {
    let mut world = World::new().await;
    let (pump, other) = (world.device("pump-1").await, world.device("pump-2").await);
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let task = world.task(campaign, &pump).await.id;
    let grants = [
        Grant::file(other, task, 0),
        Grant::file(pump.clone(), task, 1),
        Grant::file(pump.clone(), TaskId(999), 0),
    ];
    for grant in grants {
        let refused = world.service.grant_file(&grant).await;
        assert!(matches!(refused, Err(GrantError::NotFound)), "{grant:?}: {refused:?}");
    }
    world.service.grant_file(&Grant::file(pump, task, 0)).await.unwrap();
}

#[tokio::test]
async fn a_package_that_no_device_could_take_is_refused_whole() {
    let world = World::new().await;
    let file = world.upload(b"123456789").await;
    let order = PackageOrder {
        products: key().into(),
        version: v("2.0.0"),
        module: Module::default(),
        files: vec![("app.bin".into(), file)],
        extra: None,
        digest_method: DigestMethod::Md5,
        over: Over::Http,
    };
    let before = world.store.dump().await;
    let broken = [
        PackageOrder { files: vec![], ..order.clone() },
        PackageOrder { files: vec![("app.bin".into(), FileId([9; 32]))], ..order.clone() },
        PackageOrder { files: vec![("../app.bin".into(), file)], ..order.clone() },
        PackageOrder { files: vec![("app.bin".into(), file); 2], ..order.clone() },
        PackageOrder { extra: Some("not json".into()), ..order.clone() },
        PackageOrder { extra: Some("[1]".into()), ..order.clone() },
        PackageOrder { products: ProductKey::new("nobody").unwrap().into(), ..order.clone() },
    ];
    for order in broken {
        let refused = world.service.create_package(order.clone()).await;
        assert!(refused.is_err(), "{order:?}");
        assert_eq!(world.store.dump().await, before, "{order:?}");
    }
    world.service.create_package(order).await.unwrap();
}

#[tokio::test]
async fn a_package_whose_bytes_are_gone_is_refused() {
    let world = World::new().await;
    let file = world.upload(b"123456789").await;
    std::fs::remove_dir_all(world.folder.path().join("files")).unwrap();
    let order = PackageOrder {
        products: key().into(),
        version: v("2.0.0"),
        module: Module::default(),
        files: vec![("app.bin".into(), file)],
        extra: None,
        digest_method: DigestMethod::Sha256,
        over: Over::Http,
    };
    let refused = world.service.create_package(order).await;
    assert!(matches!(refused, Err(ServiceError::File(_))), "{refused:?}");
}
