//! The durable record of a run, and the processes that belong to it.
//!
//! The record is written before the program is started and completed after.
//! Whatever PlanB dies of in between, the processes are found by the mark in
//! their environment.

use crate::error::blind;
use crate::procfs::{self, Process};
use planb_model::Epoch;
use planb_ports::PortResult;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io;

/// File of the record.
pub(crate) const FILE: &str = "run.json";
/// Environment variable that marks every process of a run.
pub(crate) const MARK: &str = "PLANB_RUN_ID";

/// One run of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Value of [`MARK`].
    pub id: String,
    /// The boot it was started in; processes do not outlive one.
    pub boot: String,
    /// Epoch it was started under.
    pub epoch: Epoch,
    /// A group of others that it joined; `None` when it has its own.
    pub joined: Option<i32>,
    /// The program itself; `None` when PlanB died before it could be noted.
    pub leader: Option<Leader>,
}

/// The program of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leader {
    pub pid: i32,
    /// [`Process::started`] of it: a pid is used again, this with it is not.
    pub started: u64,
    /// Session it was started in.
    pub session: i32,
}

impl From<Process> for Leader {
    fn from(process: Process) -> Leader {
        Leader {
            pid: process.pid,
            started: process.started,
            session: process.session,
        }
    }
}

impl Run {
    /// A run that is about to be started.
    pub fn new(epoch: Epoch, joined: Option<i32>) -> PortResult<Run> {
        let ids = || io::Result::Ok((procfs::unique_id()?, procfs::boot_id()?));
        let (id, boot) = ids().map_err(blind)?;
        Ok(Run {
            id,
            boot,
            epoch,
            joined,
            leader: None,
        })
    }

    /// The processes of the run that have not ended, leader first. Empty means
    /// certainly none.
    pub fn members(&self) -> PortResult<Vec<Process>> {
        if procfs::boot_id().map_err(blind)? != self.boot {
            return Ok(Vec::new());
        }
        let all = procfs::processes().map_err(blind)?;
        let mark = format!("{MARK}={}", self.id);
        let mut found = self.select(&all, |pid| procfs::has_mark(pid, &mark));
        let leader = self.leader.map(|l| l.pid);
        // Without a noted leader the oldest marked process is it.
        found.sort_by_key(|p| (Some(p.pid) != leader, p.started, p.pid));
        Ok(found)
    }

    /// Whether `process` is the program itself.
    pub fn is_leader(&self, process: &Process) -> bool {
        self.leader
            .is_some_and(|l| l.pid == process.pid && l.started == process.started)
    }

    /// Picks the run's processes out of `all`: the leader, its group if it has
    /// one of its own, everything marked, and all their children.
    fn select(&self, all: &[Process], is_marked: impl Fn(i32) -> bool) -> Vec<Process> {
        let own_group = self.leader.filter(|leader| {
            // A later process with the leader's number is a stranger, and so is its group.
            let reused = |p: &Process| p.pid == leader.pid && p.started != leader.started;
            self.joined.is_none() && !all.iter().any(reused)
        });
        let in_group = |p: &Process| {
            own_group.is_some_and(|leader| p.group == leader.pid && p.session == leader.session)
        };
        let is_self = |p: &Process| u32::try_from(p.pid) == Ok(std::process::id());
        let mut ours: HashSet<i32> = all
            .iter()
            .filter(|p| !is_self(p) && (self.is_leader(p) || in_group(p) || is_marked(p.pid)))
            .map(|p| p.pid)
            .collect();
        // Children may have left the group and changed their environment.
        loop {
            let more: Vec<i32> = all
                .iter()
                .filter(|p| ours.contains(&p.parent) && !ours.contains(&p.pid) && !is_self(p))
                .map(|p| p.pid)
                .collect();
            if more.is_empty() {
                break;
            }
            ours.extend(more);
        }
        all.iter()
            .filter(|p| ours.contains(&p.pid) && !p.ended)
            .copied()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, group: i32, session: i32, started: u64) -> Process {
        Process {
            pid,
            parent,
            group,
            session,
            started,
            ended: false,
        }
    }

    fn run(joined: Option<i32>) -> Run {
        Run {
            id: "x".to_owned(),
            boot: "b".to_owned(),
            epoch: Epoch(1),
            joined,
            leader: Some(Leader {
                pid: 100,
                started: 5,
                session: 50,
            }),
        }
    }

    #[track_caller]
    fn check(run: &Run, all: &[Process], marked: &[i32], expected: &[i32]) {
        let found = run.select(all, |pid| marked.contains(&pid));
        let pids: Vec<i32> = found.iter().map(|p| p.pid).collect();
        assert_eq!(pids, expected);
    }

    #[test]
    fn the_leader_its_group_and_all_children_belong_to_a_run() {
        let all = [
            process(100, 1, 100, 50, 5),
            process(101, 1, 100, 50, 6),
            process(102, 101, 102, 102, 7),
            process(200, 1, 200, 50, 1),
        ];
        check(&run(None), &all, &[], &[100, 101, 102]);
    }

    #[test]
    fn a_group_outlives_its_leader() {
        check(&run(None), &[process(101, 1, 100, 50, 6)], &[], &[101]);
    }

    #[test]
    fn a_stranger_with_the_leaders_number_is_left_alone() {
        let all = [
            process(100, 1, 100, 50, 99),
            process(101, 100, 100, 50, 100),
        ];
        check(&run(None), &all, &[], &[]);
        // … but marked processes of the run are still found.
        let all = [process(100, 1, 100, 50, 99), process(90, 1, 90, 50, 6)];
        check(&run(None), &all, &[90], &[90]);
    }

    #[test]
    fn a_group_of_another_session_is_left_alone() {
        check(&run(None), &[process(101, 1, 100, 77, 6)], &[], &[]);
    }

    #[test]
    fn in_a_joined_group_only_its_own_processes_belong_to_a_run() {
        let all = [
            process(100, 1, 30, 50, 5),
            process(101, 100, 30, 50, 6),
            process(31, 1, 30, 50, 1),
        ];
        check(&run(Some(30)), &all, &[], &[100, 101]);
    }

    #[test]
    fn ended_processes_do_not_count() {
        let ended = Process {
            ended: true,
            ..process(100, 1, 100, 50, 5)
        };
        check(
            &run(None),
            &[ended, process(101, 100, 100, 50, 6)],
            &[100],
            &[101],
        );
    }
}
