//! A gateway and the devices behind it: who belongs to whom, who may speak for whom.

use otaru_fleet::TaskState;
use otaru_wire::{GatewayReport, MAX_SUB_DEVICES, dialect::Login};

use super::*;
use crate::store::Catalog as _;

/// A world with a gateway that is connected, and devices that are not.
async fn world(devices: &[&str]) -> (World, Admitted) {
    let mut world = World::new().await;
    let gateway = world.device("gw").await;
    for name in devices {
        world.device(name).await;
    }
    let session = world.connect(&gateway).await;
    (world, session)
}

impl World {
    fn login_of(&self, name: &str) -> Login {
        aliyun::Device.write_login(&self.credentials(&id(name)), Transport::Plain)
    }

    /// Says it and gives the answer's code, 200 if it was done.
    async fn says(&self, gateway: &Admitted, report: GatewayReport) -> i64 {
        self.report(gateway, Report::Gateway(report)).await;
        match self.heard(&gateway.device).as_slice() {
            [Downlink::Gateway(answer)] => answer.result.clone().map_or_else(|(code, _)| code, |()| 200),
            other => panic!("{other:?}"),
        }
    }

    async fn adds(&self, gateway: &Admitted, name: &str) -> i64 {
        self.says(gateway, GatewayReport::Add(vec![self.login_of(name)])).await
    }

    async fn logs_in(&self, gateway: &Admitted, name: &str) -> i64 {
        self.says(gateway, GatewayReport::Login(self.login_of(name))).await
    }

    /// Publishes what the device would, from the gateway's session. Whether it may is the service's to say here.
    async fn on_behalf(&self, gateway: &Admitted, device: &DeviceId, report: &Report) {
        let message = aliyun::Device.write_report(device, 1, report).unwrap();
        assert_eq!(self.service.published(gateway, message), Verdict::Accepted);
        self.service.drained().await;
    }

    async fn gateway_of(&self, name: &str) -> Option<DeviceId> {
        self.service.device(&id(name)).await.unwrap().device.gateway
    }

    async fn runs(&self, name: &str) -> Vec<String> {
        let running = self.service.device(&id(name)).await.unwrap().running;
        running.into_iter().map(|running| running.version.to_string()).collect()
    }
}

fn version(text: &str) -> Report {
    Report::Version { module: Module::default(), version: v(text) }
}

#[tokio::test]
async fn a_device_behind_a_gateway_is_upgraded_through_it() {
    let (world, gateway) = world(&["sub"]).await;
    let sub = id("sub");
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    world.heard(&gateway.device);
    assert_eq!(world.task(campaign, &sub).await.state, TaskState::Queued);
    assert_eq!(world.adds(&gateway, "sub").await, 200);
    assert!(world.heard(&sub).is_empty(), "added is not logged in");
    assert_eq!(world.logs_in(&gateway, "sub").await, 200);
    assert_eq!(world.notice(&sub).version, v("2.0.0"), "told as it logs in, on its own topic");
    assert_eq!(world.task(campaign, &sub).await.state, TaskState::Notified);
    assert!(world.service.device(&sub).await.unwrap().connected);

    world.on_behalf(&gateway, &sub, &version("1.0.0")).await;
    let step = Report::Progress {
        module: Module::default(),
        task: None,
        step: Step::Percent(40),
        description: String::new(),
    };
    world.on_behalf(&gateway, &sub, &step).await;
    assert_eq!(world.task(campaign, &sub).await.progress, 40);
    assert_eq!(world.task(campaign, &gateway.device).await.progress, 0, "the gateway's own task is another");
    world.heard(&sub);
    let query = Report::Query { module: Module::default(), running: None, wanted: None };
    world.on_behalf(&gateway, &sub, &query).await;
    assert_eq!(world.notice(&sub).version, v("2.0.0"));
    world.on_behalf(&gateway, &sub, &version("2.0.0")).await;
    assert_eq!(world.task(campaign, &sub).await.state, TaskState::Succeeded);
    assert_eq!((world.runs("sub").await, world.runs("gw").await), (vec!["2.0.0".to_owned()], vec![]));
}

#[tokio::test]
async fn a_gateway_never_speaks_for_a_device_that_has_not_logged_in_through_it() {
    let (mut world, gateway) = world(&["sub", "other"]).await;
    world.device("gw-2").await;
    let second = world.connect(&id("gw-2")).await;
    world.adds(&gateway, "sub").await;
    world.logs_in(&gateway, "sub").await;
    let before = world.store.dump().await;
    for (by, device) in [(&gateway, "other"), (&second, "sub"), (&second, "gw"), (&gateway, "gw-2")] {
        world.on_behalf(by, &id(device), &version("6.6.6")).await;
        assert!(world.runs(device).await.is_empty(), "{device}");
    }
    // Nor does what it says of gateways count when it is said on another's topic.
    let add = Report::Gateway(GatewayReport::Add(vec![world.login_of("other")]));
    world.on_behalf(&gateway, &id("sub"), &add).await;
    world.on_behalf(&second, &id("gw"), &add).await;
    assert_eq!(world.gateway_of("other").await, None);
    assert_eq!(world.says(&gateway, GatewayReport::Logout(id("sub"))).await, 200);
    world.on_behalf(&gateway, &id("sub"), &version("6.6.6")).await;
    assert!(world.runs("sub").await.is_empty(), "it has left");
    assert_eq!(world.store.dump().await, before);
}

#[tokio::test]
async fn what_a_gateway_said_before_it_left_counts() {
    let (world, gateway) = world(&["sub"]).await;
    world.adds(&gateway, "sub").await;
    world.logs_in(&gateway, "sub").await;
    let message = aliyun::Device.write_report(&id("sub"), 1, &version("2.0.0")).unwrap();
    assert_eq!(world.service.published(&gateway, message), Verdict::Accepted);
    // As a session's end does, before the report had its turn.
    assert!(world.wire.log_out_behind(&gateway.device, &id("sub")));
    world.disconnect(&gateway.device);
    world.service.drained().await;
    assert_eq!(world.runs("sub").await, ["2.0.0"]);
}

#[tokio::test]
async fn each_refusal_of_a_gateway_has_the_vendors_code_and_changes_nothing() {
    let (world, gateway) = world(&["sub", "other"]).await;
    let before = world.store.dump().await;
    let wrong = Credentials { id: id("sub"), secret: "wrong".into() };
    let wrong = aliyun::Device.write_login(&wrong, Transport::Plain);
    let nobody = Credentials { id: id("nobody"), secret: "x".into() };
    let nobody = aliyun::Device.write_login(&nobody, Transport::Plain);
    let (sub, own) = (world.login_of("sub"), world.login_of("gw"));
    for (report, code) in [
        (GatewayReport::Login(sub.clone()), 6401),
        (GatewayReport::Login(wrong.clone()), 6287),
        (GatewayReport::Login(nobody.clone()), 6287),
        (GatewayReport::Login(own.clone()), 6402),
        (GatewayReport::Add(vec![own]), 6402),
        (GatewayReport::Add(vec![sub.clone(), wrong]), 6287),
        (GatewayReport::Add(vec![sub, nobody]), 6287),
        (GatewayReport::Remove(vec![id("sub")]), 6401),
        (GatewayReport::Remove(vec![id("nobody")]), 6401),
        (GatewayReport::Logout(id("sub")), 520),
    ] {
        assert_eq!(world.says(&gateway, report.clone()).await, code, "{report:?}");
    }
    assert_eq!(world.store.dump().await, before);
    assert!(!world.service.device(&id("sub")).await.unwrap().connected);
}

#[tokio::test]
async fn a_device_that_is_added_to_another_gateway_leaves_the_first() {
    let (mut world, first) = world(&["sub"]).await;
    world.device("gw-2").await;
    let second = world.connect(&id("gw-2")).await;
    world.adds(&first, "sub").await;
    world.logs_in(&first, "sub").await;
    assert_eq!(world.adds(&second, "sub").await, 200);
    assert_eq!(world.gateway_of("sub").await, Some(id("gw-2")));
    assert!(!world.service.device(&id("sub")).await.unwrap().connected, "until it logs in there");
    assert_eq!(world.logs_in(&first, "sub").await, 6401);
    assert_eq!(world.logs_in(&second, "sub").await, 200);
    assert_eq!(world.says(&second, GatewayReport::Remove(vec![id("sub")])).await, 200);
    assert!(!world.service.device(&id("sub")).await.unwrap().connected);
    assert_eq!(world.gateway_of("sub").await, None);
}

#[tokio::test]
async fn a_gateway_has_a_bounded_number_of_devices_behind_it() {
    let (mut world, gateway) = world(&["one-more"]).await;
    let names: Vec<_> = (0..MAX_SUB_DEVICES).map(|number| format!("sub-{number}")).collect();
    for name in &names {
        world.device(name).await;
    }
    for thirty in names.chunks(30) {
        let logins = thirty.iter().map(|name| world.login_of(name)).collect();
        assert_eq!(world.says(&gateway, GatewayReport::Add(logins)).await, 200);
    }
    assert_eq!(world.adds(&gateway, "one-more").await, 428);
    assert_eq!(world.gateway_of("one-more").await, None);
    assert_eq!(world.adds(&gateway, "sub-0").await, 200, "again is no more");
}

#[tokio::test]
async fn what_the_store_cannot_do_is_answered_so_and_not_held_up() {
    let (mut world, gateway) = world(&[]).await;
    let names: Vec<_> = (0..1200).map(|number| format!("sub-{number}")).collect();
    for name in &names {
        world.device(name).await;
    }
    let add =
        |thirty: &[String]| GatewayReport::Add(thirty.iter().map(|name| world.login_of(name)).collect());
    world.store.fill_disk(true).await;
    let mut refused = Vec::new();
    for thirty in names.chunks(30) {
        match world.says(&gateway, add(thirty)).await {
            200 => {}
            code => refused.push((code, thirty)),
        }
    }
    let &(code, thirty) = refused.first().expect("the last page is full some time");
    assert_eq!(code, 500);
    for name in thirty {
        assert_eq!(world.gateway_of(name).await, None, "none of them");
    }
    world.store.fill_disk(false).await;
    assert_eq!(world.says(&gateway, add(thirty)).await, 200);
    assert_eq!(world.store.device(&id(&thirty[0])).await.unwrap().gateway, Some(id("gw")));
}

#[tokio::test]
async fn hostile_words_of_a_gateway_change_nothing() {
    let (world, gateway) = world(&["sub"]).await;
    let before = world.store.dump().await;
    let topics = ["/sys/a1Demo/gw/thing/topo/add", "/ext/session/a1Demo/gw/combine/login"];
    let payloads: [&[u8]; 8] = [
        b"",
        b"{}",
        b"\xff\xfe",
        br#"{"id":"1","params":{}}"#,
        br#"{"id":"1","params":[]}"#,
        br#"{"id":"1","params":[{"productKey":"a1Demo","deviceName":"sub"}]}"#,
        br#"{"id":"1","params":{"productKey":"a1Demo","deviceName":"../x","clientId":"c","sign":"00"}}"#,
        br#"{"id":"1","params":{"productKey":"a1Demo","deviceName":"sub","clientId":"a|b|","sign":""}}"#,
    ];
    for topic in topics {
        for payload in payloads {
            let message = Message {
                topic: topic.into(),
                payload: payload.to_vec(),
                qos: otaru_wire::mqtt::Qos::AtMostOnce,
            };
            world.publish(&gateway, message).await;
        }
    }
    assert_eq!(world.store.dump().await, before);
    assert!(world.wire.behind.lock().unwrap().is_empty());
}

/// JD updates direct devices and gateways only (jd-iot-engine §3.1).
#[tokio::test]
async fn a_device_of_jd_is_never_behind_a_gateway() {
    let (world, gateway) = world(&[]).await;
    let jd = DeviceId { product: ProductKey::new("pkDemo01").unwrap(), device: id("gw").device };
    world.service.create_product(ProductOrder::new(jd.product.clone(), Dialect::Jd)).await.unwrap();
    let secret = Secret::new("s3cr3t-demo");
    world.service.create_device(DeviceOrder::with_secret(jd.clone(), secret.clone())).await.unwrap();
    let before = world.store.dump().await;
    let credentials = Credentials { id: jd.clone(), secret: secret.expose().to_owned() };
    let login = aliyun::Device.write_login(&credentials, Transport::Plain);
    for report in [GatewayReport::Add(vec![login.clone()]), GatewayReport::Login(login)] {
        assert_ne!(world.says(&gateway, report).await, 200);
    }
    assert_eq!(world.service.device(&jd).await.unwrap().device.gateway, None);
    assert_eq!(world.store.dump().await, before);
}
