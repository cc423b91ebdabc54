//! The notice over MQTT, which says no more than "come and check" (onenet §6.1).

use otaru_fleet::TaskState;
use otaru_wire::dialect::onenet::inform;

use super::*;
use crate::gateway::Refused;

/// Logs in with the device's own signed text, made with this key.
async fn log_in(world: &World, device: &DeviceId, key: &str, expires_s: u64) -> Result<Entry, Refused> {
    let resource = Resource::Device(device.clone());
    let claim = Claim { edition: Edition::E2018, resource, expires_s, method: Method::Sha256 };
    let login = inform::write_login(device, &claim, &AccessKey::from_base64(key).unwrap());
    world.service.login(&login).await
}

async fn connected(world: &World, device: &DeviceId) -> Admitted {
    let Ok(Entry::Session(admitted)) = log_in(world, device, PRODUCT_KEY, u64::MAX).await else {
        panic!("the login is refused")
    };
    world.wire.connected.lock().unwrap().insert(device.clone());
    world.service.connected(device).await;
    admitted
}

/// The numbers of the notices that the device was sent since the last look.
fn informed(world: &World, device: &DeviceId) -> Vec<String> {
    let sent = world.wire.sent.lock().unwrap().remove(device).unwrap_or_default();
    let read = |message: Message| {
        assert_eq!(message.topic, inform::topic(device));
        inform::read(&message.payload).unwrap()
    };
    sent.into_iter().map(read).collect()
}

#[tokio::test]
async fn a_login_is_taken_by_either_key_until_it_expires() {
    let mut world = platform().await;
    let device = world.device("meter-01").await;
    let now_s = world.now.load(Ordering::SeqCst) / 1000;
    let own = world.secrets[&device].expose().to_owned();
    for key in [own.as_str(), PRODUCT_KEY] {
        assert!(log_in(&world, &device, key, now_s).await.is_ok());
        assert_eq!(log_in(&world, &device, key, now_s - 1).await.err(), Some(Refused::BadLogin));
    }
    assert_eq!(log_in(&world, &device, "b3RoZXI=", now_s).await.err(), Some(Refused::BadLogin));
    assert_eq!(log_in(&world, &id("meter-02"), PRODUCT_KEY, now_s).await.err(), Some(Refused::BadLogin));
}

#[tokio::test]
async fn a_device_is_told_to_come_and_check_when_a_campaign_starts_and_when_it_connects() {
    let mut world = platform().await;
    let device = world.device("meter-01").await;
    connected(&world, &device).await;
    assert_eq!(informed(&world, &device), [""; 0], "there is nothing to check");
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let first = informed(&world, &device);
    assert_eq!(first.len(), 1);
    assert_eq!(world.task(campaign, &device).await.state, TaskState::Notified);
    world.disconnect(&device);
    world.pass(Duration::from_secs(1));
    connected(&world, &device).await;
    let second = informed(&world, &device);
    assert_eq!(second.len(), 1);
    assert_ne!(first, second, "each notice has a number of its own");
}

#[tokio::test]
async fn a_notice_that_nobody_replies_to_within_20_s_is_noted_once_and_changes_nothing() {
    let mut world = platform().await;
    let device = world.device("meter-01").await;
    connected(&world, &device).await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let told = world.task(campaign, &device).await;
    world.pass(Duration::from_secs(19));
    assert_eq!(world.service.look_for_silence(), 0);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.service.look_for_silence(), 1);
    assert_eq!(world.service.look_for_silence(), 0, "once");
    assert_eq!(world.task(campaign, &device).await, told);
}

#[tokio::test]
async fn a_reply_is_taken_and_so_is_a_device_that_left() {
    let mut world = platform().await;
    let device = world.device("meter-01").await;
    let admitted = connected(&world, &device).await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let number = informed(&world, &device).remove(0);
    world.publish(&admitted, inform::write_reply(&device, &number)).await;
    world.pass(Duration::from_secs(21));
    assert_eq!(world.service.look_for_silence(), 0);
    assert_eq!(world.task(campaign, &device).await.state, TaskState::Notified, "it is told, no more");

    world.disconnect(&device);
    connected(&world, &device).await;
    assert_eq!(informed(&world, &device).len(), 1);
    world.disconnect(&device);
    world.pass(Duration::from_secs(21));
    assert_eq!(world.service.look_for_silence(), 0, "nobody is there to reply");
}
