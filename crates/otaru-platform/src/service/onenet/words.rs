//! The vendor's steps and numbers in otaru's words, and what of a package its clients can be told.

use std::{net::Ipv4Addr, time::Duration};

use otaru_fleet::{NewPackage, Over, Package, Stage, Task, TaskId};
use otaru_wire::{
    Module,
    dialect::onenet::{self, Kind, Limits, Status, Step, TaskError, Terms, Token},
};

/// How long a token is good (onenet §1), and how long a download that had begun may go on after a cancel.
pub(super) const TOKEN_LIFE: Duration = Duration::from_secs(Token::LIFE_S);

/// What devices of the first generation are told to keep to (onenet §2.3): no bound on signal and battery, which only they know,
/// and tries enough for a weak link. The vendor's example spends one try for each piece that fails, over the whole file.
pub(super) const LIMITS: Limits = Limits { signal: 0, power: 0, retry: 20, interval_s: 10 };

/// The largest tid: clients keep it in 32 bits with a sign.
const MAX_TID: u64 = i32::MAX as u64;

/// Why devices of this dialect cannot be told of a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untellable {
    /// There are two kinds of firmware.
    #[error("it has no module {0}, only the default one (the application, SOTA) and `modem` (FOTA)")]
    Module(Module),
    /// Files are fetched over HTTP.
    #[error("its devices fetch over HTTP only")]
    OverMqtt,
    /// There is no field for it.
    #[error("it has no extra data")]
    Extra,
    /// The message cannot be made.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// More tasks were made than clients can count.
    #[error("task {0} has a number above 2147483647, which its clients cannot bear")]
    Tid(TaskId),
}

/// Can devices be told of this package?
///
/// # Errors
/// [`Untellable`] names the first thing that they cannot.
pub(in crate::service) fn can_tell(package: &NewPackage) -> Result<(), Untellable> {
    if Kind::of(&package.module).is_none() {
        return Err(Untellable::Module(package.module.clone()));
    }
    if package.over != Over::Http {
        return Err(Untellable::OverMqtt);
    }
    if package.extra.is_some() {
        return Err(Untellable::Extra);
    }
    let terms = Terms::Tid { tid: 1, status: Status::Waiting };
    onenet::Task::of(&package.notice(TaskId(1), |_| String::new()), terms)?;
    Ok(())
}

/// A task as its device is told. It makes its own link.
pub(super) fn task(package: &Package, task: &Task, terms: Terms) -> Result<onenet::Task, Untellable> {
    Ok(onenet::Task::of(&package.spec.notice(task.id, |_| String::new()), terms)?)
}

/// The number of a task in requests: its own.
pub(super) fn tid(task: TaskId) -> Result<u32, Untellable> {
    let tid = u32::try_from(task.0).ok().filter(|_| task.0 <= MAX_TID);
    tid.ok_or(Untellable::Tid(task))
}

/// The other way round.
pub(super) fn task_id(tid: u32) -> TaskId {
    TaskId(tid.into())
}

/// The number of a task's stage. One that waits for a person is shown to nobody.
pub(super) fn status(task: &Task) -> Status {
    task.stage().unwrap_or(Stage::Waiting).into()
}

/// The device's own number, for the task's history.
pub(super) fn description(step: Step) -> String {
    format!("step {}: {}", step.number(), step.meaning())
}

/// Address and port of the platform, if its URL names an address: devices that cannot resolve names ask for it.
pub(super) fn address(base: &str) -> Option<String> {
    let authority = base.split_once("://")?.1.split('/').next()?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.parse::<Ipv4Addr>().is_ok().then(|| authority.to_owned())
}
