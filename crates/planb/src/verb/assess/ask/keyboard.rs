//! Lines of stdin, read on a thread of their own: Ctrl-C has to be heard while
//! nobody types.

use crate::error::{CliError, CliResult};
use std::io::{BufRead, ErrorKind};
use tokio::sync::mpsc::{Receiver, channel};

/// Lines read before they are asked for. One, so that the rest stays in the
/// terminal or the pipe.
const LINES_AHEAD: usize = 1;

/// What was typed.
pub enum Heard {
    /// A line, without its end.
    Line(String),
    /// A line that is no UTF-8.
    NoText,
    /// There is no more.
    End,
}

/// The lines that are still to come.
pub struct Lines(Receiver<std::io::Result<String>>);

/// Begins to read stdin. The thread ends with the input or with the process:
/// nothing can call a blocking read back.
pub fn lines() -> CliResult<Lines> {
    let (sender, receiver) = channel(LINES_AHEAD);
    let read = move || {
        for line in std::io::stdin().lock().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(read)
        .map_err(unreadable)?;
    Ok(Lines(receiver))
}

impl Lines {
    /// The next line, as soon as it is there.
    pub async fn next(&mut self) -> CliResult<Heard> {
        match self.0.recv().await {
            None => Ok(Heard::End),
            Some(Ok(line)) => Ok(Heard::Line(line)),
            Some(Err(error)) if error.kind() == ErrorKind::InvalidData => Ok(Heard::NoText),
            Some(Err(error)) => Err(unreadable(error)),
        }
    }
}

fn unreadable(error: std::io::Error) -> CliError {
    CliError::io("read the keyboard", "키보드 입력을 읽기를", error)
}
