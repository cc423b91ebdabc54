//! Download: ranges, several files, both digests.

use crate::lab::{Lab, image};

#[test]
fn download_by_http_in_ranges_of_a_chosen_size_goes_on_at_its_byte_after_a_power_cut() {
    let lab = Lab::new();
    let more = "[policy]\nrange_bytes = 65536\ncheckpoint_bytes = 65536\nreport_interval_s = 0\n\
                [download]\nmax_bytes_per_second = 400000";
    let mut device = lab.device("p1", "", more);
    device.until("online");
    let campaign = lab.campaign(&lab.package("2.0.0", &[&image(1, 700_000)], &[]));
    while device.until("progress")["done"].as_u64().unwrap() < 200_000 {}
    device.cut_power();
    let fetching = device.until("fetching");
    assert!(fetching["resumed"] == true && fetching["offset"].as_u64().unwrap() >= 131_072, "{fetching}");
    device.until("updated");
    lab.task_is(&campaign, "succeeded");
    assert_eq!(device.running("0"), image(1, 700_000));
}

#[test]
fn several_files_arrive_in_order_under_one_version() {
    let lab = Lab::new();
    let device = lab.device("p1", "", "");
    device.until("online");
    let files = [image(1, 90_000), image(2, 1), image(3, 4_096)];
    let refs: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let campaign = lab.campaign(&lab.package("a1b1c1", &refs, &[]));
    assert_eq!(device.until("updated")["version"], "a1b1c1");
    lab.task_is(&campaign, "succeeded");
    for (at, bytes) in files.iter().enumerate() {
        assert_eq!(device.running(&at.to_string()), *bytes, "file {at}");
    }
}

#[test]
fn digests_of_either_method_are_checked() {
    for method in ["md5", "sha256"] {
        let lab = Lab::new();
        let device = lab.device("p1", "", "[faults]\ncorrupt_write_at = 1234");
        device.until("online");
        let campaign = lab.campaign(&lab.package("2.0.0", &[&image(1, 20_000)], &["--digest", method]));
        let again = device.until("started_over");
        assert!(again["reason"].as_str().unwrap().contains("digest"), "{again}");
        device.until("updated");
        lab.task_is(&campaign, "succeeded");
        assert_eq!(device.running("0"), image(1, 20_000));
    }
}
