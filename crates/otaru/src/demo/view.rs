//! What the person at the terminal sees: bars, plain lines, or JSON.

use std::{collections::BTreeMap, io::IsTerminal};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::outcome::Summary;
use crate::output;

/// One way of showing the demo.
pub(super) enum View {
    /// A live bar for each device, on a terminal.
    Bars { all: MultiProgress, bars: BTreeMap<String, ProgressBar> },
    /// A line for each step, where there is no terminal.
    Lines,
    /// One JSON object a line.
    Json,
}

impl View {
    /// The view that fits the wish and the terminal.
    pub(super) fn new(as_json: bool) -> Self {
        match (as_json, std::io::stderr().is_terminal()) {
            (true, _) => View::Json,
            (false, true) => View::Bars { all: MultiProgress::new(), bars: BTreeMap::new() },
            (false, false) => View::Lines,
        }
    }

    /// A step of the demo as a whole.
    pub(super) fn step(&self, text: &str) -> anyhow::Result<()> {
        match self {
            View::Bars { all, .. } => Ok(all.println(text)?),
            View::Lines => output::line(text),
            View::Json => output::json(&json!({"event": "step", "text": text})),
        }
    }

    /// A device takes part; `total` bytes are to come.
    pub(super) fn add(&mut self, device: &str, total: u64, label: &str) -> anyhow::Result<()> {
        if let View::Bars { all, bars } = self {
            let style =
                ProgressStyle::with_template("{prefix:12} {bar:32} {percent:>3}% {bytes:>11} {wide_msg}")?;
            let bar = all.add(ProgressBar::new(total).with_style(style).with_prefix(device.to_owned()));
            bar.set_message(label.to_owned());
            bars.insert(device.to_owned(), bar);
        }
        Ok(())
    }

    /// How far a device is, in bytes of all its files.
    pub(super) fn progress(&self, device: &str, done: u64) {
        if let View::Bars { bars, .. } = self
            && let Some(bar) = bars.get(device)
        {
            bar.set_position(done);
        }
    }

    /// What a device is at: the text beside its bar.
    pub(super) fn at(&self, device: &str, text: &str) -> anyhow::Result<()> {
        match self {
            View::Bars { bars, .. } => {
                if let Some(bar) = bars.get(device) {
                    bar.set_message(text.to_owned());
                }
                Ok(())
            }
            View::Lines => output::line(format!("{device}: {text}")),
            View::Json => Ok(()),
        }
    }

    /// Something about a device worth a line of its own, `fields` being its JSON form.
    pub(super) fn remark(&self, device: &str, text: &str, event: &str, fields: Value) -> anyhow::Result<()> {
        match self {
            View::Bars { all, .. } => Ok(all.println(format!("{device}: {text}"))?),
            View::Lines => output::line(format!("{device}: {text}")),
            View::Json => self.event(device, event, fields),
        }
    }

    /// Something about a device that only programs need to be told.
    pub(super) fn event(&self, device: &str, event: &str, mut fields: Value) -> anyhow::Result<()> {
        let View::Json = self else { return Ok(()) };
        if let Some(object) = fields.as_object_mut() {
            object.insert("event".into(), event.into());
            object.insert("device".into(), device.into());
        }
        output::json(&fields)
    }

    /// An agent's own event, passed on with the device's name.
    pub(super) fn pass_on(&self, device: &str, said: &Value) -> anyhow::Result<()> {
        let View::Json = self else { return Ok(()) };
        let mut said = said.clone();
        if let Some(object) = said.as_object_mut() {
            object.insert("device".into(), device.into());
        }
        output::json(&said)
    }

    /// The end: bars stay as they are, the table or the summary follows.
    pub(super) fn finish(&self, table: &str, summary: &Summary) -> anyhow::Result<()> {
        if let View::Bars { bars, .. } = self {
            bars.values().for_each(ProgressBar::abandon);
        }
        match self {
            View::Json => output::json(summary),
            View::Bars { .. } | View::Lines => output::line(format!("\n{}", table.trim_end())),
        }
    }
}
