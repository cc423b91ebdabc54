//! Which devices get a Task.

use std::fmt;

use otaru_wire::{DeviceId, Module, Version};
use serde::{Deserialize, Serialize};

use crate::{ProductKeys, TaskId};

/// What a campaign asks of each device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Whose devices the package is for.
    pub products: ProductKeys,
    /// The part of the device.
    pub module: Module,
    /// The target: the package's version.
    pub version: Version,
    /// Only devices that run one of these; empty: whatever they run.
    pub source_versions: Vec<Version>,
}

/// What is known of a device that a campaign asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who it is.
    pub device: DeviceId,
    /// False if it is listed, but its product has no such device.
    pub known: bool,
    /// What the order's module runs, as last reported.
    pub running: Option<Version>,
    /// Its open task for the order's module.
    pub open_task: Option<TaskId>,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// It gets a task.
    Task {
        /// What its module runs now; none if it never told.
        source_version: Option<Version>,
    },
    /// It gets none.
    Skip(SkipReason),
}

/// Why a device gets no task, and what would change that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum SkipReason {
    /// It is listed, but its product has no such device.
    UnknownDevice,
    /// It is listed, but the package is not for its product.
    OtherProduct,
    /// It runs the target already.
    AtTarget,
    /// It runs a version that was not asked for.
    OtherSource {
        /// What it runs.
        running: Version,
    },
    /// Source versions were asked for, and it never told its own.
    SilentSource,
    /// Another task for the same module is open.
    Busy {
        /// That task.
        task: TaskId,
    },
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::UnknownDevice => f.write_str("the product has no such device; create it first"),
            SkipReason::OtherProduct => f.write_str("the package is not for its product"),
            SkipReason::AtTarget => f.write_str("it reported the target version already"),
            SkipReason::OtherSource { running } => {
                write!(f, "it runs {running}, which is none of the source versions asked for")
            }
            SkipReason::SilentSource => {
                f.write_str("source versions were asked for, and it never reported its version")
            }
            SkipReason::Busy { task } => {
                write!(f, "task {task} for the same module is open; wait for its end or cancel its campaign")
            }
        }
    }
}

/// Does this device get a Task? The same facts have the same answer.
pub fn plan(order: &Order, candidate: &Candidate) -> Plan {
    if !order.products.contains(&candidate.device.product) {
        return Plan::Skip(SkipReason::OtherProduct);
    }
    if !candidate.known {
        return Plan::Skip(SkipReason::UnknownDevice);
    }
    if candidate.running.as_ref() == Some(&order.version) {
        return Plan::Skip(SkipReason::AtTarget);
    }
    if let Some(task) = candidate.open_task {
        return Plan::Skip(SkipReason::Busy { task });
    }
    if !order.source_versions.is_empty() {
        match &candidate.running {
            None => return Plan::Skip(SkipReason::SilentSource),
            Some(running) if !order.source_versions.contains(running) => {
                return Plan::Skip(SkipReason::OtherSource { running: running.clone() });
            }
            Some(_) => {}
        }
    }
    Plan::Task { source_version: candidate.running.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example_task;

    fn v(text: &str) -> Version {
        Version::new(text).unwrap()
    }

    fn order(sources: &[&str]) -> Order {
        Order {
            products: example_task().device.product.into(),
            module: Module::default(),
            version: v("2.0.0"),
            source_versions: sources.iter().map(|text| v(text)).collect(),
        }
    }

    fn candidate(running: Option<&str>) -> Candidate {
        Candidate { device: example_task().device, known: true, running: running.map(v), open_task: None }
    }

    #[test]
    fn a_device_gets_a_task_with_the_version_it_runs_as_source() {
        let plan = plan(&order(&[]), &candidate(Some("1.0.0")));
        assert_eq!(plan, Plan::Task { source_version: Some(v("1.0.0")) });
    }

    #[test]
    fn a_full_package_goes_to_a_device_that_never_told_its_version() {
        assert_eq!(plan(&order(&[]), &candidate(None)), Plan::Task { source_version: None });
    }

    #[test]
    fn each_skip_says_why() {
        let elsewhere = Order {
            products: ProductKeys::from("b2".parse::<otaru_wire::ProductKey>().unwrap()),
            ..order(&[])
        };
        assert_eq!(plan(&elsewhere, &candidate(None)), Plan::Skip(SkipReason::OtherProduct));
        let unknown = Candidate { known: false, ..candidate(None) };
        assert_eq!(plan(&order(&[]), &unknown), Plan::Skip(SkipReason::UnknownDevice));
        assert_eq!(plan(&order(&[]), &candidate(Some("2.0.0"))), Plan::Skip(SkipReason::AtTarget));
        assert_eq!(plan(&order(&["1.0.0"]), &candidate(None)), Plan::Skip(SkipReason::SilentSource));
        assert_eq!(
            plan(&order(&["1.0.0"]), &candidate(Some("0.9"))),
            Plan::Skip(SkipReason::OtherSource { running: v("0.9") })
        );
        let busy = Candidate { open_task: Some(TaskId(7)), ..candidate(Some("1.0.0")) };
        assert_eq!(plan(&order(&[]), &busy), Plan::Skip(SkipReason::Busy { task: TaskId(7) }));
    }
}
