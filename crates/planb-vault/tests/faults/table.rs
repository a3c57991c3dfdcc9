//! Counts of a fault matrix.

use crate::operation::{Ended, Found};
use std::collections::{BTreeMap, BTreeSet};

/// Runs of one operation by fault.
pub struct Table {
    operation: &'static str,
    faults: usize,
    rows: BTreeMap<&'static str, Counts>,
    lost: Vec<String>,
    unrecoverable: Vec<String>,
}

#[derive(Default)]
struct Counts {
    runs: u32,
    well: u32,
    said_why: u32,
    died: u32,
    codes: BTreeSet<&'static str>,
}

impl Table {
    /// Of an operation that can meet so many kinds of faults.
    pub fn new(operation: &'static str, faults: usize) -> Self {
        Self {
            operation,
            faults,
            rows: BTreeMap::new(),
            lost: vec![],
            unrecoverable: vec![],
        }
    }

    pub fn count(&mut self, fault: &'static str, ended: &Ended) {
        let counts = self.rows.entry(fault).or_default();
        counts.runs += 1;
        match ended {
            Ended::Well => counts.well += 1,
            Ended::SaidWhy(error) => {
                counts.said_why += 1;
                counts.codes.insert(error.code());
            }
            Ended::Died => counts.died += 1,
        }
    }

    pub fn found(&mut self, place: &str, found: Found) {
        let say = |what: String| format!("{} at {place}: {what}", self.operation);
        self.lost.extend(found.lost.map(say));
        let say = |what: String| format!("{} at {place}: {what}", self.operation);
        self.unrecoverable.extend(found.unrecoverable.map(say));
    }

    /// Fails when a run under `fault` did not do its work.
    pub fn all_went_on(&self, fault: &str) {
        let counts = self.rows.get(fault).expect("the fault met a call");
        assert_eq!(counts.well, counts.runs, "{fault}: {:?}", counts.codes);
    }

    /// Prints it; fails when something was lost or cannot be recovered.
    pub fn finish(self) {
        let mut text = format!(
            "\n| {} | runs | went on | said why | killed | why |\n|---|---:|---:|---:|---:|---|\n",
            self.operation
        );
        for (fault, c) in &self.rows {
            let (runs, well, why, died) = (c.runs, c.well, c.said_why, c.died);
            let codes = Vec::from_iter(c.codes.iter().copied()).join(", ");
            text += &format!("| {fault} | {runs} | {well} | {why} | {died} | {codes} |\n");
        }
        let (lost, unrecoverable) = (self.lost.len(), self.unrecoverable.len());
        eprintln!("{text}\nsilent losses: {lost}; unrecoverable vaults: {unrecoverable}");
        assert_eq!(self.rows.len(), self.faults, "a fault met no call");
        assert!(self.lost.is_empty(), "{:#?}", self.lost);
        assert!(self.unrecoverable.is_empty(), "{:#?}", self.unrecoverable);
    }
}
