//! Events as they come from a source, to runs of whole transactions. Pure.

use super::event::{Event, HEADER_BYTES, has_checksums, kind};
use super::group::Grouper;
use super::position::BinlogPosition;
use super::run::Run;
use crate::error::corrupt;
use bytes::Bytes;
use planb_ports::PortResult;
use std::sync::Arc;

/// The state between events.
#[derive(Debug)]
pub(crate) struct Intake {
    grouper: Grouper,
    format: Option<(Arc<Vec<u8>>, bool)>,
    runs: Vec<Run>,
    /// Bytes in `runs`.
    run_bytes: usize,
}

impl Intake {
    /// Begins where `grouper` does.
    pub fn new(grouper: Grouper) -> Self {
        Self {
            grouper,
            format: None,
            runs: Vec::new(),
            run_bytes: 0,
        }
    }

    /// Position after the last event.
    pub fn seen(&self) -> &BinlogPosition {
        self.grouper.seen()
    }

    /// Bytes that wait to be taken out.
    pub fn whole_bytes(&self) -> usize {
        self.run_bytes + self.grouper.whole_bytes()
    }

    /// Takes the bytes of one event.
    pub fn push(&mut self, bytes: &[u8]) -> PortResult<()> {
        let Some(number) = bytes
            .get(4)
            .copied()
            .filter(|_| bytes.len() >= HEADER_BYTES)
        else {
            return Err(corrupt("an event of the log is cut off"));
        };
        if number == kind::FORMAT_DESCRIPTION {
            self.close_run()?;
            let checksum = has_checksums(bytes)?;
            self.format = Some((Arc::new(bytes.to_vec()), checksum));
        } else if number == kind::ROTATE {
            self.close_run()?;
        }
        let checksum = self.format.as_ref().is_some_and(|(_, checksum)| *checksum);
        let (event, rest) = if number == kind::ROTATE {
            // One that is made up comes before the format description that
            // tells whether it has a checksum; a checksum that matches is one.
            Event::take(bytes, true).or_else(|_| Event::take(bytes, false))?
        } else {
            Event::take(bytes, checksum)?
        };
        if !rest.is_empty() {
            return Err(corrupt("an event of the log has a wrong size"));
        }
        self.grouper.push(&event)
    }

    /// The whole transactions that came since the last time.
    pub fn take_runs(&mut self) -> PortResult<Vec<Run>> {
        self.close_run()?;
        self.run_bytes = 0;
        Ok(std::mem::take(&mut self.runs))
    }

    fn close_run(&mut self) -> PortResult<()> {
        let file = &self.grouper.seen().file;
        let file = file.clone();
        let Some((whole, bytes)) = self.grouper.take_whole() else {
            return Ok(());
        };
        let Some((format, _)) = &self.format else {
            return Err(corrupt("the log does not start with a format description"));
        };
        self.run_bytes += bytes.len();
        self.runs.push(Run {
            bytes: Bytes::from(bytes),
            whole,
            file,
            format: format.clone(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::testing;
    use super::*;

    fn intake() -> Intake {
        let start = BinlogPosition::parse("b.000001:4").expect("position");
        Intake::new(Grouper::new(vec!["shop".into()], start))
    }

    fn rotate(file: &str) -> Vec<u8> {
        let mut body = 4u64.to_le_bytes().to_vec();
        body.extend_from_slice(file.as_bytes());
        testing::event(kind::ROTATE, &body)
    }

    /// A transaction of its own.
    fn transaction(sequence: u64, next: u32) -> [Vec<u8>; 2] {
        let mut body = sequence.to_le_bytes().to_vec();
        body.extend_from_slice(&[0; 11]);
        [
            testing::event(kind::MARIADB_GTID, &body),
            testing::at(kind::XID, &[0; 8], next),
        ]
    }

    #[test]
    fn a_run_is_of_one_file_and_nothing_between_is_lost() {
        let mut intake = intake();
        let format = testing::format_description();
        let (one, two) = (transaction(1, 90), transaction(2, 120));
        let mut events = vec![rotate("b.000001"), format.clone()];
        events.extend(one.clone());
        events.extend([rotate("b.000002"), format.clone()]);
        events.extend(two.clone());
        for event in &events {
            intake.push(event).expect("taken");
        }
        let runs = intake.take_runs().expect("runs");
        let files: Vec<&str> = runs.iter().map(|run| run.file.as_str()).collect();
        assert_eq!(files, ["b.000001", "b.000002"]);
        assert_eq!(runs[0].bytes, one.concat());
        assert_eq!(runs[1].bytes, two.concat());
        assert_eq!(*runs[1].format, format);
        assert_eq!(intake.take_runs().expect("runs"), []);
    }

    #[test]
    fn what_is_damaged_or_of_no_known_format_goes_no_further() {
        let [begin, mut end] = transaction(1, 90);
        let mut intake = intake();
        intake.push(&testing::format_description()).expect("taken");
        intake.push(&begin).expect("taken");
        end[20] ^= 1;
        assert_eq!(
            intake.push(&end).expect_err("damaged").code(),
            "PB-MYSQL-CORRUPT"
        );
        assert!(intake.push(&begin[..7]).is_err());
        assert_eq!(intake.take_runs().expect("runs"), []);
    }
}
