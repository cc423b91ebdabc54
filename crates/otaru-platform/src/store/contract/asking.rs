//! What devices need that ask by themselves.

use super::*;

fn token(text: &str, given_at: u64) -> TaskToken {
    TaskToken { text: text.into(), given_at: Timestamp(given_at) }
}

pub(in crate::store) async fn a_device_is_found_by_its_serial_within_its_product(store: impl Store) {
    for key in ["a1", "a2"] {
        store.add_product(product(key)).await.unwrap();
    }
    let serial = Serial::new("SN 0815").unwrap();
    let numbered = Device { serial: Some(serial.clone()), ..device("d1") };
    store.add_device(numbered.clone()).await.unwrap();
    store.add_device(device("d2")).await.unwrap();
    assert_eq!(store.device(&id("d1")).await, Ok(numbered.clone()));
    assert_eq!(store.device_of_serial(&key("a1"), &serial).await, Ok(id("d1")));
    let missing = Err(StoreError::NotFound { what: What::Device });
    assert_eq!(store.device_of_serial(&key("a2"), &serial).await, missing);
    assert_eq!(store.device_of_serial(&key("a1"), &Serial::new("SN").unwrap()).await, missing);
    let again = store.add_device(Device { id: id("d3"), ..numbered.clone() }).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    let elsewhere = DeviceId { product: key("a2"), device: name("d1") };
    assert_eq!(store.add_device(Device { id: elsewhere, ..numbered }).await, Ok(()));
}

pub(in crate::store) async fn a_task_has_one_live_token_and_an_old_one_is_still_known(store: impl Store) {
    let package = fleet(&store, &["d1", "d2"]).await;
    campaign(&store, package).await;
    let (mine, other) = (task_of(&store, "d1").await, task_of(&store, "d2").await);
    assert_eq!(store.task_token(mine.id).await, Ok(None));
    let first = store.give_task_token(mine.id, token("ota_A", 100), Timestamp(0)).await;
    assert_eq!(first, Ok(token("ota_A", 100)));
    let live = store.give_task_token(mine.id, token("ota_B", 150), Timestamp(99)).await;
    assert_eq!(live, Ok(token("ota_A", 100)), "while it lives, it is given again");
    let next = store.give_task_token(mine.id, token("ota_C", 200), Timestamp(100)).await;
    assert_eq!(next, Ok(token("ota_C", 200)));
    assert_eq!(store.task_token(mine.id).await, Ok(Some(token("ota_C", 200))));
    assert_eq!(store.task_token(other.id).await, Ok(None));
    for (text, given_at) in [("ota_A", 100), ("ota_C", 200)] {
        assert_eq!(store.task_of_token(text).await, Ok((mine.clone(), Timestamp(given_at))));
    }
    let missing = Err(StoreError::NotFound { what: What::Task });
    assert_eq!(store.task_of_token("ota_B").await, missing, "it was never given");
    let nobodys = store.give_task_token(TaskId(99), token("ota_D", 1), Timestamp(0)).await;
    assert!(nobodys.is_err());
    assert_eq!(store.task_of_token("ota_D").await, missing);
}

pub(in crate::store) async fn of_many_tokens_at_once_one_is_given(store: impl Store) {
    let package = fleet(&store, &["d1"]).await;
    campaign(&store, package).await;
    let task = task_of(&store, "d1").await.id;
    let store = Arc::new(store);
    let asked: Vec<_> = (0..20)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store.give_task_token(task, token(&format!("ota_{n}"), 100 + n), Timestamp(50)).await.unwrap()
            })
        })
        .collect();
    let mut given = Vec::new();
    for token in asked {
        given.push(token.await.unwrap());
    }
    assert!(given.iter().all(|token| *token == given[0]), "{}", given.len());
}

pub(in crate::store) async fn what_a_device_was_brought_to_is_remembered(store: impl Store) {
    let package = fleet(&store, &["d1", "d2"]).await;
    campaign(&store, package).await;
    let reached = async |device: &str, module: &str, version: &str| {
        store.was_upgraded(&id(device), &Module::new(module).unwrap(), &v(version)).await.unwrap()
    };
    assert!(!reached("d1", "default", "2.0.0").await);
    let task = task_of(&store, "d1").await;
    let done = to(task.on_version(&main_module(), &v("2.0.0"), NOW));
    store.reported(&id("d1"), &main_module(), &v("2.0.0"), Some((task, done)), NOW).await.unwrap();
    assert!(reached("d1", "default", "2.0.0").await);
    for (device, module, version) in [
        ("d2", "default", "2.0.0"),
        ("d1", "modem", "2.0.0"),
        ("d1", "default", "1.0.0"),
        ("x", "default", "1"),
    ] {
        assert!(!reached(device, module, version).await, "{device} {module} {version}");
    }
}
