//! TLS in front of a platform: the C libraries trust whom their program says, and nobody else.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};

use otaru_wire::dialect::onenet::Generation;
use rustls::{ServerConfig, ServerConnection};

use crate::{
    certificates::{Vouched, vouched},
    common::Platform,
    lab::{AIOT, IOTKIT, JD, Linked, ONENET, finished},
    onenet_platform::{DEVICE, KEY, PRODUCT, Scripted},
};

/// A listener whose connections are forwarded, decrypted; gives its port.
fn front(config: &Arc<ServerConfig>, platform: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = config.clone();
    thread::spawn(move || {
        for device in listener.incoming() {
            forward(&config, &device.unwrap(), &TcpStream::connect(&platform).unwrap());
        }
    });
    port
}

fn forward(config: &Arc<ServerConfig>, device: &TcpStream, platform: &TcpStream) {
    let tls = Arc::new(Mutex::new(ServerConnection::new(config.clone()).unwrap()));
    for inwards in [true, false] {
        let (tls, mut device, mut platform) =
            (tls.clone(), device.try_clone().unwrap(), platform.try_clone().unwrap());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A connection that breaks, or is not trusted, is over for both sides.
            while let Ok(len @ 1..) =
                if inwards { device.read(&mut bytes) } else { platform.read(&mut bytes) }
            {
                let mut plain = Vec::new();
                let mut tls = tls.lock().unwrap();
                if !inwards {
                    tls.writer().write_all(&bytes[..len]).unwrap();
                } else if take(&mut tls, &bytes[..len], &mut plain).is_err() {
                    break;
                }
                while tls.wants_write() && tls.write_tls(&mut device).is_ok() {}
                drop(tls);
                if platform.write_all(&plain).is_err() {
                    break;
                }
            }
            let _ = device.shutdown(Shutdown::Both);
            let _ = platform.shutdown(Shutdown::Both);
        });
    }
}

fn take(tls: &mut ServerConnection, mut bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), rustls::Error> {
    while !bytes.is_empty() && tls.read_tls(&mut bytes).is_ok() {
        tls.process_new_packets()?;
        // Until there is no more for now.
        let _ = tls.reader().read_to_end(plain);
    }
    Ok(())
}

/// A platform whose links are `https`, and the port on which its sessions are had over TLS.
fn platform_behind(config: &Arc<ServerConfig>, data: &Path) -> (Platform, String) {
    // The port of the public address is known before the platform's own.
    let links = TcpListener::bind("127.0.0.1:0").unwrap();
    let public = format!("https://localhost:{}", links.local_addr().unwrap().port());
    let platform = Platform::start_with(data, &["--public-url", &public]);
    let (http, tls) = (platform.http.clone(), config.clone());
    thread::spawn(move || {
        for device in links.incoming() {
            forward(&tls, &device.unwrap(), &TcpStream::connect(&http).unwrap());
        }
    });
    let port = front(config, platform.mqtt.clone()).to_string();
    (platform, port)
}

/// Certificates of somebody else, in a file.
fn stranger(folder: &tempfile::TempDir) -> PathBuf {
    let file = folder.path().join("stranger.pem");
    fs::write(&file, vouched().ca_pem).unwrap();
    file
}

#[test]
fn a_program_of_link_sdk_v4_trusts_the_root_in_ali_ca_cert_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let Vouched { ca_pem, config } = vouched();
    let ca = dir.path().join("ca.pem");
    fs::write(&ca, ca_pem).unwrap();
    let (platform, port) = platform_behind(&config, &dir.path().join("data"));

    platform.answer(&["product", "create", "pump"]);
    let made = platform.answer(&["device", "create", "pump", "p1"]);
    let secret = made["device_secret"].as_str().unwrap();
    let file = dir.path().join("2.0.0.bin");
    fs::write(&file, [7; 50_000]).unwrap();
    let package = ["package", "create", "--product", "pump", "--version", "2.0.0", file.to_str().unwrap()];
    let package = platform.answer(&package)["id"].to_string();
    platform.answer(&["campaign", "create", "--package", &package]);

    let program = AIOT.program(dir.path(), "aiot_update", Linked::Static);
    let run = |ca: &PathBuf| {
        let mut command = std::process::Command::new(&program);
        command.args(["localhost", &port, "pump", "p1", secret, "1.0.0", "1"]);
        finished({
            command.env("PROGRAM_CA", ca).current_dir(dir.path());
            command
        })
    };
    let (code, printed) = run(&stranger(&dir));
    assert!(code == 1 && printed.contains("(-0x0F23)"), "{code}\n{printed}");
    let (code, printed) = run(&ca);
    assert!(code == 0 && printed.contains("runs 2.0.0"), "{code}\n{printed}");
    assert!(fs::read(dir.path().join("got-2.0.0-0")).unwrap() == [7; 50_000]);
}

#[test]
fn a_jd_program_trusts_whom_its_pub_key_names_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let Vouched { ca_pem, config } = vouched();
    let ca = dir.path().join("ca.pem");
    fs::write(&ca, ca_pem).unwrap();
    let (platform, port) = platform_behind(&config, &dir.path().join("data"));
    platform.answer(&["product", "create", "pump", "--dialect", "jd"]);
    let made = platform.answer(&["device", "create", "pump", "id0001"]);
    let secret = made["device_secret"].as_str().unwrap();
    let (file, image) = (dir.path().join("2.0.0.bin"), dir.path().join("image.bin"));
    fs::write(&file, [7; 50_000]).unwrap();
    let package = ["package", "create", "--product", "pump", "--version", "2.0.0", file.to_str().unwrap()];
    let package = platform.answer(&package)["id"].to_string();
    platform.answer(&["campaign", "create", "--package", &package]);

    let program = JD.program(dir.path(), "jd_update", Linked::Shared);
    let run = |ca: &PathBuf| {
        let mut command = std::process::Command::new(&program);
        command.args(["localhost", &port, "pump", "id0001", secret, "1.0.0"]).arg(&image).arg("4096").arg(ca);
        finished(command)
    };
    let (code, printed) = run(&stranger(&dir));
    assert!(code == 1 && !printed.contains("listening"), "{code}\n{printed}");
    let (code, printed) = run(&ca);
    assert!(code == 0 && fs::read(&image).unwrap() == [7; 50_000], "{code}\n{printed}");
}

#[test]
fn an_iotkit_program_trusts_whom_its_pub_key_names_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let Vouched { ca_pem, config } = vouched();
    let (platform, port) = platform_behind(&config, &dir.path().join("data"));
    platform.answer(&["product", "create", "pump", "--dialect", "aliyun"]);
    let made = platform.answer(&["device", "create", "pump", "p1"]);
    let secret = made["device_secret"].as_str().unwrap();
    let file = dir.path().join("2.0.0.bin");
    fs::write(&file, [7; 50_000]).unwrap();
    let package = ["package", "create", "--product", "pump", "--version", "2.0.0", file.to_str().unwrap()];
    let package = platform.answer(&package)["id"].to_string();
    platform.answer(&["campaign", "create", "--package", &package]);
    fs::write(dir.path().join("version"), "1.0.0").unwrap();

    let program = IOTKIT.program(dir.path(), "iotkit_basic", Linked::Shared);
    let run = |pem: &str| {
        fs::write(dir.path().join("ca.pem"), pem).unwrap();
        let mut command = std::process::Command::new(&program);
        command.args(["localhost", &port, "pump", "p1", secret, "4096"]).current_dir(dir.path());
        finished(command)
    };
    let (code, printed) = run(&vouched().ca_pem);
    assert!(code == 1 && !printed.contains("event"), "{code}\n{printed}");
    let (code, printed) = run(&ca_pem);
    let fetched = fs::read(dir.path().join("update.bin"));
    assert!(code == 0 && fetched.unwrap() == [7; 50_000], "{code}\n{printed}");
}

#[test]
fn a_onenet_program_trusts_whom_its_environment_names_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let Vouched { ca_pem, config } = vouched();
    let ca = dir.path().join("ca.pem");
    fs::write(&ca, ca_pem).unwrap();
    let platform = Scripted::start(Generation::Tid, &[7; 50_000]);
    let url = format!("https://localhost:{}", front(&config, platform.url.replace("http://", "")));
    let image = dir.path().join("image.bin");
    let program = ONENET.program_with(dir.path(), "onenet_update", Linked::Shared, &["-DCONFIG_TM"]);
    let run = |ca: Option<&PathBuf>| {
        let mut command = std::process::Command::new(&program);
        command.env("OTARU_ONENET_URL", &url).args([PRODUCT, DEVICE, KEY, "1.0.0"]).arg(&image).arg("4096");
        command.envs(ca.map(|ca| ("OTARU_ONENET_CA", ca)));
        finished(command)
    };
    for nobody in [None, Some(&stranger(&dir))] {
        let (code, printed) = run(nobody);
        assert!(code == 1 && printed.contains("version: -14\n"), "{code}\n{printed}");
    }
    let (code, printed) = run(Some(&ca));
    assert!(code == 0 && fs::read(&image).unwrap() == [7; 50_000], "{code}\n{printed}");
}
