//! Korean help. Clap takes the English texts from `cli`; this replaces them. A
//! test fails when a command or an argument has no Korean text.

use clap::Command;

/// Texts by `command` or `command.argument`; arguments of several commands are
/// found under `*.argument`.
const TEXTS: &[(&str, &str)] = &[
    (
        "planb",
        "하나의 서비스와 그 두 번째 보금자리를 위한 재해복구",
    ),
    ("*.lang", "출력 언어. 기본값은 환경 변수의 언어"),
    (
        "*.verbose",
        "내부 동작을 stderr에 기록 (또는 PLANB_LOG 설정)",
    ),
    ("*.file", "계획 파일"),
    ("*.state", "PlanB 상태를 보관하는 디렉터리"),
    ("*.json", "stdout에 JSON으로 출력"),
    (
        "demo",
        "이 컴퓨터에서 실제 서비스를 보호하고, 사이트를 강제 종료한 뒤 복구를 확인",
    ),
    ("demo.database", "서비스의 데이터베이스"),
    ("demo.vault", "볼트의 위치"),
    (
        "demo.size_mb",
        "보호를 시작하기 전에 넣어 둘 주문 데이터 크기(MB)",
    ),
    ("demo.rate", "초당 주문 수"),
    (
        "demo.keep",
        "끝난 뒤에도 Ctrl-C를 누를 때까지 모두 실행 상태로 유지",
    ),
    (
        "demo.dir",
        "데모의 작업 디렉터리. 기본값은 새 임시 디렉터리",
    ),
    ("init", "주석이 달린 planb.yaml 작성"),
    ("init.output", "저장할 위치. `-`는 stdout"),
    ("init.force", "기존 파일을 덮어씀"),
    ("check", "계획 파일과 그 안에 지정된 모든 대상을 점검"),
    (
        "check.static_only",
        "계획 파일만 읽고 어디에도 연결하지 않음",
    ),
    ("up", "컨트롤 플레인 실행"),
    ("up.listen", "API와 상태 페이지의 주소. 루프백만 허용"),
    (
        "up.signing_key",
        "감사 로그에 서명할 Ed25519 키(PEM) 파일. 기본값은 상태 디렉터리의 키",
    ),
    (
        "up.audit_checkpoint",
        "감사 로그의 최신 체크포인트를 기록할 파일. 다른 장비의 디스크를 권장",
    ),
    (
        "audit",
        "감사 로그를 검증, 표시, 증명하고 최신 체크포인트를 출력",
    ),
    (
        "audit verify",
        "모든 항목과 서명, 그리고 상태가 로그와 같은지 검증",
    ),
    ("audit show", "항목을 한 줄에 하나씩 기록된 그대로 출력"),
    (
        "audit checkpoint",
        "최신 체크포인트 출력. 다른 곳에 보관해 두고 나중에 비교",
    ),
    (
        "audit prove",
        "항목 하나, 또는 이전 체크포인트를 잇는다는 사실을 파일로 증명",
    ),
    (
        "prove.entry",
        "증명할 항목. `audit show`가 출력하는 순서로 1부터 셈",
    ),
    (
        "prove.from",
        "로그가 이 이전 체크포인트를 잇는다는 것을 증명",
    ),
    (
        "prove.checkpoint",
        "증명이 가리킬 체크포인트. 기본값은 최신 체크포인트",
    ),
    (
        "prove.key",
        "로그의 공개 키 파일. 기본값은 상태 디렉터리의 키",
    ),
    ("prove.output", "증명을 저장할 위치. 기본값은 stdout"),
    (
        "audit check-proof",
        "증명 파일을 상태 없이 공개 키만으로 확인",
    ),
    ("check-proof.file", "증명 파일"),
    ("check-proof.key", "로그의 공개 키 파일"),
    (
        "check-proof.checkpoint",
        "따로 보관해 둔 체크포인트 파일. 증명이 그에 대한 것이어야 함",
    ),
    (
        "report evidence",
        "저널, 감사 증명, 훈련, 정책을 서명된 zip으로 묶음",
    ),
    (
        "evidence.answers",
        "`planb assess compliance`의 답변. 기본값은 compliance.yaml(있을 때)",
    ),
    ("evidence.policy", "내장 정책 대신 쓸 정책 파일"),
    (
        "evidence.signing_key",
        "zip에 서명할 Ed25519 키(PEM). 기본값은 상태 디렉터리의 키",
    ),
    ("evidence.output", "zip을 저장할 위치"),
    ("evidence.check", "만들지 않고 이 zip을 확인"),
    (
        "evidence.key",
        "--check와 함께: zip에 서명했어야 하는, 따로 보관한 공개 키",
    ),
    ("*.plan", "증거를 확인할 서비스의 계획 파일"),
    (
        "*.audit_key",
        "감사 로그의 공개 키 파일. 기본값은 상태 디렉터리의 키",
    ),
    (
        "*.no_vault",
        "볼트에 연결하지 않음. 볼트에 있는 증거는 누락으로 처리",
    ),
    (
        "verify.key",
        "로그의 공개 키 파일. 기본값은 상태 디렉터리의 키. 따로 보관한 키가 더 확실함",
    ),
    (
        "verify.checkpoint",
        "따로 보관해 둔 체크포인트 파일. 로그가 그것을 잇는지 검증",
    ),
    ("status", "서비스 상태와 현재 손실 예상 시간 표시"),
    ("status.watch", "1초마다 다시 표시"),
    ("failover", "중단된 사이트에서 다른 사이트로 서비스를 이동"),
    (
        "switchover",
        "두 사이트가 정상일 때 손실 없이 서비스를 다른 사이트로 이동",
    ),
    ("failback", "손실 없이 서비스를 원래의 주 사이트로 복귀"),
    ("*.service", "서비스 이름. 계획 파일에 하나뿐이면 생략 가능"),
    ("*.dry_run", "실행될 런북만 출력하고 아무것도 변경하지 않음"),
    (
        "*.approve",
        "묻지 않고 이 해시(--dry-run 출력)의 런북을 승인",
    ),
    ("*.yes", "묻지 않고 계획된 런북을 승인"),
    (
        "*.override_fence",
        "이전 사이트의 펜싱이 확인되지 않아도 기록된 이 사유로 진행",
    ),
    ("approve", "대기 중인 실행을 승인"),
    ("*.id", "실행 ID"),
    ("approve.hash", "승인할 런북의 해시. 앞 12자리면 충분"),
    (
        "execution",
        "일시 중지된 실행을 재개하거나, 단계를 건너뛰거나, 멈추거나, 취소",
    ),
    ("resume", "실패했거나 결과를 알 수 없는 단계를 다시 시도"),
    ("skip", "실패했거나 결과를 알 수 없는 단계를 건너뛰고 계속"),
    ("skip.step", "단계 이름"),
    ("skip.reason", "사유. 기록됨"),
    ("pause", "새 단계를 시작하지 않음"),
    ("cancel", "실행을 취소"),
    ("history", "지난 실행 목록, 또는 한 실행과 그 저널"),
    ("backup", "데이터베이스의 스냅샷 하나를 볼트에 저장"),
    (
        "stream",
        "데이터베이스를 계속 보호: 스냅샷 이후 로그를 SIGTERM 또는 Ctrl-C까지 전송",
    ),
    ("restore", "데이터베이스를 볼트의 복구 시점으로 복원"),
    (
        "*.vault",
        "볼트: file:///경로, az://컨테이너/접두사, s3://버킷/접두사, gs://버킷/접두사",
    ),
    (
        "*.vault_service",
        "볼트 안의 폴더 이름. 데이터베이스마다 하나",
    ),
    (
        "*.recipients",
        "이 age 공개 키로 암호화. 키가 여럿이면 반복해서 지정",
    ),
    ("*.identity", "볼트를 읽을 age 개인 키(identity) 파일"),
    (
        "*.vault_options",
        "볼트 저장소의 옵션. 예: aws_region=ap-northeast-2",
    ),
    (
        "*.vault_secrets",
        "볼트 저장소의 비밀 옵션. 예: azure_storage_account_key=env:KEY 또는 =file:/경로",
    ),
    (
        "*.password_file",
        "데이터베이스 비밀번호 파일. 기본값은 PLANB_DATABASE_PASSWORD",
    ),
    (
        "*.snapshot_connections",
        "스냅샷을 읽을 연결 수. 0이면 PlanB가 정함",
    ),
    (
        "*.physical",
        "행 대신 서버의 파일을 복사. URL에 파일을 교체할 방법(data-dir, stop, start)이 있으면 자동 선택",
    ),
    (
        "*.logical",
        "다른 버전에도 복원할 수 있도록 행을 텍스트로 복사",
    ),
    (
        "*.with_users",
        "데이터베이스를 사용할 수 있는 사용자와 역할을 비밀번호 해시, 권한과 함께 저장. 암호화된 볼트 필요",
    ),
    (
        "restore.with_users",
        "스냅샷의 사용자와 역할 중 대상에 없는 것을 만듦",
    ),
    (
        "restore.replace_users",
        "대상에 이미 있는 사용자도 비밀번호를 포함해 스냅샷의 정의로 변경",
    ),
    (
        "*.database",
        "데이터베이스: mariadb://사용자@호스트:3306/이름, mysql://…, postgresql://…, sqlite:/경로",
    ),
    (
        "stream.flush_interval",
        "볼트에 없는 첫 트랜잭션 이후 이 시간이 지나면 로그를 전송",
    ),
    ("stream.flush_bytes", "또는 이만큼 모이면 로그를 전송"),
    ("stream.snapshot_interval", "스냅샷 간격"),
    (
        "stream.spool",
        "볼트가 느리거나 응답하지 않을 때 로그가 대기할 디렉터리. 없으면 그동안 읽기를 멈춤",
    ),
    (
        "stream.spool_max",
        "그곳에서 대기할 수 있는 로그의 최대 크기",
    ),
    (
        "stream.take_over",
        "다른 데이터베이스가 기록하던 볼트를 인계받아 그 로그를 끝내고 새로 시작",
    ),
    ("*.every", "stderr가 터미널이 아닐 때 상태를 출력하는 간격"),
    ("*.to", "복원할 대상 데이터베이스"),
    (
        "restore.at",
        "latest, 시각(2026-01-31T09:00:00+09:00), 또는 로그 위치: GTID, LSN, 파일:오프셋",
    ),
    (
        "restore.dry_run",
        "복원할 내용만 출력하고 아무것도 변경하지 않음",
    ),
    ("restore.replace", "대상의 기존 내용을 대체"),
    (
        "restore.verify",
        "적재한 내용을 스냅샷의 매니페스트와 비교하는 방법",
    ),
    (
        "follow",
        "데이터베이스를 승격할 때까지 읽기 전용으로 볼트를 계속 따라가게 함",
    ),
    ("points", "볼트의 복구 시점 목록: 검증 여부, 변조 여부"),
    ("verify", "스냅샷을 임시 서버에 복원해 비교하고 결과에 서명"),
    (
        "verify.drill",
        "복원할 곳: 빈 데이터베이스 URL, 또는 PlanB가 시작하고 제거하는 서버(scratch)",
    ),
    (
        "verify.drill_user",
        "PostgreSQL 원본의 슈퍼유저. 서버 전체의 임시 복사본에 이 계정으로 접속",
    ),
    ("verify.snapshot", "검증할 스냅샷. 기본값은 최신"),
    ("verify.all", "검증한 적 없는 모든 스냅샷을 최신순으로 검증"),
    (
        "restore.clean",
        "훈련으로 검증되었고 변조 징후가 없는 최신 시점",
    ),
    (
        "*.signing_key",
        "매니페스트, 로그, 검증 기록에 서명할 Ed25519 키(PEM) 파일",
    ),
    (
        "*.trusted_signers",
        "이 공개 키로 서명된 것만 인정. 키가 여럿이면 반복해서 지정",
    ),
    ("prune", "보존 규칙에 해당하지 않는 것을 삭제"),
    ("prune.keep_last", "최신 스냅샷을 이 개수만큼 보존"),
    (
        "prune.keep_for",
        "이 기간의 스냅샷과 임의 시점 복구용 로그를 보존",
    ),
    (
        "prune.gfs",
        "일, 주, 월, 년별 마지막 스냅샷을 각각 이 개수만큼 보존. 예: 7,4,12,5",
    ),
    (
        "prune.drop",
        "나이와 관계없이 이 스냅샷만 삭제. 여러 번 지정 가능",
    ),
    (
        "prune.dry_run",
        "삭제할 대상만 출력하고 아무것도 삭제하지 않음",
    ),
    ("follow.to", "따라갈 데이터베이스. 승격 전까지 읽기 전용"),
    ("follow.replace", "대상의 기존 내용을 대체"),
    (
        "follow.promote",
        "승격: 원본의 로그를 끝내고, 나머지를 적용한 뒤 쓰기를 허용. 실행 중인 follow에 요청하거나 직접 수행",
    ),
    ("schema", "planb.yaml의 JSON Schema 출력"),
    (
        "assess",
        "구축하기 전에 판단: 어떤 워크로드를, 얼마의 비용으로, 어떤 요건에 맞춰",
    ),
    ("assess.name", "평가 이름. `planb assess list`로 확인"),
    (
        "assess.answers",
        "답변 파일(YAML 또는 CSV). `-`는 stdin. 기본값은 NAME.yaml",
    ),
    (
        "assess.interactive",
        "남은 질문을 키보드로 묻고 답변을 파일에 저장",
    ),
    ("assess.format", "보고서 형식"),
    ("assess.output", "보고서를 저장할 파일. 기본값은 stdout"),
    (
        "assess.rules",
        "내장 규칙 대신 쓸 규칙 파일. `planb assess rules NAME`의 출력에서 시작",
    ),
    (
        "*.drill",
        "실측한 페일오버(`planb demo` 또는 `planb history`의 JSON). 여러 번 지정 가능",
    ),
    (
        "report",
        "보드와 감사를 위한 보고서: board, drill, cost, evidence",
    ),
    ("report board", "거버넌스 보드용 1~2쪽 보고서"),
    (
        "report drill",
        "목표와 비교한 실측 결과: 추이, 손실, 단계별 시간, 분기별 훈련",
    ),
    (
        "report cost",
        "`cost` 답변으로 만든 대기·페일오버·총소유비용과 민감도 보고서",
    ),
    ("board.answers", "평가의 답변 파일(YAML). 여러 번 지정 가능"),
    (
        "board.drill",
        "실측 훈련(`planb demo`의 JSON). 실행 기록과 대조해 한 번만 셈. 여러 번 지정 가능",
    ),
    (
        "drill.drill",
        "실측 훈련(`planb demo`의 JSON). 실행 기록과 대조해 한 번만 셈. 여러 번 지정 가능",
    ),
    (
        "drill.run",
        "실측한 실행 하나만 초 단위로 출력(html 또는 pdf)",
    ),
    ("cost.answers", "`cost`의 답변 파일(YAML)"),
    (
        "cost.example",
        "문서의 예시 값으로 작성. 모든 수치가 예시임",
    ),
    ("board.format", "보고서 형식"),
    ("board.output", "보고서를 저장할 파일. 기본값은 stdout"),
    ("drill.format", "보고서 형식"),
    ("drill.output", "보고서를 저장할 파일. 기본값은 stdout"),
    ("cost.format", "보고서 형식"),
    ("cost.output", "보고서를 저장할 파일. 기본값은 stdout"),
    (
        "assess.manifests",
        "`authenticity`의 근거로 읽을 쿠버네티스 매니페스트 폴더. 심볼릭 링크는 따라가지 않음",
    ),
    ("assess list", "평가 목록 출력"),
    (
        "assess init",
        "문서의 예시 값이 담긴 주석 있는 답변 파일 출력",
    ),
    ("assess rules", "평가의 규칙 출력. 고쳐 쓸 때 시작점"),
    ("list.json", "stdout에 JSON으로 출력"),
    ("init.name", "평가 이름"),
    ("rules.name", "평가 이름"),
    (
        "edge",
        "독립 프로세스로 엣지 실행. 컨트롤 플레인을 위한 관리 API 제공",
    ),
    ("edge.service", "엣지가 제공할 서비스"),
    ("edge.listen", "서비스를 제공할 주소"),
    ("edge.admin", "관리 API의 주소"),
    ("edge.token_file", "관리 API 토큰이 있는 파일"),
    ("edge.state", "마지막 트래픽 계획을 보관하는 디렉터리"),
    ("demo-service", "데모의 주문 서비스"),
    ("demo-service.listen", "서비스 주소"),
    (
        "demo-service.database",
        "`sqlite:경로` 또는 `mysql://사용자@호스트:포트/이름`",
    ),
];

/// Replaces every help text by its Korean one.
pub fn translate(command: Command) -> Command {
    translate_under("", command)
}

/// The same for a command below `parent`, whose texts come first.
fn translate_under(parent: &str, command: Command) -> Command {
    let name = command.get_name().to_owned();
    let mut command = match command_text(parent, &name) {
        Some(about) => command.about(about).long_about(None::<&str>),
        None => command,
    };
    let arguments: Vec<_> = command
        .get_arguments()
        .map(|a| a.get_id().clone())
        .collect();
    for id in arguments {
        if let Some(help) = argument_text(&name, id.as_str()) {
            command = command.mut_arg(id, |a| a.help(help).long_help(None::<&str>));
        }
    }
    let subcommands: Vec<_> = command
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .collect();
    for subcommand in subcommands {
        command = command.mut_subcommand(subcommand, |c| translate_under(&name, c));
    }
    command
}

/// `init` below `assess` is not `init`.
fn command_text(parent: &str, command: &str) -> Option<&'static str> {
    text(&format!("{parent} {command}")).or_else(|| text(command))
}

fn argument_text(command: &str, argument: &str) -> Option<&'static str> {
    text(&format!("{command}.{argument}")).or_else(|| text(&format!("*.{argument}")))
}

fn text(key: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(k, _)| *k == key).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    fn missing(parent: &str, command: &Command, out: &mut Vec<String>) {
        let name = command.get_name();
        if command_text(parent, name).is_none() {
            out.push(name.to_owned());
        }
        for argument in command.get_arguments() {
            if argument_text(name, argument.get_id().as_str()).is_none() {
                out.push(format!("{name}.{}", argument.get_id()));
            }
        }
        for subcommand in command.get_subcommands() {
            missing(name, subcommand, out);
        }
    }

    #[test]
    fn every_command_and_argument_has_a_korean_text() {
        let mut out = Vec::new();
        missing("", &Cli::command(), &mut out);
        assert_eq!(out, Vec::<String>::new());
    }

    #[test]
    fn the_korean_help_is_korean() {
        let help = translate(Cli::command()).render_long_help().to_string();
        assert!(help.contains("컨트롤 플레인 실행") && !help.contains("Run the control plane"));
    }
}
