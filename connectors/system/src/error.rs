//! Errors of the disk, by what a caller can do about them.

use nix::errno::Errno;
use planb_ports::{ErrorKind, PortError};
use std::io;
use std::path::Path;

/// The port's error for `error`, met while PlanB tried to `verb` the file at `path`.
pub(crate) fn disk_error(verb: &str, path: &Path, error: io::Error) -> PortError {
    let message = format!("cannot {verb} {}", path.display());
    let of = |kind, code| PortError::new(kind, code, message.clone());
    let port = if is_full(&error) {
        of(ErrorKind::NoSpace, "PB-DISK-FULL").hint(
            "free some space on that file system, then try again",
            "해당 파일 시스템의 공간을 확보한 뒤 다시 시도하세요",
        )
    } else {
        match error.kind() {
            io::ErrorKind::NotFound => of(ErrorKind::NotFound, "PB-DISK-NOT-FOUND"),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                of(ErrorKind::PermissionDenied, "PB-DISK-PERMISSION").hint(
                    "let the user PlanB runs as read and write that directory",
                    "PlanB를 실행하는 사용자에게 해당 디렉터리의 읽기·쓰기 권한을 주세요",
                )
            }
            io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidFilename => of(ErrorKind::Invalid, "PB-DISK-PATH").hint(
                "check the path in the configuration",
                "설정에 적힌 경로를 확인하세요",
            ),
            _ => of(ErrorKind::Internal, "PB-DISK-IO").hint(
                "see the system log for errors of the disk",
                "시스템 로그에서 디스크 오류를 확인하세요",
            ),
        }
    };
    port.source(error)
}

fn is_full(error: &io::Error) -> bool {
    let full = [Errno::ENOSPC as i32, Errno::EDQUOT as i32];
    error
        .raw_os_error()
        .is_some_and(|code| full.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(errno: Errno, kind: ErrorKind, code: &str) {
        let error = io::Error::from_raw_os_error(errno as i32);
        let error = disk_error("write", Path::new("/x"), error);
        assert_eq!((error.kind(), error.code()), (kind, code));
        assert!(
            error.chain().starts_with("cannot write /x: "),
            "{}",
            error.chain()
        );
    }

    #[test]
    fn errors_say_what_can_be_done() {
        check(Errno::ENOSPC, ErrorKind::NoSpace, "PB-DISK-FULL");
        check(Errno::EDQUOT, ErrorKind::NoSpace, "PB-DISK-FULL");
        check(Errno::ENOENT, ErrorKind::NotFound, "PB-DISK-NOT-FOUND");
        check(
            Errno::EACCES,
            ErrorKind::PermissionDenied,
            "PB-DISK-PERMISSION",
        );
        check(
            Errno::EROFS,
            ErrorKind::PermissionDenied,
            "PB-DISK-PERMISSION",
        );
        check(Errno::ENOTDIR, ErrorKind::Invalid, "PB-DISK-PATH");
        check(Errno::EIO, ErrorKind::Internal, "PB-DISK-IO");
    }
}
