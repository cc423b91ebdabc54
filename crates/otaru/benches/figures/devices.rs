//! 10,000 idle MQTT devices: connections per second and memory each, beside mosquitto in the same run.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use otaru_wire::{
    DeviceId, DeviceName, Instant as WireInstant, ProductKey,
    dialect::{Credentials, DeviceHalf, Login, Transport, aliyun},
    mqtt::{Client, ClientOptions},
};

use crate::lab::{self, Lab, PRODUCT};

const DEVICES: usize = 10_000;
/// Connections being opened at a time; mosquitto's listen queue holds 100.
const AT_ONCE: usize = 64;

pub(crate) fn run() -> Result<()> {
    allow_sockets()?;
    let mosquitto = lab::peer("mosquitto")?;
    let lab = Lab::start()?;
    let packets = make_devices(&lab)?;
    report("otaru", &lab.mqtt, lab.server.id(), &packets)?;
    drop(lab);

    let dir = tempfile::tempdir()?;
    let (address, config) = mosquitto_config(dir.path())?;
    let broker = Command::new(mosquitto).arg("-c").arg(&config).stderr(Stdio::null()).spawn()?;
    lab::wait_for_port(&address)?;
    let packets: Vec<_> = (0..DEVICES).map(|n| connect_packet(user(n))).collect();
    report("mosquitto", &address, broker.id(), &packets)?;
    lab::end(broker);
    Ok(())
}

/// mosquitto with one user, so that it checks a login as well, and nothing to store.
fn mosquitto_config(dir: &Path) -> Result<(String, std::path::PathBuf)> {
    let (port, passwords, config) = (lab::free_port()?, dir.join("passwords"), dir.join("mosquitto.conf"));
    let Login { user_name, password, .. } = user(0);
    let made = Command::new(lab::peer("mosquitto_passwd")?)
        .args(["-b", "-c"])
        .arg(&passwords)
        .args([user_name, password])
        .status()?;
    ensure!(made.success(), "mosquitto_passwd failed");
    fs::write(
        &config,
        format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\npersistence false\n\
             max_connections -1\n",
            passwords.display()
        ),
    )?;
    Ok((format!("127.0.0.1:{port}"), config))
}

fn user(n: usize) -> Login {
    Login { client_id: format!("d{n}"), user_name: "bench".into(), password: "bench-password".into() }
}

fn report(name: &str, address: &str, pid: u32, packets: &[Vec<u8>]) -> Result<()> {
    // A first connection, so that what is made once is not counted.
    drop(connect_all(address, &packets[..1])?);
    let (before, cpu) = (lab::status_kib(pid, "VmRSS")?, lab::cpu_seconds(pid)?);
    let began = Instant::now();
    let held = connect_all(address, packets)?;
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
///
/// A group at a time and without an event loop, so that the load costs little beside what is measured: on loopback
/// the kernel takes a connection before the server has accepted it.
fn connect_all(address: &str, packets: &[Vec<u8>]) -> Result<Vec<TcpStream>> {
    let mut sockets = Vec::with_capacity(packets.len());
    for group in packets.chunks(AT_ONCE) {
        let first = sockets.len();
        for packet in group {
            let mut socket = TcpStream::connect(address)?;
            socket.write_all(packet)?;
            sockets.push(socket);
        }
        for socket in &mut sockets[first..] {
            let mut connack = [0; 4];
            socket.read_exact(&mut connack)?;
            ensure!(connack == [0x20, 2, 0, 0], "CONNACK {connack:?}");
        }
    }
    Ok(sockets)
}

/// A device's number and its CONNECT packet.
type Made = (usize, Vec<u8>);

/// Makes the devices over the operator API, a few callers at a time; gives each one's CONNECT packet.
fn make_devices(lab: &Lab) -> Result<Vec<Vec<u8>>> {
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
                        .map(|n| Ok((n, connect_packet(device_login(n, &make(&agent, url, token, n)?)?))))
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
    Ok(made.into_iter().map(|(_, packet)| packet).collect())
}

fn make(agent: &ureq::Agent, url: &str, token: &str, n: usize) -> Result<String> {
    let mut answer = agent
        .post(url)
        .header("Authorization", format!("Bearer {token}"))
        .send_json(serde_json::json!({"device_name": format!("d{n}")}))?;
    let made: serde_json::Value = answer.body_mut().read_json()?;
    Ok(made["device_secret"].as_str().context("no secret")?.to_owned())
}

fn device_login(n: usize, secret: &str) -> Result<Login> {
    let id = DeviceId { product: ProductKey::new(PRODUCT)?, device: DeviceName::new(format!("d{n}"))? };
    Ok(aliyun::Device.write_login(&Credentials { id, secret: secret.to_owned() }, Transport::Plain))
}

fn connect_packet(login: Login) -> Vec<u8> {
    let mut session = Client::new(ClientOptions::new(login));
    session.opened(WireInstant(0));
    let mut packet = Vec::new();
    session.poll_transmit(&mut packet);
    packet
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
