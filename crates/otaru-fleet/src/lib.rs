//! The platform decides: campaigns, tasks and their states. Values in, values out; no async, no database, no clock.
//!
//! [`plan()`] says which devices get a [`Task`], the methods of [`Task`] say what an event does to one, and
//! [`Task::hold`] says what it waits for and [`Task::deadline`] until when. [`DeviceConfig`] is the same for remote
//! configuration. Whoever calls passes the time, keeps the values and applies each [`Next`] by compare-and-set on
//! [`Task::revision`], so that two reports at once cannot undo one another.
//!
//! ```
//! use otaru_fleet::{Task, TaskState, Timestamp, Transition};
//! use otaru_wire::Module;
//! # use otaru_fleet::{CampaignId, PackageId, TaskId};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut task = Task {
//! #     id: TaskId(1), campaign: CampaignId(1), package: PackageId(1),
//! #     device: otaru_wire::DeviceId { product: "a1Demo".parse()?, device: "pump-1".parse()? },
//! #     module: Module::default(), version: "2.0.0".parse()?, source_version: Some("1.0.0".parse()?),
//! #     state: TaskState::Notified, progress: 0, reason: None, rules: Default::default(),
//! #     attempt: 1, retry_at: None, answered_at: None, created_at: Timestamp(0),
//! #     notified_at: Some(Timestamp(1)), first_progress_at: None,
//! #     updated_at: Timestamp(1), revision: 1,
//! # };
//! let later = Timestamp(60_000);
//! // 100 % is not success; the report of the target version is.
//! if let Transition::To(next) = task.on_progress(otaru_wire::Step::Percent(100), "", later) {
//!     task.apply(next);
//! }
//! assert_eq!(task.state, TaskState::InProgress);
//! if let Transition::To(next) = task.on_version(&Module::default(), &task.version, later) {
//!     task.apply(next);
//! }
//! assert_eq!(task.state, TaskState::Succeeded);
//! # Ok(())
//! # }
//! ```

mod campaign;
mod config;
mod decide;
mod documented;
mod hold;
mod ids;
mod named;
mod package;
mod plan;
mod product;
mod product_keys;
mod reason;
mod registration;
mod rules;
mod stage;
mod targets;
mod task;
mod time;

pub use campaign::{Campaign, CampaignError, CampaignState, NewCampaign, Scope};
pub use config::{Config, ConfigHold, ConfigState, DeviceConfig, KEPT_CONFIGS, UnknownConfigState};
pub use decide::{Keep, Next, Transition};
pub use hold::{Hold, Presence};
pub use ids::{CampaignId, ConfigId, NotAnId, PackageId, TaskId};
pub use package::{
    MAX_EXTRA_BYTES, MAX_MQTT_FILE_BYTES, NewPackage, Over, Package, PackageError, PackageFile, UnknownOver,
};
pub use plan::{Candidate, Known, Order, Plan, SkipReason, plan};
pub use product::{Device, Dialect, NotASerial, Product, Secret, Serial, UnknownDialect};
pub use product_keys::{MAX_PRODUCTS, ProductKeys};
pub use reason::Reason;
pub use registration::{Given, NotRegistered, Registrants, RegistrationRule, Standing, UnknownRegistrants};
pub use rules::{Patience, Policy, Rules, UnknownPolicy};
pub use stage::{OutOfTurn, Rigor, Stage, Word};
pub use targets::{Listed, NotListed, Targets};
pub use task::{Task, TaskState, UnknownState};
pub use time::Timestamp;

#[cfg(test)]
pub(crate) use task::example_task;
