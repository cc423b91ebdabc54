//! The platform as a value: otaru-fleet's decisions and the dialect's platform half, without sockets or a store.

mod onenet;

use std::collections::{HashMap, HashSet};

use otaru_fleet::{
    CampaignId, Candidate, Dialect, Known, NewPackage, Order, PackageId, Plan, Rules, Task, TaskId,
    TaskState, Timestamp, Transition, plan,
};
use otaru_wire::{
    BlockRequest, DeviceId, Module, Notice, Report, Version,
    dialect::{PlatformHalf, Question, Uplink},
    mqtt::Message,
};

use crate::{server::LINK_LIFE_MS, violation::Violation};

/// Where the virtual clock begins, in milliseconds since 1970.
pub(crate) const EPOCH_MS: u64 = 1_700_000_000_000;

/// What the platform knows.
pub(crate) struct Platform {
    half: &'static dyn PlatformHalf,
    packages: Vec<NewPackage>,
    pub(crate) tasks: Vec<Task>,
    versions: HashMap<(DeviceId, Module), Version>,
    campaigns: u64,
    links: u64,
    /// Who asked whether its Task is still to be done, since it last fetched.
    checked: HashSet<DeviceId>,
    /// The first promise that did not hold.
    pub(crate) violation: Option<Violation>,
}

impl Platform {
    pub(crate) fn new(half: &'static dyn PlatformHalf) -> Self {
        Self {
            half,
            packages: Vec::new(),
            tasks: Vec::new(),
            versions: HashMap::new(),
            campaigns: 0,
            links: 0,
            checked: HashSet::new(),
            violation: None,
        }
    }

    pub(crate) fn add(&mut self, package: NewPackage) -> u64 {
        self.packages.push(package);
        self.packages.len() as u64
    }

    /// A campaign over these devices. The tasks that it opens.
    pub(crate) fn order(
        &mut self,
        package: u64,
        devices: &[DeviceId],
        rules: &Rules,
        now: u64,
    ) -> Vec<TaskId> {
        let Some(spec) = self.packages.get(package as usize - 1).cloned() else { return Vec::new() };
        self.campaigns += 1;
        let order = Order {
            products: spec.products.clone(),
            module: spec.module.clone(),
            version: spec.version.clone(),
            source_versions: Vec::new(),
            policy: rules.policy,
        };
        let mut opened = Vec::new();
        for device in devices {
            let running = self.versions.get(&(device.clone(), spec.module.clone())).cloned();
            let open_task = self.open(device, &spec.module).map(|task| task.id);
            let known = Known { dialect: Dialect::Aliyun, running, open_task };
            let candidate = Candidate { device: device.clone(), known: Some(known) };
            let Plan::Task { source_version } = plan(&order, &candidate) else { continue };
            let id = TaskId(self.tasks.len() as u64 + 1);
            opened.push(id);
            self.tasks.push(Task {
                id,
                campaign: CampaignId(self.campaigns),
                package: PackageId(package),
                device: device.clone(),
                module: spec.module.clone(),
                version: spec.version.clone(),
                source_version,
                state: TaskState::Queued,
                progress: 0,
                reason: None,
                rules: rules.clone(),
                attempt: 1,
                retry_at: None,
                created_at: Timestamp(EPOCH_MS + now),
                notified_at: None,
                answered_at: None,
                first_progress_at: None,
                updated_at: Timestamp(EPOCH_MS + now),
                revision: 0,
            });
        }
        opened
    }

    pub(crate) fn version(&self, device: &DeviceId, module: &Module) -> Option<&Version> {
        self.versions.get(&(device.clone(), module.clone()))
    }

    /// True if one of the device's tasks waits for its notice, and for nothing else.
    pub(crate) fn is_untold(&self, device: &DeviceId, now: u64) -> bool {
        let waits = |task: &Task| task.state == TaskState::Queued && may_be_told(task, now);
        self.tasks.iter().any(|task| task.device == *device && waits(task))
    }

    /// How many tasks succeeded after an attempt had failed.
    pub(crate) fn tried_again(&self) -> u64 {
        let tried_again = |task: &&Task| task.state == TaskState::Succeeded && task.attempt > 1;
        self.tasks.iter().filter(tried_again).count() as u64
    }

    pub(crate) fn has_open(&self) -> bool {
        self.tasks.iter().any(|task| !task.state.is_end())
    }

    fn is_of(&self, id: TaskId, device: &DeviceId) -> bool {
        self.task(id).is_some_and(|task| task.device == *device)
    }

    /// What a module runs, and what that makes of its Task. The Task that is still to be told.
    fn note_version(
        &mut self,
        device: &DeviceId,
        module: &Module,
        version: &Version,
        now: u64,
    ) -> Option<TaskId> {
        self.versions.insert((device.clone(), module.clone()), version.clone());
        let id = self.open(device, module).map(|task| task.id)?;
        self.change(id, |task, at| task.on_version(module, version, at), now);
        self.open(device, module).filter(|task| may_be_told(task, now)).map(|task| task.id)
    }

    fn open(&self, device: &DeviceId, module: &Module) -> Option<&Task> {
        self.tasks
            .iter()
            .find(|task| task.device == *device && task.module == *module && task.state.may_download())
    }

    /// Ends every open task, as an operator does.
    pub(crate) fn cancel(&mut self, now: u64) {
        for id in self.open_ids() {
            self.change(id, |task, at| task.on_cancel(at), now);
        }
    }

    /// Time passed.
    pub(crate) fn meet_deadlines(&mut self, now: u64) {
        for id in self.open_ids() {
            self.change(id, |task, at| task.on_deadline(at), now);
        }
    }

    fn open_ids(&self) -> Vec<TaskId> {
        self.tasks.iter().filter(|task| !task.state.is_end()).map(|task| task.id).collect()
    }

    /// The notices of a device's open tasks: what it is told when it connects.
    pub(crate) fn tell(&mut self, device: &DeviceId, now: u64) -> Vec<Message> {
        let tasks = self.tasks.iter().filter(|task| task.device == *device && may_be_told(task, now));
        let ids: Vec<_> = tasks.map(|task| task.id).collect();
        ids.into_iter().filter_map(|id| self.push(id, now)).collect()
    }

    /// Hears a device's message and gives what is sent to it.
    pub(crate) fn hear(&mut self, device: &DeviceId, message: &Message, now: u64) -> Vec<Message> {
        if !self.half.may_publish(device, &message.topic) {
            return self.misunderstood(format!("topic {}", message.topic));
        }
        let uplink = match self.half.read_report(&message.topic, &message.payload) {
            Ok(uplink) => uplink,
            Err(error) => return self.misunderstood(error.to_string()),
        };
        let mut answers: Vec<_> = self.half.write_receipt(&message.topic, &uplink).into_iter().collect();
        answers.extend(self.heard(device, &message.topic, uplink, now));
        answers
    }

    fn heard(&mut self, device: &DeviceId, topic: &str, uplink: Uplink, now: u64) -> Vec<Message> {
        match uplink.report {
            Report::Version { module, version } => {
                let open = self.note_version(device, &module, &version, now);
                open.and_then(|id| self.push(id, now)).into_iter().collect()
            }
            Report::Progress { module, step, description, .. } => {
                if let Some(id) = self.open(device, &module).map(|task| task.id) {
                    self.change(id, |task, at| task.on_progress(step, &description, at), now);
                }
                Vec::new()
            }
            Report::Query { module, wanted, .. } => {
                let asked_for = |task: &&Task| {
                    may_be_told(task, now) && wanted.as_ref().is_none_or(|wanted| *wanted == task.version)
                };
                let id = self.open(device, &module).filter(asked_for).map(|task| task.id);
                let notice = id.and_then(|id| self.notice(id, now));
                let question = Question { topic, device, id: &uplink.id, wanted: wanted.as_ref() };
                match self.half.write_answer(&question, notice.as_ref()) {
                    Ok(answer) => {
                        if let Some(id) = id {
                            self.change(id, Task::on_asked, now);
                        }
                        vec![answer]
                    }
                    Err(error) => self.misunderstood(error.to_string()),
                }
            }
            Report::NoticeTaken { .. } => {
                let mut open = self.open_ids();
                open.retain(|id| self.is_of(*id, device));
                for id in open {
                    self.change(id, Task::on_answered, now);
                }
                Vec::new()
            }
            // Answered where the files are: `Outside::answer_block`.
            Report::Block(_) => Vec::new(),
            other @ (Report::ConfigQuery
            | Report::ConfigTaken { .. }
            | Report::TaskCheck { .. }
            | Report::Done { .. }
            | Report::Gateway(_)) => self.misunderstood(format!("{other:?}, which nothing here offers")),
        }
    }

    /// The package and file that a device may have blocks of now.
    pub(crate) fn stream(&self, device: &DeviceId, request: &BlockRequest) -> Option<(u64, usize)> {
        let task = self.tasks.iter().find(|task| task.id.0 == request.stream && task.device == *device)?;
        let file = usize::try_from(request.file.checked_sub(1)?).ok()?;
        task.state.may_download().then_some((task.package.0, file))
    }

    /// The package and file that a link is good for now.
    pub(crate) fn grant(&self, url: &str, now: u64) -> Option<(u64, usize)> {
        let (task, rest) = url.strip_prefix("http://files.example/")?.split_once('/')?;
        let (file, rest) = rest.split_once("?n=")?;
        let (_, issued) = rest.split_once("&t=")?;
        let task = self.tasks.iter().find(|known| task.parse() == Ok(known.id.0))?;
        let alive = now < issued.parse::<u64>().ok()? + LINK_LIFE_MS;
        (task.state.may_download() && alive).then_some((task.package.0, file.parse().ok()?))
    }

    fn push(&mut self, id: TaskId, now: u64) -> Option<Message> {
        let notice = self.notice(id, now)?;
        let device = self.task(id)?.device.clone();
        match self.half.write_notice(&device, EPOCH_MS + now, &notice) {
            Ok(message) => {
                self.change(id, Task::on_notified, now);
                Some(message)
            }
            Err(error) => self.misunderstood(error.to_string()).pop(),
        }
    }

    fn notice(&mut self, id: TaskId, now: u64) -> Option<Notice> {
        let spec = self.packages.get(self.task(id)?.package.0 as usize - 1)?.clone();
        self.links += 1;
        let number = self.links;
        Some(spec.notice(id, |file| format!("http://files.example/{id}/{file}?n={number}&t={now}")))
    }

    fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get((id.0 as usize).checked_sub(1)?)
    }

    /// Applies a decision, and checks that no Task goes backwards, none is tried too often and none fails without a reason.
    fn change(&mut self, id: TaskId, decide: impl Fn(&Task, Timestamp) -> Transition, now: u64) {
        let Some(task) = (id.0 as usize).checked_sub(1).and_then(|at| self.tasks.get_mut(at)) else { return };
        let Transition::To(next) = decide(task, Timestamp(EPOCH_MS + now)) else { return };
        let before = (task.attempt, task.state);
        task.apply(next);
        if (task.attempt, task.state) < before || before.1.is_end() {
            let (from, to) = (before.1.to_string(), task.state.to_string());
            self.violation.get_or_insert(Violation::TaskBackwards(id.0, from, to));
        } else if task.attempt > task.attempts() {
            self.violation.get_or_insert(Violation::TriedTooOften(id.0, task.attempt));
        } else if task.state == TaskState::Failed && task.reason.as_ref().is_none_or(String::is_empty) {
            self.violation.get_or_insert(Violation::NoReason(id.0));
        }
    }

    fn misunderstood(&mut self, what: String) -> Vec<Message> {
        self.violation.get_or_insert(Violation::Misunderstood(what));
        Vec::new()
    }
}

fn may_be_told(task: &Task, now: u64) -> bool {
    task.may_be_told(Timestamp(EPOCH_MS + now))
}
