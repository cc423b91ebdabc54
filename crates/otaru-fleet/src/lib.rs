//! The platform decides: campaigns, tasks and their states. Values in, values out; no async, no database, no clock.
//!
//! [`plan`] says which devices get a [`Task`], the methods of [`Task`] say what an event does to one, and
//! [`Task::hold`] says what it waits for. Whoever calls passes the time, keeps the values and applies each
//! [`Next`] by compare-and-set on [`Task::revision`], so that two reports at once cannot undo one another.
//!
//! ```
//! use otaru_fleet::{Task, TaskState, Timestamp, Transition};
//! use otaru_wire::Module;
//! # let mut task = otaru_fleet::example_task();
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
//! ```

mod campaign;
mod decide;
mod hold;
mod ids;
mod package;
mod plan;
mod product;
mod task;
mod time;

pub use campaign::{Campaign, CampaignError, CampaignState, NewCampaign, Scope, Targets};
pub use decide::{Keep, Next, Reason, Transition};
pub use hold::Hold;
pub use ids::{CampaignId, NotAnId, PackageId, TaskId};
pub use package::{MAX_EXTRA_BYTES, NewPackage, Package, PackageError, PackageFile};
pub use plan::{Candidate, Order, Plan, SkipReason, plan};
pub use product::{Device, Dialect, Product, Secret, UnknownDialect};
pub use task::{Task, TaskState, UnknownState};
pub use time::Timestamp;

#[doc(hidden)]
pub use task::example_task;
