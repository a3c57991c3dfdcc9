//! A real terminal: a pseudo-terminal that is the controlling one of `planb`,
//! so that Ctrl-C is what it is at a keyboard.

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longest wait for a text; far above what a loaded machine needs.
const WAIT_SECS_MAX: u64 = 60;
/// What Ctrl-C sends.
const CTRL_C: &[u8] = &[0x03];

/// `planb` at a keyboard; killed when dropped.
pub struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    child: Child,
    /// All that was shown so far.
    shown: Vec<u8>,
    /// How much of it was waited for already.
    seen: usize,
}

impl Terminal {
    /// Starts `planb ARGUMENTS` in `folder`.
    pub fn start(folder: &Path, lang: &str, arguments: &[&str]) -> Self {
        let size = Winsize {
            ws_row: 40,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let ends = openpty(Some(&size), None).expect("a pseudo-terminal");
        // Programs other tests start beside this one must not keep it open.
        for end in [&ends.master, &ends.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("closed on exec");
        }
        let end = || Stdio::from(ends.slave.try_clone().expect("another handle"));
        let mut command = Command::new("setsid");
        command
            .arg("--ctty")
            .arg(env!("CARGO_BIN_EXE_planb"))
            .args(arguments)
            .current_dir(folder)
            .env("PLANB_LANG", lang)
            .stdin(end())
            .stdout(end())
            .stderr(end());
        let child = command.spawn().expect("setsid (util-linux) runs");
        drop((command, ends.slave));
        let keyboard = File::from(ends.master);
        let mut from = keyboard.try_clone().expect("another handle");
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end of the program shows as an error here.
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            keyboard,
            screen,
            child,
            shown: Vec::new(),
            seen: 0,
        }
    }

    /// Waits until `text` is shown, after what was waited for before.
    pub fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(WAIT_SECS_MAX);
        loop {
            let rest = &self.shown[self.seen..];
            let found = rest.windows(text.len()).position(|w| w == text.as_bytes());
            if let Some(at) = found {
                self.seen += at + text.len();
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown.extend(bytes),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("waited {WAIT_SECS_MAX} s for {text:?}:\n{}", self.text())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended without {text:?}:\n{}", self.text())
                }
            }
        }
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        let typed = format!("{line}\n");
        self.keyboard.write_all(typed.as_bytes()).expect("typed");
    }

    /// Waits for a question and answers it.
    pub fn answer(&mut self, question: &str, line: &str) {
        self.wait_for(question);
        self.wait_for("> ");
        self.type_line(line);
    }

    /// Presses Ctrl-C, which throws away what was typed and not read yet.
    pub fn interrupt(&mut self) {
        self.keyboard.write_all(CTRL_C).expect("pressed");
    }

    /// Waits for the end: the exit code, and all that was shown.
    pub fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + Duration::from_secs(WAIT_SECS_MAX);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown.extend(bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("waited {WAIT_SECS_MAX} s for the end:\n{}", self.text())
                }
            }
        }
        let code = self.child.wait().expect("it ended").code();
        (code, self.text())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            self.child.kill().expect("kill");
            self.child.wait().expect("reap");
        }
    }
}
