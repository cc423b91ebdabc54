//! Tokens and tids: given, given again, run out, and of somebody else.

use super::*;

const TWO_DAYS: Duration = Duration::from_secs(Token::LIFE_S);

fn step(task: &Handle, number: i128) -> Ask {
    Ask::Step { task: task.clone(), step: Step::from_number(number).unwrap() }
}

/// Source: onenet §6: one live token for each task and device.
#[tokio::test(start_paused = true)]
async fn a_token_is_given_again_for_two_days_and_then_another() {
    let mut world = platform().await;
    let meter = world.device("700100200").await;
    world.campaign(world.package("2.0.0", "default").await).await;
    let first = world.offered(Generation::Token, &meter).await.handle();
    world.pass(TWO_DAYS - Duration::from_secs(1));
    assert_eq!(world.offered(Generation::Token, &meter).await.handle(), first);
    let Reply::Task(running) =
        world.asks(Generation::Token, &meter, &Ask::Running { kind: Kind::Sota, cdn: false }).await
    else {
        panic!("no task")
    };
    assert_eq!(running.handle(), first);

    world.pass(Duration::from_secs(1));
    let expired = Reply::Refused(Refusal::Expired);
    let running = Ask::Running { kind: Kind::Sota, cdn: false };
    for ask in [&Ask::TaskCheck(first.clone()), &step(&first, 50), &running] {
        assert_eq!(world.asks(Generation::Token, &meter, ask).await, expired, "{ask:?}");
    }
    let second = world.offered(Generation::Token, &meter).await.handle();
    assert_ne!(second, first);
    assert_eq!(world.asks(Generation::Token, &meter, &Ask::TaskCheck(second.clone())).await, Reply::Done);
    assert_eq!(
        world.asks(Generation::Token, &meter, &Ask::TaskCheck(first)).await,
        expired,
        "still known as old"
    );
    assert_eq!(world.asks(Generation::Token, &meter, &step(&second, 201)).await, Reply::Done);
}

#[tokio::test(start_paused = true)]
async fn a_task_of_another_device_and_one_that_there_is_not_are_refused_alike_and_late() {
    for generation in Generation::ALL {
        let mut world = platform().await;
        let meter = world.device("700100200").await;
        let other = world.device("700100201").await;
        world.campaign(world.package("2.0.0", "default").await).await;
        let foreign = world.offered(generation, &other).await.handle();
        let unknown = match generation {
            Generation::Token => Handle::Token(Token::new("ota_AAAAAAAAAAAAAAAAAAAA").unwrap()),
            _ => Handle::Tid(u32::MAX),
        };
        let before = world.store.dump().await;
        for handle in [foreign, unknown] {
            for ask in [Ask::TaskCheck(handle.clone()), step(&handle, 50), step(&handle, 201)] {
                let began = tokio::time::Instant::now();
                let said = world.asks(generation, &meter, &ask).await;
                assert_eq!(said, Reply::Refused(Refusal::ForeignTask), "{ask:?}");
                assert!(began.elapsed() >= Duration::from_secs(1), "whoever guesses waits");
            }
            if let Handle::Token(token) = &handle {
                let result = Ask::Result { token: token.clone(), step: Step::Upgraded };
                let said = world.asks(generation, &meter, &result).await;
                assert_eq!(said, Reply::Refused(Refusal::NotAuthentic), "onenet §4.1: 1 on `report`");
            }
        }
        assert_eq!(world.store.dump().await, before);
    }
}

#[tokio::test(start_paused = true)]
async fn no_device_fetches_anothers_file() {
    for generation in Generation::ALL {
        let mut world = platform().await;
        let meter = world.device("700100200").await;
        let other = world.device("700100201").await;
        world.campaign(world.package("2.0.0", "default").await).await;
        let foreign = world.offered(generation, &other).await.handle();
        let ask = Ask::Download { task: foreign.clone(), range: None };
        let wrong = match generation {
            // A proof beside a token must be of the token's own device.
            Generation::Token => {
                let own = proof(&world, Resource::Device(meter.clone()), world.secrets[&meter].expose());
                ask.write(generation, &other, &own).unwrap()
            }
            _ => world.question(generation, &meter, &ask),
        };
        let answer = world.serve(&wrong).await;
        let want = match generation {
            Generation::Token => DownloadRefusal::NotAuthentic,
            _ => DownloadRefusal::NoFile,
        };
        assert_eq!(refused_download(generation, &answer), want.number(generation));
        let unknown = match generation {
            Generation::Token => Handle::Token(Token::new("ota_guess").unwrap()),
            _ => Handle::Tid(4711),
        };
        let ask = Ask::Download { task: unknown, range: None };
        let answer = world.serve(&world.question(generation, &meter, &ask)).await;
        assert_eq!(refused_download(generation, &answer), want.number(generation));
    }
}

/// Source: onenet §2.1: a download is shown without `Authorization`, too.
#[tokio::test(start_paused = true)]
async fn a_token_alone_fetches_a_file_until_it_runs_out() {
    let mut world = platform().await;
    let meter = world.device("700100200").await;
    world.campaign(world.package("2.0.0", "default").await).await;
    let token = world.offered(Generation::Token, &meter).await.handle();
    let ask = Ask::Download { task: token, range: None };
    let mut call = world.question(Generation::Token, &meter, &ask);
    call.headers.0.retain(|(name, _)| name != "Authorization");
    assert!(matches!(world.service.onenet(&call).await, Served::File(_)));
    world.pass(TWO_DAYS);
    let answer = world.serve(&call).await;
    assert_eq!(
        refused_download(Generation::Token, &answer),
        DownloadRefusal::NotAuthentic.number(Generation::Token)
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_had_is_refused_in_a_form_that_nobody_takes_for_it() {
    for generation in Generation::ALL {
        let mut world = platform().await;
        let meter = world.device("700100200").await;
        world.campaign(world.package("2.0.0", "default").await).await;
        let task = world.offered(generation, &meter).await.handle();
        let ask = Ask::Download { task, range: None };
        let Served::File(piece) = world.service.onenet(&world.question(generation, &meter, &ask)).await
        else {
            panic!("refused")
        };
        let answer = piece.refused(DownloadRefusal::Unobtainable);
        assert_eq!(refused_download(generation, &answer), DownloadRefusal::Unobtainable.number(generation));
    }
}

/// Names with characters that take three in a link are refused where the platform writes links; here devices make their own.
#[tokio::test(start_paused = true)]
async fn a_device_with_the_longest_name_is_taken_and_told_of_its_task() {
    let mut world = platform().await;
    let meter = world.device(&":".repeat(64)).await;
    world.campaign(world.package("2.0.0", "default").await).await;
    for generation in Generation::ALL {
        let task = world.offered(generation, &meter).await.handle();
        assert_eq!(world.asks(generation, &meter, &step(&task, 10)).await, Reply::Done);
    }
}

/// Source: onenet §2.1 row 9.
#[tokio::test(start_paused = true)]
async fn a_device_learns_its_number_by_what_it_was_registered_with() {
    let mut world = platform().await;
    let meter = world.device("700100200").await;
    let serial = Serial::new("SN 0815/7").unwrap();
    let numbered = world.numbered("700100201", &serial).await;
    let asked = async |auth_info: &str, key: &str| {
        let ask = Ask::DeviceNumber { auth_info: auth_info.into() };
        let signed = proof(&world, Resource::Product(meter.product.clone()), key);
        let answer = world.serve(&ask.write(Generation::Token, &meter, &signed).unwrap()).await;
        body(&answer).to_owned()
    };
    let number = |device: &DeviceId| {
        format!(r#"{{"errno":0,"error":"succ","data":{{"dev_id":"{}"}}}}"#, device.device)
    };
    assert_eq!(asked("SN 0815/7", PRODUCT_KEY).await, number(&numbered));
    assert_eq!(asked("700100200", PRODUCT_KEY).await, number(&meter), "without a serial, by its name");
    let own = world.secrets[&meter].expose();
    for (auth_info, key) in [("SN 0815", PRODUCT_KEY), (own, PRODUCT_KEY), ("SN 0815/7", own)] {
        assert!(asked(auth_info, key).await.contains(r#""errno":1,"#), "{auth_info}");
    }
}

// On one thread, so that all of the log comes to this test's subscriber.
#[tokio::test(start_paused = true)]
async fn each_refusal_is_a_line_with_the_devices_name_and_no_line_has_a_secret() {
    let log = Log::default();
    let _another = tracing::Dispatch::new(log.clone());
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut world = platform().await;
    let meter = world.device("700100200").await;
    world.campaign(world.package("2.0.0", "default").await).await;
    let task = world.offered(Generation::Token, &meter).await.handle();
    world.asks(Generation::Token, &meter, &step(&task, 101)).await;
    let Handle::Token(token) = task.clone() else { panic!("a tid") };
    let unknown = Handle::Token(Token::new("ota_AAAAAAAAAAAAAAAAAAAA").unwrap());
    let mut all = String::new();
    for (ask, says) in [
        (
            step(&task, 50),
            "a question of a1Demo/700100200 is refused: it says Percent(50) while its task is Upgrading",
        ),
        (step(&unknown, 50), "a question of a1Demo/700100200 is refused: its tasks have no such token"),
        (
            Ask::TaskCheck(task.clone()),
            "a question of a1Demo/700100200 is refused: its task is no longer to be fetched",
        ),
    ] {
        log.0.lock().unwrap().clear();
        world.pass(Duration::from_secs(61)); // one line a minute
        world.asks(Generation::Token, &meter, &ask).await;
        let said = std::mem::take(&mut *log.0.lock().unwrap());
        assert!(said.contains(says), "{said}");
        all += &said;
    }
    // Within the same minute: whoever uses a device's name hides nothing of it, nor the other way round.
    let wrong = proof(&world, Resource::Device(meter.clone()), "Z3Vlc3M=");
    world.serve(&Ask::Versions.write(Generation::Token, &meter, &wrong).unwrap()).await;
    let said = std::mem::take(&mut *log.0.lock().unwrap());
    assert!(said.contains("a question of a1Demo/700100200 is refused: the authorization's sign"), "{said}");
    all += &said;
    let nobody = id("700100999");
    let signed = proof(&world, Resource::Device(nobody.clone()), PRODUCT_KEY);
    world.serve(&Ask::Versions.write(Generation::Token, &nobody, &signed).unwrap()).await;
    let said = std::mem::take(&mut *log.0.lock().unwrap());
    assert!(said.contains("a question of a1Demo/700100999 is refused: there is no such device"), "{said}");
    all += &said;
    let sign = wrong.rsplit_once("sign=").unwrap().1;
    for secret in [PRODUCT_KEY, world.secrets[&meter].expose(), token.as_str(), sign] {
        assert!(!all.contains(secret), "{all}");
    }
}
