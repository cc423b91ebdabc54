//! `otaru campaign watch`: follows a campaign until it ends.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use otaru_platform::http::shapes::{Campaign, CampaignId, CampaignState, Task, TaskId, TaskState};

use super::{
    Client, calls,
    tasks::{device, products_differ, why},
};
use crate::{exit, output};

/// How often the platform is asked at most. The operator API has no push.
const PAUSE: Duration = Duration::from_millis(500);
/// A question is followed by a pause of so many times as long as its answer took, so that watching a huge campaign
/// costs the platform little.
const REST: u32 = 9;
/// For people, up to so many devices are shown one by one; above that only their counts are, and only those asked for.
const MOST_SHOWN: u64 = 30;

/// Follows a campaign; the exit code tells whether every task succeeded.
pub(crate) fn run(client: &Client, id: CampaignId, json: bool) -> anyhow::Result<u8> {
    let mut view = None;
    loop {
        let asked = Instant::now();
        let campaign = calls::campaign(client, id)?;
        let view = view.get_or_insert_with(|| View::new(json, &campaign));
        if view.wants_tasks() {
            view.show_tasks(&calls::tasks(client, id)?)?;
        } else {
            view.show_counts(&campaign)?;
        }
        if campaign.state != CampaignState::Running {
            return finish(&campaign, json);
        }
        thread::sleep(PAUSE.max(asked.elapsed() * REST));
    }
}

fn finish(campaign: &Campaign, json: bool) -> anyhow::Result<u8> {
    if json {
        output::json(campaign)?;
    } else {
        output::line(format!("campaign {} {}: {}", campaign.id, state(campaign.state), counts(campaign)))?;
    }
    let all_succeeded =
        campaign.counts.iter().all(|(state, count)| *state == TaskState::Succeeded || *count == 0);
    Ok(if all_succeeded { exit::SUCCESS } else { exit::CAMPAIGN_NOT_ALL_SUCCEEDED })
}

/// A campaign's state in a word.
pub(super) fn state(state: CampaignState) -> &'static str {
    match state {
        CampaignState::Running => "running",
        CampaignState::Ended => "ended",
        CampaignState::Canceled => "canceled",
    }
}

/// A campaign's tasks by state: `7 succeeded, 1 failed`.
pub(super) fn counts(campaign: &Campaign) -> String {
    let counts: Vec<String> =
        campaign.counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    if counts.is_empty() { "no tasks".to_owned() } else { counts.join(", ") }
}

/// One way of showing a campaign, with what was shown last, so that only changes are shown.
enum View {
    /// Each task's changes, one JSON object a line.
    Json(BTreeMap<TaskId, (u8, TaskState, u8)>),
    /// Each task's changes of attempt and state, where there is no terminal.
    Lines(BTreeMap<TaskId, (u8, TaskState)>),
    /// A bar for each task.
    Bars(MultiProgress, BTreeMap<TaskId, ProgressBar>),
    /// The counts of many tasks, where there is no terminal.
    Counts(String),
    /// One bar for many tasks.
    Bar(ProgressBar),
}

impl View {
    fn new(json: bool, campaign: &Campaign) -> Self {
        let many = total(campaign) > MOST_SHOWN;
        match (json, many, std::io::stderr().is_terminal()) {
            (true, ..) => View::Json(BTreeMap::new()),
            (false, false, true) => View::Bars(MultiProgress::new(), BTreeMap::new()),
            (false, false, false) => View::Lines(BTreeMap::new()),
            (false, true, true) => View::Bar(new_bar("devices", total(campaign))),
            (false, true, false) => View::Counts(String::new()),
        }
    }

    fn wants_tasks(&self) -> bool {
        matches!(self, View::Json(_) | View::Lines(_) | View::Bars(..))
    }

    fn show_counts(&mut self, campaign: &Campaign) -> anyhow::Result<()> {
        let now = counts(campaign);
        match self {
            View::Counts(last) if *last != now => {
                output::line(&now)?;
                *last = now;
            }
            View::Bar(bar) => {
                let ended =
                    campaign.counts.iter().filter(|(state, _)| state.is_end()).map(|(_, count)| count);
                bar.set_position(ended.sum());
                bar.set_message(now);
            }
            _ => {}
        }
        Ok(())
    }

    fn show_tasks(&mut self, tasks: &[Task]) -> anyhow::Result<()> {
        let with_product = products_differ(tasks);
        for task in tasks {
            let device = device(task, with_product);
            match self {
                View::Json(last) => {
                    let now = (task.attempt, task.state, task.progress);
                    if last.insert(task.id, now) != Some(now) {
                        output::json(task)?;
                    }
                }
                View::Lines(last) => {
                    let now = (task.attempt, task.state);
                    if last.insert(task.id, now) != Some(now) {
                        output::line(format!("{device}: {}", words(task)))?;
                    }
                }
                View::Bars(all, bars) => {
                    let bar = bars.entry(task.id).or_insert_with(|| all.add(new_bar(&device, 100)));
                    let done = task.state == TaskState::Succeeded;
                    bar.set_position(if done { 100 } else { u64::from(task.progress) });
                    bar.set_message(words(task));
                }
                View::Counts(_) | View::Bar(_) => {}
            }
        }
        Ok(())
    }
}

/// A campaign's tasks in any state.
fn total(campaign: &Campaign) -> u64 {
    campaign.counts.values().sum()
}

fn new_bar(name: &str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:16} {bar:32} {percent:>3}% {wide_msg}");
    let bar = ProgressBar::new(total).with_prefix(name.to_owned());
    // A template that cannot be read costs its looks, no more.
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

fn words(task: &Task) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match why(task, now) {
        why if why.is_empty() => task.state.to_string(),
        why => format!("{} ({why})", task.state),
    }
}
