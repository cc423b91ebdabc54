//! Upgrades where nothing goes wrong.

use otaru_core::{Event, Protocol};
use otaru_wire::{DigestMethod, Source};

use crate::world::{
    World, image,
    platform::{Package, digest},
};

fn clean(package: &Package) -> World {
    let mut world = World::new();
    world.offer(package);
    world.boot();
    world.run();
    world.assert_updated(package);
    let size: usize = package.files.iter().map(Vec::len).sum();
    assert_eq!(world.server.sent, size as u64, "every byte is fetched once");
    world
}

#[test]
fn one_file_is_updated() {
    let world = clean(&Package::new(vec![image(10_000, 3)]));
    assert_eq!(world.count(|event| matches!(event, Event::Updated { .. })), 1);
    assert_eq!(
        world.platform.versions().first(),
        Some(&("default", "1.0.0")),
        "the old version is told first"
    );
}

#[test]
fn three_files_are_updated_with_one_percentage() {
    let world = clean(&Package::new(vec![image(5_000, 3), image(1, 4), image(4_999, 5)]));
    let steps = world.platform.steps();
    assert!(steps.is_sorted() && steps.first() == Some(&0) && steps.last() == Some(&100), "{steps:?}");
}

#[test]
fn a_module_is_updated_alone() {
    let world = clean(&Package { module: "mcu", ..Package::new(vec![image(3_000, 3)]) });
    assert_eq!(world.disk.version("default"), "1.0.0");
}

#[test]
fn md5_will_do() {
    clean(&Package { method: DigestMethod::Md5, ..Package::new(vec![image(3_000, 3)]) });
}

#[test]
fn an_md5_beside_the_sha256_is_computed_in_the_same_pass() {
    let image = image(3_000, 3);
    let also = Some(digest(DigestMethod::Md5, &image));
    clean(&Package { also, ..Package::new(vec![image]) });
}

#[test]
fn a_task_is_told_with_all_that_its_notice_says() {
    let image = image(3_000, 3);
    let also = Some(digest(DigestMethod::Md5, &image));
    let world = clean(&Package { also, ..Package::new(vec![image.clone()]) });
    let Some(Event::Offered(task)) = world.events.first() else { panic!("{:?}", world.events) };
    let told = (task.version.as_str(), task.module.as_str(), task.total_bytes, task.protocol, task.delta);
    assert_eq!(told, ("2.0.0", "default", 3_000, Protocol::Http, false));
    let [file] = &task.files[..] else { panic!("{task:?}") };
    assert_eq!((file.size, file.digest, file.also), (3_000, digest(DigestMethod::Sha256, &image), also));
    assert!(matches!(&file.source, Source::Http { url } if url.starts_with("http://files/default/2.0.0/0")));
}

#[test]
fn a_second_upgrade_follows_the_first_in_one_process() {
    let mut world = clean(&Package::new(vec![image(3_000, 3)]));
    let next = Package { version: "3.0.0", ..Package::new(vec![image(3_500, 9)]) };
    world.push(&next);
    world.run();
    world.assert_updated(&next);
}
