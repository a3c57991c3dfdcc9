//! Errors of workloads, with what to do.

use planb_ports::{ErrorKind, PortError};
use std::io;
use std::path::Path;

/// A file of PlanB's own about a workload cannot be used.
pub(crate) fn state_failed(what: &str, path: &Path, error: io::Error) -> PortError {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
        _ => ErrorKind::Internal,
    };
    PortError::new(
        kind,
        "PB-WORKLOAD-STATE",
        format!("cannot {what} {}", path.display()),
    )
    .source(error)
    .hint(
        "check permissions and free space of PlanB's state directory",
        "PlanB 상태 디렉터리의 권한과 남은 공간을 확인하세요",
    )
}

/// A record does not read; nothing may be concluded from it.
pub(crate) fn state_damaged(path: &Path, error: serde_json::Error) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-WORKLOAD-STATE",
        format!("{} is damaged", path.display()),
    )
    .source(error)
    .hint(
        "stop the workload by hand, make sure that it is gone, then delete the file",
        "워크로드를 직접 중지하고 완전히 종료되었는지 확인한 뒤 파일을 삭제하세요",
    )
}

/// `/proc` cannot be read, so it is not known what runs.
pub(crate) fn blind(error: io::Error) -> PortError {
    PortError::new(
        ErrorKind::Internal,
        "PB-WORKLOAD-PROC",
        "cannot read /proc, so it is not known what runs",
    )
    .source(error)
    .hint(
        "PlanB needs Linux with /proc mounted to run workloads",
        "워크로드를 실행하려면 /proc이 마운트된 Linux가 필요합니다",
    )
}

/// A program could not be started.
pub(crate) fn not_started(program: &str, directory: Option<&Path>, error: io::Error) -> PortError {
    let place = directory
        .map(|d| format!(" in {}", d.display()))
        .unwrap_or_default();
    match error.kind() {
        io::ErrorKind::NotFound => PortError::new(
            ErrorKind::Invalid,
            "PB-WORKLOAD-COMMAND-NOT-FOUND",
            format!("there is no program `{program}`{place}"),
        )
        .source(error)
        .hint(
            "check the path in the plan; a relative one counts from `directory`, a bare name is looked for in PATH, and a script needs its interpreter",
            "계획 파일의 경로를 확인하세요. 상대 경로는 `directory` 기준이며, 이름만 적으면 PATH에서 찾습니다. 스크립트라면 인터프리터도 설치되어 있어야 합니다",
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ExecutableFileBusy => PortError::new(
            ErrorKind::Invalid,
            "PB-WORKLOAD-COMMAND-NOT-EXECUTABLE",
            format!("`{program}`{place} cannot be executed"),
        )
        .source(error)
        .hint(
            "make it executable for PlanB's user: `chmod +x`, permissions of the directories above, `noexec` mounts",
            "PlanB 실행 사용자가 실행할 수 있게 하세요. `chmod +x`, 상위 디렉터리 권한, `noexec` 마운트를 확인하세요",
        ),
        _ => PortError::new(
            ErrorKind::Invalid,
            "PB-WORKLOAD-COMMAND",
            format!("`{program}`{place} cannot be started"),
        )
        .source(error)
        .hint(
            "run the command by hand as PlanB's user and see what it says",
            "PlanB 실행 사용자로 명령을 직접 실행해 보세요",
        ),
    }
}

/// The working directory of a command is not there.
pub(crate) fn no_directory(path: &Path) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-WORKLOAD-DIRECTORY",
        format!("the working directory {} is not there", path.display()),
    )
    .hint(
        "correct `directory` in the plan, or make the directory",
        "계획 파일의 `directory`를 수정하거나 디렉터리를 만드세요",
    )
}

/// The file for output cannot be opened.
pub(crate) fn no_log(path: &Path, error: io::Error) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-WORKLOAD-LOG",
        format!("cannot write the output to {}", path.display()),
    )
    .source(error)
    .hint(
        "correct `log` in the plan, or let PlanB's user write there",
        "계획 파일의 `log`를 수정하거나 PlanB 실행 사용자에게 쓰기 권한을 주세요",
    )
}

/// The program was started and ended at once.
pub(crate) fn ended_at_once(program: &str, status: &str, tail: &str) -> PortError {
    let output = if tail.is_empty() {
        String::new()
    } else {
        format!("; it said: {tail}")
    };
    PortError::new(
        ErrorKind::Invalid,
        "PB-WORKLOAD-EXITED",
        format!("`{program}` ended at once with {status}{output}"),
    )
    .hint(
        "the program has to stay in the foreground; give `log` in the plan to see all it says",
        "프로그램은 포그라운드로 계속 실행되어야 합니다. 계획 파일에 `log`를 지정하면 전체 출력을 볼 수 있습니다",
    )
}

/// Processes are left after SIGKILL.
pub(crate) fn still_running(pids: &[i32]) -> PortError {
    PortError::new(
        ErrorKind::Timeout,
        "PB-WORKLOAD-STILL-RUNNING",
        format!("processes are still there after SIGKILL: {pids:?}"),
    )
    .hint(
        "they hang in the kernel, often on a dead disk or network file system; power the machine off or cut it off by hand",
        "커널에서 멈춘 상태이며 디스크나 네트워크 파일 시스템 장애인 경우가 많습니다. 서버 전원을 끄거나 직접 격리하세요",
    )
}

/// Another call, perhaps of another PlanB, works on the workload.
pub(crate) fn busy() -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-WORKLOAD-BUSY",
        "somebody else is starting or stopping the workload",
    )
    .hint(
        "wait until it is done; if it never is, look for a second `planb up` on this state directory",
        "작업이 끝날 때까지 기다리세요. 끝나지 않으면 같은 상태 디렉터리에서 `planb up`이 중복 실행 중인지 확인하세요",
    )
}

/// A process group that was to be joined cannot be.
pub(crate) fn no_group(group: i32, error: io::Error) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-WORKLOAD-GROUP",
        format!("cannot join process group {group}"),
    )
    .source(error)
    .hint(
        "the group has to exist and be in PlanB's own session",
        "해당 프로세스 그룹이 PlanB와 같은 세션에 있어야 합니다",
    )
}

/// A hook ran longer than it may.
pub(crate) fn hook_timed_out(program: &str, seconds: f64, tail: &str) -> PortError {
    PortError::new(
        ErrorKind::Timeout,
        "PB-WORKLOAD-HOOK-TIMEOUT",
        format!("`{program}` did not end within {seconds} s and was killed; whether it did its work is not known{}", said(tail)),
    )
    .hint(
        "look at what it was doing, then raise `timeout` in the plan or mend the hook",
        "어디에서 멈췄는지 확인하고 계획 파일의 `timeout`을 늘리거나 훅을 수정하세요",
    )
}

/// A hook ended with an error.
pub(crate) fn hook_failed(program: &str, status: &str, tail: &str) -> PortError {
    PortError::new(
        ErrorKind::Internal,
        "PB-WORKLOAD-HOOK-FAILED",
        format!("`{program}` ended with {status}{}", said(tail)),
    )
    .hint(
        "run the hook by hand as PlanB's user; exit code 0 means that it is done",
        "PlanB 실행 사용자로 훅을 직접 실행해 보세요. 종료 코드 0이어야 완료로 봅니다",
    )
}

/// There is no hook for something only a hook can do.
pub(crate) fn no_hook(name: &str) -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-WORKLOAD-NO-HOOK",
        format!("the plan has no `{name}` hook for a workload that others run"),
    )
    .hint(
        "give `workload.observe.hooks.fence` in the plan: a command that makes certain that the site takes no writes",
        "계획 파일의 `workload.observe.hooks.fence`에 해당 사이트의 쓰기를 확실히 막는 명령을 지정하세요",
    )
}

/// The plan's workload is of the other kind.
pub(crate) fn wrong_kind(wanted: &str) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-WORKLOAD-KIND",
        format!("the workload of the plan is not {wanted}"),
    )
}

fn said(tail: &str) -> String {
    if tail.is_empty() {
        String::new()
    } else {
        format!("; it said: {tail}")
    }
}
