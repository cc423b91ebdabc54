//! One function for every parser that reads what a stranger sends.
//!
//! Each takes any bytes, may not panic, and checks what it was given: a value that was read is sound. [`TARGETS`] names
//! them all, with the samples that fuzzing starts from; `fuzz_targets` holds one program for each.

mod device;
mod http;
mod jd;
mod mqtt;
mod onenet;
mod platform;

use std::{env, fs, path::PathBuf};

use otaru_wire::DeviceId;

/// A parser under test.
pub struct Target {
    /// Its name, which is its program's, too.
    pub name: &'static str,
    /// Reads the bytes.
    pub run: fn(&[u8]),
    /// Whole, sound inputs, made by the code that writes what the parser reads.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target: first what a device reads, then what a platform reads.
pub const TARGETS: &[Target] = &[
    Target { name: "notice_push", run: device::notice_push, seeds: device::notice_push_seeds },
    Target { name: "notice_answer", run: device::notice_answer, seeds: device::notice_answer_seeds },
    Target { name: "block_reply", run: device::block_reply, seeds: device::block_reply_seeds },
    Target { name: "config_push", run: device::config_push, seeds: device::config_push_seeds },
    Target { name: "config_answer", run: device::config_answer, seeds: device::config_answer_seeds },
    Target { name: "gateway_answer", run: device::gateway_answer, seeds: device::gateway_answer_seeds },
    Target {
        name: "registration_reply",
        run: device::registration_reply,
        seeds: device::registration_reply_seeds,
    },
    Target {
        name: "registration_grant",
        run: device::registration_grant,
        seeds: device::registration_grant_seeds,
    },
    Target { name: "jd_message", run: jd::message, seeds: jd::message_seeds },
    Target { name: "mqtt_client", run: mqtt::client, seeds: mqtt::client_seeds },
    Target { name: "http_head", run: http::head, seeds: http::head_seeds },
    Target { name: "content_range", run: http::content_range, seeds: http::content_range_seeds },
    Target { name: "record", run: device::record, seeds: device::record_seeds },
    Target { name: "boot_marker", run: device::boot_marker, seeds: device::boot_marker_seeds },
    Target { name: "agent_config", run: device::agent_config, seeds: device::agent_config_seeds },
    Target { name: "onenet_reply", run: onenet::reply, seeds: onenet::reply_seeds },
    Target { name: "onenet_download", run: onenet::download, seeds: onenet::download_seeds },
    Target { name: "onenet_notice", run: onenet::notice, seeds: onenet::notice_seeds },
    Target { name: "login", run: platform::login, seeds: platform::login_seeds },
    Target {
        name: "registration_form",
        run: platform::registration_form,
        seeds: platform::registration_form_seeds,
    },
    Target { name: "version", run: platform::version, seeds: platform::version_seeds },
    Target { name: "progress", run: platform::progress, seeds: platform::progress_seeds },
    Target { name: "query", run: platform::query, seeds: platform::query_seeds },
    Target { name: "block_request", run: platform::block_request, seeds: platform::block_request_seeds },
    Target { name: "config_query", run: platform::config_query, seeds: platform::config_query_seeds },
    Target { name: "config_taken", run: platform::config_taken, seeds: platform::config_taken_seeds },
    Target { name: "gateway_report", run: platform::gateway_report, seeds: platform::gateway_report_seeds },
    Target { name: "jd_report", run: jd::report, seeds: jd::report_seeds },
    Target { name: "mqtt_server", run: mqtt::server, seeds: mqtt::server_seeds },
    Target { name: "range", run: http::range, seeds: http::range_seeds },
    Target { name: "download_link", run: platform::download_link, seeds: platform::download_link_seeds },
    Target { name: "onenet_authorization", run: onenet::authorization, seeds: onenet::authorization_seeds },
    Target { name: "onenet_request", run: onenet::request, seeds: onenet::request_seeds },
];

/// Runs the target of that name.
///
/// # Panics
/// If the target finds a fault, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    (target(name).run)(bytes);
}

/// Writes the target's samples into the corpus that its program was started with, before it is read.
///
/// # Panics
/// If that folder cannot be written to.
pub fn write_seeds(name: &str) {
    let folders = env::args_os().skip(1).map(PathBuf::from);
    let Some(corpus) = folders.into_iter().find(|argument| argument.is_dir()) else { return };
    for (at, seed) in (target(name).seeds)().into_iter().enumerate() {
        fs::write(corpus.join(format!("sample-{at}")), seed).expect("the corpus can be written to");
    }
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("the target stands in TARGETS")
}

/// The program of one target.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(init: $crate::write_seeds($name), |bytes: &[u8]| $crate::run($name, bytes));
    };
}

fn me() -> DeviceId {
    DeviceId { product: "a1DemoPk001".parse().expect("a name"), device: "dev-one".parse().expect("a name") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_target_takes_its_seeds_and_their_beginnings() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{}", target.name);
            for seed in seeds {
                for end in 0..=seed.len() {
                    (target.run)(&seed[..end]);
                }
            }
        }
    }

    #[test]
    fn every_target_has_its_program_and_every_program_its_target() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
        let mut programs: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let mut names: Vec<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
        programs.sort();
        names.sort();
        assert_eq!(programs, names);
        for name in names {
            let program = fs::read_to_string(folder.join(format!("{name}.rs"))).unwrap();
            assert!(program.contains(&format!("target!(\"{name}\")")), "{name}");
        }
    }
}
