//! Every question in every stage of a task, in every generation: the table of onenet §6.

use otaru_fleet::{Stage, TaskState};

use super::*;

/// A device and its task in one stage, as the device's own words brought it there.
struct Bench {
    world: World,
    device: DeviceId,
    campaign: CampaignId,
    task: Handle,
    generation: Generation,
}

impl Bench {
    async fn at(generation: Generation, stage: Stage) -> Self {
        let mut world = platform().await;
        let device = world.device("700100200").await;
        let campaign = world.campaign(world.package("2.0.0", "default").await).await;
        let task = world.offered(generation, &device).await.handle();
        let bench = Self { world, device, campaign, task, generation };
        for step in match stage {
            Stage::Waiting => &[][..],
            Stage::Downloading | Stage::Canceled => &[40][..],
            Stage::Upgrading => &[40, 101][..],
            Stage::Succeeded => &[40, 101, 201][..],
            Stage::Failed => &[40, 107][..],
        } {
            assert_eq!(bench.asks(&bench.step(*step)).await, Reply::Done);
        }
        if stage == Stage::Canceled {
            bench.world.service.cancel_campaign(campaign).await.unwrap();
        }
        assert_eq!(bench.stage().await, Some(stage));
        bench
    }

    fn step(&self, number: i128) -> Ask {
        Ask::Step { task: self.task.clone(), step: Step::from_number(number).unwrap() }
    }

    async fn asks(&self, ask: &Ask) -> Reply {
        self.world.asks(self.generation, &self.device, ask).await
    }

    async fn stage(&self) -> Option<Stage> {
        self.world.task(self.campaign, &self.device).await.stage()
    }
}

/// What a device hears: the letters of the table's cells.
fn cell(reply: &Reply) -> String {
    match reply {
        Reply::Done => "ok".into(),
        Reply::Status(status) => format!("status {}", status.number()),
        Reply::Task(task) => match task.terms {
            Terms::Tid { status, .. } => format!("task {}", status.number()),
            Terms::Token { .. } => "task".into(),
        },
        Reply::Refused(refusal) => format!("{refusal:?}"),
        other => panic!("{other:?}"),
    }
}

/// Asks in each stage; `want` has the cells from left to right, `leads` the stages that are reached where it is not refused.
async fn row(generations: &[Generation], ask: impl Fn(&Bench) -> Ask, want: [&str; 6], leads: [Stage; 3]) {
    for generation in generations {
        for (at, stage) in Stage::ALL.into_iter().enumerate() {
            let bench = Bench::at(*generation, stage).await;
            let (ask, before) = (ask(&bench), bench.world.store.dump().await);
            let heard = cell(&bench.asks(&ask).await);
            assert_eq!(heard, want[at], "{ask:?} in {stage:?}, {}", generation.name());
            let reached = *leads.get(at).unwrap_or(&stage);
            assert_eq!(bench.stage().await, Some(reached), "{ask:?} in {stage:?}, {}", generation.name());
            if heard.starts_with(char::is_uppercase) && !matches!(ask, Ask::Check(_)) {
                assert_eq!(bench.world.store.dump().await, before, "{ask:?} in {stage:?} changed something");
            }
        }
    }
}

const TIDS: &[Generation] = &[Generation::Tid, Generation::Fuse];
const TOKEN: &[Generation] = &[Generation::Token];
const SAME: [Stage; 3] = [Stage::Waiting, Stage::Downloading, Stage::Upgrading];

#[tokio::test(start_paused = true)]
async fn a_check_tells_the_task_in_every_open_stage() {
    let check = |_: &Bench| check("1.0.0");
    let want = ["task 1", "task 2", "task 3", "NoTask", "NoTask", "NoTask"];
    row(TIDS, check, want, SAME).await;
    row(TOKEN, check, ["task", "task", "task", "NoTask", "NoTask", "NoTask"], SAME).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_check_holds_while_the_file_is_to_be_fetched_and_begins_that_in_the_first_generation() {
    let check = |bench: &Bench| Ask::TaskCheck(bench.task.clone());
    row(TIDS, check, ["status 1", "status 2", "NotOpen", "Finished", "Finished", "Canceled"], SAME).await;
    let begun = [Stage::Downloading, Stage::Downloading, Stage::Upgrading];
    row(TOKEN, check, ["ok", "ok", "NotOpen", "Finished", "Finished", "Canceled"], begun).await;
}

#[tokio::test(start_paused = true)]
async fn a_percentage_is_taken_until_everything_is_fetched() {
    let leads = [Stage::Downloading, Stage::Downloading, Stage::Upgrading];
    let want = ["ok", "ok", "NotNow", "Finished", "Finished", "Canceled"];
    row(&Generation::ALL, |bench| bench.step(50), want, leads).await;
}

#[tokio::test(start_paused = true)]
async fn everything_is_fetched_once() {
    let leads = [Stage::Upgrading; 3];
    let want = ["ok", "ok", "NotNow", "Finished", "Finished", "Canceled"];
    row(&Generation::ALL, |bench| bench.step(101), want, leads).await;
    row(TIDS, |bench| bench.step(100), want, leads).await;
}

#[tokio::test(start_paused = true)]
async fn a_download_fails_before_it_has_ended() {
    let leads = [Stage::Failed, Stage::Failed, Stage::Upgrading];
    let want = ["ok", "ok", "NotNow", "Finished", "Finished", "Canceled"];
    row(&Generation::ALL, |bench| bench.step(104), want, leads).await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_ends_in_every_open_stage() {
    let want = ["ok", "ok", "ok", "Finished", "Finished", "Canceled"];
    row(&Generation::ALL, |bench| bench.step(201), want, [Stage::Succeeded; 3]).await;
    row(&Generation::ALL, |bench| bench.step(205), want, [Stage::Failed; 3]).await;
}

#[tokio::test(start_paused = true)]
async fn the_older_report_of_a_result_does_what_a_step_does() {
    let result = |number| {
        move |bench: &Bench| {
            let Handle::Token(token) = bench.task.clone() else { panic!("a tid") };
            Ask::Result { token, step: Step::from_number(number).unwrap() }
        }
    };
    let leads = [Stage::Upgrading; 3];
    row(TOKEN, result(101), ["ok", "ok", "NotNow", "Finished", "Finished", "Canceled"], leads).await;
    let want = ["ok", "ok", "ok", "Finished", "Finished", "Canceled"];
    row(TOKEN, result(201), want, [Stage::Succeeded; 3]).await;
}

#[tokio::test(start_paused = true)]
async fn a_running_task_is_told_again_after_the_power_went() {
    let want = ["task", "task", "task", "ForeignTask", "ForeignTask", "ForeignTask"];
    row(TOKEN, |_| Ask::Running { kind: Kind::Sota, cdn: false }, want, SAME).await;
}

#[tokio::test(start_paused = true)]
async fn a_report_of_the_target_ends_the_task_and_every_other_report_of_the_old_version_leaves_it() {
    let report = |version: &'static str| move |_: &Bench| Ask::Version(Versions::one(Kind::Sota, v(version)));
    row(&Generation::ALL, report("2.0.0"), ["ok"; 6], [Stage::Succeeded; 3]).await;
    row(&Generation::ALL, report("1.0.0"), ["ok"; 6], SAME).await;
}

#[tokio::test(start_paused = true)]
async fn a_file_is_given_while_the_task_is_open_and_after_a_cancel_if_the_download_had_begun() {
    for generation in Generation::ALL {
        for stage in Stage::ALL {
            let bench = Bench::at(generation, stage).await;
            let ask = Ask::Download { task: bench.task.clone(), range: None };
            let call = bench.world.question(generation, &bench.device, &ask);
            let served = bench.world.service.onenet(&call).await;
            match (stage, served) {
                (
                    Stage::Waiting | Stage::Downloading | Stage::Upgrading | Stage::Canceled,
                    Served::File(piece),
                ) => {
                    assert_eq!((piece.size, piece.range.len()), (9, 9));
                }
                (Stage::Succeeded | Stage::Failed, Served::Answer(answer)) => {
                    assert_eq!(
                        refused_download(generation, &answer),
                        DownloadRefusal::Over.number(generation)
                    );
                }
                other => panic!("{other:?}, {}", generation.name()),
            }
            let begun = if stage == Stage::Waiting { Stage::Downloading } else { stage };
            assert_eq!(bench.stage().await, Some(begun), "whoever fetches has begun");
            if stage == Stage::Canceled {
                bench.world.pass(Duration::from_secs(Token::LIFE_S));
                let call = bench.world.question(generation, &bench.device, &ask);
                assert!(
                    matches!(bench.world.service.onenet(&call).await, Served::Answer(_)),
                    "it took too long"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_cancel_the_result_is_refused_with_22_and_the_task_stays_canceled() {
    for generation in Generation::ALL {
        let bench = Bench::at(generation, Stage::Canceled).await;
        for step in [50, 101, 201, 205] {
            let answer =
                bench.world.serve(&bench.world.question(generation, &bench.device, &bench.step(step))).await;
            assert!(body(&answer).contains(":22,"), "{}", body(&answer));
        }
        let task = bench.world.task(bench.campaign, &bench.device).await;
        assert_eq!(task.state, TaskState::Canceled);
        assert!(task.reason.unwrap().contains("after the device was told"));
    }
}
