//! What the updater asks for, done: fetches, flash, Record, markers, health. Planted faults live here alone.

use otaru_core::{FetchError, HealthVerdict, Input, Output, Record, RequestId, SlotError};
use otaru_wire::{ByteRange, Module, Version};

use super::{Device, Flow, Marker};
use crate::{
    outside::{Happening, Outside},
    planted::Planted,
    server::{Answer, End, Server},
    violation::Violation,
    weather::Weather,
};

/// Statuses that say that a link does not work.
const REFUSING: [u16; 4] = [401, 403, 404, 410];

impl Device {
    pub(super) fn perform(&mut self, outside: &mut Outside, output: Output) -> Flow {
        match output {
            Output::Subscribe(_) => {}
            Output::Call { request, call } => self.call(outside, request, call),
            Output::Publish(message) => self.publish(outside, message),
            Output::Prepare { module, sizes, resume } => self.prepare(outside, module, &sizes, resume),
            Output::Fetch { request, url, range, etag } => self.fetch(outside, request, url, range, etag),
            Output::StopFetch(_) => self.fetch = None,
            Output::Store { file, offset, bytes } => self.store(outside, file, offset, &bytes),
            Output::Save(record) => return self.save(outside, &record),
            Output::ReadBack { file, range } => self.read_back(outside, file, range),
            Output::Activate { module, version, .. } => self.activate(outside, &module, version),
            Output::Reboot => return Flow::PowerLost,
            Output::CheckHealth(module) => self.check_health(outside, &module),
            Output::Confirm(module) => {
                let result = self.change_marker(outside, &module, Marker::confirm);
                if !self.watch.healthy {
                    self.watch.broken(Violation::ConfirmedUnproven(module.to_string()));
                }
                self.answer(outside, Input::Settled(result));
            }
            Output::Revert(module) => {
                let result = self.change_marker(outside, &module, Marker::revert);
                self.answer(outside, Input::Settled(result));
            }
            Output::ForgetFallback(module) => {
                let _ = self.change_marker(outside, &module, |marker| marker.fell_back = false);
            }
            Output::DeliverConfig { request, .. } => {
                self.answer(outside, Input::ConfigTaken(request, Ok(())));
            }
            Output::Event(event) => self.watch.event(&event, outside.server.causes),
        }
        Flow::On
    }

    fn prepare(&mut self, outside: &mut Outside, module: Module, sizes: &[u64], resume: bool) {
        let Some(slot) = self.inactive(&module) else { return self.prepared = None };
        let slot = self.flash.slot(&module, slot);
        if self.options.planted == Some(Planted::SlotNotEmptied) && slot.cached.len() >= sizes.len() {
            slot.cached.truncate(sizes.len());
            slot.durable.truncate(sizes.len());
            slot.intended.truncate(sizes.len());
        } else if !resume || slot.cached.len() != sizes.len() {
            slot.empty(sizes.len());
        }
        if !resume {
            self.watch.proven.remove(&module);
        }
        let room =
            if outside.weather.full && !outside.calm() { sizes.iter().sum::<u64>() / 2 } else { u64::MAX };
        self.prepared = Some((module, room));
    }

    /// The slot that may be overwritten: none while the module is on trial.
    fn inactive(&self, module: &Module) -> Option<bool> {
        let marker = self.markers.iter().find(|marker| marker.module == *module)?;
        marker.trial.is_none().then_some(!marker.slot)
    }

    fn fetch(
        &mut self,
        outside: &mut Outside,
        request: RequestId,
        mut url: String,
        range: ByteRange,
        mut etag: Option<String>,
    ) {
        self.fetch = Some(request);
        if let Some(generation) = self.options.form.generation() {
            return self.fetch_own(outside, generation, request, url, range);
        }
        let Some(file) = url.split(['/', '?']).nth(4).and_then(|file| file.parse().ok()) else {
            return self.watch.broken(Violation::Misunderstood(url));
        };
        if self.planted(Planted::StaleLink) {
            url.clone_from(self.first_links.entry(file).or_insert_with(|| url.clone()));
        }
        if self.planted(Planted::MarkerEarly) {
            self.activate_unproven(outside);
        }
        self.watch.fetches(&url, file, range.start, outside.now);
        let clear = Weather::default();
        let weather = if outside.calm() { &clear } else { &outside.weather };
        if self.planted(Planted::NoEtag) {
            etag = None;
        }
        let grant = outside.platform.grant(&url, outside.now);
        let answer = grant.map_or_else(
            || Some(Server::refuse(403)),
            |place| outside.server.answer(place, range, etag.as_deref(), weather, &mut outside.rng),
        );
        let mut answer = answer.unwrap_or_else(|| Server::refuse(404));
        if REFUSING.contains(&answer.head.status) {
            self.watch.refused(&url);
        }
        if self.planted(Planted::NoEtag) {
            answer.head.headers.0.retain(|(name, _)| name != "ETag");
        }
        self.come(outside, request, answer);
    }

    /// An answer comes, piece by piece.
    pub(super) fn come(&mut self, outside: &mut Outside, request: RequestId, answer: Answer) {
        let (device, boot, generation) = (self.options.index, self.boot, answer.generation);
        let mut at = outside.now + outside.rng.between(5, 400);
        let mut come = |outside: &mut Outside, input, pause| {
            at += pause;
            outside.at(at, Happening::Input { device, boot, input, generation });
        };
        come(outside, Input::Head(request, answer.head), 0);
        let piece = outside.rng.between(200, 4_000) as usize;
        for bytes in answer.body.chunks(piece) {
            come(outside, Input::Body(request, bytes.to_vec()), answer.pause);
        }
        match answer.end {
            End::Whole => come(outside, Input::FetchEnded(request, Ok(())), 1),
            End::Broken => {
                let error = FetchError::Broken("reset by peer".into());
                come(outside, Input::FetchEnded(request, Err(error)), 1);
            }
            End::Never => {}
        }
    }

    fn store(&mut self, outside: &mut Outside, file: usize, offset: u64, bytes: &[u8]) {
        let end = offset + bytes.len() as u64;
        let result = self.write(outside, file, offset, bytes);
        if result.is_ok() {
            self.watch.stored(file, offset, self.generation);
            self.stored_since_boot = true;
        }
        self.answer(outside, Input::Stored { file, end, result });
    }

    fn write(
        &mut self,
        outside: &mut Outside,
        file: usize,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), SlotError> {
        let no_slot = || SlotError::Medium("no slot was prepared".into());
        let (module, room) = self.prepared.clone().ok_or_else(no_slot)?;
        let slot = self.inactive(&module).ok_or_else(no_slot)?;
        if outside.strikes(|weather| weather.write_fails) {
            return Err(SlotError::Medium("worn out".into()));
        }
        let lie = outside.strikes(|weather| weather.lies);
        self.watch.causes += u32::from(lie);
        let wrong = self.planted(Planted::WrongOffset) && !self.stored_since_boot && self.boot > 1;
        let slot = self.flash.slot(&module, slot);
        let used: usize =
            slot.cached.iter().enumerate().filter(|(at, _)| *at != file).map(|(_, file)| file.len()).sum();
        if used as u64 + offset + bytes.len() as u64 > room {
            return Err(SlotError::Full("0 bytes left".into()));
        }
        self.watch.proven.remove(&module);
        slot.write(file, if wrong { offset.saturating_sub(8) } else { offset }, bytes, lie)
    }

    /// The slot's bytes first, then the Record that speaks of them; the power may go between and within.
    fn save(&mut self, outside: &mut Outside, record: &Record) -> Flow {
        let prepared = self.prepared.clone().and_then(|(module, _)| Some((self.inactive(&module)?, module)));
        if let Some((slot, module)) = &prepared
            && !self.planted(Planted::SkipSync)
        {
            self.flash.slot(module, *slot).sync();
        }
        if outside.write() {
            return Flow::PowerLost;
        }
        if outside.strikes(|weather| weather.write_fails) {
            self.answer(outside, Input::Saved(Err(SlotError::Medium("worn out".into()))));
            return Flow::On;
        }
        self.copies.begin(self.options.planted == Some(Planted::OneRecordCopy));
        if outside.write() {
            return Flow::PowerLost;
        }
        self.copies.finish(record.to_bytes());
        self.watch.saved(record);
        if let Some((slot, module)) = prepared {
            let slot = self.flash.slot(&module, slot);
            for ((covered, cached), durable) in record.stored().iter().zip(&slot.cached).zip(&slot.durable) {
                let covered = *covered as usize;
                if durable.get(..covered).is_none_or(|durable| cached.get(..covered) != Some(durable)) {
                    self.watch.broken(Violation::RecordAhead(covered as u64));
                }
            }
        }
        self.answer(outside, Input::Saved(Ok(())));
        Flow::On
    }

    fn read_back(&mut self, outside: &mut Outside, file: usize, range: ByteRange) {
        if self.planted(Planted::ActivateUnread) {
            self.activate_unproven(outside);
        }
        let from_cache = self.planted(Planted::ReadFromCache);
        let prepared = self.prepared.clone().and_then(|(module, _)| Some((self.inactive(&module)?, module)));
        let bytes = prepared.and_then(|(slot, module)| {
            let slot = self.flash.slot(&module, slot);
            let files = if from_cache { &slot.intended } else { &slot.cached };
            files.get(file)?.get(range.start as usize..range.end as usize).map(<[u8]>::to_vec)
        });
        let result = bytes.ok_or_else(|| SlotError::Medium("those bytes cannot be read".into()));
        self.answer(outside, Input::ReadBack { file, offset: range.start, result });
    }

    fn activate(&mut self, outside: &mut Outside, module: &Module, version: Version) {
        let image = outside.images.get(&(module.clone(), version.to_string()));
        let slot = self.inactive(module).unwrap_or_default();
        if image == Some(&self.flash.slot(module, slot).durable) {
            self.watch.proven.insert(module.clone());
        } else {
            self.watch.broken(Violation::Unverified(module.to_string()));
        }
        let tries = self.options.tries;
        let result = self.change_marker(outside, module, |marker| marker.activate(version, tries));
        self.answer(outside, Input::Activated(result));
    }

    /// A planted fault: the marker is set although nothing was proven.
    pub(super) fn activate_unproven(&mut self, outside: &mut Outside) {
        let Some(task) = self.updater.as_ref().and_then(otaru_core::Updater::task) else { return };
        let on_trial =
            self.markers.iter().any(|marker| marker.module == task.module && marker.trial.is_some());
        if !on_trial {
            let _ = self.change_marker(outside, &task.module, |marker| {
                marker.trial = Some((task.version.clone(), 3));
            });
            if !self.watch.proven.contains(&task.module) {
                self.watch.broken(Violation::Unverified(task.module.to_string()));
            }
        }
    }

    /// Replaces a marker as a whole.
    fn change_marker(
        &mut self,
        outside: &mut Outside,
        module: &Module,
        change: impl FnOnce(&mut Marker),
    ) -> Result<(), SlotError> {
        if outside.strikes(|weather| weather.write_fails) {
            return Err(SlotError::Medium("marker worn out".into()));
        }
        let marker = self.markers.iter_mut().find(|marker| marker.module == *module);
        change(marker.ok_or_else(|| SlotError::NoSlot(module.clone()))?);
        Ok(())
    }

    /// Healthy if the platform is reached and the weather has nothing against it; sometimes no answer at all.
    fn check_health(&mut self, outside: &mut Outside, module: &Module) {
        if self.planted(Planted::ConfirmEarly) {
            let _ = self.change_marker(outside, module, Marker::confirm);
            if !self.watch.healthy {
                self.watch.broken(Violation::ConfirmedUnproven(module.to_string()));
            }
        }
        let verdict = if outside.strikes(|weather| weather.sick) {
            if outside.rng.per_mille(100) {
                return;
            }
            HealthVerdict::Sick("no sensor".into())
        } else {
            HealthVerdict::Healthy
        };
        let (device, boot) = (self.options.index, self.boot);
        let at = outside.now + outside.rng.between(10, 3_000);
        outside.at(at, Happening::Input { device, boot, input: Input::Health(verdict), generation: 0 });
    }
}
