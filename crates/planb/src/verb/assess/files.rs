//! Files of `planb assess`: read within a bound, replaced in one step.

use crate::error::{CliError, CliResult, Exit};
use crate::output;
use planb_assess::Inputs;
use planb_assess::answers::{self, ANSWERS_BYTES_MAX, Encoding, NotText};
use planb_assess::measured;
use planb_model::{Lang, Text};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Reads the answers; `-` is stdin. What is not UTF-8 is said, because a guess at
/// an encoding can be wrong.
pub fn answers(path: &Path, method: &str, lang: Lang) -> CliResult<String> {
    let read = if path.as_os_str() == "-" {
        bounded(std::io::stdin().lock())
    } else {
        File::open(path).and_then(bounded)
    };
    let bytes = read
        .map_err(|error| unreadable(path, method, &error))?
        .ok_or_else(|| too_large(path))?;
    let (text, encoding) = answers::decode(bytes).map_err(|why| no_text(path, &why))?;
    if encoding == Encoding::Cp949 {
        let file = path.display();
        let said = Text::new(
            format!(
                "{file} is not UTF-8 and is read as CP949 (EUC-KR), as a Korean Excel saves CSV"
            ),
            format!(
                "{file}이(가) UTF-8이 아니어서 한글 Excel의 CSV 저장 방식인 CP949(EUC-KR)로 읽습니다"
            ),
        );
        output::note(said.get(lang));
    }
    Ok(text)
}

fn unreadable(path: &Path, method: &str, error: &std::io::Error) -> CliError {
    let file = path.display();
    CliError::new(
        Exit::PlanInvalid,
        "PB-ANSWERS-UNREADABLE",
        format!("cannot read the answers {file}: {error}"),
        format!("답변 파일 {file}을(를) 읽을 수 없습니다: {error}"),
    )
    .hint(
        format!("write one with `planb assess init {method} > {method}.yaml`, or name it with -f"),
        format!("`planb assess init {method} > {method}.yaml`로 만들거나 -f로 지정하세요"),
    )
}

fn too_large(path: &Path) -> CliError {
    let file = path.display();
    let mebibytes = ANSWERS_BYTES_MAX >> 20;
    CliError::new(
        Exit::PlanInvalid,
        "PB-ANSWERS-TOO-LARGE",
        format!("{file} is larger than {mebibytes} MiB; nothing was assessed"),
        format!("{file}이(가) {mebibytes}MiB보다 커서 평가하지 않았습니다"),
    )
    .hint(
        "check that this is the right file, or split the inventory",
        "올바른 파일인지 확인하거나 목록을 여러 파일로 나누세요",
    )
}

fn no_text(path: &Path, why: &NotText) -> CliError {
    let file = path.display();
    let (line, what) = (why.line, &why.what);
    CliError::new(
        Exit::PlanInvalid,
        "PB-ANSWERS-ENCODING",
        format!("cannot read the text of {file}: line {line}: {}", what.en),
        format!("{file}의 글자를 읽을 수 없습니다. {line}번째 줄: {}", what.ko),
    )
    .hint(
        "save it as UTF-8: in Excel as \"CSV UTF-8 (Comma delimited)\"; a workbook (.xlsx) is no CSV",
        "UTF-8로 저장하세요. Excel에서는 \"CSV UTF-8(쉼표로 분리)\"로 저장합니다. 통합 문서(.xlsx)는 CSV가 아닙니다",
    )
}

/// Reads no more than an answers file can have: a file of a gigabyte costs no
/// more than its first bytes. Nothing when there is more.
fn bounded(from: impl Read) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(ANSWERS_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() <= ANSWERS_BYTES_MAX).then_some(bytes))
}

/// Reads rules the user changed.
pub fn rules(path: &Path) -> CliResult<String> {
    let text = |bytes: Option<Vec<u8>>| {
        let bytes = bytes.ok_or_else(|| {
            std::io::Error::other(format!("larger than {ANSWERS_BYTES_MAX} bytes"))
        })?;
        String::from_utf8(bytes).map_err(|_| std::io::Error::other("not UTF-8"))
    };
    File::open(path)
        .and_then(bounded)
        .and_then(text)
        .map_err(|e| {
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
