//! The contract over both locations, and what only this engine promises.

use otaru_fleet::{Dialect, Product, Secret, TaskId, Timestamp};
use otaru_wire::ProductKey;

use super::*;
use crate::store::{
    Asking as _, Campaigns as _, Catalog as _, Keys as _, Page, Skip, TaskToken, Tasks as _, What,
    contract::store_contract,
};

store_contract!(in_memory, (Sqlite::open(Location::Memory).unwrap(), ()));
store_contract!(in_a_file, {
    let folder = tempfile::tempdir().unwrap();
    (Sqlite::open(Location::File(folder.path().join("otaru.db"))).unwrap(), folder)
});

fn product(key: &str) -> Product {
    Product {
        key: ProductKey::new(key).unwrap(),
        dialect: Dialect::Aliyun,
        secret: Secret::new("s"),
        registration: Default::default(),
        created_at: Timestamp(1),
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("otaru.db"));
    let store = Sqlite::open(location.clone()).unwrap();
    store.add_product(product("a1")).await.unwrap();
    drop(store);
    let store = Sqlite::open(location).unwrap();
    assert_eq!(store.product(&ProductKey::new("a1").unwrap()).await, Ok(product("a1")));
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otaru.db");
    drop(Sqlite::open(Location::File(path.clone())).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = Sqlite::open(Location::File(path.clone())).err();
    assert_eq!(refused, Some(StoreError::TooNew { found: 99, known: 7 }));
    let version: u32 =
        Connection::open(&path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

/// A database as the program of that schema left it.
fn old_database(path: &std::path::Path, schema: u32, rows: &str) {
    let old = Connection::open(path).unwrap();
    for step in schema::STEPS.iter().take(schema as usize) {
        old.execute_batch(step).unwrap();
    }
    old.pragma_update(None, "user_version", schema).unwrap();
    old.execute_batch(rows).unwrap();
}

#[tokio::test]
async fn a_task_from_before_there_were_attempts_goes_on_as_its_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otaru.db");
    old_database(
        &path,
        3,
        "INSERT INTO products VALUES ('a1', 'aliyun', 's', 1, 'off', 0);
         INSERT INTO devices VALUES (1, 'a1', 'd1', 's', 1, NULL, NULL);
         INSERT INTO packages VALUES (1, 'a1', 'default', '2.0.0', NULL, 'sha256', 1, 'http');
         INSERT INTO campaigns VALUES (1, 1, NULL, '', 60000, 'running', 1, NULL);
         INSERT INTO tasks VALUES
             (1, 1, 1, 1, 'default', '2.0.0', '1.0.0', 'in_progress', 40, NULL, 60000, 1, 2, 3, 60003, 4, 5);",
    );
    let store = Sqlite::open(Location::File(path)).unwrap();
    let task = store.task(TaskId(1)).await.unwrap().task;
    let rules = otaru_fleet::Rules {
        timeout: Duration::from_secs(60),
        patience: otaru_fleet::Patience::Endless,
        ..Default::default()
    };
    assert_eq!((task.attempt, task.attempts(), &task.rules, task.progress), (1, 1, &rules, 40));
    assert_eq!(store.due(Timestamp(60_003), 9).await.unwrap(), [task]);
    assert_eq!(store.campaign(otaru_fleet::CampaignId(1)).await.unwrap().rules, rules);
}

#[tokio::test]
async fn packages_and_skips_from_before_there_were_several_products_keep_their_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otaru.db");
    old_database(
        &path,
        5,
        "INSERT INTO products VALUES ('a1', 'aliyun', 's', 1, 'off', 0), ('b2', 'jd', 's', 1, 'off', 0);
         INSERT INTO files VALUES (zeroblob(32), zeroblob(16), 9, 1);
         INSERT INTO packages VALUES (1, 'a1', 'default', '2.0.0', NULL, 'sha256', 1, 'http'),
             (2, 'b2', 'mcu', '3.0.0', '{}', 'md5', 1, 'mqtt');
         INSERT INTO package_files VALUES (1, 0, 'a.bin', zeroblob(32)), (2, 0, 'b.bin', zeroblob(32));
         INSERT INTO campaigns VALUES (1, 2, 1, '', 60000, 'ended', 1, 1, 0, 0, NULL, NULL);
         INSERT INTO skips VALUES (1, 'd1', '{\"why\":\"unknown_device\"}');",
    );
    let (a, b) = (ProductKey::new("a1").unwrap(), ProductKey::new("b2").unwrap());
    let store = Sqlite::open(Location::File(path)).unwrap();
    let packages = store.packages(None, Page::first(9)).await.unwrap();
    assert_eq!(
        packages.iter().map(|package| package.spec.products.only()).collect::<Vec<_>>(),
        [Some(&a), Some(&b)]
    );
    let second = &packages[1];
    assert_eq!((second.spec.module.as_str(), second.spec.extra.as_deref()), ("mcu", Some("{}")));
    assert_eq!((second.spec.version.as_str(), second.spec.files.len()), ("3.0.0", 1));
    assert_eq!(store.packages(Some(&b), Page::first(9)).await.unwrap(), packages[1..]);
    let skips = store.skips(otaru_fleet::CampaignId(1), Page::first(9)).await.unwrap();
    let device = otaru_wire::DeviceId { product: b, device: "d1".parse().unwrap() };
    assert_eq!(skips, [Skip { device, reason: otaru_fleet::SkipReason::UnknownDevice }]);
    let next = store.add_package(packages[0].spec.clone(), Timestamp(2)).await.unwrap().id;
    assert_eq!(next, otaru_fleet::PackageId(3), "no number is given twice");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otaru.db");
    std::fs::write(&path, "this is not a database, but long enough to look like one. ".repeat(20)).unwrap();
    assert!(matches!(Sqlite::open(Location::File(path)), Err(StoreError::Broken(_))));
}

#[tokio::test]
async fn a_panic_in_one_write_takes_back_that_write_alone() {
    let store = Sqlite::open(Location::Memory).unwrap();
    let broken = store.writing::<(), _>(|connection| {
        connection
            .execute("INSERT INTO tokens (name, sha256, created_at) VALUES ('t', zeroblob(32), 1)", [])?;
        panic!("a bug");
    });
    let (broken, sound) = tokio::join!(broken, store.add_product(product("a1")));
    assert!(matches!(broken, Err(StoreError::Broken(_))), "{broken:?}");
    assert_eq!(sound, Ok(()));
    assert_eq!(store.token_count().await, Ok(0), "half a write must not stay");
    assert_eq!(store.add_product(product("a2")).await, Ok(()), "the thread goes on");
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_was_kept_stays_readable() {
    let store = Sqlite::open(Location::Memory).unwrap();
    store.add_product(product("a1")).await.unwrap();
    store.fill_disk(true).await;
    let big = Product { secret: Secret::new("x".repeat(100_000)), ..product("big") };
    assert_eq!(store.add_product(big.clone()).await, Err(StoreError::Full));
    assert_eq!(store.product(&product("a1").key).await, Ok(product("a1")));
    assert_eq!(store.product(&big.key).await, Err(StoreError::NotFound { what: What::Product }));
    store.fill_disk(false).await;
    assert_eq!(store.add_product(big).await, Ok(()), "once there is room it works again");
}

#[tokio::test]
async fn a_refused_write_takes_nothing_of_its_group_with_it() {
    let store = Sqlite::open(Location::Memory).unwrap();
    let writes: Vec<_> = (0..40).map(|n| store.add_product(product(&format!("p{}", n / 2)))).collect();
    let outcomes = futures_util::future::join_all(writes).await;
    let kept = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(kept, 20);
    let refused = Err(StoreError::AlreadyExists { what: What::Product });
    assert!(outcomes.iter().all(|outcome| outcome.is_ok() || *outcome == refused));
    assert_eq!(store.products(Page::first(100)).await.unwrap().len(), 20);
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_the_database_and_its_log() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(Location::File(folder.path().join("otaru.db"))).unwrap();
    store.add_product(product("a1")).await.unwrap();
    for file in ["otaru.db", "otaru.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}: {mode:o}");
    }
}

/// Where the process that is to be killed keeps its database.
const KILLED_DB: &str = "OTARU_TEST_KILLED_DB";

/// Not a promise of its own: the process that `what_was_answered_survives_a_kill` kills.
#[tokio::test]
async fn writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(KILLED_DB) else { return };
    let store = Sqlite::open(Location::File(path.into())).unwrap();
    let task = a_task(&store).await;
    for number in 0.. {
        store.add_product(product(&format!("p{number}"))).await.unwrap();
        let token = TaskToken { text: format!("t{number}"), given_at: Timestamp(number + 1) };
        store.give_task_token(task, token, Timestamp(number)).await.unwrap();
        println!("answered {number}");
    }
}

/// A device's open task.
async fn a_task(store: &Sqlite) -> TaskId {
    store
        .writing(|connection| {
            connection.execute_batch(
                "INSERT INTO products (key, dialect, secret, created_at) VALUES ('a1', 'onenet', 's', 0);
                 INSERT INTO devices (id, product, name, secret, created_at) VALUES (1, 'a1', 'd1', 's', 0);
                 INSERT INTO packages (id, module, version, digest_method, created_at)
                     VALUES (1, 'default', '2.0.0', 'md5', 0);
                 INSERT INTO campaigns (id, package, source_versions, timeout_ms, state, created_at)
                     VALUES (1, 1, '', 1, 'running', 0);
                 INSERT INTO tasks (id, campaign, package, device, module, version, state, progress, timeout_ms,
                     created_at, updated_at, revision)
                     VALUES (1, 1, 1, 1, 'default', '2.0.0', 'queued', 0, 1, 0, 0, 0);",
            )?;
            Ok(TaskId(1))
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Command, Stdio},
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otaru.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::sqlite::tests::writes_until_it_is_killed", "--nocapture"])
        .env(KILLED_DB, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let answered = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.rsplit_once("answered ")?.1.parse::<u64>().ok())
        .find(|number| *number >= 100);
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answered, Some(100));
    let store = Sqlite::open(Location::File(path)).unwrap();
    for number in 0..=100 {
        let key = ProductKey::new(format!("p{number}")).unwrap();
        assert!(store.product(&key).await.is_ok(), "p{number} was answered and is gone");
        let (task, given_at) = store.task_of_token(&format!("t{number}")).await.unwrap();
        assert_eq!((task.id, given_at), (TaskId(1), Timestamp(number + 1)));
    }
}

/// What a report costs must not grow with the fleet.
#[tokio::test]
async fn no_statement_of_a_report_scans_a_table() {
    let store = Sqlite::open(Location::Memory).unwrap();
    let statements = [
        tasks::open_tasks_sql(),
        tasks::has_open_task_sql(),
        tasks::WRITE_TASK.to_owned(),
        tasks::DEVICE_ROW.to_owned(),
        tasks::WRITE_RUNNING.to_owned(),
        tasks::NEXT_DEADLINE.to_owned(),
        asking::NEWEST_TOKEN.to_owned(),
        asking::WAS_UPGRADED.to_owned(),
        asking::task_of_token_sql(),
        catalog::DEVICE_OF_SERIAL.to_owned(),
    ];
    for sql in statements {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let plan: Vec<String> = store
            .reading(move |connection| {
                let mut statement = connection.prepare(&explain)?;
                let lines = statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>()?;
                Ok(lines)
            })
            .await
            .unwrap();
        let sorts = |line: &String| line.starts_with("USE TEMP B-TREE");
        let searches = |line: &String| {
            line.starts_with("SEARCH") && (line.contains("INDEX") || line.contains("PRIMARY KEY"))
        };
        assert!(
            !plan.is_empty() && plan.iter().all(|line| sorts(line) || searches(line)),
            "{sql}\n{plan:#?}"
        );
    }
}
