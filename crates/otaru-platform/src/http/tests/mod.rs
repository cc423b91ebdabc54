//! HTTP over real loopback sockets, with the bytes that real clients send.

mod api;
mod downloads;
mod onenet;
mod packages;
mod server;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::Router;
use bytes::Bytes;
use futures_util::{future::BoxFuture, stream};
use otaru_fleet::{TaskId, TaskState, Timestamp};
use otaru_wire::{DeviceId, DeviceName, ProductKey};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use super::{
    download::{Downloads, Grants},
    router::for_devices,
    server::{Limits, serve},
};
use crate::{
    brake::Brake,
    files::{FileId, Files, LocalFiles},
    links::{DEFAULT_TTL, Grant, Granted, Links},
    service::{GrantError, ServedFile},
};

/// The time at which every world begins, Unix milliseconds.
const START: u64 = 1_722_400_000_000;

/// A server for downloads, whose clock the test moves.
struct World {
    address: SocketAddr,
    links: Links,
    now: Arc<AtomicU64>,
    folder: TempDir,
    /// Dropped with the world: that stops the server.
    _stop: oneshot::Sender<()>,
}

/// Task 1 leads to a file, task 2 to one that is gone from the disk, task 3 is canceled, others do not exist.
struct Tasks(HashMap<TaskId, FileId>, u64);

impl Grants for Tasks {
    fn served<'a>(&'a self, grant: &'a Grant) -> BoxFuture<'a, Result<ServedFile, GrantError>> {
        Box::pin(async move {
            let Granted::File { task, .. } = grant.what else { return Err(GrantError::NotFound) };
            match (task, self.0.get(&task)) {
                (TaskId(3), _) => Err(GrantError::Closed(TaskState::Canceled)),
                (_, Some(id)) => {
                    Ok(ServedFile { id: *id, size: self.1, digest: id.digest(), name: "app.bin".to_owned() })
                }
                (_, None) => Err(GrantError::NotFound),
            }
        })
    }
}

impl World {
    async fn with(image: &[u8]) -> Self {
        Self::within(image, Limits::default()).await
    }

    async fn within(image: &[u8], limits: Limits) -> Self {
        let folder = TempDir::new().unwrap();
        let files = LocalFiles::open(folder.path(), u64::MAX).unwrap();
        let chunk = Bytes::copy_from_slice(image);
        let stored = files.put(image.len() as u64, Box::pin(stream::iter([Ok(chunk)]))).await.unwrap();
        let tasks = Tasks(HashMap::from([(TaskId(1), stored.id), (TaskId(2), FileId([2; 32]))]), stored.size);
        let links = Links::new("http://ota.example", [7; 32], DEFAULT_TTL).unwrap();
        let now = Arc::new(AtomicU64::new(START));
        let clock = Arc::clone(&now);
        let router = for_devices(Downloads {
            links: links.clone(),
            clock: Arc::new(move || Timestamp(clock.load(Ordering::Relaxed))),
            grants: Arc::new(tasks),
            files: Arc::new(files),
            brake: Brake::new(),
        });
        let (address, stop, _) = listening(router, limits).await;
        Self { address, links, now, folder, _stop: stop }
    }

    /// Path and query of the link to a task's first file.
    fn link(&self, task: u64) -> String {
        let device = DeviceId {
            product: ProductKey::new("a1Demo").unwrap(),
            device: DeviceName::new("pump-01").unwrap(),
        };
        let link = self.links.write(&Grant::file(device, TaskId(task), 0), START);
        link.strip_prefix(self.links.base()).unwrap().to_owned()
    }

    /// The answer to a request with these header lines, on a connection of its own.
    async fn get(&self, target: &str, lines: &[&str]) -> Answer {
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: ota.example\r\nConnection: close\r\n");
        lines.iter().for_each(|line| request.push_str(&format!("{line}\r\n")));
        request.push_str("\r\n");
        ask(self.address, request.as_bytes()).await
    }
}

async fn listening(router: Router, limits: Limits) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(serve(listener, router, limits, async {
        let _ = stopped.await;
    }));
    (address, stop, served)
}

/// What came back, byte for byte.
#[derive(Debug)]
struct Answer {
    status: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("the header has an end");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n").map(str::to_owned);
        Self { status: lines.next().unwrap(), headers: lines.collect(), body: bytes[end + 4..].to_vec() }
    }

    fn code(&self) -> &str {
        self.status.split(' ').nth(1).unwrap()
    }

    /// The value of the header that is spelled exactly so.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Sends bytes and reads until the server closes.
async fn ask(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    Answer::of(&answer)
}
