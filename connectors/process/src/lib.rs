//! Workloads that are started and stopped by command, and workloads that others
//! run and PlanB only observes.
//!
//! Layer 4. A managed workload outlives PlanB: it is a process group of its own,
//! found again after a restart of PlanB by a durable record, by the start time
//! of its leader, and by a mark in the environment of every process it starts.
//! The newest epoch that acted is on disk, and an older one is refused, whoever
//! asks. Needs Linux: what runs is read from `/proc`.

mod command;
mod epoch;
mod error;
mod hook;
mod managed;
mod observed;
mod place;
mod procfs;
mod record;

pub use managed::{ManagedOptions, ManagedWorkload, process_group_of};
pub use observed::ObservedWorkload;
