//! Which devices get a Task.

use std::fmt;

use otaru_wire::{DeviceId, Module, Version};
use serde::{Deserialize, Serialize};

use crate::{Dialect, Policy, ProductKeys, TaskId};

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
    /// Who chooses the moment.
    pub policy: Policy,
}

/// A device that a campaign asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who it is.
    pub device: DeviceId,
    /// What is known of it; none if its product has no such device.
    pub known: Option<Known>,
}

/// What is known of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// How it speaks.
    pub dialect: Dialect,
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
    /// The moment was to be the device's to choose, and its dialect cannot say so.
    CannotChoose {
        /// How it speaks.
        dialect: Dialect,
    },
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
            SkipReason::CannotChoose { dialect } => {
                write!(
                    f,
                    "its dialect {dialect} cannot tell it that it chooses the moment; update it by a campaign without that"
                )
            }
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
    let Some(Known { dialect, running, open_task }) = &candidate.known else {
        return Plan::Skip(SkipReason::UnknownDevice);
    };
    if order.policy == Policy::Silent && !dialect.says_silent() {
        return Plan::Skip(SkipReason::CannotChoose { dialect: *dialect });
    }
    if running.as_ref() == Some(&order.version) {
        return Plan::Skip(SkipReason::AtTarget);
    }
    if let Some(task) = *open_task {
        return Plan::Skip(SkipReason::Busy { task });
    }
    if !order.source_versions.is_empty() {
        match running {
            None => return Plan::Skip(SkipReason::SilentSource),
            Some(running) if !order.source_versions.contains(running) => {
                return Plan::Skip(SkipReason::OtherSource { running: running.clone() });
            }
            Some(_) => {}
        }
    }
    Plan::Task { source_version: running.clone() }
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
            policy: Policy::Standard,
        }
    }

    fn candidate(running: Option<&str>) -> Candidate {
        busy(running, None)
    }

    fn busy(running: Option<&str>, open_task: Option<TaskId>) -> Candidate {
        let known = Known { dialect: Dialect::Aliyun, running: running.map(v), open_task };
        Candidate { device: example_task().device, known: Some(known) }
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
        let unknown = Candidate { known: None, ..candidate(None) };
        assert_eq!(plan(&order(&[]), &unknown), Plan::Skip(SkipReason::UnknownDevice));
        assert_eq!(plan(&order(&[]), &candidate(Some("2.0.0"))), Plan::Skip(SkipReason::AtTarget));
        assert_eq!(plan(&order(&["1.0.0"]), &candidate(None)), Plan::Skip(SkipReason::SilentSource));
        assert_eq!(
            plan(&order(&["1.0.0"]), &candidate(Some("0.9"))),
            Plan::Skip(SkipReason::OtherSource { running: v("0.9") })
        );
        let busy = busy(Some("1.0.0"), Some(TaskId(7)));
        assert_eq!(plan(&order(&[]), &busy), Plan::Skip(SkipReason::Busy { task: TaskId(7) }));
    }

    #[test]
    fn a_device_that_cannot_be_told_that_it_chooses_the_moment_is_not_told_to_begin_at_once() {
        let silent = Order { policy: Policy::Silent, ..order(&[]) };
        let of = |dialect| {
            let known = Known { dialect, running: Some(v("1.0.0")), open_task: None };
            plan(&silent, &Candidate { known: Some(known), ..candidate(None) })
        };
        for dialect in [Dialect::Aliyun, Dialect::Onenet] {
            assert_eq!(of(dialect), Plan::Skip(SkipReason::CannotChoose { dialect }));
        }
        assert!(matches!(of(Dialect::Jd), Plan::Task { .. }));
    }
}
