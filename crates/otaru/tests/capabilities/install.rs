//! Install: file, raw partition, command. The A/B slots are everywhere else.

use std::{
    fs,
    time::{Duration, UNIX_EPOCH},
};

use crate::{
    common::eventually,
    lab::{Lab, image, script},
};

#[test]
fn install_file_replaces_the_file_where_it_lies() {
    let lab = Lab::new();
    let target = lab.dir.path().join("pump.bin");
    fs::write(&target, b"old").unwrap();
    let device = lab.device("p1", "", &format!("[install]\nkind = \"file\"\npath = {target:?}"));
    device.until("online");
    let campaign = lab.campaign(&lab.package("2.0.0", &[&image(1, 50_000)], &[]));
    device.until("updated");
    lab.task_is(&campaign, "succeeded");
    assert_eq!(fs::read(&target).unwrap(), image(1, 50_000));
}

#[test]
fn install_partition_writes_the_one_that_does_not_run_and_tells_the_boot_loader() {
    let lab = Lab::new();
    let (a, b) = (lab.dir.path().join("a.img"), lab.dir.path().join("b.img"));
    for partition in [&a, &b] {
        fs::write(partition, vec![0xff; 1 << 20]).unwrap();
    }
    let (boot, told) = (lab.dir.path().join("set-boot"), lab.dir.path().join("told"));
    // A boot loader that is told, and a reboot: the agent is started anew.
    script(&boot, &format!("echo $OTARU_MODULE $OTARU_SLOT > {told:?}"));
    let more = format!(
        "[install]\nkind = \"partition\"\na = {a:?}\nb = {b:?}\n[reboot]\nmode = \"command\"\ncommand = [{boot:?}]"
    );
    let mut device = lab.device("p1", "", &more);
    device.until("online");
    let campaign = lab.campaign(&lab.package("2.0.0", &[&image(1, 50_000)], &[]));
    device.until("rebooting");
    crate::common::eventually("the boot loader is told", || {
        fs::read_to_string(&told).is_ok_and(|told| told == "default b\n")
    });
    device.cut_power();
    device.until("updated");
    lab.task_is(&campaign, "succeeded");
    assert_eq!(fs::read(&b).unwrap()[..50_000], image(1, 50_000));
    assert_eq!(fs::read(&a).unwrap(), vec![0xff; 1 << 20], "the partition that ran is as it was");
}

#[test]
fn install_command_gets_the_files_and_its_last_words_are_the_reason_of_a_failure() {
    let lab = Lab::new();
    let (flash, flashed) = (lab.dir.path().join("flash"), lab.dir.path().join("flashed"));
    script(
        &flash,
        &format!(
            "[ \"$OTARU_VERSION\" = 2.0.1 ] && {{ echo no voltage >&2; exit 3; }}\n\
             cat \"$OTARU_FILE_0\" \"$OTARU_FILE_1\" > {flashed:?}"
        ),
    );
    let device = lab.device("p1", "", &format!("[install]\nkind = \"command\"\ncommand = [{flash:?}]"));
    device.until("online");
    let files: [&[u8]; 2] = [&image(1, 5_000), &image(2, 70)];
    let campaign = lab.campaign(&lab.package("2.0.0", &files, &[]));
    device.until("updated");
    lab.task_is(&campaign, "succeeded");
    assert_eq!(fs::read(&flashed).unwrap(), files.concat());

    let campaign = lab.campaign(&lab.package("2.0.1", &files, &[]));
    let task = lab.task_is(&campaign, "failed");
    assert!(task["reason"].as_str().unwrap().contains("no voltage"), "{task}");
}

#[test]
fn install_command_that_failed_is_given_another_attempt_by_its_campaign() {
    let lab = Lab::new();
    let (flash, tried) = (lab.dir.path().join("flash"), lab.dir.path().join("tried"));
    script(&flash, &format!("[ -e {tried:?} ] && exit 0\ntouch {tried:?}\necho no voltage >&2\nexit 3"));
    let mut device = lab.device("p1", "", &format!("[install]\nkind = \"command\"\ncommand = [{flash:?}]"));
    device.until("online");
    let package = lab.package("2.0.0", &[&image(1, 5_000)], &[]);
    let made = lab.platform.answer(&["campaign", "create", "--package", &package, "--retries", "1"]);
    let campaign = made["id"].to_string();
    eventually("the first attempt failed", || lab.task(&campaign)["attempt"] == 2);
    let between = lab.task(&campaign);
    assert_eq!((&between["state"], &between["attempts"]), (&"queued".into(), &2.into()));
    assert!(between["reason"].as_str().unwrap().contains("no voltage"), "{between}");
    let begins = Duration::from_millis(between["retry_ms"].as_u64().unwrap());
    eventually("its time has come", || UNIX_EPOCH.elapsed().unwrap() >= begins);
    // In its first two minutes the platform keeps no deadline, but it tells a device that connects.
    device.cut_power();
    device.until("updated");
    let done = lab.task_is(&campaign, "succeeded");
    assert_eq!((&done["attempt"], &done["reason"]), (&2.into(), &serde_json::Value::Null));
}
