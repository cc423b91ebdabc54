//! Journeys at random, power cuts everywhere, and faults that must be found.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::mem::discriminant;

use otaru_sim::{Cuts, Form, Outcome, Planted, Violation, cut_at, cut_everywhere, random};

#[test]
fn fifty_seeds_of_every_form_keep_every_promise_in_weather_that_spares_nothing() {
    let mut total = Outcome::default();
    for form in Form::ALL {
        for seed in 1..=50 {
            total += random(form, seed, None).unwrap_or_else(|broken| {
                panic!("{broken}\nagain: cargo xtask journeys --seed {seed} --form {form}")
            });
        }
    }
    println!("{total:?}");
    let lived = total.lived;
    let turns = [total.cuts, lived.resumed, lived.retried, lived.links_refused, lived.started_over];
    assert!(turns.iter().all(|turn| *turn >= 20), "the weather is too fair: {total:?}");
    assert!(
        lived.failed >= 20 && lived.fell_back > 5 && lived.dropped > 2,
        "the weather is too fair: {lived:?}"
    );
    assert!(total.tried_again >= 20, "a campaign that tries again gets there: {total:?}");
    assert!(lived.updated >= 250, "each device ends on the target: {lived:?}");
}

#[test]
fn blocks_over_mqtt_meet_every_trouble_that_links_meet() {
    let mut total = Outcome::default();
    for seed in 1..=50 {
        total += random(Form::OverMqtt, seed, None).unwrap_or_else(|broken| panic!("{seed}: {broken}"));
    }
    let lived = total.lived;
    let turns = [total.cuts, lived.resumed, lived.retried, lived.links_refused, lived.started_over];
    assert!(turns.iter().all(|turn| *turn >= 10), "the weather is too fair: {total:?}");
    assert!(lived.failed >= 5 && lived.updated >= 50, "the weather is too fair: {lived:?}");
}

/// The power went after the Record was emptied and before the event that says why: nothing is fetched twice then.
#[test]
fn a_cut_between_the_emptied_record_and_its_event_is_no_lost_record() {
    for (form, seed) in
        [(Form::ModuleMd5, 62), (Form::ThreeFiles, 863), (Form::ThreeFiles, 586), (Form::Md5, 282)]
    {
        random(form, seed, None).unwrap_or_else(|broken| panic!("{form} {seed}: {broken}"));
    }
}

#[test]
fn a_seed_is_a_journey() {
    for form in Form::ALL {
        assert_eq!(random(form, 4711, None), random(form, 4711, None));
    }
}

#[test]
fn a_cut_at_every_step_and_a_second_one_at_every_write_of_the_recovery_end_on_the_new_version() {
    for form in Form::ALL {
        let cuts =
            cut_everywhere(form, 1).unwrap_or_else(|(cuts, broken)| panic!("{form} {cuts:?}: {broken}"));
        let Cuts { single, pairs, total } = cuts;
        println!("{form}: {single} single power cuts, {pairs} pairs");
        assert!(single > 70 && pairs > 1_000, "{form}: too short to prove anything: {cuts:?}");
        assert_eq!(total.cuts, single + 2 * pairs, "{form}: every cut happened");
    }
}

/// What a planted fault breaks first on some journey, and after how many.
fn hunt(planted: Planted) -> Option<(Violation, u64)> {
    let mut journeys = 0;
    for seed in 1..=60 {
        for form in Form::ALL {
            journeys += 1;
            let clear = cut_at(form, seed, &[seed * 2], Some(planted));
            let found = clear.and_then(|_| random(form, seed, Some(planted)));
            if let Err(broken) = found {
                return Some((broken.violation, journeys));
            }
        }
    }
    None
}

#[test]
fn every_planted_fault_is_found() {
    for planted in Planted::ALL {
        let found = hunt(planted);
        println!("{planted:?}: {found:?}");
        assert!(found.is_some(), "{planted:?} was not found");
    }
}

#[test]
fn planted_faults_break_the_promises_that_speak_of_them() {
    let text = String::new;
    for (planted, violation) in [
        (Planted::SkipSync, Violation::RecordAhead(0)),
        (Planted::ConfirmEarly, Violation::ConfirmedUnproven(text())),
        (Planted::MarkerEarly, Violation::Unverified(text())),
        (Planted::ActivateUnread, Violation::Unverified(text())),
        (Planted::ReadFromCache, Violation::Unverified(text())),
        (Planted::SlotNotEmptied, Violation::Unverified(text())),
        (Planted::OneRecordCopy, Violation::FetchedTwice { file: 0, byte: 0 }),
        (Planted::NoEtag, Violation::MixedFiles(0)),
        (Planted::StaleLink, Violation::RefusedLink(text())),
        (Planted::VersionTwice, Violation::VersionRepeated(0, 0)),
        (Planted::Storm, Violation::Storm(0)),
        (Planted::NoTimer, Violation::NoEnd(text())),
        (Planted::ChecksumOverlooked, Violation::StartedOver(text())),
        (Planted::BlockFromZero, Violation::FetchedTwice { file: 0, byte: 0 }),
        (Planted::CheckSkipped, Violation::Unchecked(text())),
    ] {
        let (found, _) = hunt(planted).unwrap();
        assert_eq!(discriminant(&found), discriminant(&violation), "{planted:?}: {found}");
    }
}
