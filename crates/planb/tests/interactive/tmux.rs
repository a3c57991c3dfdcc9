//! The same in tmux: what is on the screen, with Hangul that is two columns wide.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Longest wait for a text on the screen.
const WAIT_SECS_MAX: u64 = 60;

/// A tmux server of its own with one window; ended when dropped.
struct Tmux<'a> {
    folder: &'a Path,
}

impl<'a> Tmux<'a> {
    /// Starts `planb ARGUMENTS` in a window of 60 columns, and shows its exit
    /// code when it has ended.
    fn start(folder: &'a Path, arguments: &str) -> Self {
        let tmux = Self { folder };
        let program = env!("CARGO_BIN_EXE_planb");
        let line = format!("'{program}' {arguments}; echo \"code $?.\"; cat");
        let started = tmux.run(&["new-session", "-d", "-x", "60", "-y", "40", &line]);
        assert!(started.status.success(), "{started:?}");
        tmux
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .arg("-u")
            .arg("-S")
            .arg(self.folder.join("tmux.socket"))
            .args(["-f", "/dev/null"])
            .args(arguments)
            .current_dir(self.folder)
            .env("PLANB_LANG", "ko")
            .output()
            .expect("tmux runs (`cargo xtask services` installs it)")
    }

    /// Types `text`, then `key`.
    fn keys(&self, text: &str, key: &str) {
        for keys in [&["-l", text][..], &[key]] {
            if keys.iter().all(|k| !k.is_empty()) {
                let sent = self.run(&[&["send-keys"], keys].concat());
                assert!(sent.status.success(), "{sent:?}");
            }
        }
    }

    /// Waits until `text` is on the screen; the screen.
    fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(WAIT_SECS_MAX);
        loop {
            let screen = self.run(&["capture-pane", "-p"]);
            let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
            if screen.contains(text) {
                return screen;
            }
            assert!(Instant::now() < deadline, "no {text:?} on:\n{screen}");
            // Polls another process; there is nothing to be woken by.
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let ended = self.run(&["kill-server"]);
        if !ended.status.success() {
            eprintln!("tmux did not end: {ended:?}");
        }
    }
}

#[test]
fn hangul_is_typed_and_shown_in_tmux() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Tmux::start(folder.path(), "assess self-diagnosis --interactive");
    first.wait_for("[1/14]");
    first.keys("급여 계산 시스템", "Enter");
    let screen = first.wait_for("[2/14]");
    assert!(screen.contains("> 급여 계산 시스템"), "{screen}");
    first.keys("예", "Enter");
    first.wait_for("[3/14]");
    first.keys("", "C-c");
    first.wait_for("code 130.");
    drop(first);
    let again = Tmux::start(folder.path(), "assess self-diagnosis --interactive");
    let screen = again.wait_for("[3/14]");
    assert!(!screen.contains("[1/14]"), "{screen}");
    // No word of a question is cut by the edge of the window.
    let question = screen.lines().find(|line| line.starts_with("[3/14]"));
    assert!(question.is_some_and(|q| q.chars().count() > 7), "{screen}");
    let file = folder.path().join("self-diagnosis.yaml");
    let kept = std::fs::read_to_string(file).expect("kept");
    assert!(kept.contains("system: 급여 계산 시스템"), "{kept}");
}
