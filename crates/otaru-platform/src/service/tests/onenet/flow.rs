//! Whole updates of each generation, what the operator sees of them, and what is told to the letter.

use otaru_fleet::{CampaignState, Hold, Rigor, Stage, TaskState};

use super::*;

/// Source: onenet §8, §7.2: what the vendor's two C SDKs do.
#[tokio::test(start_paused = true)]
async fn a_device_of_each_generation_is_taken_from_its_version_to_the_new_one() {
    for generation in Generation::ALL {
        let mut world = platform().await;
        let meter = world.device("700100200").await;
        let done = world.asks(generation, &meter, &Ask::Version(Versions::one(Kind::Sota, v("1.0.0")))).await;
        assert_eq!(done, Reply::Done);
        assert_eq!(world.asks(generation, &meter, &check("1.0.0")).await, Reply::Refused(Refusal::NoTask));
        let campaign = world.campaign(world.package("2.0.0", "default").await).await;
        let task = world.offered(generation, &meter).await;
        assert_eq!((task.target.as_str(), task.size, task.delta), ("2.0.0", 9, false));
        let told = world.task(campaign, &meter).await;
        assert_eq!(told.source_version, Some(v("1.0.0")));
        assert!(told.state == TaskState::Notified && told.answered_at.is_some(), "who asks has answered");

        let handle = task.handle();
        let mut fetched = 0;
        for first in [0, 4, 8] {
            let ask = Ask::TaskCheck(handle.clone());
            assert!(matches!(world.asks(generation, &meter, &ask).await, Reply::Done | Reply::Status(_)));
            let range = Some(RangeRequest::From { first, last: Some(first + 3) });
            let ask = Ask::Download { task: handle.clone(), range };
            let served = world.service.onenet(&world.question(generation, &meter, &ask)).await;
            let Served::File(piece) = served else { panic!("{served:?}") };
            assert_eq!((piece.head.status, piece.range.start), (206, first));
            fetched += piece.range.len();
        }
        assert_eq!(fetched, 9, "the last piece is cut at the end of the file");
        for number in [50, 101, 201] {
            let step = Step::from_number(number).unwrap();
            let said = world.asks(generation, &meter, &Ask::Step { task: handle.clone(), step }).await;
            assert_eq!(said, Reply::Done, "{number}");
        }
        let done = world.task(campaign, &meter).await;
        assert_eq!((done.state, done.progress, done.reason), (TaskState::Succeeded, 100, None));
        let campaign = world.service.campaign(campaign).await.unwrap().campaign;
        assert_eq!(campaign.state, CampaignState::Ended);
        // 201 is as good as the report: the platform knows what runs, and says so.
        let versions = Versions::one(Kind::Sota, v("2.0.0"));
        assert_eq!(world.asks(generation, &meter, &Ask::Versions).await, Reply::Versions(versions));
        let again = world.asks(generation, &meter, &check("2.0.0")).await;
        assert_eq!(
            again,
            Reply::Refused(match generation {
                Generation::Fuse => Refusal::AlreadyThere,
                _ => Refusal::NoTask, // they have one number for both
            })
        );
    }
}

/// Source: onenet §2.4.
#[tokio::test(start_paused = true)]
async fn a_task_is_told_to_the_letter() {
    let mut world = platform().await;
    let meter = world.device("700100200").await;
    world.campaign(world.package("2.0.0", "default").await).await;
    let answer = world.serve(&world.question(Generation::Token, &meter, &check("1.0.0"))).await;
    let (before, rest) = body(&answer).split_once("ota_").unwrap();
    assert_eq!(before, r#"{"errno":0,"error":"succ","data":{"target":"2.0.0","token":""#);
    assert!(rest[..20].bytes().all(|b| b.is_ascii_alphanumeric()), "{rest}");
    let told = r#"","size":9,"md5":"25f9e794323b453885f5181f1b624d0b","signal":0,"power":0,"retry":20,"interval":10,"type":1}}"#;
    assert_eq!(&rest[20..], told);
    for (generation, want) in [
        (
            Generation::Tid,
            r#"{"errno":0,"error":"succ","data":{"target":"2.0.0","tid":1,"size":9,"md5":"25f9e794323b453885f5181f1b624d0b","status":1,"type":1}}"#,
        ),
        (
            Generation::Fuse,
            r#"{"code":0,"msg":"succ","data":{"target":"2.0.0","tid":1,"size":9,"md5":"25f9e794323b453885f5181f1b624d0b","status":1,"type":1},"request_id":}"#,
        ),
    ] {
        assert_eq!(envelope(&world.serve(&world.question(generation, &meter, &check("1.0.0"))).await), want);
    }
    let tid = Ask::TaskCheck(Handle::Tid(1));
    let status = world.serve(&world.question(Generation::Tid, &meter, &tid)).await;
    assert_eq!(envelope(&status), r#"{"errno":0,"error":"succ","data":{"status":1}}"#);
    let done = Ask::Step { task: Handle::Tid(1), step: Step::Upgraded };
    world.asks(Generation::Fuse, &meter, &done).await;
    for (ask, want) in [
        (&tid, r#"{"code":20,"msg":"task finish","request_id":}"#),
        (&check("1.0.0"), r#"{"code":12012,"msg":"not exist","request_id":}"#),
        (&check("2.0.0"), r#"{"code":12013,"msg":"task succ","request_id":}"#),
    ] {
        assert_eq!(envelope(&world.serve(&world.question(Generation::Fuse, &meter, ask)).await), want);
    }
}

/// Source: onenet §2.3: the two types of firmware are compared with a version each.
#[tokio::test(start_paused = true)]
async fn modem_and_application_are_updated_apart() {
    let mut world = platform().await;
    let meter = world.device("meter-01").await;
    world.campaign(world.package("7.1", "modem").await).await;
    let fota =
        |running| Ask::Check(Check { kind: Kind::Fota, running: v(running), hardware: Hardware::default() });
    assert_eq!(world.asks(Generation::Tid, &meter, &check("1.0.0")).await, Reply::Refused(Refusal::NoTask));
    let Reply::Task(task) = world.asks(Generation::Tid, &meter, &fota("7.0")).await else {
        panic!("no task")
    };
    assert_eq!(task.target, v("7.1"));
    let report = Ask::Version(Versions { fota: Some(v("7.1")), sota: Some(v("1.0.0")) });
    assert_eq!(world.asks(Generation::Tid, &meter, &report).await, Reply::Done);
    assert_eq!(world.asks(Generation::Tid, &meter, &fota("7.1")).await, Reply::Refused(Refusal::NoTask));
}

#[tokio::test(start_paused = true)]
async fn a_check_with_the_target_ends_the_task() {
    for generation in Generation::ALL {
        let mut world = platform().await;
        let meter = world.device("700100200").await;
        let campaign = world.campaign(world.package("2.0.0", "default").await).await;
        world.offered(generation, &meter).await;
        let answer = world.serve(&world.question(generation, &meter, &check("2.0.0"))).await;
        let number = Refusal::AlreadyThere.number(generation);
        assert!(body(&answer).contains(&format!(":{number},")), "{}", body(&answer));
        assert_eq!(world.task(campaign, &meter).await.state, TaskState::Succeeded);
    }
}

#[tokio::test(start_paused = true)]
async fn the_devices_own_number_stays_in_the_tasks_history() {
    for (number, reason) in [
        (102, "writing failed (-4): step 102: no storage space"),
        (106, "download failed (-2): step 106: the signal is too weak"),
        (205, "digest did not match (-3): step 205: the MD5 does not match"),
        (207, "upgrade failed (-1): step 207: every try is spent"),
    ] {
        let mut world = platform().await;
        let meter = world.device("meter-01").await;
        let campaign = world.campaign(world.package("2.0.0", "default").await).await;
        let task = world.offered(Generation::Fuse, &meter).await.handle();
        let step = Step::from_number(number).unwrap();
        assert_eq!(world.asks(Generation::Fuse, &meter, &Ask::Step { task, step }).await, Reply::Done);
        let failed = world.task(campaign, &meter).await;
        assert_eq!((failed.state, failed.reason.as_deref()), (TaskState::Failed, Some(reason)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_offered_again_when_its_time_has_come_and_not_before() {
    for generation in Generation::ALL {
        let mut world = platform().await;
        let meter = world.device("700100200").await;
        let package = world.package("2.0.0", "default").await;
        let rules = Rules { retries: 1, retry_interval: Duration::from_secs(600), ..Rules::default() };
        let order = NewCampaign { rules, ..NewCampaign::over_all(package) };
        let campaign = world.service.create_campaign(order).await.unwrap().campaign.id;
        let task = world.offered(generation, &meter).await.handle();
        let failed = Ask::Step { task: task.clone(), step: Step::from_number(104).unwrap() };
        assert_eq!(world.asks(generation, &meter, &failed).await, Reply::Done);
        // What repeats the failure, or goes on all the same, is over and uses up nothing.
        let repeated = world.task(campaign, &meter).await;
        for ask in [&failed, &Ask::TaskCheck(task.clone())] {
            assert_eq!(world.asks(generation, &meter, ask).await, Reply::Refused(Refusal::Finished));
        }
        let file = Ask::Download { task: task.clone(), range: None };
        let served = world.service.onenet(&world.question(generation, &meter, &file)).await;
        assert!(matches!(served, Served::Answer(_)), "{served:?}");
        assert_eq!(world.asks(generation, &meter, &check("1.0.0")).await, Reply::Refused(Refusal::NoTask));
        assert_eq!(world.task(campaign, &meter).await.attempt, repeated.attempt);
        world.pass(Duration::from_secs(600));
        world.service.meet_deadlines().await.unwrap();
        assert_eq!(world.offered(generation, &meter).await.handle(), task, "it is the same task");
        let second = world.task(campaign, &meter).await;
        assert_eq!((second.attempt, second.stage()), (2, Some(Stage::Waiting)));
        assert_eq!(world.asks(generation, &meter, &failed).await, Reply::Done);
        assert_eq!(world.task(campaign, &meter).await.state, TaskState::Failed);
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_not_begun_when_the_validity_ends_is_not_offered_any_more() {
    let mut world = platform().await;
    let meter = world.device("meter-01").await;
    let package = world.package("2.0.0", "default").await;
    let rules = Rules { valid_for: Some(Rules::MIN_VALIDITY), ..Rules::default() };
    let order = NewCampaign { rules, ..NewCampaign::over_all(package) };
    world.service.create_campaign(order).await.unwrap();
    let task = world.offered(Generation::Fuse, &meter).await.handle();
    world.pass(Rules::MIN_VALIDITY);
    assert_eq!(world.asks(Generation::Fuse, &meter, &check("1.0.0")).await, Reply::Refused(Refusal::NoTask));
    world.service.meet_deadlines().await.unwrap();
    let late = Ask::TaskCheck(task);
    assert_eq!(world.asks(Generation::Fuse, &meter, &late).await, Reply::Refused(Refusal::Finished));
}

/// Source: onenet §6: the FAQ's order as an option.
#[tokio::test(start_paused = true)]
async fn steps_may_be_left_out_unless_order_is_asked_for() {
    for generation in Generation::ALL {
        let mut world = platform_with(Options { rigor: Rigor::Strict, ..Options::default() }).await;
        let meter = world.device("700100200").await;
        let campaign = world.campaign(world.package("2.0.0", "default").await).await;
        let task = world.offered(generation, &meter).await.handle();
        let says = async |number| {
            let ask = Ask::Step { task: task.clone(), step: Step::from_number(number).unwrap() };
            world.asks(generation, &meter, &ask).await
        };
        let refused = Reply::Refused(Refusal::NotNow);
        assert_eq!(says(201).await, refused, "it has not even fetched");
        assert_eq!(says(10).await, refused);
        let file = Ask::Download { task: task.clone(), range: None };
        assert!(matches!(
            world.service.onenet(&world.question(generation, &meter, &file)).await,
            Served::File(_)
        ));
        assert_eq!(says(60).await, Reply::Done);
        assert_eq!(says(50).await, refused);
        assert_eq!(says(201).await, refused);
        assert_eq!(says(101).await, Reply::Done);
        assert_eq!(says(201).await, Reply::Done);
        assert_eq!(world.task(campaign, &meter).await.state, TaskState::Succeeded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_percentage_below_the_last_one_is_heard_and_undoes_nothing() {
    let mut world = platform().await;
    let meter = world.device("meter-01").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let task = world.offered(Generation::Tid, &meter).await.handle();
    for percent in [60, 10, 70, 70, 20] {
        let ask = Ask::Step { task: task.clone(), step: Step::Percent(percent) };
        assert_eq!(
            world.asks(Generation::Tid, &meter, &ask).await,
            Reply::Done,
            "it lost its power and began anew"
        );
    }
    assert_eq!(world.task(campaign, &meter).await.progress, 70);
}

#[tokio::test(start_paused = true)]
async fn an_operator_sees_what_the_task_waits_for() {
    let mut world = platform().await;
    let meter = world.device("meter-01").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let hold = async || {
        let tasks = world.service.tasks(campaign, None, Page::first(1)).await.unwrap();
        tasks[0].hold.clone()
    };
    assert_eq!(hold().await, Some(Hold::Question { last_seen_at: None }));
    let task = world.offered(Generation::Tid, &meter).await.handle();
    assert!(matches!(hold().await, Some(Hold::Begin { .. })));
    world.asks(Generation::Tid, &meter, &Ask::Step { task: task.clone(), step: Step::Percent(30) }).await;
    assert!(matches!(hold().await, Some(Hold::Download { progress: 30, deadline: Some(_) })));
    world.asks(Generation::Tid, &meter, &Ask::Step { task, step: Step::Downloaded }).await;
    assert!(matches!(hold().await, Some(Hold::VersionReport { .. })));
}

#[tokio::test]
async fn a_package_that_devices_cannot_be_told_of_is_refused_when_it_is_made() {
    let world = platform().await;
    let order = world.order("2.0.0").await;
    let long = v(&"9".repeat(32));
    let (name, id) = order.files[0].clone();
    for (order, want) in [
        (PackageOrder { module: Module::new("mcu").unwrap(), ..order.clone() }, "no module mcu"),
        (PackageOrder { over: Over::Mqtt, ..order.clone() }, "over HTTP only"),
        (PackageOrder { extra: Some("{}".into()), ..order.clone() }, "no extra data"),
        (PackageOrder { version: long, ..order.clone() }, "has 32 bytes"),
        (PackageOrder { files: vec![(name, id), ("b.bin".into(), id)], ..order.clone() }, "2 files"),
    ] {
        let refused = world.service.create_package(order).await.unwrap_err();
        assert!(
            matches!(refused, ServiceError::Untellable { .. }) && refused.to_string().contains(want),
            "{refused}"
        );
    }
    for module in ["default", "modem"] {
        world.package("2.0.0", module).await;
    }
}

#[tokio::test]
async fn a_full_disk_is_told_as_the_platforms_own_fault_and_the_next_check_holds() {
    let mut world = platform().await;
    let mut meters = Vec::new();
    for number in 0..200 {
        meters.push(world.device(&format!("7001{number:05}")).await);
    }
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    world.store.fill_disk(true).await;
    let mut refused = Vec::new();
    for meter in &meters {
        match world.asks(Generation::Token, meter, &check("1.0.0")).await {
            Reply::Refused(Refusal::Internal) => refused.push(meter),
            told => assert!(matches!(told, Reply::Task(_)), "{told:?}"),
        }
    }
    assert!(!refused.is_empty(), "the disk was never full");
    world.store.fill_disk(false).await;
    for meter in refused {
        assert_eq!(world.task(campaign, meter).await.state, TaskState::Queued, "told and not told");
        world.offered(Generation::Token, meter).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn steps_that_race_never_move_a_task_backwards() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let location = Location::File(folder.path().join("otaru.db"));
    let mut world = World::open(folder, location);
    let order =
        ProductOrder { secret: Some(Secret::new(PRODUCT_KEY)), ..ProductOrder::new(key(), Dialect::Onenet) };
    world.service.create_product(order).await.unwrap();
    let meter = world.device("meter-01").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let task = world.offered(Generation::Tid, &meter).await.handle();
    let world = Arc::new(world);
    let race: Vec<_> = [50, 101, 201, 30, 205, 60, 101, 201, 104, 10]
        .into_iter()
        .map(|number| {
            let (world, meter, task) = (Arc::clone(&world), meter.clone(), task.clone());
            tokio::spawn(async move {
                let step = Step::from_number(number).unwrap();
                let before = world.task(campaign, &meter).await;
                let said = world.asks(Generation::Tid, &meter, &Ask::Step { task, step }).await;
                let after = world.task(campaign, &meter).await;
                assert!(after.stage() >= before.stage(), "{number}: {before:?} -> {after:?}");
                (number, said)
            })
        })
        .collect();
    let mut ended = 0;
    for said in race {
        let (number, said) = said.await.unwrap();
        ended += usize::from(number > 101 && said == Reply::Done);
    }
    assert_eq!(ended, 1, "a task ends once");
    assert!(world.task(campaign, &meter).await.state.is_end());
}
