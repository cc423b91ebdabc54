//! How fast files are given out: a whole platform next to nginx, the same file, the same clients.
//!
//! `cargo bench -p otaru-platform --bench downloads` needs curl and wrk; nginx is measured if it is here. Prints one
//! JSON object a server: MB/s of a whole file (the median of five), the server's CPU seconds per GB and per million
//! requests (which other work on the machine disturbs less), requests per second of 4 KiB ranges.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a measurement ends at the first fault

mod common;

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use common::call;
use otaru_fleet::TaskId;
use otaru_platform::{
    Config, Running,
    links::{DEFAULT_TTL, Grant, Links},
    start,
    store::{Keys as _, Location, Sqlite},
};
use otaru_wire::{DeviceId, DeviceName, ProductKey};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The file's size.
const BYTES: usize = 256 << 20;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let config = Config::local(&data);
    let platform = runtime.block_on(start(config)).unwrap();
    let sha256 = fill(&platform);
    measure("otaru", &runtime.block_on(link(&platform, &data)), &[std::process::id()]);
    runtime.block_on(platform.stop());

    let file = data.join("files").join(sha256);
    match Nginx::start(folder.path(), &file) {
        Some(nginx) => measure("nginx", &nginx.url, &nginx.workers()),
        None => eprintln!("nginx is not here and is left out"),
    }
}

/// One product, device, file, package and campaign; gives the file's name.
fn fill(platform: &Running) -> String {
    let file: Vec<u8> = (0..BYTES as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sha256 = call(platform, "PUT", "/files", &file)["sha256"].as_str().unwrap().to_owned();
    let post = |path: &str, body: Value| call(platform, "POST", path, body.to_string().as_bytes());
    post("/products", json!({"product_key": "a1Bench", "dialect": "aliyun"}));
    post("/products/a1Bench/devices", json!({"device_name": "pump-01"}));
    let files = json!([{"name": "app.bin", "sha256": sha256}]);
    let package = post("/packages", json!({"product_key": "a1Bench", "version": "2.0.0", "files": files}));
    let campaign = post("/campaigns", json!({"package_id": package["id"]}));
    assert_eq!(campaign["tasks"], 1);
    sha256
}

/// The link that the platform would send to the device, signed with its own key.
async fn link(platform: &Running, data: &Path) -> String {
    let store = Sqlite::open(Location::File(data.join("otaru.db"))).unwrap();
    let key = store.platform_secret("link key", [0; 32]).await.unwrap();
    let links = Links::new(&format!("http://{}", platform.http), key, DEFAULT_TTL).unwrap();
    let device = DeviceId {
        product: ProductKey::new("a1Bench").unwrap(),
        device: DeviceName::new("pump-01").unwrap(),
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    links.write(&Grant::file(device, TaskId(1), 0), now)
}

fn measure(server: &str, url: &str, processes: &[u32]) {
    let timed = ["-s", "--fail", "--noproxy", "*", "-o", "/dev/null", "-w", "%{speed_download}", url];
    run("curl", &timed); // the file is in memory from here on
    let before = cpu_seconds(processes);
    let mut speeds: Vec<f64> = (0..5).map(|_| run("curl", &timed).trim().parse().unwrap()).collect();
    let whole = cpu_seconds(processes);
    speeds.sort_by(f64::total_cmp);
    let report = run("wrk", &["-t1", "-c16", "-d5s", "-H", "Range: bytes=4096-8191", url]);
    let pieces = cpu_seconds(processes);
    assert!(!report.contains("Non-2xx"), "{report}");
    let number = |text: &str| -> f64 { text.trim().split(' ').next().unwrap().parse().unwrap() };
    let per_second = number(report.lines().find_map(|line| line.strip_prefix("Requests/sec:")).unwrap());
    let requests = number(report.lines().find(|line| line.contains("requests in")).unwrap());
    let figures = json!({
        "server": server,
        "download_mb_s": (speeds[2] / 1e6).round(),
        "download_cpu_s_per_gb": rounded((whole - before) / (5.0 * BYTES as f64 / 1e9)),
        "ranges_per_s": per_second.round(),
        "ranges_cpu_s_per_million": rounded((pieces - whole) / (requests / 1e6)),
    });
    println!("{figures}");
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// User and system time of processes so far, in seconds (proc_pid_stat(5), fields 14 and 15, in ticks of 10 ms).
fn cpu_seconds(processes: &[u32]) -> f64 {
    let ticks = |process: &u32| -> f64 {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
        fields.skip(11).take(2).map(|field| field.parse::<f64>().unwrap()).sum()
    };
    processes.iter().map(ticks).sum::<f64>() / 100.0
}

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("failed to start {program}: {error}; install it"));
    assert!(output.status.success(), "{program} {args:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// An nginx of our own; it ends with this value.
struct Nginx {
    process: Child,
    url: String,
}

impl Nginx {
    fn start(folder: &Path, file: &Path) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (at, root) = (folder.display(), file.parent().unwrap().display());
        let conf = format!(
            "daemon off; user root; pid {at}/nginx.pid; error_log {at}/nginx.log; worker_processes auto;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;\n\
             server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, conf).unwrap();
        let process = Command::new("nginx").arg("-c").arg(&path).spawn().ok()?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        let name = file.file_name().unwrap().to_str().unwrap();
        Some(Self { process, url: format!("http://127.0.0.1:{port}/{name}") })
    }
}

impl Nginx {
    /// Its workers, once there is one for each processor.
    fn workers(&self) -> Vec<u32> {
        let children = format!("/proc/{0}/task/{0}/children", self.process.id());
        let processors = std::thread::available_parallelism().unwrap().get();
        loop {
            let found = fs::read_to_string(&children).unwrap();
            let workers: Vec<u32> = found.split_whitespace().map(|worker| worker.parse().unwrap()).collect();
            if workers.len() >= processors {
                return workers;
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its master ends its workers when it is asked, not when it is killed.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}
