//! Links come back as they were written, and nothing else is one.

use super::{base::MAX_BASE_PATH, *};

const NOW: u64 = 1_722_400_000_123;

fn links() -> Links {
    Links::new("http://ota.example:8080", [7; 32], DEFAULT_TTL).unwrap()
}

fn grant(device: &str, task: u64, file: u16) -> Grant {
    let product = ProductKey::new("a1Demo").unwrap();
    let device = DeviceId { product, device: DeviceName::new(device).unwrap() };
    Grant::file(device, TaskId(task), file)
}

fn read(links: &Links, link: &str, now_ms: u64) -> Result<Grant, LinkError> {
    let rest = link.strip_prefix(links.base()).unwrap();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    links.read(path, query, now_ms)
}

#[test]
fn a_link_comes_back_as_the_grant_it_was_written_for() {
    for device in ["pump-01", "00:1A:2B@x.y", "."] {
        let grant = grant(device, u64::MAX, u16::MAX);
        assert_eq!(read(&links(), &links().write(&grant, NOW), NOW), Ok(grant));
    }
}

fn config(device: &str, config: u64) -> Grant {
    Grant { what: Granted::Config(ConfigId(config)), ..grant(device, 1, 0) }
}

#[test]
fn a_link_to_a_config_is_good_for_half_an_hour_and_for_that_config_and_device_alone() {
    let link = links().write(&config("pump-01", 7), NOW);
    assert_eq!(read(&links(), &link, NOW + 30 * 60 * 1000), Ok(config("pump-01", 7)));
    assert_eq!(read(&links(), &link, NOW + 31 * 60 * 1000), Err(LinkError::Expired));
    for (old, new) in [("pump-01", "pump-02"), ("/7?", "/8?"), ("?e=1", "?e=9")] {
        assert_eq!(read(&links(), &link.replacen(old, new, 1), NOW), Err(LinkError::Forged), "{new}");
    }
    for (old, new) in [("/c/", "/f/"), ("/7?", "/7/0?")] {
        assert_eq!(read(&links(), &link.replacen(old, new, 1), NOW), Err(LinkError::Malformed), "{new}");
    }
    let of_a_task = links().write(&grant("pump-01", 7, 0), NOW).replace("/f/", "/c/").replace("/7/0?", "/7?");
    assert_eq!(
        read(&links(), &of_a_task, NOW),
        Err(LinkError::Forged),
        "a Task's signature is none of a Config"
    );
}

#[test]
fn a_link_expires_after_its_time_and_not_before() {
    let link = links().write(&grant("pump-01", 7, 0), NOW);
    let day = 24 * 60 * 60 * 1000;
    assert_eq!(read(&links(), &link, NOW + day), Ok(grant("pump-01", 7, 0)));
    assert_eq!(read(&links(), &link, NOW + day + 1000), Err(LinkError::Expired));
}

#[test]
fn a_link_changed_in_any_part_is_forged_or_no_link() {
    let link = links().write(&grant("pump-01", 7, 0), NOW);
    let start = links().base().len() + "/f/".len();
    for at in start..link.len() {
        for new in [b'0', b'1', b'a', b'X', b'/', b'%', b'-', b'+'] {
            let mut changed = link.clone().into_bytes();
            if changed[at].eq_ignore_ascii_case(&new) {
                continue;
            }
            changed[at] = new;
            let changed = String::from_utf8(changed).unwrap();
            let answer = read(&links(), &changed, NOW).unwrap_err();
            assert!(matches!(answer, LinkError::Forged | LinkError::Malformed), "{changed}: {answer}");
        }
    }
}

#[test]
fn a_link_moved_to_another_device_task_file_or_expiry_is_forged() {
    let link = links().write(&grant("pump-01", 7, 0), NOW);
    for (old, new) in [("pump-01", "pump-02"), ("/7/", "/8/"), ("/0?", "/1?"), ("?e=1", "?e=9")] {
        assert!(link.contains(old));
        assert_eq!(read(&links(), &link.replacen(old, new, 1), NOW), Err(LinkError::Forged), "{new}");
    }
    let other_key = Links::new(links().base(), [8; 32], DEFAULT_TTL).unwrap();
    assert_eq!(read(&other_key, &link, NOW), Err(LinkError::Forged));
}

#[test]
fn what_is_no_link_is_malformed_and_never_a_panic() {
    for link in ["", "/", "/f/", "/f/a/b/1", "/f/a/b/1/0/2?e=1&s=00", "/f/a/%/1/0?e=1&s=00", "/f/a/%f"] {
        let (path, query) = link.split_once('?').unwrap_or((link, ""));
        assert_eq!(links().read(path, query, NOW), Err(LinkError::Malformed), "{link}");
    }
    let link = links().write(&grant("pump-01", 7, 0), NOW);
    for end in links().base().len()..link.len() {
        assert_eq!(read(&links(), &link[..end], NOW), Err(LinkError::Malformed));
    }
}

#[test]
fn path_and_query_fit_the_buffers_of_old_sdks_and_hold_no_colon() {
    // aliyun-iotkit-v3 §0, §3.6: at most 255 bytes, and any `:` is taken for a port.
    let usual = links().write(&grant(&"d".repeat(32), 4_000_000_000, 19), NOW);
    assert!(usual.len() - links().base().len() <= 200, "{usual}");
    let mut longest = grant(&"d".repeat(64), u64::MAX, u16::MAX);
    longest.device.product = ProductKey::new("p".repeat(64)).unwrap();
    assert!(links().write(&longest, NOW).len() - links().base().len() <= 255);
    let colons = links().write(&grant("00:1A:2B", 7, 0), NOW);
    assert!(!colons[links().base().len()..].contains(':'), "{colons}");
}

#[test]
fn a_port_that_the_scheme_implies_is_not_printed() {
    let base = |url| Links::new(url, [7; 32], DEFAULT_TTL).unwrap().base().to_owned();
    assert_eq!(base("http://ota.example:80"), "http://ota.example");
    assert_eq!(base("https://ota.example:443/"), "https://ota.example");
    assert_eq!(base("HTTP://ota.example:443/fw//"), "http://ota.example:443/fw");
    assert_eq!(base("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
    assert_eq!(base("http://[::1]:8080"), "http://[::1]:8080");
    assert_eq!(base("https://[::1]"), "https://[::1]");
}

#[test]
fn path_and_query_stay_within_200_bytes_below_the_longest_path_for_the_vendors_longest_names() {
    let base = format!("http://ota.example/{}", "x".repeat(MAX_BASE_PATH - 1));
    let links = Links::new(&base, [7; 32], DEFAULT_TTL).unwrap();
    let mut vendors = grant(&"d".repeat(32), 4_000_000_000, 19);
    vendors.device.product = ProductKey::new("p".repeat(20)).unwrap();
    let usual = links.write(&vendors, NOW).len() - "http://ota.example".len();
    assert!(usual <= 200, "{usual}");
    assert_eq!(links.longest_target(&vendors.device), usual + "18446744073709551615".len() - 10);
    assert!(matches!(Links::new(&(base + "x"), [7; 32], DEFAULT_TTL), Err(BaseUrlError::Long(_, 81))));
}

#[test]
fn a_base_that_devices_cannot_follow_is_refused() {
    for bad in
        ["ota.example", "ftp://x", "http://", "http://:80", "http://x:0", "http://x:99999", "http://a:b:1"]
            .into_iter()
            .chain(["http://x?y", "http://x#y", "http://u@x", "http://a b", "http://x:", "http://ä"])
    {
        assert!(Links::new(bad, [7; 32], DEFAULT_TTL).is_err(), "{bad}");
    }
}
