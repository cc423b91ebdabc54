//! Devices, Tasks and answers for the tests of this folder.

use alloc::string::String;

use proptest::prelude::*;

use super::*;
use crate::{
    DeviceId, Version,
    http::{Answer, Head},
};

pub(super) const MD5: [u8; 16] =
    [0xab, 0x89, 0x38, 0x75, 0xd6, 0x97, 0xa3, 0x14, 0x5a, 0xf5, 0xee, 0xd5, 0x30, 0x9b, 0xee, 0x26];

/// The device of the samples in onenet §2.4 for the first generation.
pub(super) fn numbered() -> DeviceId {
    DeviceId { product: "123123".parse().unwrap(), device: "700100200".parse().unwrap() }
}

/// The device of the vectors in onenet §3.2 for the others.
pub(super) fn named() -> DeviceId {
    DeviceId { product: "PrdTest001".parse().unwrap(), device: "meter-01".parse().unwrap() }
}

/// Source: onenet §3.2.
pub(super) fn key() -> AccessKey {
    AccessKey::from_base64("S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==").unwrap()
}

pub(super) fn signed(resource: Resource) -> String {
    Claim { edition: Edition::E2018, resource, expires_s: 2_524_579_200, method: Method::Sha1 }.sign(&key())
}

pub(super) fn token() -> Token {
    Token::new("ota_Zk3Qm81TtYw0aPf7LrXe").unwrap()
}

pub(super) fn handle(generation: Generation) -> Handle {
    match generation {
        Generation::Token => Handle::Token(token()),
        Generation::Tid | Generation::Fuse => Handle::Tid(900_017),
    }
}

/// The Tasks of onenet §2.4.
pub(super) fn task(generation: Generation) -> Task {
    let terms = match generation {
        Generation::Token => Terms::Token {
            token: token(),
            limits: Limits { signal: 10, power: 30, retry: 3, interval_s: 60 },
            ip_port: None,
        },
        Generation::Tid | Generation::Fuse => Terms::Tid { tid: 900_017, status: Status::Waiting },
    };
    Task { target: "1.4.2".parse().unwrap(), size: 40960, md5: MD5, delta: false, terms }
}

/// The bytes that a head takes on the wire, with the headers that a server adds.
pub(super) fn head_len(head: &Head) -> usize {
    let lines = head.headers.0.iter().map(|(name, value)| name.len() + value.len() + 4);
    let added = "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nConnection: keep-alive\r\n";
    "HTTP/1.1 503 Service Unavailable\r\n\r\n".len() + lines.sum::<usize>() + added.len()
}

/// Checks what the vendor's C client has room for (onenet §9 items 1 to 3).
pub(super) fn assert_fits(head: &Head, body: usize) {
    assert!(head.headers.0.len() + 2 <= 10, "two headers are added: {head:?}");
    for (name, value) in &head.headers.0 {
        for word in name.split('-') {
            let (first, rest) = word.split_at(1);
            assert!(first.chars().all(|c| c.is_ascii_uppercase()), "{name}");
            assert!(rest.chars().all(|c| c.is_ascii_lowercase()), "{name}");
        }
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}: {value:?}");
    }
    assert!(head_len(head) + body <= 512, "{} + {body}", head_len(head));
}

pub(super) fn answer(status: u16, body: &str) -> Answer {
    Answer { head: Head { status, headers: Default::default() }, body: body.as_bytes().to_vec() }
}

pub(super) fn check(kind: Kind, running: &str) -> Ask {
    Ask::Check(Check { kind, running: running.parse().unwrap(), hardware: Hardware::default() })
}

prop_compose! {
    pub(super) fn any_version(max: usize)(text in proptest::string::string_regex(&alloc::format!("[A-Za-z0-9._-]{{1,{max}}}")).unwrap()) -> Version {
        text.parse().unwrap()
    }
}

pub(super) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![0..=107_i128, 201..=208_i128].prop_map(|number| Step::from_number(number).unwrap())
}

pub(super) fn any_kind() -> impl Strategy<Value = Kind> {
    proptest::sample::select(&Kind::ALL[..])
}

pub(super) fn any_generation() -> impl Strategy<Value = Generation> {
    proptest::sample::select(&Generation::ALL[..])
}

prop_compose! {
    fn any_token()(random: [u8; 20]) -> Token {
        Token::from_random(random)
    }
}

prop_compose! {
    fn any_terms(generation: Generation)(
        token in any_token(), tid: u32, signal: u8, power: u8, retry: u16, interval_s: u32,
        ip_port in proptest::option::of("[0-9.:]{1,31}"), status in proptest::sample::select(&Status::ALL[..]),
    ) -> Terms {
        match generation {
            Generation::Token => Terms::Token { token, limits: Limits { signal, power, retry, interval_s }, ip_port },
            Generation::Tid | Generation::Fuse => Terms::Tid { tid, status },
        }
    }
}

prop_compose! {
    pub(super) fn any_task(generation: Generation)(
        target in any_version(31), size in 1_u32.., md5: [u8; 16], delta: bool, terms in any_terms(generation),
    ) -> Task {
        Task { target, size, md5, delta, terms }
    }
}

prop_compose! {
    fn any_versions()(fota in any_version(64), sota in any_version(64), which in 1..=3_u8) -> Versions {
        Versions { fota: (which & 1 != 0).then_some(fota), sota: (which & 2 != 0).then_some(sota) }
    }
}

prop_compose! {
    fn any_check(generation: Generation)(
        kind in any_kind(), running in any_version(20), cdn: bool, manuf in proptest::option::of("[0-9]{1,8}"),
        model in proptest::option::of("[0-9]{1,8}"), signal: Option<u32>, power: Option<u32>,
    ) -> Ask {
        let hardware = match generation {
            Generation::Token => Hardware { cdn, manuf, model, signal, power },
            Generation::Tid | Generation::Fuse => Hardware::default(),
        };
        Ask::Check(Check { kind, running, hardware })
    }
}

fn any_range() -> impl Strategy<Value = Option<crate::http_range::RangeRequest>> {
    use crate::http_range::RangeRequest::{From, Suffix};
    proptest::option::of(prop_oneof![
        (any::<u64>(), any::<Option<u64>>()).prop_map(|(first, last)| From { first, last }),
        (1_u64..).prop_map(Suffix),
    ])
}

/// Anything that a device of that generation may ask.
pub(super) fn any_ask(generation: Generation) -> impl Strategy<Value = Ask> {
    let handle = match generation {
        Generation::Token => any_token().prop_map(Handle::Token).boxed(),
        Generation::Tid | Generation::Fuse => any::<u32>().prop_map(Handle::Tid).boxed(),
    };
    let common = prop_oneof![
        any_versions().prop_map(Ask::Version),
        Just(Ask::Versions),
        any_check(generation),
        handle.clone().prop_map(Ask::TaskCheck),
        (handle.clone(), any_range()).prop_map(|(task, range)| Ask::Download { task, range }),
        (handle, any_step()).prop_map(|(task, step)| Ask::Step { task, step }),
    ];
    let oldest = prop_oneof![
        (any_kind(), any::<bool>()).prop_map(|(kind, cdn)| Ask::Running { kind, cdn }),
        (any_token(), any_step()).prop_map(|(token, step)| Ask::Result { token, step }),
        "\\PC{1,32}".prop_map(|auth_info| Ask::DeviceNumber { auth_info }),
    ];
    match generation {
        Generation::Token => prop_oneof![2 => common, 1 => oldest].boxed(),
        Generation::Tid | Generation::Fuse => common.boxed(),
    }
}

/// The reply that fits a question, or a refusal.
pub(super) fn any_reply(generation: Generation, ask: &Ask) -> BoxedStrategy<Reply> {
    let done = match ask {
        Ask::Version(_) | Ask::Step { .. } | Ask::Result { .. } | Ask::Download { .. } => {
            Just(Reply::Done).boxed()
        }
        Ask::Versions => any_versions().prop_map(Reply::Versions).boxed(),
        Ask::Check(_) | Ask::Running { .. } => any_task(generation).prop_map(Reply::Task).boxed(),
        Ask::TaskCheck(_) if generation == Generation::Token => Just(Reply::Done).boxed(),
        Ask::TaskCheck(_) => proptest::sample::select(&Status::ALL[..]).prop_map(Reply::Status).boxed(),
        Ask::DeviceNumber { .. } => {
            "[0-9]{1,20}".prop_map(|number| Reply::DeviceNumber(number.parse().unwrap())).boxed()
        }
    };
    let refused = (1_u32..14_000)
        .prop_filter_map("0", move |number| Refusal::from_number(generation, number).map(Reply::Refused));
    prop_oneof![2 => done, 1 => refused].boxed()
}
