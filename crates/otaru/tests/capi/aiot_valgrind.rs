//! The same programs under valgrind: no error, no leak.

use crate::{aiot::image, field::Field, lab::AIOT};

#[test]
#[ignore = "needs valgrind"]
fn an_update_of_one_file_and_one_of_several_neither_err_nor_leak() {
    for lens in [&[100_000][..], &[40_000, 20_000]] {
        let field = Field::new("aliyun");
        let device = field.device("p1");
        let files: Vec<_> = lens.iter().map(|len| image(*len)).collect();
        let slices: Vec<_> = files.iter().map(Vec::as_slice).collect();
        let campaign = field.campaign("2.0.0", &slices, &[]);
        let program = field.starts_under_valgrind(&AIOT, "aiot_update", &device, &["1.0.0", "1"]);
        program.ends_well();
        field.task_is(&campaign, "succeeded");
    }
}

#[test]
#[ignore = "needs valgrind"]
fn tasks_told_and_halves_fetched_neither_err_nor_leak() {
    for (program, more) in [("aiot_tasks", &["1", "1.0.0"][..]), ("aiot_halves", &["1.0.0"])] {
        let field = Field::new("aliyun");
        let device = field.device("p1");
        field.campaign("2.0.0", &[&image(10_000)], &[]);
        field.starts_under_valgrind(&AIOT, program, &device, more).ends_well();
    }
}
