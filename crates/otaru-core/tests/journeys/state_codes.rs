//! The vendor's state codes, each from the journey that has it.

use std::collections::BTreeSet;

use otaru_core::{FetchError, Policy, Trouble};
use otaru_wire::dialect::aliyun::StateCode::{self, *};

use crate::world::{World, image, offered, package, platform::Package, server::Fault};

/// The codes of a whole journey with these faults in the first answers.
fn codes(faults: impl IntoIterator<Item = Fault>) -> Vec<StateCode> {
    codes_of(offered(&package()), faults)
}

fn codes_of(mut world: World, faults: impl IntoIterator<Item = Fault>) -> Vec<StateCode> {
    world.server.faults = faults.into_iter().collect();
    world.boot();
    world.run();
    world.events.iter().filter_map(|event| event.state_code()).collect()
}

fn in_ranges(range_bytes: u64) -> World {
    let mut world = World::with(Policy { range_bytes: Some(range_bytes), ..Policy::default() });
    world.offer(&package());
    world
}

#[test]
fn a_whole_file_is_finished_and_its_digest_matches() {
    assert_eq!(codes([]), [DownloadFinished, OtaDigestMatch]);
    let mut world = World::new();
    world.offer(&Package::new(vec![image(700, 1), image(800, 2)]));
    assert_eq!(codes_of(world, []), [DownloadFinished, DownloadFinished, OtaDigestMatch]);
}

#[test]
fn a_part_of_a_file_is_range_finished() {
    let codes = codes_of(in_ranges(2_000), []);
    assert_eq!(codes, [DownloadRangeFinished, DownloadRangeFinished, DownloadFinished, OtaDigestMatch]);
}

#[test]
fn a_connection_that_breaks_is_recv_error_and_then_a_renewal() {
    let expected = [DownloadRecvError, DownloadRenewalRequestSent, DownloadFinished, OtaDigestMatch];
    for fault in [Fault::Breaks(2_000), Fault::Short(2_000), Fault::Stalls(2_000)] {
        assert_eq!(codes([fault.clone()]), expected, "{fault:?}");
    }
}

#[test]
fn a_file_with_a_wrong_digest_is_finished_and_then_a_mismatch() {
    let mut world = offered(&package());
    world.server.always = Some(Fault::Flips(4_321));
    assert_eq!(codes_of(world, []), [DownloadFinished, DownloadFinished, OtaDigestMismatch]);
}

#[test]
fn another_status_is_httprsp_code_error() {
    for status in [404, 416, 500, 503] {
        assert_eq!(
            codes([Fault::Status(status)]),
            [DownloadHttprspCodeError, DownloadFinished, OtaDigestMatch]
        );
    }
}

#[test]
fn an_answer_without_its_length_is_httprsp_header_error() {
    for fault in [Fault::NoLength, Fault::OtherStart] {
        assert_eq!(codes([fault]), [DownloadHttprspHeaderError, DownloadFinished, OtaDigestMatch]);
    }
}

#[test]
fn more_bytes_than_announced_is_fetch_too_many() {
    let codes = codes_of(in_ranges(2_000), [Fault::Long]);
    assert_eq!(codes[0], DownloadFetchTooMany, "{codes:?}");
    assert_eq!(codes.last(), Some(&OtaDigestMatch));
}

#[test]
fn every_trouble_has_the_code_of_its_kind_or_none() {
    let of: BTreeSet<_> = [
        Trouble::Fetch(FetchError::Unreachable(String::new())),
        Trouble::Fetch(FetchError::Broken(String::new())),
        Trouble::Fetch(FetchError::Redirected),
        Trouble::Fetch(FetchError::BadUrl(String::new())),
        Trouble::Fetch(FetchError::NotTrusted(String::new())),
        Trouble::RangeIgnored,
        Trouble::NoHead,
    ]
    .iter()
    .map(|trouble| trouble.state_code().map(StateCode::number))
    .collect();
    assert_eq!(of, [None, Some(-0x0925), Some(-0x0921), Some(-0x0920), Some(-0x0906), Some(-0x0903)].into());
}
