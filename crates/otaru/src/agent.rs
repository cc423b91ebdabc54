//! `otaru agent`: the device agent until it is told to reboot or to stop.

use std::thread;

use anyhow::Context;
use otaru_agent::{Agent, AgentEvent, Config, Control, Exit, GatewayEvent, Handle, ModuleState};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{
    cli::AgentArgs,
    exit::{self, Coded},
    output, stdin,
};

pub(crate) fn run(args: &AgentArgs) -> anyhow::Result<u8> {
    let config = Config::load(&args.config).map_err(|error| Coded::new(exit::CONFIG, error.to_string()))?;
    if let Some(order) = &args.tell {
        return tell_running(&config, &order.join(" "));
    }
    let socket = config.control.socket.clone();
    let agent = Agent::new(config).context("starting the agent")?;
    let _control = socket
        .map(|path| Control::listen(&path, agent.handle()))
        .transpose()
        .map_err(|error| Coded::new(exit::CONFIG, format!("control.socket: {error}")))?;
    stop_on_signals(agent.handle())?;
    if args.stop_with_stdin {
        let handle = agent.handle();
        thread::Builder::new().name("stdin".into()).spawn(move || {
            stdin::wait_for_close();
            handle.stop();
        })?;
    }
    let handle = agent.handle();
    let mut lost = None;
    let ended = agent.run_gateway(&mut |event| {
        // An agent whose reader has gone stops; the download goes on at its next start.
        if let Err(error) = tell(event, args.json) {
            lost.get_or_insert(error);
            handle.stop();
        }
    });
    match (ended, lost) {
        (Ok(_), Some(error)) => Err(error),
        (Ok(Exit::Reboot), None) => Ok(exit::AGENT_REBOOT),
        (Ok(Exit::Stopped), None) => Ok(exit::SUCCESS),
        (Err(error), _) => Err(anyhow::Error::new(error).context("running the agent")),
    }
}

/// Gives an order to the agent that runs with this configuration.
fn tell_running(config: &Config, order: &str) -> anyhow::Result<u8> {
    let Some(path) = &config.control.socket else {
        let next = "the configuration has no control.socket: set it and restart the agent";
        return Err(Coded::new(exit::CONFIG, next.to_owned()).into());
    };
    let answer = otaru_agent::tell(path, order).map_err(|error| {
        let text = format!(
            "no agent answers at {}: {error}; is one running with this configuration?",
            path.display()
        );
        Coded::new(exit::UNAVAILABLE, text)
    })?;
    answer.map(|()| exit::SUCCESS).map_err(|why| Coded::new(exit::FAILURE, why).into())
}

fn stop_on_signals(handle: Handle) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("listening for signals")?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for _ in signals.forever() {
            handle.stop();
        }
    })?;
    Ok(())
}

fn tell(told: &GatewayEvent, json: bool) -> anyhow::Result<()> {
    if json {
        return output::json(told);
    }
    let Some(words) = words(&told.event) else { return Ok(()) };
    match &told.sub_device {
        Some(device) => output::line(format!("{device}: {words}")),
        None => output::line(words),
    }
}

fn runs(modules: &[ModuleState]) -> String {
    let run = modules.iter().map(|it| format!("{} {} (slot {})", it.module, it.version, it.slot.name()));
    run.collect::<Vec<_>>().join(", ")
}

/// An event for people; none for those that only programs count.
fn words(event: &AgentEvent) -> Option<String> {
    Some(match event {
        AgentEvent::Started { device, modules } => format!("{device} runs {}", runs(modules)),
        AgentEvent::Booted { modules } => format!("runs {}", runs(modules)),
        AgentEvent::NotAdmitted { reason } => format!("not admitted: {reason}"),
        AgentEvent::Dismissed => "dismissed".into(),
        AgentEvent::Registered => "registered: the device has a secret of its own".into(),
        AgentEvent::NotRegistered { reason, retry_after_ms } => {
            format!("not registered: {reason}; next attempt in {:.1} s", *retry_after_ms as f64 / 1000.0)
        }
        AgentEvent::Online => "online".into(),
        AgentEvent::Offline { reason, retry_after_ms } => {
            format!("offline: {reason}; next attempt in {:.1} s", *retry_after_ms as f64 / 1000.0)
        }
        AgentEvent::Offered { version, module, files, total_bytes, .. } => {
            format!("offered {module} {version}: {files} file(s), {}", output::bytes(*total_bytes))
        }
        AgentEvent::Fetching { file, offset: 0, .. } => format!("fetching file {file}"),
        AgentEvent::Fetching { file, offset, resumed: true, .. } => {
            format!("fetching file {file}, going on at byte {offset} after a restart")
        }
        AgentEvent::Fetching { file, offset, .. } => {
            format!("fetching file {file}, going on at byte {offset}")
        }
        AgentEvent::Progress { done, total, .. } => {
            format!("{} of {}", output::bytes(*done), output::bytes(*total))
        }
        AgentEvent::Fetched { .. } | AgentEvent::Traffic { .. } => return None,
        AgentEvent::Retrying { reason, after_ms } => {
            format!("{reason}; trying again in {:.1} s", *after_ms as f64 / 1000.0)
        }
        AgentEvent::LinkRefused { status } => format!("the link answers {status}; asked for a fresh one"),
        AgentEvent::BlockRefused { code, reason } => {
            format!("the platform refuses a block with code {code} ({reason}); asked for a fresh notice")
        }
        AgentEvent::StartedOver { reason } => format!("starting over: {reason}"),
        AgentEvent::Verified => "verified: the slot's bytes are the package's".into(),
        AgentEvent::Staged => "staged".into(),
        AgentEvent::Activated { module, version } => format!("{module} {version} boots next"),
        AgentEvent::Rebooting => "rebooting".into(),
        AgentEvent::Trial => "the new slot runs on trial".into(),
        AgentEvent::Updated { module, version } => format!("confirmed: {module} runs {version}"),
        AgentEvent::FellBack { module, reason } => format!("{module} is back on its old slot: {reason}"),
        AgentEvent::Failed { failure, reason } => format!("failed ({failure:?}): {reason}"),
        AgentEvent::Dropped { reason } => format!("dropped: {reason}"),
        AgentEvent::NotSettled { module, reason } => format!("{module} is not what it is to be: {reason}"),
        AgentEvent::ConfigOffered { id, size } => {
            format!("configuration {id} offered: {}", output::bytes(*size))
        }
        AgentEvent::ConfigRetrying { id, reason, after_ms } => {
            format!("configuration {id}: {reason}; trying again in {:.1} s", *after_ms as f64 / 1000.0)
        }
        AgentEvent::ConfigTaken { id, .. } => format!("configuration {id} taken"),
        AgentEvent::ConfigFailed { id: Some(id), reason } => {
            format!("configuration {id} not taken: {reason}")
        }
        AgentEvent::ConfigFailed { id: None, reason } => format!("no configuration: {reason}"),
        AgentEvent::NoConfig { switched_off: true } => "the platform has configurations switched off".into(),
        AgentEvent::NoConfig { switched_off: false } => "the platform has no configuration".into(),
        AgentEvent::Ignored { reason } => format!("ignored: {reason}"),
    })
}
