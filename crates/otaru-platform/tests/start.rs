//! A platform from start to stop, on real ports and a real folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests too

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
};

use otaru_platform::{Config, StartError, start};
use tempfile::TempDir;

fn config(data: &Path) -> Config {
    Config::local(data)
}

/// The status of an operator's call.
fn status(http: SocketAddr, token: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(http).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {http}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_token_is_shown_once_and_holds_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let first = start(config(folder.path())).await.unwrap();
    let token = first.first_token.clone().expect("the first start makes a token");
    assert_eq!(status(first.http, &token, "/api/v1/products"), "200");
    first.stop().await;
    let again = start(config(folder.path())).await.unwrap();
    assert_eq!(again.first_token, None);
    assert_eq!(status(again.http, &token, "/api/v1/products"), "200");
    assert_eq!(status(again.http, "guess", "/api/v1/products"), "401");
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_platforms_never_share_a_folder() {
    let folder = TempDir::new().unwrap();
    let first = start(config(folder.path())).await.unwrap();
    let second = start(config(folder.path())).await.unwrap_err();
    assert!(matches!(&second, StartError::InUse { path } if path == folder.path()), "{second}");
    assert!(second.to_string().contains(folder.path().to_str().unwrap()));
    assert_eq!(status(first.http, "", "/healthz"), "200");
    first.stop().await;
    start(config(folder.path())).await.expect("the folder is free after the stop").stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_named_and_the_token_is_not_lost() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for config in
        [Config { mqtt: address, ..config(folder.path()) }, Config { http: address, ..config(folder.path()) }]
    {
        let error = start(config).await.unwrap_err();
        assert!(matches!(error, StartError::Listen { address: named, .. } if named == address), "{error}");
        assert!(error.to_string().contains(&address.to_string()));
    }
    let running = start(config(folder.path())).await.unwrap();
    assert!(running.first_token.is_some(), "a start that failed used the token up");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_used_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = start(config(&file)).await.unwrap_err();
    assert!(matches!(&error, StartError::Data { path, .. } if *path == file), "{error}");
    let damaged = folder.path().join("damaged");
    std::fs::create_dir(&damaged).unwrap();
    std::fs::write(damaged.join("otaru.db"), "this is no database, and long enough to show it".repeat(100))
        .unwrap();
    let error = start(config(&damaged)).await.unwrap_err();
    assert!(matches!(&error, StartError::Store { path, .. } if path.ends_with("otaru.db")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_public_url_that_devices_cannot_follow_is_refused() {
    let folder = TempDir::new().unwrap();
    for url in ["ota.example", "ftp://ota.example", "https://"] {
        let config = Config { public_url: Some(url.to_owned()), ..config(folder.path()) };
        let error = start(config).await.unwrap_err();
        assert!(matches!(error, StartError::PublicUrl(_)), "{error}");
        assert!(error.to_string().contains(url));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_are_never_given_links_to_an_address_that_stands_for_all() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    for http in ["0.0.0.0:0", "[::]:0"] {
        let http: SocketAddr = http.parse().unwrap();
        let error = start(Config { http, ..config(&data) }).await.unwrap_err();
        assert!(matches!(error, StartError::NoPublicUrl { http: named } if named == http), "{error}");
        assert!(error.to_string().contains("--public-url"), "{error}");
        assert!(!data.exists(), "a start that cannot work leaves nothing");
    }
    let named = Config {
        http: "0.0.0.0:0".parse().unwrap(),
        public_url: Some("http://ota.example:8080".into()),
        ..config(&data)
    };
    start(named).await.expect("a public URL says what the address does not").stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_folder_is_for_its_owner_alone_and_is_made_with_its_parents() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new().unwrap();
    let data = folder.path().join("a/b");
    start(config(&data)).await.unwrap().stop().await;
    let mode = std::fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_stop_both_ports_are_free() {
    let folder = TempDir::new().unwrap();
    let running = start(config(folder.path())).await.unwrap();
    let (mqtt, http) = (running.mqtt, running.http);
    running.stop().await;
    assert!(TcpStream::connect(mqtt).is_err());
    assert!(TcpStream::connect(http).is_err());
}
