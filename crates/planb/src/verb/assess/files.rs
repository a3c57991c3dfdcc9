//! Files of `planb assess`: read within a bound, replaced in one step.

use crate::error::{CliError, CliResult, Exit};
use planb_assess::Inputs;
use planb_assess::answers::ANSWERS_BYTES_MAX;
use planb_assess::measured;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Reads the answers; `-` is stdin.
pub fn answers(path: &Path, method: &str) -> CliResult<String> {
    let read = if path.as_os_str() == "-" {
        bounded(std::io::stdin().lock())
    } else {
        File::open(path).and_then(bounded)
    };
    read.map_err(|error| {
        let file = path.display();
        CliError::new(
            Exit::PlanInvalid,
            "PB-ANSWERS-UNREADABLE",
            format!("cannot read the answers {file}: {error}"),
            format!("답변 파일 {file}을(를) 읽을 수 없습니다: {error}"),
        )
        .hint(
            format!("write one with `planb assess init {method} > {method}.yaml`, or name it with -f; it may have {ANSWERS_BYTES_MAX} bytes of UTF-8"),
            format!("`planb assess init {method} > {method}.yaml`로 만들거나 -f로 지정하세요. UTF-8로 {ANSWERS_BYTES_MAX}바이트까지 읽습니다"),
        )
    })
}

/// Reads no more than an answers file can have: a file of a gigabyte costs no
/// more than its first bytes.
fn bounded(from: impl Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    from.take(ANSWERS_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > ANSWERS_BYTES_MAX {
        return Err(std::io::Error::other(format!(
            "larger than {ANSWERS_BYTES_MAX} bytes"
        )));
    }
    String::from_utf8(bytes).map_err(|_| std::io::Error::other("not UTF-8"))
}

/// Reads rules the user changed.
pub fn rules(path: &Path) -> CliResult<String> {
    File::open(path).and_then(bounded).map_err(|e| {
        CliError::io(
            &format!("read {}", path.display()),
            &format!("{} 파일을 읽기를", path.display()),
            e,
        )
    })
}

/// Reads what methods look at besides the answers.
pub fn inputs(drills: &[PathBuf]) -> CliResult<Inputs> {
    let mut inputs = Inputs::default();
    let mut runs = measured::Runs::default();
    for path in drills {
        let text = rules(path)?;
        // What holds a time that is none is refused with its own file.
        let read = measured::read(&text).and_then(|_| measured::Runs::read(&text));
        let read = read.map_err(|e| {
            let file = path.display();
            CliError::new(
                Exit::PlanInvalid,
                "PB-ASSESS-DRILL",
                format!("{file} holds no measured failover: {e}"),
                format!("{file}에 실측한 페일오버가 없습니다: {e}"),
            )
            .hint(
                "`planb demo --json` and `planb history --json` print what can be read",
                "`planb demo --json` 또는 `planb history --json`의 출력을 지정하세요",
            )
        })?;
        runs.add(read);
    }
    inputs.measured = runs.measured();
    Ok(inputs)
}

/// Writes a file so that it is never there in part.
pub fn replace(path: &Path, content: &[u8]) -> CliResult<()> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(content)?;
        file.as_file().sync_all()?;
        // A temporary file is only for its owner; a report is for readers.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
        file.persist(path).map_err(|e| e.error)
    });
    let shown = path.display();
    written.map(drop).map_err(|e| {
        CliError::io(
            &format!("write {shown}"),
            &format!("{shown} 파일을 쓰기를"),
            e,
        )
    })
}
