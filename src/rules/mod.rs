//! Recording and alerting rules.
//!
//! ```text
//! file → group ─┬─▶ rule: query → outputs ─▶ sink
//!               │          └ alert, templates ─▶ notify
//!               └ dependencies, workers; restore
//! ```
//!
//! The core (`file`, `group` and what is below it) knows no clock: a group is evaluated at the slot that it is told,
//! against any store, now or in the past.

pub mod alert;
pub mod backfill;
pub mod backtest;
mod catch_up;
pub mod db_sink;
mod dependencies;
pub mod error;
pub mod evaluator;
pub mod expressions;
pub mod file;
pub mod group;
pub mod history;
pub mod load;
pub mod manager;
pub mod metrics;
pub mod notify;
mod outputs;
pub mod overlay;
pub mod restore;
mod rule;
pub mod schedule;
pub mod sink;
mod state;
mod templates;
pub mod trial;
pub mod view;
mod watchdog;
pub mod workers;

pub use alert::{Alert, AlertState};
pub use evaluator::{Evaluator, External};
pub use file::{FileOptions, RuleFile, RuleSpec};
pub use group::{Around, Group, GroupRun, GroupSettings};
pub use rule::Rule;
