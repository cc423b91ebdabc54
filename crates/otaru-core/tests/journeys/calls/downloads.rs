//! What a platform sends instead of the bytes that were asked for: nothing of it is ever stored.

use otaru_core::{Event, Trouble};
use otaru_wire::{
    Limits,
    dialect::onenet::{Generation, Status},
};

use super::{
    platform::{Order, What},
    world::{Fault, World},
};
use crate::world::image;

const SIZE: u64 = 4000;

fn order() -> Order {
    Order::new(image(SIZE as usize, 5))
}

fn file(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Fault {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_string())).collect();
    Fault::File(status, headers, body.to_vec())
}

/// Sources: onenet §4.3, §5, §9 items 6 and 7.
#[test]
fn whatever_comes_instead_of_a_piece_is_not_stored_and_the_piece_is_asked_for_again() {
    let junk = vec![b'x'; 1500];
    let piece = ("Content-Range", "bytes 1500-2999/4000");
    for (fault, generation) in [
        (file(200, &[], &[4]), Generation::Token),
        (file(200, &[], b"4"), Generation::Token),
        (file(200, &[], b""), Generation::Token),
        (file(200, &[], &junk), Generation::Token),
        (
            file(
                200,
                &[("Content-Type", "application/json"), ("Content-Length", "20")],
                b"{\"errno\":3,\"error\":1}",
            ),
            Generation::Token,
        ),
        (
            file(200, &[("Content-Type", "application/json"), ("Content-Length", "4000")], &junk),
            Generation::Fuse,
        ),
        (file(200, &[("Ota-Errno", "3"), ("Content-Length", "0")], b""), Generation::Tid),
        (file(206, &[("Ota-Errno", "9"), piece], &junk), Generation::Tid),
        (file(206, &[("Ota-Errno", "no"), piece], &junk), Generation::Tid),
        (file(206, &[], &junk), Generation::Tid),
        (file(206, &[("Content-Range", "bytes 0-1499/4000")], &junk), Generation::Tid),
        (file(206, &[("Content-Range", "bytes 1500-3999/4000")], &junk), Generation::Tid),
        (file(206, &[("Content-Range", "bytes 1500-2999/*")], &junk), Generation::Tid),
        (
            file(206, &[piece, ("Content-Range-Start", "0"), ("Content-Range-End", "1499")], &junk),
            Generation::Fuse,
        ),
        (file(206, &[piece, ("Content-Length", "7")], &junk), Generation::Fuse),
        (file(500, &[], b"oops"), Generation::Fuse),
        (file(416, &[], b""), Generation::Fuse),
    ] {
        let mut world = World::offered(generation, order());
        world.run_until(|world| world.stored >= 1500);
        world.fault(What::Download, fault.clone());
        world.run();
        world.assert_updated();
        assert_eq!(world.stored, SIZE, "{fault:?}");
        assert_eq!(world.count(|event| matches!(event, Event::Retrying { .. })), 1, "{fault:?}");
    }
}

/// The whole file from its middle on is no piece; again and again it is a reason to begin anew, within bounds.
#[test]
fn a_whole_file_instead_of_a_piece_is_never_mixed_with_what_is_stored() {
    let mut world = World::offered(Generation::Fuse, order());
    world.run_until(|world| world.stored >= 1500);
    let body = world.order().image.clone();
    world.fault(What::Download, file(200, &[("Content-Length", "4000"), ("Ota-Errno", "0")], &body));
    world.run();
    world.assert_updated();
    assert_eq!(world.stored, SIZE);
}

#[test]
fn a_file_of_another_size_begins_anew_and_fails_in_the_end() {
    let mut world = World::offered(Generation::Fuse, order());
    for _ in 0..20 {
        world.fault(What::Download, file(206, &[("Content-Range", "bytes 0-1499/5000")], &[1; 1500]));
    }
    world.run();
    world.assert_untouched();
    assert_eq!((world.order().status, world.stored), (Status::Failed, 0));
}

/// Source: onenet §4.3: only 5 of the newer list means to stop without a word.
#[test]
fn a_download_of_a_task_that_is_over_is_dropped_without_a_failure_report() {
    let mut world = World::offered(Generation::Fuse, order());
    world.run_until(|world| world.stored >= 1500);
    world.fault(What::Download, file(200, &[("Ota-Errno", "5"), ("Content-Length", "0")], b""));
    world.run_until(|world| !world.has_task());
    world.settle();
    world.assert_untouched();
    assert!(world.platform.steps.iter().all(|step| *step < 100));
}

#[test]
fn a_link_that_is_refused_is_asked_for_again_a_bounded_number_of_times() {
    for (fault, generation) in [
        (file(200, &[], &[3]), Generation::Token),
        (file(401, &[], b""), Generation::Tid),
        (file(403, &[("Ota-Errno", "6")], b""), Generation::Fuse),
        (file(404, &[("Ota-Errno", "2")], b""), Generation::Fuse),
    ] {
        let mut world = World::offered(generation, order());
        world.fault(What::Download, fault.clone());
        world.run();
        world.assert_updated();
        assert_eq!(world.count(|event| matches!(event, Event::LinkRefused { .. })), 1);
        let mut world = World::offered(generation, order());
        for _ in 0..50 {
            world.fault(What::Download, fault.clone());
        }
        world.run();
        world.assert_untouched();
        assert_eq!((world.order().status, world.platform.steps.last()), (Status::Failed, Some(&107)));
        assert_eq!(world.asked(What::Download), 6);
    }
}

#[test]
fn an_offer_that_cannot_be_followed_instead_of_a_fresh_link_is_no_wait_for_ever() {
    for (target, delta) in [("3.0.0", true), ("1.0.0", false)] {
        let mut world = World::offered(Generation::Fuse, order());
        world.run_until(|world| world.stored >= 1500);
        world.fault(What::Download, file(401, &[], b""));
        world.run_until(|world| world.faults.is_empty());
        let body = format!(
            r#"{{"code":0,"data":{{"target":"{target}","tid":9,"size":9,"md5":"{}","type":{}}}}}"#,
            "0".repeat(32),
            1 + u8::from(delta)
        );
        for _ in 0..50 {
            world.fault(What::Check, Fault::Answer(200, body.clone()));
        }
        world.run();
        world.assert_untouched();
        assert_eq!(world.platform.steps.last(), Some(&107));
        assert!(world.asked(What::Check) < 20);
    }
}

/// Source: onenet §2.3: retry budget and pause in seconds, device-enforced.
#[test]
fn a_task_that_tells_retry_and_interval_is_tried_so_often_and_so_far_apart() {
    let limits = Limits { retry: 3, interval_s: 60, ..Limits::default() };
    let mut world = World::offered(Generation::Token, Order { limits, ..order() });
    for _ in 0..50 {
        world.fault(What::Download, file(500, &[], b""));
    }
    world.run();
    world.assert_untouched();
    let at: Vec<u64> =
        world.asked.iter().filter(|(_, what)| *what == What::Download).map(|(at, _)| *at).collect();
    assert_eq!(at.len(), 4, "the first try and three more");
    assert!(at.windows(2).all(|at| at[1] - at[0] == 60_000), "{at:?}");
    assert_eq!(world.platform.steps.last(), Some(&107));
}

#[test]
fn an_interval_of_a_century_ends_after_the_policys_longest_pause() {
    let limits = Limits { retry: 1, interval_s: u32::MAX, ..Limits::default() };
    let mut world = World::offered(Generation::Token, Order { limits, ..order() });
    world.fault(What::Download, file(500, &[], b""));
    world.run();
    world.assert_updated();
    assert!(world.now <= 25 * 3600 * 1000);
}

#[test]
fn a_body_that_breaks_goes_on_behind_what_is_stored() {
    let mut world = World::offered(Generation::Tid, order());
    world.fault(What::Download, Fault::Breaks(600));
    world.run();
    world.assert_updated();
    assert_eq!(world.stored, SIZE);
    assert_eq!(world.asked(What::TaskCheck), world.asked(What::Download), "each piece is asked for first");
}

/// Source: onenet §8, §9 item 13: the vendor's client never checks and loses the last byte.
#[test]
fn an_image_that_does_not_hash_to_its_md5_is_not_installed_and_reported_as_205() {
    let mut world = World::offered(Generation::Fuse, order());
    world.run_until(World::has_task);
    world.order().image[100] ^= 1;
    world.run();
    world.assert_untouched();
    assert_eq!(world.platform.steps.last(), Some(&205));
    for size in [1, 1501, 3001] {
        let mut world = World::offered(Generation::Token, Order::new(image(size, 9)));
        world.run();
        world.assert_updated();
    }
}

#[test]
fn a_file_that_never_comes_counts_as_silent_and_is_asked_for_again() {
    let mut world = World::offered(Generation::Tid, order());
    world.fault(What::Download, Fault::Lost);
    world.run();
    world.assert_updated();
    assert_eq!(world.count(|event| matches!(event, Event::Retrying { reason: Trouble::Silent, .. })), 1);
}
