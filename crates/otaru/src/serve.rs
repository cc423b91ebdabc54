//! `otaru serve`: the platform until a signal ends it.

use std::path::Path;

use otaru_platform::{Config, Rigor, Running, StartError};
use otaru_wire::dialect::jd;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::{cli::platform::ServeArgs, exit, output};

/// The first line with `--json`: both ports listen.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "ready")]
struct Ready {
    mqtt: String,
    http: String,
    /// The first operator token; none if this is not the first start.
    token: Option<String>,
}

pub(crate) fn run(args: ServeArgs) -> anyhow::Result<u8> {
    let ServeArgs { data, mqtt, http, public_url, onenet_strict, jd, json, stop_with_stdin } = args;
    let rigor = if onenet_strict { Rigor::Strict } else { Rigor::Lenient };
    let jd = jd.as_deref().map(jd_table).transpose()?;
    let config = Config { data, mqtt, http, public_url, rigor, jd };
    allow_many_sockets();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let running = otaru_platform::start(config).await.map_err(coded)?;
        announce(&running, json)?;
        let parent_gone = parent_gone(stop_with_stdin);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = parent_gone => {}
        }
        running.stop().await;
        Ok(exit::SUCCESS)
    })
}

/// What JD never published, as a file replaces it.
fn jd_table(file: &Path) -> anyhow::Result<jd::Unpublished> {
    let refused = |error: &dyn std::fmt::Display| {
        exit::Coded::new(exit::CONFIG, format!("the table of --jd {}: {error}", file.display()))
    };
    let text = std::fs::read_to_string(file).map_err(|error| refused(&error))?;
    Ok(toml::from_str(&text).map_err(|error| refused(&error))?)
}

/// What the command line got wrong has the exit code of a configuration that cannot be used.
fn coded(error: StartError) -> anyhow::Error {
    let refused = match &error {
        StartError::PublicUrl(_) | StartError::NoPublicUrl { .. } | StartError::Jd(_) => {
            Some(error.to_string())
        }
        _ => None,
    };
    match refused {
        Some(message) => exit::Coded::new(exit::CONFIG, message).into(),
        None => anyhow::Error::new(error).context("starting the platform"),
    }
}

/// Raises the soft limit of open files to the hard one: each device holds a socket, and the usual soft limit is 1024.
fn allow_many_sockets() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// Resolves when stdin closes, if that is asked for.
async fn parent_gone(asked: bool) {
    let (tell, told) = tokio::sync::oneshot::channel();
    if asked {
        std::thread::spawn(move || {
            crate::stdin::wait_for_close();
            // The platform may be stopping already.
            let _ = tell.send(());
        });
    } else {
        std::future::pending::<()>().await;
    }
    let _ = told.await;
}

fn announce(running: &Running, json: bool) -> anyhow::Result<()> {
    let ready = Ready {
        mqtt: running.mqtt.to_string(),
        http: running.http.to_string(),
        token: running.first_token.clone(),
    };
    if json {
        return output::json(&ready);
    }
    output::line(format!("devices connect by MQTT at {}", ready.mqtt))?;
    output::line(format!("downloads and operators: http://{}", ready.http))?;
    if let Some(token) = &ready.token {
        output::line("the first operator token, shown only now:")?;
        output::line(format!("  export OTARU_URL=http://{} OTARU_TOKEN={token}", ready.http))?;
    }
    Ok(())
}
