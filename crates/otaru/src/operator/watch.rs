//! `otaru campaign watch`: follows a campaign until it ends.

use std::{collections::BTreeMap, io::IsTerminal, thread, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use otaru_platform::http::shapes::{Campaign, CampaignId, CampaignState, Task, TaskState};

use super::{Client, calls};
use crate::{exit, output};

/// How often the platform is asked. The operator API has no push; a question costs it one indexed read.
const PAUSE: Duration = Duration::from_millis(500);
/// Up to so many devices get a bar each; above that there is one for all.
const MOST_BARS: usize = 30;

/// Follows a campaign; the exit code tells whether every task succeeded.
pub(crate) fn run(client: &Client, id: CampaignId, json: bool) -> anyhow::Result<u8> {
    let mut view = if json {
        View::Json(BTreeMap::new())
    } else if std::io::stderr().is_terminal() {
        View::Bars(MultiProgress::new(), BTreeMap::new())
    } else {
        View::Lines(BTreeMap::new())
    };
    loop {
        let campaign = calls::campaign(client, id)?;
        let tasks = calls::tasks(client, id)?;
        view.show(&tasks)?;
        if campaign.state != CampaignState::Running {
            return finish(&campaign, json);
        }
        thread::sleep(PAUSE);
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

/// What was shown last of each device, so that only changes are shown.
enum View {
    Json(BTreeMap<String, (TaskState, u8)>),
    Lines(BTreeMap<String, TaskState>),
    Bars(MultiProgress, BTreeMap<String, ProgressBar>),
}

impl View {
    fn show(&mut self, tasks: &[Task]) -> anyhow::Result<()> {
        match self {
            View::Json(last) => {
                for task in tasks {
                    let now = (task.state, task.progress);
                    if last.insert(task.device.to_string(), now) != Some(now) {
                        output::json(task)?;
                    }
                }
                Ok(())
            }
            View::Lines(last) => {
                for task in tasks {
                    if last.insert(task.device.to_string(), task.state) != Some(task.state) {
                        output::line(format!("{}: {}", task.device, words(task)))?;
                    }
                }
                Ok(())
            }
            View::Bars(all, bars) if tasks.len() <= MOST_BARS => tasks.iter().try_for_each(|task| {
                let bar = bar(all, bars, task.device.as_str(), 100)?;
                bar.set_position(if task.state == TaskState::Succeeded {
                    100
                } else {
                    u64::from(task.progress)
                });
                bar.set_message(words(task));
                Ok(())
            }),
            View::Bars(all, bars) => {
                let bar = bar(all, bars, "devices", tasks.len() as u64)?;
                bar.set_position(tasks.iter().filter(|task| task.state.is_end()).count() as u64);
                let failed = tasks.iter().filter(|task| task.state == TaskState::Failed).count();
                bar.set_message(format!("of {} ended, {failed} failed", tasks.len()));
                Ok(())
            }
        }
    }
}

fn bar<'a>(
    all: &MultiProgress,
    bars: &'a mut BTreeMap<String, ProgressBar>,
    name: &str,
    total: u64,
) -> anyhow::Result<&'a ProgressBar> {
    if !bars.contains_key(name) {
        let style = ProgressStyle::with_template("{prefix:16} {bar:32} {percent:>3}% {wide_msg}")?;
        let bar = all.add(ProgressBar::new(total).with_style(style).with_prefix(name.to_owned()));
        bars.insert(name.to_owned(), bar);
    }
    bars.get(name).ok_or_else(|| anyhow::anyhow!("a bar that was just made"))
}

fn words(task: &Task) -> String {
    match task.reason.as_ref().or(task.waiting_for.as_ref()) {
        Some(why) => format!("{} ({why})", task.state),
        None => task.state.to_string(),
    }
}
