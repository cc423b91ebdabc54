//! A campaign's rules: attempts, answers and validity, on a virtual clock.

use otaru_fleet::{CampaignState, Hold, Patience, TaskState};
use otaru_wire::{Failure, MessageId};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);

/// Two more attempts, half an hour after a failure.
fn retries() -> Rules {
    Rules { retries: 2, retry_interval: MINUTE * 30, ..Rules::default() }
}

fn answers_in(seconds: u64) -> Rules {
    Rules { patience: Patience::For(Duration::from_secs(seconds)), ..Rules::default() }
}

impl World {
    /// A campaign with these rules, of which connected devices have been told.
    async fn ruled(&self, rules: Rules) -> CampaignId {
        let order = NewCampaign { rules, ..NewCampaign::over_all(self.package("2.0.0", "default").await) };
        let campaign = self.service.create_campaign(order).await.unwrap().campaign.id;
        self.service.drained().await;
        campaign
    }

    async fn hold(&self, task: &Task) -> Option<Hold> {
        self.service.task(task.id).await.unwrap().hold
    }

    async fn ask(&self, session: &Admitted) {
        self.report(session, Report::Query { module: Module::default(), running: None, wanted: None }).await;
    }
}

#[tokio::test]
async fn a_failed_attempt_is_followed_by_a_fresh_notice_after_the_interval() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    let campaign = world.ruled(retries()).await;
    let first = world.notice(&pump);
    world.report_step(&session, Step::Percent(60)).await;
    world.report_step(&session, Step::Failed(Failure::Download)).await;
    let task = world.task(campaign, &pump).await;
    assert_eq!((task.state, task.attempt), (TaskState::Queued, 2));
    let at = Timestamp(world.now.load(Ordering::SeqCst)) + MINUTE * 30;
    assert_eq!(world.hold(&task).await, Some(Hold::Retry { at, attempt: 2, of: 3 }));

    // Whatever the device does meanwhile, it is not told before its time.
    world.pass(MINUTE * 29);
    assert_eq!(world.service.meet_deadlines().await, Ok(0));
    world.report_version(&session, "1.0.0").await;
    world.ask(&session).await;
    world.disconnect(&pump);
    let session = world.connect(&pump).await;
    assert_eq!(world.heard(&pump), [Downlink::NoTask], "the answer to its question");

    world.pass(MINUTE);
    assert_eq!(world.service.meet_deadlines().await, Ok(1));
    let running = tokio::spawn({
        let service = world.service.clone();
        async move { service.run().await }
    });
    // That it is told stands in the store before it is told.
    let mut heard = Vec::new();
    troubles::until(async || {
        heard.extend(world.heard(&pump));
        !heard.is_empty()
    })
    .await;
    let [Downlink::Notice(again)] = heard.as_slice() else { panic!("heard {heard:?}") };
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Notified);
    assert!(again.same_offer(&first));
    assert_ne!(again.files[0].source, first.files[0].source, "with fresh links");
    world.report_version(&session, "2.0.0").await;
    let done = world.task(campaign, &pump).await;
    assert_eq!((done.state, done.attempt, done.reason), (TaskState::Succeeded, 2, None));
    world.service.stop();
    running.await.unwrap();
}

#[tokio::test]
async fn the_last_attempt_that_fails_ends_the_task_and_repeats_of_one_failure_count_once() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let campaign = world.ruled(Rules { retries: 1, ..Rules::default() }).await;
    let session = world.connect(&pump).await;
    for _ in 0..3 {
        world.report_step(&session, Step::Failed(Failure::Write)).await;
    }
    assert_eq!(world.task(campaign, &pump).await.attempt, 2);
    // Offline when its time comes: told as it connects, and what it repeats before that counts for nothing.
    world.disconnect(&pump);
    world.pass(Rules::QUIET);
    assert_eq!(world.service.meet_deadlines().await, Ok(1));
    world.report_step(&session, Step::Failed(Failure::Write)).await;
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Queued);
    world.heard(&pump);
    let session = world.connect(&pump).await;
    assert_eq!(world.notice(&pump).version, v("2.0.0"));
    world.report_step(&session, Step::Failed(Failure::Write)).await;
    let failed = world.task(campaign, &pump).await;
    assert_eq!((failed.state, failed.attempt), (TaskState::Failed, 2));
    assert_eq!(world.service.campaign(campaign).await.unwrap().campaign.state, CampaignState::Ended);
}

#[tokio::test]
async fn a_push_that_is_not_answered_uses_up_an_attempt() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    world.connect(&pump).await;
    let campaign = world.ruled(Rules { retries: 1, ..answers_in(10) }).await;
    assert_eq!(world.heard(&pump).len(), 1);
    world.pass(Duration::from_secs(9));
    assert_eq!(world.service.meet_deadlines().await, Ok(0));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.service.meet_deadlines().await, Ok(1));
    let task = world.task(campaign, &pump).await;
    assert_eq!((task.state, task.attempt), (TaskState::Queued, 2));
    world.pass(Rules::QUIET);
    assert_eq!(world.service.meet_deadlines().await, Ok(1));
    world.service.tell_all(&pump).await.unwrap();
    world.pass(Duration::from_secs(10));
    assert_eq!(world.service.meet_deadlines().await, Ok(1));
    let failed = world.task(campaign, &pump).await;
    assert_eq!(failed.state, TaskState::Failed);
    assert!(failed.reason.unwrap().starts_with("push failed"));
}

#[tokio::test]
async fn whatever_a_device_says_of_the_module_answers_the_push() {
    let mut world = World::new().await;
    let pumps = [world.device("acks").await, world.device("asks").await, world.device("tells").await];
    let mut sessions = Vec::new();
    for pump in &pumps {
        sessions.push(world.connect(pump).await);
        world.report_version(sessions.last().unwrap(), "1.0.0").await;
    }
    let campaign = world.ruled(answers_in(10)).await;
    // Aliyun has no word for it, so the report comes past the wire.
    let ack = Report::NoticeTaken { push: MessageId::Number(1), code: 200 };
    let uplink =
        otaru_wire::dialect::Uplink { device: pumps[0].clone(), id: MessageId::Number(2), report: ack };
    world.service.act("acks", &uplink).await.unwrap();
    world.ask(&sessions[1]).await;
    world.report_version(&sessions[2], "1.0.0").await;
    world.pass(MINUTE);
    assert_eq!(world.service.meet_deadlines().await, Ok(0));
    for pump in &pumps {
        let task = world.task(campaign, pump).await;
        assert_eq!(task.state, TaskState::Notified);
        assert!(matches!(world.hold(&task).await, Some(Hold::Begin { .. })), "{pump}");
    }
}

#[tokio::test]
async fn a_device_that_fetches_has_answered_and_nobody_can_answer_for_another() {
    let mut world = World::new().await;
    let (pump, other) = (world.device("pump-1").await, world.device("pump-2").await);
    let sessions = [world.connect(&pump).await, world.connect(&other).await];
    let campaign = world.ruled(Rules { retries: 1, ..answers_in(10) }).await;
    let tasks = [world.task(campaign, &pump).await.id, world.task(campaign, &other).await.id];
    let fetch = async |who: &Admitted, task| {
        world.service.grant_file(&crate::links::Grant::file(who.device.clone(), task, 0)).await
    };
    assert!(fetch(&sessions[0], tasks[1]).await.is_err());
    assert_eq!(world.task(campaign, &other).await.answered_at, None);
    fetch(&sessions[0], tasks[0]).await.unwrap();
    world.pass(Duration::from_secs(10));
    assert_eq!(world.service.meet_deadlines().await, Ok(1));
    let attempts = [world.task(campaign, &pump).await.attempt, world.task(campaign, &other).await.attempt];
    assert_eq!(attempts, [1, 2]);
}

#[tokio::test]
async fn a_campaign_ends_with_its_validity_but_what_has_begun_goes_on() {
    let mut world = World::new().await;
    let begun = world.device("begun").await;
    let told = world.device("told").await;
    let away = world.device("away").await;
    let sessions = [world.connect(&begun).await, world.connect(&told).await];
    let rules = Rules { valid_for: Some(DAY), timeout: DAY * 2, ..retries() };
    let campaign = world.ruled(rules).await;
    world.pass(DAY - MINUTE);
    world.report_step(&sessions[0], Step::Percent(5)).await;
    world.pass(MINUTE);
    for device in [&begun, &told] {
        world.heard(device);
    }
    world.connect(&away).await;
    world.report_version(&sessions[1], "1.0.0").await;
    assert_eq!((world.heard(&away), world.heard(&told)), (vec![], vec![]), "nothing is pushed, swept or not");

    assert_eq!(world.service.meet_deadlines().await, Ok(2));
    for device in [&told, &away] {
        let task = world.task(campaign, device).await;
        assert_eq!(task.state, TaskState::Failed);
        assert!(task.reason.unwrap().contains("validity"));
    }
    assert_eq!(world.service.campaign(campaign).await.unwrap().campaign.state, CampaignState::Running);
    world.ask(&sessions[0]).await;
    assert_eq!(world.notice(&begun).version, v("2.0.0"), "fresh links for what has begun");
    world.report_step(&sessions[0], Step::Failed(Failure::Upgrade)).await;
    assert_eq!(world.task(campaign, &begun).await.state, TaskState::Failed, "no attempt after the validity");
    assert_eq!(world.service.campaign(campaign).await.unwrap().campaign.state, CampaignState::Ended);
}

#[tokio::test]
async fn the_platform_keeps_every_deadline_by_itself_and_after_a_restart() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let location = Location::File(folder.path().join("otaru.db"));
    let mut world = World::open(Arc::clone(&folder), location.clone());
    world.service.create_product(ProductOrder::new(key(), Dialect::Aliyun)).await.unwrap();
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    let rules = Rules { retries: 1, valid_for: Some(DAY), ..answers_in(10) };
    let campaign = world.ruled(rules).await;
    world.report_step(&session, Step::Failed(Failure::Digest)).await;
    let before = world.task(campaign, &pump).await;
    assert_eq!(before.attempt, 2);
    drop((world, session));

    let world = World::open(folder, location);
    assert_eq!(world.task(campaign, &pump).await, before);
    world.wire.connected.lock().unwrap().insert(pump.clone());
    let running = tokio::spawn({
        let service = world.service.clone();
        async move { service.run().await }
    });
    // Each step of the clock is one deadline: the attempt begins, is told, is not answered.
    for state in [TaskState::Notified, TaskState::Failed] {
        world.pass(Duration::from_secs(10));
        world.service.inner.alarm.ring();
        troubles::until(async || world.task(campaign, &pump).await.state == state).await;
    }
    world.service.stop();
    running.await.unwrap();
}

#[tokio::test]
async fn no_attempt_is_used_up_by_the_clock_right_after_a_start() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut world = World::with(folder, Location::Memory, Duration::from_secs(3600));
    world.service.create_product(ProductOrder::new(key(), Dialect::Aliyun)).await.unwrap();
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    let campaign = world.ruled(answers_in(10)).await;
    world.pass(DAY);
    let running = tokio::spawn({
        let service = world.service.clone();
        async move { service.run().await }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    world.report_step(&session, Step::Percent(1)).await;
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::InProgress);
    world.service.stop();
    running.await.unwrap();
}

#[tokio::test]
async fn a_canceled_campaign_tries_nothing_again() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let campaign = world.ruled(retries()).await;
    let session = world.connect(&pump).await;
    world.report_step(&session, Step::Failed(Failure::Download)).await;
    world.heard(&pump);
    assert_eq!(world.service.cancel_campaign(campaign).await.unwrap(), 1);
    world.pass(MINUTE * 30);
    assert_eq!(world.service.meet_deadlines().await, Ok(0));
    world.report_version(&session, "1.0.0").await;
    assert_eq!(world.heard(&pump), []);
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Canceled);
}
