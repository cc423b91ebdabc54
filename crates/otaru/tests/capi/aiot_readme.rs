//! What the README and `docs/c-api.md` print works as printed.

use std::{fs, process::Command};

use crate::{
    common::repository,
    field::Field,
    lab::{AIOT, Linked},
};

#[test]
fn the_readmes_program_has_forty_lines_and_is_built_and_run_as_printed() {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let section = readme.split("\n## ").find(|section| section.starts_with("From C")).unwrap();
    let source = section.split("```c\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(source.lines().count() <= 40, "{} lines", source.lines().count());

    let field = Field::new("aliyun");
    let device = field.device("p1");
    let image = crate::aiot::image(100_000);
    let campaign = field.campaign("2.0.0", &[&image], &[]);
    let file = field.folder.path().join("app.c");
    fs::write(&file, source).unwrap();
    let program = AIOT.program_of(field.folder.path(), &file, Linked::Static);
    let told = field.runs(Command::new(program), &device, &[]).ends_well();
    assert_eq!(told, ["runs 2.0.0"]);
    assert!(field.file("got.bin") == image);
    field.task_is(&campaign, "succeeded");
}

#[test]
fn the_line_of_cc_is_the_same_on_both_pages() {
    let pages =
        ["README.md", "docs/c-api.md"].map(|page| fs::read_to_string(repository().join(page)).unwrap());
    let line =
        "cc -I crates/otaru-capi-aiot/include app.c target/small/libotaru_aiot.a -lpthread -ldl -lm -o app\n";
    assert!(pages.iter().all(|page| page.contains(line)));
}
