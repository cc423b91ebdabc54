//! File downloads, whole and in ranges of 4 KiB, beside nginx on the same file.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::lab::{self, Lab};

const SIZE: u64 = 256 << 20;
const ROUNDS: usize = 5;

pub(crate) fn run() -> Result<()> {
    let (curl, wrk) = (lab::peer("curl")?, lab::peer("wrk")?);
    let lab = Lab::start()?;
    let image = lab.dir.path().join("image.bin");
    lab::random_file(&image, SIZE)?;
    let secret = lab.device("reader")?;
    lab.campaign(&image, "reader")?;
    let ours = lab.link("reader", &secret)?;
    let (nginx, theirs) = nginx(&lab, &image)?;

    let mut speeds = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        speeds.0.push(megabytes_per_second(&curl, &ours)?);
        speeds.1.push(megabytes_per_second(&curl, &theirs)?);
    }
    compare("whole file of 256 MiB", "MB/s", speeds);

    let mut rates = (Vec::new(), Vec::new());
    for _ in 0..3 {
        rates.0.push(ranges_per_second(&wrk, &ours)?);
        rates.1.push(ranges_per_second(&wrk, &theirs)?);
    }
    compare("range of 4 KiB", "requests/s", rates);
    lab::end(nginx);
    Ok(())
}

fn compare(what: &str, unit: &str, (ours, theirs): (Vec<f64>, Vec<f64>)) {
    let (ours, theirs) = (lab::median(ours), lab::median(theirs));
    println!("{what}: otaru {ours:.0} {unit}, nginx {theirs:.0} {unit}, ratio {:.2}", ours / theirs);
}

/// nginx with two workers and sendfile, as Debian ships it, on the image.
fn nginx(lab: &Lab, image: &Path) -> Result<(Child, String)> {
    let program = lab::peer("nginx")?;
    let (root, port) = (lab.dir.path().join("nginx"), lab::free_port()?);
    fs::create_dir(&root)?;
    fs::hard_link(image, root.join("image.bin"))?;
    let dir = root.display();
    fs::write(
        root.join("nginx.conf"),
        format!(
            "daemon off; worker_processes 2; user root; pid {dir}/pid; error_log {dir}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;\n\
             client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;\n\
             uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;\n\
             server {{ listen 127.0.0.1:{port}; root {dir}; }} }}\n"
        ),
    )?;
    let child = Command::new(program).arg("-c").arg(root.join("nginx.conf")).stderr(Stdio::null()).spawn()?;
    lab::wait_for_port(&format!("127.0.0.1:{port}"))?;
    Ok((child, format!("http://127.0.0.1:{port}/image.bin")))
}

fn megabytes_per_second(curl: &Path, url: &str) -> Result<f64> {
    let output = Command::new(curl)
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{speed_download}", url])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let fields: Vec<&str> = text.split(' ').collect();
    ensure!(fields[0] == "200" && fields[1] == SIZE.to_string(), "curl says {text}");
    Ok(fields[2].parse::<f64>()? / 1e6)
}

fn ranges_per_second(wrk: &Path, url: &str) -> Result<f64> {
    let output = Command::new(wrk)
        .args(["-t1", "-c16", "-d4s", "-H", "Range: bytes=1048576-1052671", url])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(!text.contains("Non-2xx"), "not every answer was good: {text}");
    let line = text.lines().find(|line| line.starts_with("Requests/sec:")).context("wrk printed no rate")?;
    Ok(line.split_whitespace().nth(1).context("no number")?.parse()?)
}
