//! One campaign over devices that speak different dialects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{Agent, Platform, becomes, eventually, otaru};
use serde_json::{Value, json};

/// The same hardware, with a product for each dialect: the product, its dialect, and the device's half.
const CLOUDS: [(&str, &str, &str); 6] = [
    ("pumpA", "aliyun", "aliyun"),
    ("pumpA3", "aliyun", "aliyun-v3"),
    ("pumpJ", "jd", "jd"),
    ("pumpO1", "onenet", "onenet-token"),
    ("pumpO2", "onenet", "onenet-tid"),
    ("pumpO3", "onenet", "onenet-fuse"),
];

/// Where a device finds the platform: by MQTT, or over HTTP where it asks, every so many seconds.
fn platform_of(half: &str, platform: &Platform) -> String {
    let (mqtt, http) = (&platform.mqtt, &platform.http);
    match half.starts_with("onenet") {
        true => format!("[platform]\nurl = \"http://{http}\"\n"),
        false => format!("[broker]\naddress = \"{mqtt}\"\n"),
    }
}

/// `[policy]`: only the worn device waits for somebody's word, and a device that has to ask does so often.
fn policy_of(half: &str, worn: bool) -> String {
    let mode = if worn { "mode = \"standard\"\n" } else { "" };
    let polls = if half.starts_with("onenet") { "poll_interval_s = 1\n" } else { "" };
    format!("[policy]\n{mode}{polls}")
}

/// A device that takes its update, and one whose installer says that the flash is worn out. Each product has both.
const GOOD: &str = "1001";
const WORN: &str = "1002";

/// Dropped in this order: no device works in a folder that is gone.
struct Lab {
    agents: Vec<Agent>,
    platform: Platform,
    dir: tempfile::TempDir,
}

impl Lab {
    /// A platform without products.
    fn empty(dir: tempfile::TempDir, options: &[&str]) -> Self {
        let platform = Platform::start_with(&dir.path().join("data"), options);
        Self { agents: Vec::new(), platform, dir }
    }

    /// A platform with a product for each dialect, and two devices of each.
    fn new() -> Self {
        let mut lab = Self::empty(tempfile::tempdir().unwrap(), &[]);
        for (product, dialect, half) in CLOUDS {
            lab.platform.answer(&["product", "create", product, "--dialect", dialect]);
            lab.device(product, half, GOOD, &policy_of(half, false));
            lab.device(product, half, WORN, &policy_of(half, true));
        }
        lab
    }

    fn device(&mut self, product: &str, half: &str, name: &str, more: &str) {
        let made = self.platform.answer(&["device", "create", product, name]);
        let folder = self.folder(product, name);
        fs::create_dir_all(&folder).unwrap();
        let (secret, at) = (made["device_secret"].as_str().unwrap(), platform_of(half, &self.platform));
        let signs = if half == "onenet-token" { "[device.onenet]\nsign_as = \"device\"\n" } else { "" };
        let config = format!(
            "[device]\ndialect = \"{half}\"\nproduct_key = \"{product}\"\ndevice_name = \"{name}\"\n\
             device_secret = \"{secret}\"\nversion = \"1.0.0\"\n{signs}{at}\
             [storage]\ndir = \"state\"\n[control]\nsocket = \"agent.sock\"\n{more}\n"
        );
        self.agents.push(Agent::start(&folder, "agent", &config));
        eventually("the device is here", || {
            let devices = self.platform.answers(&["device", "list", product]);
            devices
                .iter()
                .any(|device| device["device_name"] == name && !device["versions"]["default"].is_null())
        });
    }

    fn folder(&self, product: &str, name: &str) -> PathBuf {
        self.dir.path().join(product).join(name)
    }

    fn package(&self, firmware: &Path) -> String {
        let mut order = vec!["package", "create", "--version", "2.0.0"];
        CLOUDS.iter().for_each(|(product, ..)| order.extend(["--product", product]));
        order.push(firmware.to_str().unwrap());
        self.platform.answer(&order)["id"].to_string()
    }

    fn task(&self, campaign: &str, product: &str, name: &str) -> Value {
        let tasks = self.platform.answers(&["task", "list", "--campaign", campaign]);
        let is = |task: &Value| task["product_key"] == product && task["device"] == name;
        tasks.into_iter().find(is).unwrap()
    }

    /// The task of each product's device of that name: what is the same of all. Of a failure that is what it was; what
    /// follows are the device's own words, which not every dialect carries.
    fn histories(&self, campaign: &str, name: &str) -> Vec<Value> {
        let history = |(product, ..): &(&str, &str, &str)| {
            let mut task = self.task(campaign, product, name);
            if let Some((what, _)) = task["reason"].as_str().and_then(|reason| reason.split_once(": ")) {
                task["reason"] = what.into();
            }
            let told =
                ["module", "version", "state", "progress", "attempt", "attempts", "reason", "waiting_for"];
            told.map(|field| task[field].clone()).into_iter().collect()
        };
        CLOUDS.iter().map(history).collect()
    }

    fn all_are(&self, campaign: &str, name: &str, history: &Value) {
        becomes(&vec![history.clone(); CLOUDS.len()], || self.histories(campaign, name));
    }
}

fn tell(folder: &Path, order: &str) -> bool {
    let told =
        otaru().args(["agent", "--config"]).arg(folder.join("agent.toml")).args(["--tell", order]).output();
    told.unwrap().status.success()
}

#[test]
fn one_campaign_spans_every_dialect_and_its_tasks_read_the_same() {
    let lab = Lab::new();
    let firmware = lab.dir.path().join("firmware.bin");
    fs::write(&firmware, (0..50_001_u32).map(|at| (at >> 3) as u8).collect::<Vec<_>>()).unwrap();
    let order = [
        "campaign",
        "create",
        "--package",
        &lab.package(&firmware),
        "--retries",
        "2",
        "--retry-interval",
        "9",
    ];
    let made = lab.platform.answer(&order);
    assert_eq!((&made["tasks"], &made["skipped_count"]), (&json!(2 * CLOUDS.len()), &json!(0)));
    let campaign = made["id"].to_string();

    lab.all_are(&campaign, GOOD, &json!(["default", "2.0.0", "succeeded", 100, 1, 3, null, null]));
    for (product, ..) in CLOUDS {
        // Before the device has its task, what is said of it counts for nothing; and said twice, it counts once.
        eventually("the device has said so", || {
            tell(&lab.folder(product, WORN), "report default -4 worn out");
            lab.task(&campaign, product, WORN)["attempt"] == 2
        });
    }
    let again = "waits to be tried again (attempt 2 of 3)";
    let failed = "writing failed (-4)";
    lab.all_are(&campaign, WORN, &json!(["default", "2.0.0", "queued", 0, 2, 3, failed, again]));

    let shown = lab.platform.run(&["task", "list", "--campaign", &campaign]).stdout;
    let shown = String::from_utf8(shown).unwrap();
    assert!(CLOUDS.iter().all(|(product, ..)| shown.contains(&format!("{product}/{GOOD}"))), "{shown}");
    let counts = &lab.platform.answer(&["campaign", "list"])["counts"];
    assert_eq!(counts, &json!({"queued": CLOUDS.len(), "succeeded": CLOUDS.len()}));

    assert_eq!(lab.platform.answer(&["campaign", "cancel", &campaign])["canceled"], CLOUDS.len());
    let canceled = "canceled by an operator after the device was told; downloads stop, but it may still install what it has";
    lab.all_are(&campaign, WORN, &json!(["default", "2.0.0", "canceled", 0, 2, 3, canceled, null]));
    assert_eq!(lab.platform.run(&["campaign", "watch", &campaign]).status.code(), Some(20));
}

#[test]
fn a_device_of_several_products_is_named_with_its_product_and_one_of_no_product_is_skipped() {
    let lab = Lab::new();
    let firmware = lab.dir.path().join("firmware.bin");
    fs::write(&firmware, "2.0.0").unwrap();
    let package = lab.package(&firmware);
    let create = |devices: &str| {
        lab.platform.run(&["campaign", "create", "--package", &package, "--devices", devices])
    };
    let refused = create(GOOD);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("PRODUCT/1001"), "{error}");

    lab.platform.answer(&["product", "create", "valve"]);
    let told = String::from_utf8(create("pumpJ/1001,valve/1001,pumpA/9999").stdout).unwrap();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines[0], "started campaign 1: 1 device");
    assert!(lines[1].contains("pumpA/9999: the product has no such device"), "{told}");
    assert!(lines[2].contains("valve/1001: the package is not for its product"), "{told}");
    assert_eq!(lab.platform.answer(&["task", "list", "--campaign", "1"])["product_key"], "pumpJ");
}

/// What a device of JD has otherwise, as an agent's `[device.jd]` and as the platform's file.
const TABLE: [&str; 3] = [
    "leaves]\nversion = \"inform\"\nprogress = \"report\"\nget = \"ask\"\nupgrade_reply = \"upgrade/ack\"\n",
    "statuses]\ndownloading = 10\nupgrading = 11\nburn_failed = -9\n",
    "login]\nclient_id = \"{identifier}\"\nuser_name = \"jd:{productKey}/{identifier}\"\nsigned = \"{clientId}!\"\n",
];

#[test]
fn both_ends_speak_by_one_table_that_replaces_what_jd_never_published() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jd.toml");
    fs::write(&file, TABLE.map(|part| format!("[{part}")).concat()).unwrap();
    let keys = TABLE.map(|part| format!("[device.jd.{part}")).concat();
    let mut lab = Lab::empty(dir, &["--jd", file.to_str().unwrap()]);
    lab.platform.answer(&["product", "create", "pumpJ", "--dialect", "jd"]);
    lab.device("pumpJ", "jd", GOOD, &keys);
    lab.device("pumpJ", "jd", WORN, &format!("[policy]\nmode = \"standard\"\n{keys}"));
    let firmware = lab.dir.path().join("firmware.bin");
    fs::write(&firmware, "2.0.0").unwrap();
    let order = ["package", "create", "--version", "2.0.0", "--product", "pumpJ", firmware.to_str().unwrap()];
    let package = lab.platform.answer(&order)["id"].to_string();
    lab.platform.answer(&["campaign", "create", "--package", &package]);
    eventually("the device may say so", || tell(&lab.folder("pumpJ", WORN), "report default -4 worn out"));
    let ends = || {
        let tasks = lab.platform.answers(&["task", "list", "--campaign", "1"]);
        tasks.iter().map(|task| json!([task["device"], task["state"], task["reason"]])).collect::<Vec<_>>()
    };
    let failed = json!([WORN, "failed", "writing failed (-4): worn out"]);
    becomes(&vec![json!([GOOD, "succeeded", null]), failed], ends);
}

#[test]
fn a_table_that_cannot_be_used_keeps_the_platform_from_starting_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jd.toml");
    for (table, why) in [
        ("[leaves]\nverison = \"inform\"\n", "verison"),
        ("[login]\nuser_name = \"{identifier}\"\n", "user_name holds"),
        ("[statuses]\nsuccess = 0\n", "two statuses have the same number"),
    ] {
        fs::write(&file, table).unwrap();
        let data = dir.path().join("data");
        let refused = otaru().arg("serve").arg("--data").arg(&data).arg("--jd").arg(&file).output().unwrap();
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(error.contains(why), "{error}");
        assert_eq!(refused.status.code(), Some(78), "{error}");
        assert!(!data.exists(), "nothing was made");
    }
    let missing = otaru().args(["serve", "--jd", "/no/such/table"]).output().unwrap();
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/no/such/table"));
}
