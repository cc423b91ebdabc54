//! OneNET's calls, decided by otaru-fleet: what each question does, and what is answered.

use otaru_fleet::{Rigor, Stage, Task, TaskId, Word};
use otaru_wire::{
    DeviceId, Limits,
    dialect::onenet::{
        self, Ask, Check, DownloadRefusal, Generation, Handle, Kind, Refusal, Reply, Status, Step, Terms,
        Token, Versions,
    },
};

use super::{EPOCH_MS, Platform, Timestamp};
use crate::violation::Violation;

impl Platform {
    /// Answers everything but a download.
    pub(crate) fn asked(&mut self, generation: Generation, device: &DeviceId, ask: &Ask, now: u64) -> Reply {
        let reply = match ask {
            Ask::Version(versions) => {
                self.versions_told(device, versions, now);
                Ok(Reply::Done)
            }
            Ask::Check(check) => self.check(generation, device, check, now),
            Ask::TaskCheck(handle) => self.task_check(device, handle, now),
            Ask::Step { task, step } => self.step(device, task, *step, now),
            other => {
                self.misunderstood(format!("{other:?}, which nothing here asks"));
                Err(Refusal::BadParameter)
            }
        };
        reply.unwrap_or_else(Reply::Refused)
    }

    /// The package and file that a device may have a piece of now.
    pub(crate) fn may_fetch(
        &mut self,
        device: &DeviceId,
        handle: &Handle,
        now: u64,
    ) -> Result<(u64, usize), DownloadRefusal> {
        if !self.checked.remove(device) {
            self.violation.get_or_insert(Violation::Unchecked(device.to_string()));
        }
        let id = self.named(device, handle).map_err(|_| DownloadRefusal::NoFile)?;
        let life = std::time::Duration::from_secs(Token::LIFE_S);
        let task = self.task(id).filter(|task| task.may_be_fetched(life, Timestamp(EPOCH_MS + now)));
        let (package, stage) =
            task.map(|task| (task.package.0, task.stage())).ok_or(DownloadRefusal::Over)?;
        if stage == Some(Stage::Waiting) {
            let _ = self.word(id, Word::Begun, "", now);
        }
        Ok((package, 0))
    }

    fn versions_told(&mut self, device: &DeviceId, versions: &Versions, now: u64) {
        for (kind, version) in [(Kind::Fota, &versions.fota), (Kind::Sota, &versions.sota)] {
            if let Some(version) = version {
                self.note_version(device, &kind.module(), version, now);
            }
        }
    }

    fn check(
        &mut self,
        generation: Generation,
        device: &DeviceId,
        check: &Check,
        now: u64,
    ) -> Result<Reply, Refusal> {
        let id = self.note_version(device, &check.kind.module(), &check.running, now);
        let id = id.ok_or(Refusal::NoTask)?;
        let notice = self.notice(id, now).ok_or(Refusal::NoTask)?;
        let terms = self.terms(generation, id).ok_or(Refusal::NoTask)?;
        match onenet::Task::of(&notice, terms) {
            Ok(told) => {
                self.change(id, Task::on_asked, now);
                Ok(Reply::Task(told))
            }
            Err(error) => {
                self.misunderstood(error.to_string());
                Err(Refusal::Internal)
            }
        }
    }

    fn terms(&self, generation: Generation, id: TaskId) -> Option<Terms> {
        Some(match generation {
            Generation::Token => {
                let token = Token::new(format!("ota_{:020}", id.0)).ok()?;
                let limits = Limits { retry: 20, interval_s: 10, ..Limits::default() };
                Terms::Token { token, limits, ip_port: None }
            }
            Generation::Tid | Generation::Fuse => Terms::Tid {
                tid: id.0.try_into().ok()?,
                status: self.task(id).map_or(Status::Waiting, status),
            },
        })
    }

    fn named(&self, device: &DeviceId, handle: &Handle) -> Result<TaskId, Refusal> {
        let number = match handle {
            Handle::Token(token) => token.as_str().strip_prefix("ota_").and_then(|text| text.parse().ok()),
            Handle::Tid(tid) => Some(u64::from(*tid)),
        };
        let id = number.map(TaskId).filter(|id| self.is_of(*id, device));
        id.ok_or(Refusal::ForeignTask)
    }

    fn task_check(&mut self, device: &DeviceId, handle: &Handle, now: u64) -> Result<Reply, Refusal> {
        self.checked.insert(device.clone());
        let id = self.named(device, handle)?;
        match self.task(id).and_then(Task::stage) {
            Some(Stage::Downloading) => {}
            Some(Stage::Upgrading) => return Err(Refusal::NotOpen),
            _ => self.word(id, Word::Begun, "", now)?,
        }
        Ok(Reply::Status(self.task(id).map_or(Status::Waiting, status)))
    }

    fn step(&mut self, device: &DeviceId, handle: &Handle, step: Step, now: u64) -> Result<Reply, Refusal> {
        let id = self.named(device, handle)?;
        let word = Word::from(step);
        self.word(id, word, step.meaning(), now)?;
        if word == Word::Upgraded
            && let Some(task) = self.task(id).cloned()
        {
            self.versions.insert((task.device, task.module), task.version);
        }
        Ok(Reply::Done)
    }

    /// Does to a Task what its device's word does, in the order that the vendor's documents want.
    fn word(&mut self, id: TaskId, word: Word, why: &str, now: u64) -> Result<(), Refusal> {
        let mut refused = None;
        if let Some(task) = self.task(id) {
            let at = Timestamp(EPOCH_MS + now);
            refused = task.on_word(word, why, Rigor::Strict, at).err();
        }
        match refused {
            None => {
                let keep = otaru_fleet::Transition::Keep(otaru_fleet::Keep::Repeated);
                self.change(
                    id,
                    |task, at| task.on_word(word, why, Rigor::Strict, at).unwrap_or(keep.clone()),
                    now,
                );
                Ok(())
            }
            Some(reason) => Err(reason.into()),
        }
    }
}

fn status(task: &Task) -> Status {
    task.stage().unwrap_or(Stage::Waiting).into()
}
