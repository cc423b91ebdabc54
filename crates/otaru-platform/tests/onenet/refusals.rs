//! What no device may do: it is told so in its own generation's envelope, the log names it, and nothing changes.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    BY_PRODUCT, KEY, OTHER_KEY, PRODUCT, Platform, STUDIO,
    client::{Answer, aio, cmiot},
    log,
    paths::Paths,
    signed,
};

/// When every signature here that holds expires: the year 2050, as the vendor's own clients have it.
const FAR_S: u64 = 2_524_579_200;
/// A time that is over.
const PAST_S: u64 = 1_500_000_000;

/// One device of one generation with a Task, and another device of its product.
struct Bench {
    platform: Platform,
    /// `token`, or how the paths begin.
    generation: &'static str,
    product: &'static str,
    device: &'static str,
    campaign: u64,
    paths: Paths,
    authorization: String,
    /// The other device's.
    foreign: String,
}

impl Bench {
    async fn of(generation: &'static str, [device, other]: [&'static str; 2]) -> Self {
        log::keep();
        let platform = Platform::start().await;
        let product = if generation == "token" { PRODUCT } else { STUDIO };
        platform.device(product, device, KEY).await;
        platform.device(product, other, OTHER_KEY).await;
        let campaign = platform.campaign(product, "2.0.0", b"0123456789").await;
        let authorization = signed(product, device, KEY, FAR_S);
        let paths = match generation {
            "token" => Paths::token(device),
            prefix => Paths::tid(prefix, product, device),
        };
        let paths = platform.offered(paths, &authorization).await;
        let foreign = signed(product, other, OTHER_KEY, FAR_S);
        Self { platform, generation, product, device, campaign, paths, authorization, foreign }
    }

    /// Everything that an operator sees of the product's tasks but what each waits for, and of what the device runs.
    async fn state(&self) -> Value {
        let mut tasks = self.platform.tasks(self.campaign).await;
        for task in tasks.as_array_mut().unwrap() {
            task["waiting_for"].take();
        }
        json!([tasks, self.platform.versions(self.product, self.device).await])
    }

    /// The device's own task.
    async fn task(&self) -> Value {
        let tasks = self.platform.tasks(self.campaign).await;
        tasks.as_array().unwrap().iter().find(|task| task["device"] == self.device).unwrap().clone()
    }

    async fn ask(&self, target: &str, authorization: &str, body: &str) -> Answer {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let request = match self.generation {
            "fuse-ota" => cmiot(method, target, authorization, &[], body),
            _ => aio(method, target, authorization, &[], body),
        };
        self.platform.ask(&request).await
    }

    /// The request is refused with this number; the log names the device, and nothing changes.
    #[track_caller]
    fn refuses<'a>(
        &'a self,
        number: u32,
        target: &'a str,
        authorization: &'a str,
        body: &'a str,
    ) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let (before, logged) = (self.state().await, log::lines_of(self.device).len());
            let answer = self.ask(target, authorization, body).await;
            let what = format!("{caller}: {target} {body}: {answer:?}");
            if target == self.paths.download {
                self.is_no_file(number, &answer, &what);
            } else {
                let field = if self.generation == "fuse-ota" { "code" } else { "errno" };
                assert!(answer.reply().starts_with(&format!(r#"{{"{field}":{number},""#)), "{what}");
            }
            assert_eq!(self.state().await, before, "{what}");
            assert!(log::lines_of(self.device).len() > logged, "the log does not name the device: {what}");
        }
    }

    /// Nothing that a client would flash (onenet §4.3, §9 item 6).
    fn is_no_file(&self, number: u32, answer: &Answer, what: &str) {
        match self.generation {
            "token" => {
                assert_eq!((answer.code, answer.header("Content-Length")), (200, None), "{what}");
                assert_eq!(answer.body, [number as u8], "{what}");
            }
            _ => {
                assert!(answer.code >= 400 && answer.body.is_empty(), "{what}");
                assert_eq!(answer.header("Ota-Errno"), Some(number.to_string().as_str()), "{what}");
            }
        }
    }

    /// Sources: onenet §3.3, §4.1, §4.3; the issue's list of bad input.
    async fn refuses_what_is_bad(&self) {
        let Self { product, device, paths, authorization, .. } = self;
        let (check, step) = (paths.check.as_str(), r#"{"step":50}"#);
        let (not_authentic, no_file, foreign_file) = match self.generation {
            "token" => (1, 3, 3),
            "ota" => (1, 6, 2),
            _ => (10_403, 6, 2),
        };
        // A wrong signature, none, one that expired, one that is another device's.
        let wrong = signed(product, device, "b3RoZXI=", FAR_S);
        let expired = signed(product, device, KEY, PAST_S);
        let logged = log::lines_of(device).len();
        // At once: each is answered after a second.
        let refused = join_all([
            self.refuses(not_authentic, check, &wrong, ""),
            self.refuses(not_authentic, check, &expired, ""),
            self.refuses(not_authentic, check, &self.foreign, ""),
            self.refuses(no_file, &paths.download, &wrong, ""),
            self.refuses(no_file, &paths.download, &expired, ""),
            self.refuses(not_authentic, &paths.step, &wrong, step),
            self.refuses(not_authentic, &paths.version, &expired, r#"{"s_version":"9"}"#),
        ]);
        let refused = refused.await.len();
        assert!(log::lines_of(device).len() >= logged + refused, "a line for each");
        // A token or tid that nobody has.
        let unknown = match self.generation {
            "token" => paths.clone().of_task("ota_BBBBBBBBBBBBBBBBBBBB"),
            _ => paths.clone().of_task("4000000000"),
        };
        self.refuses(4, &unknown.task_check, authorization, "").await;
        self.refuses(4, &unknown.step, authorization, step).await;
        let answer = self.ask(&unknown.download, authorization, "").await;
        self.is_no_file(foreign_file, &answer, "a file of an unknown task");
        // A version of 65 characters, and such that are none.
        let long = check.replace("1.0.0", &"1".repeat(65));
        self.refuses(27, &long, authorization, "").await;
        self.refuses(27, &paths.version, authorization, &format!(r#"{{"s_version":"{}"}}"#, "1".repeat(65)))
            .await;
        // Bodies and parameters that say nothing.
        for body in ["{", "[]", r#"{"step":"x"}"#, r#"{"step":300}"#, r#"{"step":-1}"#] {
            self.refuses(2, &paths.step, authorization, body).await;
        }
        self.refuses(2, &check.replace("type=2", "type=3"), authorization, "").await;
    }

    /// Source: onenet §6, the table.
    async fn refuses_what_is_out_of_turn(&self) {
        let Self { paths, authorization, .. } = self;
        for step in [40, 100] {
            self.ask(&paths.step, authorization, &format!(r#"{{"step":{step}}}"#)).await.reply();
        }
        for late in [41, 102, 107] {
            self.refuses(21, &paths.step, authorization, &format!(r#"{{"step":{late}}}"#)).await;
        }
        self.refuses(17, &paths.task_check, authorization, "").await;
        self.ask(&paths.step, authorization, r#"{"step":201}"#).await.reply();
        assert_eq!(self.task().await["state"], "succeeded");
        for again in [201, 206, 100, 7] {
            self.refuses(20, &paths.step, authorization, &format!(r#"{{"step":{again}}}"#)).await;
        }
        self.refuses(20, &paths.task_check, authorization, "").await;
    }

    /// A task is its device's alone.
    async fn refuses_another_device(&self, theirs: &Paths) {
        let foreign = self.foreign.as_str();
        let before = self.state().await;
        for (target, body) in [(&theirs.task_check, ""), (&theirs.step, r#"{"step":201}"#)] {
            let answer = self.ask(target, foreign, body).await;
            assert!(answer.reply().contains(r#":4,""#), "{answer:?}");
        }
        let answer = self.ask(&theirs.download, foreign, "").await;
        self.is_no_file(if self.generation == "token" { 3 } else { 2 }, &answer, "a stranger's file");
        assert_eq!(self.state().await, before);
    }
}

/// The number or token in a Task's targets, as it stands in them.
fn task_of(paths: &Paths) -> &str {
    let mut parts = paths.download.trim_end_matches("/download").rsplit('/');
    parts.next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_generation_is_refused_in_its_envelope_with_nothing_changed_and_its_name_in_the_log() {
    let bench = Bench::of("token", ["700100301", "700100302"]).await;
    bench.refuses_what_is_bad().await;
    let theirs = Paths::token("700100302").of_task(task_of(&bench.paths));
    bench.refuses_another_device(&theirs).await;
    bench.refuses_what_is_out_of_turn().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_generation_is_refused_in_its_envelope_with_nothing_changed_and_its_name_in_the_log() {
    let bench = Bench::of("ota", ["bad-201", "bad-202"]).await;
    bench.refuses_what_is_bad().await;
    let theirs = Paths::tid("ota", STUDIO, "bad-202").of_task(task_of(&bench.paths));
    bench.refuses_another_device(&theirs).await;
    bench.refuses_what_is_out_of_turn().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_third_generation_is_refused_in_its_envelope_with_nothing_changed_and_its_name_in_the_log() {
    let bench = Bench::of("fuse-ota", ["bad-301", "bad-302"]).await;
    bench.refuses_what_is_bad().await;
    let theirs = Paths::tid("fuse-ota", STUDIO, "bad-302").of_task(task_of(&bench.paths));
    bench.refuses_another_device(&theirs).await;
    bench.refuses_what_is_out_of_turn().await;
}

/// Source: onenet §2.1 row 8, §4.1: the older report comes twice, and has numbers of its own for what is wrong with it.
#[tokio::test(flavor = "multi_thread")]
async fn the_older_report_of_a_result_is_taken_twice_and_refused_with_its_own_numbers() {
    let bench = Bench::of("token", ["700100401", "700100402"]).await;
    let token = task_of(&bench.paths);
    let target = |token: &str| format!("/ota/south/report?dev_id=700100401&token={token}");
    bench.refuses(24, &target(token), BY_PRODUCT, r#"{"result":"x"}"#).await;
    bench.refuses(1, &target("ota_BBBBBBBBBBBBBBBBBBBB"), BY_PRODUCT, r#"{"result":101}"#).await;
    for result in [101, 201] {
        let body = format!(r#"{{"result":{result}}}"#);
        let answer = bench.ask(&target(token), BY_PRODUCT, &body).await;
        assert_eq!(answer.reply(), r#"{"errno":0,"error":"succ"}"#, "{result}");
    }
    assert_eq!(bench.task().await["state"], "succeeded");
    bench.refuses(20, &target(token), BY_PRODUCT, r#"{"result":201}"#).await;
}
