//! 10,000 idle MQTT devices: connections per second and memory each, beside mosquitto in the same run.

use std::{
    fs,
    process::{Command, Stdio},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use otaru_wire::{
    DeviceId, DeviceName, Instant as WireInstant, ProductKey,
    dialect::{Credentials, DeviceHalf, Login, Transport, aliyun},
    mqtt::{Client, ClientOptions},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};

use crate::lab::{self, Lab, PRODUCT};

const DEVICES: usize = 10_000;
/// Connections being opened at a time.
const AT_ONCE: usize = 256;

pub(crate) fn run() -> Result<()> {
    allow_sockets()?;
    let mosquitto = lab::peer("mosquitto")?;
    let lab = Lab::start()?;
    let logins = make_devices(&lab)?;
    report("otaru", &lab.mqtt, lab.server.id(), &logins)?;
    drop(lab);

    let dir = tempfile::tempdir()?;
    let port = lab::free_port()?;
    let config = dir.path().join("mosquitto.conf");
    // No login to check and nothing to store: the least work a broker can have.
    fs::write(
        &config,
        format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_connections -1\n"),
    )?;
    let broker = Command::new(mosquitto).arg("-c").arg(&config).stderr(Stdio::null()).spawn()?;
    let address = format!("127.0.0.1:{port}");
    lab::wait_for_port(&address)?;
    report("mosquitto (no login check)", &address, broker.id(), &logins)?;
    lab::end(broker);
    Ok(())
}

fn report(name: &str, address: &str, pid: u32, logins: &Arc<Vec<Vec<u8>>>) -> Result<()> {
    // A first connection, so that what is made once is not counted.
    connect_all(address, &Arc::new(logins[..1].to_vec()))?;
    let (before, cpu) = (lab::status_kib(pid, "VmRSS")?, lab::cpu_seconds(pid)?);
    let began = Instant::now();
    let held = connect_all(address, logins)?;
    let seconds = began.elapsed().as_secs_f64();
    let grown = lab::status_kib(pid, "VmRSS")?.saturating_sub(before);
    println!(
        "{name}: {:.0} connections/s, {:.2} KiB each, {:.2} CPU s for {DEVICES}",
        DEVICES as f64 / seconds,
        grown as f64 / DEVICES as f64,
        lab::cpu_seconds(pid)? - cpu,
    );
    drop(held);
    Ok(())
}

/// Connects once with each CONNECT packet; gives the open sockets once each has its good CONNACK.
fn connect_all(address: &str, logins: &Arc<Vec<Vec<u8>>>) -> Result<Vec<TcpStream>> {
    let runtime = Box::leak(Box::new(
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?,
    ));
    runtime.block_on(async {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = Vec::new();
        for index in 0..logins.len() {
            let (permits, logins, address) = (permits.clone(), logins.clone(), address.to_owned());
            tasks.push(tokio::spawn(async move {
                let _permit = permits.acquire_owned().await?;
                let mut socket = TcpStream::connect(address).await?;
                socket.write_all(&logins[index]).await?;
                let mut connack = [0; 4];
                socket.read_exact(&mut connack).await?;
                ensure!(connack == [0x20, 2, 0, 0], "CONNACK {connack:?}");
                Ok(socket)
            }));
        }
        let mut sockets = Vec::with_capacity(tasks.len());
        for task in tasks {
            sockets.push(task.await??);
        }
        Ok(sockets)
    })
}

/// A device's number and its CONNECT packet.
type Made = (usize, Vec<u8>);

/// Makes the devices over the operator API, a few callers at a time; gives each one's CONNECT packet.
fn make_devices(lab: &Lab) -> Result<Arc<Vec<Vec<u8>>>> {
    const CALLERS: usize = 16;
    let (url, token) = (format!("http://{}/api/v1/products/{PRODUCT}/devices", lab.http), &lab.token);
    let made: Result<Vec<Vec<Made>>> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let url = &url;
                scope.spawn(move || {
                    let agent = ureq::Agent::new_with_defaults();
                    (caller..DEVICES)
                        .step_by(CALLERS)
                        .map(|n| Ok((n, connect_packet(n, &make(&agent, url, token, n)?)?)))
                        .collect()
                })
            })
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().map_err(|_| anyhow::anyhow!("a caller panicked"))?)
            .collect()
    });
    let mut made: Vec<_> = made?.into_iter().flatten().collect();
    made.sort_by_key(|(n, _)| *n);
    Ok(Arc::new(made.into_iter().map(|(_, packet)| packet).collect()))
}

fn make(agent: &ureq::Agent, url: &str, token: &str, n: usize) -> Result<String> {
    let mut answer = agent
        .post(url)
        .header("Authorization", format!("Bearer {token}"))
        .send_json(serde_json::json!({"device_name": format!("d{n}")}))?;
    let made: serde_json::Value = answer.body_mut().read_json()?;
    Ok(made["device_secret"].as_str().context("no secret")?.to_owned())
}

fn connect_packet(n: usize, secret: &str) -> Result<Vec<u8>> {
    let id = DeviceId { product: ProductKey::new(PRODUCT)?, device: DeviceName::new(format!("d{n}"))? };
    let login: Login =
        aliyun::Device.write_login(&Credentials { id, secret: secret.to_owned() }, Transport::Plain);
    let mut session = Client::new(ClientOptions::new(login));
    session.opened(WireInstant(0));
    let mut packet = Vec::new();
    session.poll_transmit(&mut packet);
    Ok(packet)
}

fn allow_sockets() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    ensure!(
        maximum.is_none_or(|most| most > DEVICES as u64 + 100),
        "at most {maximum:?} sockets are allowed here"
    );
    Ok(())
}
