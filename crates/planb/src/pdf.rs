//! Prints HTML to PDF with the Chromium of this machine.
//!
//! The browser gets one file in a directory of its own and a profile that is
//! thrown away; it runs in a process group of its own, which is gone afterwards
//! however it ended.

use crate::error::{CliError, CliResult, Exit};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

/// Names of the browser on `PATH`, the first that is there is taken.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];
/// Longest run of the browser: a cold start on a busy machine takes some
/// seconds, ten thousand rows some more.
const PRINT_SECS_MAX: u64 = 120;
/// Largest PDF that is taken: a report of a thousand sheets has less.
const PDF_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How much of the end of the browser's words an error shows.
const SAID_CHARS_MAX: usize = 400;

/// The browser on `PATH`.
pub fn browser() -> CliResult<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let all = BROWSERS
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.into_iter().find(|p| is_program(p)).ok_or_else(absent)
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The PDF of a complete HTML document.
pub async fn print(html: &str) -> CliResult<Vec<u8>> {
    print_with(&browser()?, html, Duration::from_secs(PRINT_SECS_MAX)).await
}

async fn print_with(browser: &Path, html: &str, longest: Duration) -> CliResult<Vec<u8>> {
    let work = tempfile::Builder::new()
        .prefix("planb-pdf-")
        .tempdir()
        .map_err(|e| CliError::io("make a directory", "디렉터리를 만들기를", e))?;
    let (page, printed) = (work.path().join("page.html"), work.path().join("page.pdf"));
    let said = work.path().join("said");
    let write = std::fs::write(&page, html).and_then(|()| std::fs::File::create(&said));
    let out = write.map_err(|e| CliError::io("write the page", "페이지를 쓰기를", e))?;
    let err = out
        .try_clone()
        .map_err(|e| CliError::io("write the page", "페이지를 쓰기를", e))?;
    let mut command = tokio::process::Command::new(browser);
    command
        .args(arguments(work.path(), &page, &printed))
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|e| failed(&format!("it did not start: {e}")))?;
    // Gone at the end of this function, before the directory it writes to.
    let group = Group(child.id());
    let ended: CliResult<ExitStatus> = tokio::select! {
        status = child.wait() => status.map_err(|e| failed(&e.to_string())),
        () = tokio::time::sleep(longest) => Err(timed_out(longest)),
        () = crate::verb::stopped() => Err(interrupted()),
    };
    drop(group);
    let status = ended?;
    let pdf = read(&printed).map_err(|e| failed(&e.to_string()))?;
    if !status.success() || !pdf.starts_with(b"%PDF-") {
        return Err(failed(&format!("{status}: {}", tail(&said))));
    }
    Ok(pdf)
}

fn arguments(work: &Path, page: &Path, printed: &Path) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--headless",
        "--disable-gpu",
        "--disable-extensions",
        "--disable-background-networking",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-default-browser-check",
        "--no-pdf-header-footer",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(format!(
        "--user-data-dir={}",
        work.join("profile").display()
    ));
    arguments.push(format!("--print-to-pdf={}", printed.display()));
    if nix::unistd::geteuid().is_root() {
        // Chromium's sandbox refuses root. The page is our own: it has no
        // script, and its policy loads nothing.
        arguments.push("--no-sandbox".to_owned());
    }
    arguments.push(format!("file://{}", page.display()));
    arguments
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut pdf = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(PDF_BYTES_MAX + 1).read_to_end(&mut pdf)?;
    if pdf.len() as u64 > PDF_BYTES_MAX {
        let why = format!("the PDF is larger than {PDF_BYTES_MAX} bytes");
        return Err(std::io::Error::other(why));
    }
    Ok(pdf)
}

/// The end of what the browser wrote.
fn tail(said: &Path) -> String {
    let text = std::fs::read(said).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().replace('\n', " | ");
    let skip = text.chars().count().saturating_sub(SAID_CHARS_MAX);
    text.chars().skip(skip).collect()
}

/// The browser and its children.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let Some(id) = self.0 else { return };
        let sent = killpg(Pid::from_raw(id.cast_signed()), Signal::SIGKILL);
        // ESRCH: nobody is left, which is what was wanted.
        if let Err(error) = sent
            && error != nix::errno::Errno::ESRCH
        {
            tracing::warn!(%error, "cannot end the browser");
        }
    }
}

fn absent() -> CliError {
    let names = BROWSERS.join(", ");
    CliError::new(
        Exit::Failed,
        "PB-PDF-NO-BROWSER",
        format!("no browser to print a PDF with: none of {names} is on PATH"),
        format!("PDF를 인쇄할 브라우저가 없습니다. PATH에 {names} 가운데 하나가 필요합니다"),
    )
    .hint(
        "install one (Debian: apt-get install chromium fonts-noto-cjk), or take --format html and print it from any browser",
        "설치하거나(Debian: apt-get install chromium fonts-noto-cjk) --format html로 만들어 다른 브라우저에서 인쇄하세요",
    )
}

fn failed(why: &str) -> CliError {
    CliError::new(
        Exit::Failed,
        "PB-PDF-FAILED",
        format!("the browser printed no PDF: {why}"),
        format!("브라우저가 PDF를 만들지 못했습니다: {why}"),
    )
    .hint(
        "take --format html and print it from any browser",
        "--format html로 만들어 다른 브라우저에서 인쇄하세요",
    )
}

fn timed_out(longest: Duration) -> CliError {
    let secs = longest.as_secs_f64();
    CliError::new(
        Exit::Failed,
        "PB-PDF-FAILED",
        format!("the browser did not end within {secs} s and was stopped"),
        format!("브라우저가 {secs}초 안에 끝나지 않아 종료했습니다"),
    )
    .hint(
        "take --format html and print it from any browser",
        "--format html로 만들어 다른 브라우저에서 인쇄하세요",
    )
}

fn interrupted() -> CliError {
    CliError::new(
        Exit::Interrupted,
        "PB-CLI-STOPPED",
        "interrupted; no PDF was written",
        "중단되었습니다. PDF를 만들지 않았습니다",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A program in `folder` that stands in for the browser.
    fn pretend(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("browser");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("made a program");
        path
    }

    #[tokio::test]
    async fn a_browser_that_hangs_is_ended_with_its_children() {
        let folder = tempfile::tempdir().expect("a folder");
        let child = folder.path().join("child");
        let script = format!("sleep 600 & echo $! > {}; wait", child.display());
        let browser = pretend(folder.path(), &script);
        let longest = Duration::from_secs(2);
        let error = print_with(&browser, "<p>", longest)
            .await
            .expect_err("hangs");
        assert_eq!(error.code, "PB-PDF-FAILED");
        let text = std::fs::read_to_string(&child).expect("the child began");
        let id: i32 = text.trim().parse().expect("a process id");
        // The signal was sent; the kernel ends the child when it next runs.
        let began = std::time::Instant::now();
        while runs(id) {
            let waited = began.elapsed();
            assert!(waited < Duration::from_secs(60), "{id} still runs");
            std::thread::yield_now();
        }
    }

    /// Whether a process runs; a killed one stays in the table until its new
    /// parent has seen it.
    fn runs(id: i32) -> bool {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else {
            return false;
        };
        let state = stat.rsplit(')').next().unwrap_or_default();
        !state.trim_start().starts_with(['Z', 'X'])
    }

    #[tokio::test]
    async fn what_is_no_pdf_is_not_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        for script in [
            "exit 0",
            "for a; do case $a in --print-to-pdf=*) echo no > ${a#*=};; esac; done",
            "for a; do case $a in --print-to-pdf=*) echo %PDF-1 > ${a#*=};; esac; done; echo broken; exit 3",
        ] {
            let browser = pretend(folder.path(), script);
            let longest = Duration::from_secs(60);
            let error = print_with(&browser, "<p>", longest)
                .await
                .expect_err(script);
            assert_eq!(error.code, "PB-PDF-FAILED", "{script}");
        }
    }
}
