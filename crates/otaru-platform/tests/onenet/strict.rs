//! A platform that asks for the documented order of steps (onenet §6, the vendor's FAQ).

use otaru_platform::{Config, Rigor};
use tempfile::TempDir;

use crate::{
    BY_DEVICE, METER, Platform, STUDIO,
    client::cmiot,
    image,
    paths::{Paths, field},
};

#[tokio::test(flavor = "multi_thread")]
async fn where_order_is_asked_for_a_success_needs_a_download_and_its_end() {
    let folder = TempDir::new().unwrap();
    let config = Config { rigor: Rigor::Strict, ..Config::local(folder.path()) };
    let platform = Platform::of(config, folder).await;
    let campaign = platform.campaign(STUDIO, "1.4.2", &image(100, 1)).await;
    let mut client = platform.client().await;
    let paths = Paths::tid("ota", STUDIO, METER);
    let task = client.ask(&cmiot("GET", &paths.check, BY_DEVICE, &[], "")).await;
    let paths = paths.of_task(field(task.reply(), "tid"));
    let mut step = async |number: u8| {
        let body = format!(r#"{{"step":{number}}}"#);
        let answer = client.ask(&cmiot("POST", &paths.step, BY_DEVICE, &[], &body)).await;
        field(answer.reply(), "errno").to_owned()
    };
    assert_eq!(step(201).await, "21", "nothing was fetched");
    assert_eq!(step(50).await, "21");
    let piece = platform.ask(&cmiot("GET", &paths.download, BY_DEVICE, &[], "")).await;
    assert_eq!(piece.body.len(), 100);
    assert_eq!(step(50).await, "0");
    assert_eq!(step(201).await, "21", "it has not said that it has everything");
    assert_eq!((step(101).await, step(201).await), ("0".into(), "0".into()));
    assert_eq!(platform.task(campaign).await["state"], "succeeded");
}
