//! Reads a folder of Kubernetes manifests, within bounds and without following
//! symbolic links: what is read is what lies below the folder.

use crate::error::{CliError, CliResult, Exit};
use crate::output;
use planb_assess::manifests::{self, MANIFEST_BYTES_MAX, Manifests};
use planb_model::{Lang, Text};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files that are read; a cluster with more has its definitions in parts.
const FILES_MAX: usize = 10_000;
/// Bytes of all files together.
const BYTES_MAX: usize = 64 << 20;
/// Folders in folders.
const DEPTH_MAX: usize = 32;
/// Entries that are looked at, whatever they are.
const ENTRIES_MAX: usize = 200_000;

/// Reads every `.yaml`, `.yml` and `.json` file below `folder`, in the order of
/// their names. All files that are not YAML are shown before it fails.
pub fn read(folder: &Path, lang: Lang) -> CliResult<Manifests> {
    let mut walk = Walk::default();
    walk.folder(folder, 0)?;
    if walk.files.is_empty() {
        return Err(unusable(
            folder,
            "it holds no .yaml, .yml or .json file",
            ".yaml, .yml, .json 파일이 없습니다",
        ));
    }
    walk.files.sort();
    let mut found = Manifests {
        links_skipped: walk.links,
        ..Manifests::default()
    };
    let (mut bytes, mut bad) = (0, 0);
    for path in &walk.files {
        let text = text(path)?;
        bytes += text.len();
        if bytes > BYTES_MAX {
            return Err(unusable(
                folder,
                &format!("its manifests have more than {BYTES_MAX} bytes"),
                &format!("매니페스트 전체가 {BYTES_MAX}바이트를 넘습니다"),
            ));
        }
        let name = path.strip_prefix(folder).unwrap_or(path);
        match manifests::read(&text, &name.display().to_string()) {
            Ok(objects) => found.objects.extend(objects),
            Err(errors) => {
                bad += 1;
                output::note(&errors.render(lang));
            }
        }
        found.files += 1;
    }
    if bad > 0 {
        return Err(unusable(
            folder,
            &format!("{bad} of its files are not YAML"),
            &format!("YAML이 아닌 파일이 {bad}개 있습니다"),
        ));
    }
    if walk.links > 0 {
        let links = walk.links;
        let text = Text::new(
            format!("{links} symbolic links were not followed"),
            format!("심볼릭 링크 {links}개는 따라가지 않았습니다"),
        );
        output::note(text.get(lang));
    }
    Ok(found)
}

#[derive(Default)]
struct Walk {
    files: Vec<PathBuf>,
    links: usize,
    entries: usize,
}

impl Walk {
    fn folder(&mut self, folder: &Path, depth: usize) -> CliResult<()> {
        if depth > DEPTH_MAX {
            return Err(unusable(
                folder,
                &format!("it is more than {DEPTH_MAX} folders deep"),
                &format!("폴더가 {DEPTH_MAX}단계보다 깊습니다"),
            ));
        }
        let entries = fs::read_dir(folder).map_err(|e| unreadable(folder, &e))?;
        for entry in entries {
            let entry = entry.map_err(|e| unreadable(folder, &e))?;
            // Of the entry itself: a link says that it is one.
            let kind = entry.file_type().map_err(|e| unreadable(folder, &e))?;
            self.entries += 1;
            if self.entries > ENTRIES_MAX || self.files.len() > FILES_MAX {
                return Err(unusable(
                    folder,
                    &format!("there are more than {FILES_MAX} manifests, or {ENTRIES_MAX} entries"),
                    &format!("매니페스트 {FILES_MAX}개 또는 항목 {ENTRIES_MAX}개를 넘습니다"),
                ));
            }
            let path = entry.path();
            if kind.is_symlink() {
                self.links += 1;
            } else if kind.is_dir() {
                // What begins with a dot (.git) holds no manifests.
                if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                    self.folder(&path, depth + 1)?;
                }
            } else if kind.is_file() && is_manifest(&path) {
                self.files.push(path);
            }
        }
        Ok(())
    }
}

fn is_manifest(path: &Path) -> bool {
    let ends = path.extension().and_then(|e| e.to_str());
    ends.is_some_and(|e| {
        ["yaml", "yml", "json"]
            .iter()
            .any(|known| e.eq_ignore_ascii_case(known))
    })
}

/// The text of one file, which may not have become a link in the meantime.
fn text(path: &Path) -> CliResult<String> {
    let mut bytes = Vec::new();
    let read = open(path).and_then(|file| {
        file.take(MANIFEST_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
    });
    read.map_err(|e| unreadable(path, &e))?;
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(unusable(
            path,
            &format!("larger than {MANIFEST_BYTES_MAX} bytes"),
            &format!("{MANIFEST_BYTES_MAX}바이트보다 큽니다"),
        ));
    }
    String::from_utf8(bytes).map_err(|_| unusable(path, "not UTF-8", "UTF-8이 아닙니다"))
}

fn open(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = nix::fcntl::OFlag::O_NOFOLLOW.bits();
    fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
}

fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    unusable(
        path,
        &format!("cannot read it: {error}"),
        &format!("읽을 수 없습니다: {error}"),
    )
}

fn unusable(path: &Path, en: &str, ko: &str) -> CliError {
    let shown = path.display();
    CliError::new(
        Exit::PlanInvalid,
        "PB-ASSESS-MANIFESTS",
        format!("{shown}: {en}"),
        format!("{shown}: {ko}"),
    )
    .hint(
        "name a folder of rendered manifests, such as the output of `kubectl get -o yaml` or `helm template`",
        "`kubectl get -o yaml`이나 `helm template`의 출력처럼 렌더링된 매니페스트 폴더를 지정하세요",
    )
}
