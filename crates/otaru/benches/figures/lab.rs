//! A platform of its own for each figure, driven as a script would, and helpers to measure processes.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use otaru_wire::{
    DeviceId, DeviceName, Instant as WireInstant, Module, Notice, ProductKey, Report, Source, Version,
    dialect::{Credentials, DeviceHalf, Downlink, Transport, aliyun},
    mqtt::{Client, ClientEvent, ClientOptions},
};
use serde_json::Value;

/// The product all figures use.
pub(crate) const PRODUCT: &str = "bench";

/// A platform that runs, and its folder.
pub(crate) struct Lab {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) server: Child,
    pub(crate) mqtt: String,
    pub(crate) http: String,
    pub(crate) token: String,
}

impl Lab {
    /// Starts a platform with one product.
    pub(crate) fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut server = otaru()
            .args(["serve", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--json", "--data"])
            .arg(dir.path().join("platform"))
            .env("OTARU_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut first = String::new();
        BufReader::new(server.stdout.take().context("no stdout")?).read_line(&mut first)?;
        let ready: Value = serde_json::from_str(&first).context("the ready line")?;
        let text =
            |field: &str| ready[field].as_str().map(str::to_owned).context("the ready line lacks a field");
        let lab = Lab { mqtt: text("mqtt")?, http: text("http")?, token: text("token")?, dir, server };
        lab.otaru(&["product", "create", PRODUCT, "--dialect", "aliyun"])?;
        Ok(lab)
    }

    /// Runs an operator command and gives its answer.
    pub(crate) fn otaru(&self, args: &[&str]) -> Result<Value> {
        let output = otaru()
            .args(args)
            .arg("--json")
            .env("OTARU_URL", format!("http://{}", self.http))
            .env("OTARU_TOKEN", &self.token)
            .output()?;
        ensure!(output.status.success(), "otaru {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Makes a device; gives its secret.
    pub(crate) fn device(&self, name: &str) -> Result<String> {
        let made = self.otaru(&["device", "create", PRODUCT, name])?;
        made["device_secret"].as_str().map(str::to_owned).context("no secret")
    }

    /// Makes a package of one file and a campaign over the devices named.
    pub(crate) fn campaign(&self, file: &Path, devices: &str) -> Result<()> {
        let file = file.to_str().context("path")?;
        let package = self.otaru(&["package", "create", "--product", PRODUCT, "--version", "2.0.0", file])?;
        self.otaru(&["campaign", "create", "--package", &package["id"].to_string(), "--devices", devices])?;
        Ok(())
    }

    /// Logs in as a device, reports version 1.0.0 and gives the link in the notice that follows.
    pub(crate) fn link(&self, name: &str, secret: &str) -> Result<String> {
        let id = DeviceId { product: ProductKey::new(PRODUCT)?, device: DeviceName::new(name)? };
        let credentials = Credentials { id: id.clone(), secret: secret.to_owned() };
        let login = aliyun::Device.write_login(&credentials, Transport::Plain);
        let report = Report::Version { module: Module::default(), version: Version::new("1.0.0")? };
        let mut session = Client::new(ClientOptions::new(login));
        let mut socket = TcpStream::connect(&self.mqtt)?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let began = Instant::now();
        let now = || WireInstant(began.elapsed().as_millis() as u64);
        session.opened(now());
        let mut buffer = [0; 16 * 1024];
        loop {
            let mut out = Vec::new();
            session.poll_transmit(&mut out);
            socket.write_all(&out)?;
            while let Some(event) = session.poll_event() {
                match event {
                    ClientEvent::Connected => {
                        let message = aliyun::Device.write_report(&id, 1, &report);
                        session.publish(now(), message.context("the dialect has no word for it")?)?;
                    }
                    ClientEvent::Message(message) => {
                        if let Downlink::Notice(notice) =
                            aliyun::Device.read_message(&id, &message.topic, &message.payload)?
                        {
                            return first_link(notice);
                        }
                    }
                    ClientEvent::Closed(reason) => bail!("the session ended: {reason:?}"),
                    _ => {}
                }
            }
            let mut out = Vec::new();
            if session.poll_transmit(&mut out) {
                socket.write_all(&out)?;
            }
            let count = socket.read(&mut buffer)?;
            ensure!(count > 0, "the platform closed the connection");
            session.received(now(), &buffer[..count]);
        }
    }
}

fn first_link(notice: Notice) -> Result<String> {
    match notice.files.into_iter().next().map(|file| file.source) {
        Some(Source::Http { url }) => Ok(url),
        other => Err(anyhow!("not a link: {other:?}")),
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// This build of otaru.
pub(crate) fn otaru() -> Command {
    Command::new(env!("CARGO_BIN_EXE_otaru"))
}

/// A peer's program, or where to get it.
pub(crate) fn peer(name: &str) -> Result<PathBuf> {
    ["/usr/bin", "/usr/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
        .with_context(|| format!("{name} is not installed: apt-get install {name}"))
}

/// A file of so many bytes that no compression makes smaller.
pub(crate) fn random_file(path: &Path, bytes: u64) -> Result<()> {
    let mut random = fs::File::open("/dev/urandom")?.take(bytes);
    std::io::copy(&mut random, &mut fs::File::create(path)?)?;
    Ok(())
}

/// A number of a process's `/proc/PID/status`, in KiB.
pub(crate) fn status_kib(pid: u32, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(field)).context("no such field")?;
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).context("not a number")
}

/// CPU seconds a process has used so far.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("stat")?;
    let ticks: Vec<f64> =
        rest.split_whitespace().skip(11).take(2).filter_map(|text| text.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// The events of an agent, line by line.
pub(crate) struct Events(std::io::Lines<BufReader<ChildStdout>>);

impl Events {
    pub(crate) fn of(child: &mut Child) -> Result<Self> {
        Ok(Self(BufReader::new(child.stdout.take().context("no stdout")?).lines()))
    }

    /// Waits for an event by name.
    pub(crate) fn wait_for(&mut self, name: &str) -> Result<Value> {
        for line in self.0.by_ref() {
            let event: Value = serde_json::from_str(&line?)?;
            ensure!(event["event"] != "failed", "the agent failed: {event}");
            if event["event"] == name {
                return Ok(event);
            }
        }
        bail!("the agent ended before {name}")
    }
}

/// Ends a process that a figure started.
pub(crate) fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits until a TCP port takes connections: the peer's own start has no other sign.
pub(crate) fn wait_for_port(address: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() {
        ensure!(Instant::now() < deadline, "{address} does not open");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A loopback port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
