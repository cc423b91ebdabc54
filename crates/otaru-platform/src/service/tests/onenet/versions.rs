//! Versions: reported, read back, and believed of nobody else.

use super::*;

fn both(fota: &str, sota: &str) -> Versions {
    Versions { fota: Some(v(fota)), sota: Some(v(sota)) }
}

#[tokio::test]
async fn versions_are_taken_and_read_back_in_every_generation() {
    for generation in Generation::ALL {
        let mut world = platform().await;
        let meter = world.device("700100200").await;
        assert_eq!(
            world.asks(generation, &meter, &Ask::Versions).await,
            Reply::Versions(Versions::default())
        );
        assert_eq!(world.asks(generation, &meter, &Ask::Version(both("1.1", "1.0.0"))).await, Reply::Done);
        let one = Versions::one(Kind::Sota, v("1.2.0"));
        assert_eq!(world.asks(generation, &meter, &Ask::Version(one)).await, Reply::Done);
        assert_eq!(
            world.asks(generation, &meter, &Ask::Versions).await,
            Reply::Versions(both("1.1", "1.2.0"))
        );
        let seen = world.service.device(&meter).await.unwrap();
        let running: Vec<_> = seen.running.iter().map(|running| running.module.as_str()).collect();
        assert_eq!(running, ["default", "modem"]);
        assert!(seen.device.last_seen_at.is_some());
    }
}

/// Source: onenet §2.4.
#[tokio::test]
async fn each_generation_has_its_envelope() {
    let mut world = platform().await;
    let meter = world.device("700100200").await;
    let report = Ask::Version(both("1.0.0", "1.0.0"));
    for (generation, done, told) in [
        (
            Generation::Token,
            r#"{"errno":0,"error":"succ"}"#,
            r#"{"errno":0,"error":"succ","data":{"f_version":"1.0.0","s_version":"1.0.0"}}"#,
        ),
        (
            Generation::Tid,
            r#"{"errno":0,"error":"succ"}"#,
            r#"{"errno":0,"error":"succ","data":{"f_version":"1.0.0","s_version":"1.0.0"}}"#,
        ),
        (
            Generation::Fuse,
            r#"{"code":0,"msg":"succ","request_id":}"#,
            r#"{"code":0,"msg":"succ","data":{"f_version":"1.0.0","s_version":"1.0.0"},"request_id":}"#,
        ),
    ] {
        let reported = world.serve(&world.question(generation, &meter, &report)).await;
        assert_eq!(envelope(&reported), done);
        let read_back = world.serve(&world.question(generation, &meter, &Ask::Versions)).await;
        assert_eq!(envelope(&read_back), told);
    }
}

#[tokio::test]
async fn the_products_key_and_the_devices_own_both_prove_a_device() {
    let mut world = platform().await;
    let meter = world.device("700100200").await;
    let own = world.secrets[&meter].expose().to_owned();
    for generation in Generation::ALL {
        for resource in [Resource::Product(key()), Resource::Device(meter.clone())] {
            for access_key in [PRODUCT_KEY, &own] {
                let signed = proof(&world, resource.clone(), access_key);
                let call = Ask::Versions.write(generation, &meter, &signed).unwrap();
                assert!(body(&world.serve(&call).await).contains("succ"), "{generation:?} {resource}");
            }
        }
    }
}

#[tokio::test(start_paused = true)] // refusals wait
async fn who_proves_nothing_changes_nothing_and_is_told_so_in_its_own_envelope() {
    let mut world = platform().await;
    let meter = world.device("700100200").await;
    let other = world.device("700100201").await;
    let aliyun = ProductKey::new("a1Other").unwrap();
    world.service.create_product(ProductOrder::new(aliyun.clone(), Dialect::Aliyun)).await.unwrap();
    let spoken_otherwise = DeviceId { product: aliyun, device: meter.device.clone() };
    world
        .service
        .create_device(DeviceOrder::with_secret(spoken_otherwise.clone(), Secret::new(PRODUCT_KEY)))
        .await
        .unwrap();
    let before = world.store.dump().await;

    let report = Ask::Version(Versions::one(Kind::Sota, v("6.6.6")));
    let of = |device: &DeviceId| Resource::Device(device.clone());
    let foreign_key = world.secrets[&other].expose().to_owned();
    for generation in Generation::ALL {
        let expired = {
            let claim = Claim {
                edition: Edition::E2018,
                resource: of(&meter),
                expires_s: world.now.load(Ordering::SeqCst) / 1000 - 1,
                method: Method::Sha256,
            };
            claim.sign(&AccessKey::from_base64(PRODUCT_KEY).unwrap())
        };
        for (device, signed) in [
            (&meter, proof(&world, of(&meter), &foreign_key)),
            (&meter, proof(&world, of(&other), PRODUCT_KEY)),
            (&meter, expired),
            (&id("700100999"), proof(&world, of(&id("700100999")), PRODUCT_KEY)),
            (&spoken_otherwise, proof(&world, of(&spoken_otherwise), PRODUCT_KEY)),
            (&meter, "nonsense".into()),
        ] {
            let answer = world.serve(&report.write(generation, device, &signed).unwrap()).await;
            let number = Refusal::NotAuthentic.number(generation);
            assert!(body(&answer).contains(&format!(":{number},")), "{generation:?}: {}", body(&answer));
        }
    }
    assert_eq!(world.store.dump().await, before);
    let nobodys =
        Call { target: "/f/a1Demo/x/1/0".into(), ..world.question(Generation::Tid, &meter, &report) };
    assert!(matches!(world.service.onenet(&nobodys).await, Served::NotOurs));
}

#[tokio::test]
async fn a_version_that_is_none_is_refused_by_name_of_its_fault() {
    let mut world = platform().await;
    let meter = world.device("700100200").await;
    let before = world.store.dump().await;
    for generation in Generation::ALL {
        let good = world.question(generation, &meter, &Ask::Version(both("1", "1")));
        for (text, want) in [
            (format!(r#"{{"s_version":"{}"}}"#, "1".repeat(65)), Refusal::BadVersion),
            (r#"{"s_version":"1 0"}"#.to_owned(), Refusal::BadVersion),
            ("{}".to_owned(), Refusal::BadParameter),
            ("no json".to_owned(), Refusal::BadParameter),
        ] {
            let call = Call { body: text.clone().into_bytes(), ..good.clone() };
            let answer = world.serve(&call).await;
            let reply = Reply::read(generation, &Ask::Versions, &answer).unwrap();
            assert_eq!(reply, Reply::Refused(want), "{text}");
        }
    }
    assert_eq!(world.store.dump().await, before);
}
