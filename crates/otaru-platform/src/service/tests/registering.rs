//! Devices register themselves: what they are given, and what guards that.

use std::fmt::Debug;

use otaru_fleet::{NotRegistered, Registrants, RegistrationRule};
use otaru_wire::dialect::aliyun::registration::{
    self, Grant, Registration, Wish, read_form, read_grant, read_login, write_form, write_login,
};

use super::*;
use crate::{gateway::Refused, store::Catalog as _};

const SECRET: &str = "PsTest0123456789";

/// A platform with one product whose devices register by this rule.
async fn world(devices: Registrants, again: bool) -> World {
    let world = World::open(Arc::new(tempfile::tempdir().unwrap()), Location::Memory);
    let order = ProductOrder {
        secret: Some(Secret::new(SECRET)),
        registration: RegistrationRule { devices, again },
        ..ProductOrder::new(key(), Dialect::Aliyun)
    };
    world.service.create_product(order).await.unwrap();
    world
}

fn form(name: &str, secret: &str) -> Registration {
    read_form(write_form(&id(name), secret, "8Ygb7ULYh53B6OA").as_bytes()).unwrap()
}

async fn refused(world: &World, asked: &Registration) -> (u16, String) {
    let before = world.store.dump().await;
    let error = world.service.register(asked).await.expect_err("a refusal");
    assert_eq!(world.store.dump().await, before, "{error}");
    (error.code(), error.to_string())
}

#[tokio::test]
async fn a_listed_device_is_given_its_secret_as_often_as_it_asks_until_its_first_login() {
    let mut world = world(Registrants::Listed, false).await;
    let pump = world.device("pump-1").await;
    let its_own = Grant::Secret(world.secrets[&pump].expose().to_owned());
    for _power_cut_between_answer_and_flash in 0..3 {
        assert_eq!(world.service.register(&form("pump-1", SECRET)).await.unwrap(), its_own);
    }
    world.connect(&pump).await;
    let told = refused(&world, &form("pump-1", SECRET)).await;
    assert_eq!(told, (409, NotRegistered::Seen.to_string()), "a replayed form, a second later");
    world.service.flush_seen().await;
    assert_eq!(refused(&world, &form("pump-1", SECRET)).await.0, 409, "and once it is written down");
}

#[tokio::test]
async fn a_device_that_never_stores_its_secret_registers_at_every_boot_where_it_may_again() {
    let mut world = world(Registrants::Listed, true).await;
    let pump = world.device("pump-1").await;
    for _boot in 0..3 {
        let granted = world.service.register(&form("pump-1", SECRET)).await.unwrap();
        assert_eq!(granted, Grant::Secret(world.secrets[&pump].expose().to_owned()));
        world.connect(&pump).await;
    }
}

#[tokio::test]
async fn nothing_is_given_to_a_wrong_proof_an_unknown_name_or_while_it_is_switched_off() {
    let mut world = world(Registrants::Listed, false).await;
    world.device("pump-1").await;
    assert_eq!(refused(&world, &form("pump-1", "another secret")).await.0, 403);
    assert_eq!(refused(&world, &form("pump-1", "")).await.0, 403);
    assert_eq!(refused(&world, &form("nobody", SECRET)).await, (404, NotRegistered::Unlisted.to_string()));
    let nowhere = DeviceId { product: ProductKey::new("a2None").unwrap(), ..id("pump-1") };
    for secret in [SECRET, ""] {
        let asked = read_form(write_form(&nowhere, secret, "1").as_bytes()).unwrap();
        assert_eq!(refused(&world, &asked).await.0, 403, "a stranger learns nothing of products");
    }
    world.service.set_registration(&key(), RegistrationRule::default()).await.unwrap();
    assert_eq!(refused(&world, &form("pump-1", SECRET)).await, (403, NotRegistered::Off.to_string()));
}

#[tokio::test]
async fn guesses_are_bounded_to_a_minutes_pace_for_each_product() {
    let mut world = world(Registrants::Listed, true).await;
    world.device("pump-1").await;
    for guess in 0..60 {
        assert_eq!(refused(&world, &form("pump-1", &format!("guess {guess}"))).await.0, 403);
    }
    assert_eq!(refused(&world, &form("pump-1", SECRET)).await.0, 429, "even the right one is not looked at");
    let login = write_login(&id("pump-1"), Wish::Secret, SECRET, "1");
    assert_eq!(world.service.login(&login).await.err(), Some(Refused::Unavailable));
    world.pass(Duration::from_secs(60));
    assert!(world.service.register(&form("pump-1", SECRET)).await.is_ok());
}

// On one thread, so that all of the log comes to this test's subscriber.
#[tokio::test]
async fn a_flood_of_guesses_is_a_bounded_number_of_lines() {
    let log = Log::default();
    let _another = tracing::Dispatch::new(log.clone());
    let _guard = tracing::subscriber::set_default(log.clone());
    let world = world(Registrants::Listed, false).await;
    for _ in 0..1000 {
        let _ = world.service.register(&form("pump-1", "guess")).await;
    }
    let log = log.0.lock().unwrap();
    let loud = log.lines().filter(|line| !line.contains("refused: too many")).count();
    assert!((60..=70).contains(&loud), "{loud} lines, and one of them says so: {log}");
    assert_eq!(log.matches("none is looked at for a minute").count(), 1);
}

#[tokio::test]
async fn a_product_secret_in_wrong_hands_makes_a_bounded_number_of_devices() {
    let world = world(Registrants::Any, false).await;
    for number in 0..600 {
        world.service.register(&form(&format!("d{number}"), SECRET)).await.unwrap();
    }
    assert_eq!(refused(&world, &form("one-more", SECRET)).await.0, 429);
    assert!(world.service.register(&form("d0", SECRET)).await.is_ok(), "those that are there are served");
    world.pass(Duration::from_secs(60));
    assert!(world.service.register(&form("one-more", SECRET)).await.is_ok());
}

#[tokio::test]
async fn an_unlisted_device_is_made_and_logs_in_with_its_token_and_with_no_other() {
    let world = world(Registrants::Any, false).await;
    let ask = || async {
        let login = write_login(&id("new-1"), Wish::Token, SECRET, "2");
        let Ok(Entry::Grant(message)) = world.service.login(&login).await else { panic!("no grant") };
        match read_grant(&message.topic, &message.payload).unwrap().unwrap() {
            Grant::Token { client_id, token } => (client_id, token),
            Grant::Secret(_) => panic!("a secret"),
        }
    };
    // Twice, as if the power had gone between answer and flash: each pair is good.
    let (first, second) = (ask().await, ask().await);
    assert_eq!(world.service.devices(&key(), Page::first(10)).await.unwrap().len(), 1);
    let log_in = |client_id: &str, token: &str| {
        let login = registration::write_token_login(&id("new-1"), client_id, token, Transport::Tls);
        let service = world.service.clone();
        async move { service.login(&login).await.map(|_| ()) }
    };
    for (client_id, token) in [&first, &second] {
        assert_eq!(log_in(client_id, token).await, Ok(()));
    }
    for (client_id, token) in [(&first.0, &second.1), (&first.1, &first.0), (&first.0, &String::new())] {
        assert_eq!(log_in(client_id, token).await, Err(Refused::BadLogin), "{client_id} {token}");
    }
    let secret = world.store.device(&id("new-1")).await.unwrap().secret;
    assert_eq!(log_in(&first.0, secret.expose()).await, Err(Refused::BadLogin), "a secret is no token");
    world.service.connected(&id("new-1")).await;
    let again = write_login(&id("new-1"), Wish::Token, SECRET, "2");
    assert_eq!(world.service.login(&again).await.err(), Some(Refused::BadLogin));
}

#[tokio::test]
async fn a_registration_is_no_login_and_a_login_no_registration() {
    let mut world = world(Registrants::Listed, false).await;
    let pump = world.device("pump-1").await;
    let asked = write_login(&pump, Wish::Secret, SECRET, "1");
    assert!(matches!(world.service.login(&asked).await, Ok(Entry::Grant(_))));
    let own = aliyun::Device.write_login(&world.credentials(&pump), Transport::Plain);
    assert!(read_login(&own).unwrap().is_none());
    // The product's secret opens no session, and the device's own none for another name.
    let with_product = Credentials { id: pump.clone(), secret: SECRET.into() };
    let login = aliyun::Device.write_login(&with_product, Transport::Plain);
    assert_eq!(world.service.login(&login).await.err(), Some(Refused::BadLogin));
    assert!(world.service.device(&pump).await.unwrap().device.last_seen_at.is_none(), "it was not seen yet");
}

#[tokio::test]
async fn a_secret_that_a_stock_sdk_would_cut_or_misread_is_not_given() {
    let world = world(Registrants::Listed, false).await;
    for (name, secret) in [("long", "x".repeat(65)), ("quote", "a\"b".into()), ("slash", "a\\b".into())] {
        world.service.create_device(DeviceOrder::with_secret(id(name), Secret::new(secret))).await.unwrap();
        assert_eq!(refused(&world, &form(name, SECRET)).await.0, 409, "{name}");
    }
    world
        .service
        .create_device(DeviceOrder::with_secret(id("fits"), Secret::new("x".repeat(64))))
        .await
        .unwrap();
    assert!(world.service.register(&form("fits", SECRET)).await.is_ok());
}

/// Every line of the log, with its fields.
#[derive(Clone, Default)]
pub(super) struct Log(pub(super) Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut log = self.0.lock().unwrap();
        let mut field =
            |field: &tracing::field::Field, value: &dyn Debug| *log += &format!("{field}={value:?} ");
        event.record(&mut field);
        log.push('\n');
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

// On one thread, so that all of the log comes to this test's subscriber.
#[tokio::test]
async fn every_outcome_is_a_line_with_the_devices_name_and_no_line_has_a_secret() {
    let log = Log::default();
    // While there is only one, tracing asks the thread that first comes by a line, which may be another test's.
    let _another = tracing::Dispatch::new(log.clone());
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut world = world(Registrants::Listed, false).await;
    let pump = world.device("pump-1").await;
    let lines = || std::mem::take(&mut *log.0.lock().unwrap());
    let mut all = String::new();
    for (asked, says) in [
        (form("pump-1", SECRET), "pump-1 registered itself"),
        (form("pump-1", "guess"), "registration of a1Demo/pump-1 refused: it is not signed"),
        (form("nobody", SECRET), "registration of a1Demo/nobody refused: there is no such device"),
    ] {
        lines();
        let _ = world.service.register(&asked).await;
        let said = lines();
        assert!(said.contains(says), "{said}");
        all += &said;
    }
    let login = write_login(&pump, Wish::Token, SECRET, "2");
    let Ok(Entry::Grant(granted)) = world.service.login(&login).await else { panic!("no grant") };
    let Some(Grant::Token { token, .. }) = read_grant(&granted.topic, &granted.payload).unwrap() else {
        panic!("no token")
    };
    all += &lines();
    for secret in [SECRET, world.secrets[&pump].expose(), &token, &login.password] {
        assert!(!all.contains(secret), "{all}");
    }
}
