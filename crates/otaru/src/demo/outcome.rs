//! The end of the demo: is every device where it should be?

use std::{collections::HashMap, time::Instant};

use anyhow::Context;
use otaru_wire::Module;
use serde::Serialize;
use serde_json::json;

use super::{
    Demo, check,
    device::Device,
    plan::{Image, NEW, OLD},
    view::View,
};
use crate::{exit, operator::calls, output};

/// The last line with `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "summary")]
pub(super) struct Summary {
    devices: usize,
    succeeded: usize,
    failed: usize,
    /// Bytes that all devices fetched over HTTP.
    bytes_downloaded: u64,
    bytes_image: u64,
    seconds: f64,
}

impl Demo {
    /// Compares every slot with the image and tells how it went.
    pub(super) fn finish(&self, image: &Image, view: &View, began: Instant) -> anyhow::Result<u8> {
        let mut rows = vec![
            ["device", "speaks", "sent", "runs", "slot", "fetched", "on the way"].map(String::from).to_vec(),
        ];
        let mut succeeded = 0;
        let tasks = self.task_states()?;
        for device in &self.devices {
            view.at(&device.plan.name, "comparing its slot with the image")?;
            let slot = self.check(device, image);
            let task = tasks.get(&device.plan.name).map_or("unknown", String::as_str);
            let good = slot.is_ok() && device.updated && task == "succeeded";
            succeeded += usize::from(good);
            let said = match &slot {
                Ok(()) => "identical".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            view.at(&device.plan.name, &format!("task {task}, slot {said}"))?;
            let checked = json!({"task": task, "slot": said, "succeeded": good});
            view.event(&device.plan.name, "checked", checked)?;
            rows.push(vec![
                device.plan.name.clone(),
                device.plan.speaks.half().to_owned(),
                device.plan.kind.label().to_owned(),
                if device.updated { NEW } else { OLD }.to_owned(),
                said,
                output::bytes(device.fetched()),
                way(device),
            ]);
        }
        let failed = self.devices.len() - succeeded;
        let took = began.elapsed();
        let fetched: u64 = self.devices.iter().map(Device::fetched).sum();
        let summary = Summary {
            devices: self.devices.len(),
            succeeded,
            failed,
            bytes_downloaded: fetched,
            bytes_image: image.size,
            seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
        };
        let mut table = output::table(&rows);
        table.push_str(&format!(
            "\n{succeeded} succeeded, {failed} failed, {} fetched, {:.1} s\n",
            output::bytes(fetched),
            took.as_secs_f64()
        ));
        view.finish(&table, &summary)?;
        Ok(if failed == 0 { exit::SUCCESS } else { exit::DEMO_FAILED })
    }

    fn check(&self, device: &Device, image: &Image) -> anyhow::Result<()> {
        let module = Module::new(device.plan.kind.module())?;
        let slot = otaru_agent::active_folder(&device.storage(), &module)?.context("no slot is active")?;
        check::same_files(&check::slot_files(&slot)?, &image.files(device.plan.kind))
    }

    /// What the platform says of each device's task.
    fn task_states(&self) -> anyhow::Result<HashMap<String, String>> {
        let mut states = HashMap::new();
        for campaign in &self.campaigns {
            for task in calls::tasks(&self.operator, *campaign)? {
                states.insert(task.device.to_string(), task.state.to_string());
            }
        }
        Ok(states)
    }
}

/// What happened to a device on the way.
fn way(device: &Device) -> String {
    let mut words = Vec::new();
    if let Some(cut) = device.cut_at {
        let resumed =
            device.resumed_at.map_or("started anew".into(), |offset| format!("went on at {offset}"));
        words.push(format!("power cut at byte {cut}, {resumed}"));
    }
    if device.started_over > 0 {
        words.push(format!("digest failed {}, fetched again", times(device.started_over)));
    }
    if let Some(failed) = &device.failed {
        words.push(failed.clone());
    }
    words.push(format!("rebooted {}", times(device.reboots)));
    words.join("; ")
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}
