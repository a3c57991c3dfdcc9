//! Checks what single values cannot show: whether the parts of a plan fit
//! together. Runs on documents whose shape is right.

mod detection;
mod sites;

use super::excerpt::is_secret_name;
use super::problems::Problems;
use super::raw::{RawCommand, RawDocument, RawSite, RawSpec};
use super::scalar::{DatabaseUrl, duration_text, size_text};
use super::tree::{Node, Spot};
use crate::Text;
use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
/// Ten years and a little.
const RETENTION_MAX: Duration = Duration::from_secs(3_660 * 24 * 3_600);
const DAY: Duration = Duration::from_secs(86_400);
const FLUSH_INTERVAL_MIN: Duration = Duration::from_millis(10);
const PROBE_INTERVAL_MIN: Duration = Duration::from_millis(100);
const FLUSH_BYTES_MIN: u64 = 4 << 10;
const FLUSH_BYTES_MAX: u64 = 256 << 20;
/// Less would hold a few objects.
const SPOOL_BYTES_MIN: u64 = 16 << 20;
const SPOOL_BYTES_MAX: u64 = 1 << 40;

/// Adds problems of one document, each at its place.
struct Check<'a> {
    node: &'a Node,
    problems: &'a mut Problems,
}

/// Checks one document.
pub(super) fn document(raw: &RawDocument, node: &Node, problems: &mut Problems) {
    let mut check = Check { node, problems };
    let spec = &raw.spec;
    check.objectives(spec);
    check.data(spec);
    check.detection(spec);
    check.sites(spec);
    check.traffic(spec);
}

/// Checks the documents of one file against each other.
pub(super) fn together(documents: &[(RawDocument, &Node)], problems: &mut Problems) {
    let mut names: BTreeMap<&str, Spot> = BTreeMap::new();
    let mut listens: BTreeMap<&str, (&str, Spot)> = BTreeMap::new();
    for (raw, node) in documents {
        let name = raw.metadata.name.0.as_str();
        let spot = node.locate("metadata.name");
        if let Some(first) = names.get(name) {
            problems.add(
                "PB-PLAN-DUPLICATE-NAME",
                spot,
                "metadata.name",
                Text::new(
                    format!(
                        "a service called `{name}` is on line {} already",
                        first.line
                    ),
                    format!("`{name}` 서비스가 {}행에 이미 있습니다", first.line),
                ),
                Text::new(
                    "give each service its own name",
                    "서비스마다 다른 이름을 쓰세요",
                ),
            );
        }
        names.entry(name).or_insert(spot);
        let Some(listen) = &raw.spec.traffic.edge.listen else {
            continue;
        };
        // Port 0 means any free one, so two of them do not collide.
        if listen.0.ends_with(":0") {
            continue;
        }
        let spot = node.locate("spec.traffic.edge.listen");
        if let Some((other, first)) = listens.get(listen.0.as_str()) {
            problems.add(
                "PB-PLAN-SAME-PLACE",
                spot,
                "spec.traffic.edge.listen",
                Text::new(
                    format!(
                        "`{}` is taken by `{other}` on line {}",
                        listen.0, first.line
                    ),
                    format!(
                        "`{}` 주소는 {}행의 `{other}` 서비스가 이미 씁니다",
                        listen.0, first.line
                    ),
                ),
                Text::new(
                    "give each service its own port",
                    "서비스마다 다른 포트를 쓰세요",
                ),
            );
        }
        listens.entry(&listen.0).or_insert((name, spot));
    }
}

impl Check<'_> {
    fn add(&mut self, code: &'static str, path: &str, message: Text, hint: Text) {
        let spot = self.node.locate(path);
        self.problems.add(code, spot, path, message, hint);
    }

    /// Refuses a duration outside its bounds.
    fn range(&mut self, path: &str, value: Duration, min: Duration, max: Duration) {
        if value < min || value > max {
            let (value, min, max) = (
                duration_text(&value),
                duration_text(&min),
                duration_text(&max),
            );
            self.add(
                "PB-PLAN-VALUE",
                path,
                Text::new(
                    format!("{value} is not between {min} and {max}"),
                    format!("{value} 값은 {min}~{max} 범위를 벗어납니다"),
                ),
                Text::new(
                    format!("give a duration from {min} to {max}"),
                    format!("{min}~{max} 사이의 시간을 적으세요"),
                ),
            );
        }
    }

    fn objectives(&mut self, spec: &RawSpec) {
        let (rto, rpo) = (spec.objectives.rto.0, spec.objectives.rpo.0);
        self.range("spec.objectives.rto", rto, SECOND, 30 * DAY);
        self.range("spec.objectives.rpo", rpo, FLUSH_INTERVAL_MIN, 30 * DAY);
        let noticed = spec.health.interval.0.saturating_mul(spec.health.failures);
        if rto >= SECOND && rto <= noticed {
            let (rto, noticed) = (duration_text(&rto), duration_text(&noticed));
            self.add(
                "PB-PLAN-OBJECTIVE",
                "spec.objectives.rto",
                Text::new(
                    format!("an rto of {rto} cannot be kept: noticing the loss alone takes {noticed} (health.interval × health.failures)"),
                    format!("지킬 수 없는 rto입니다: {rto}. 장애 감지에만 걸리는 시간: {noticed}(health.interval × health.failures)"),
                ),
                Text::new(
                    "promise a longer rto, or probe more often",
                    "rto를 늘리거나 더 자주 확인하도록 설정하세요",
                ),
            );
        }
        for (path, value) in [
            ("spec.data.flush.interval", spec.data.flush.interval.0),
            ("spec.data.canaryInterval", spec.data.canary_interval.0),
        ] {
            if value > rpo && rpo >= FLUSH_INTERVAL_MIN {
                let (value, rpo) = (duration_text(&value), duration_text(&rpo));
                self.add(
                    "PB-PLAN-OBJECTIVE",
                    path,
                    Text::new(
                        format!("{value} is longer than the rpo of {rpo}, so the rpo cannot be kept or not be shown to be"),
                        format!("{value} 값이 rpo {rpo}보다 길어 rpo를 지키거나 확인할 수 없습니다"),
                    ),
                    Text::new(
                        format!("make it shorter than {rpo}, or promise a longer rpo"),
                        format!("{rpo}보다 짧게 하거나 rpo를 늘리세요"),
                    ),
                );
            }
        }
    }

    fn size(&mut self, path: &str, size: u64, min: u64, max: u64) {
        if (min..=max).contains(&size) {
            return;
        }
        let (size, min, max) = (size_text(&size), size_text(&min), size_text(&max));
        self.add(
            "PB-PLAN-VALUE",
            path,
            Text::new(
                format!("{size} is not between {min} and {max}"),
                format!("{size} 값은 {min}~{max} 범위를 벗어납니다"),
            ),
            Text::new(
                format!("give a size from {min} to {max}"),
                format!("{min}~{max} 사이의 크기를 적으세요"),
            ),
        );
    }

    fn users(&mut self, spec: &RawSpec) {
        let data = &spec.data;
        if data.users && data.vault.encryption.is_none() {
            self.add(
                "PB-PLAN-CONFLICT",
                "spec.data.users",
                Text::new(
                    "users are stored with their password hashes, and the vault is not encrypted",
                    "사용자는 비밀번호 해시와 함께 저장되는데 볼트가 암호화되어 있지 않습니다",
                ),
                Text::new(
                    "add `vault.encryption`, or leave `users` out",
                    "`vault.encryption`을 추가하거나 `users`를 빼세요",
                ),
            );
        }
        let sqlite = |site: &RawSite| matches!(site.database.url.0, DatabaseUrl::Sqlite(_));
        if data.users && spec.sites.iter().any(sqlite) {
            self.add(
                "PB-PLAN-CONFLICT",
                "spec.data.users",
                Text::new("SQLite has no users", "SQLite에는 사용자가 없습니다"),
                Text::new("leave `users` out", "`users`를 빼세요"),
            );
        }
    }

    fn data(&mut self, spec: &RawSpec) {
        let data = &spec.data;
        self.range(
            "spec.data.flush.interval",
            data.flush.interval.0,
            FLUSH_INTERVAL_MIN,
            HOUR,
        );
        self.range(
            "spec.data.snapshotInterval",
            data.snapshot_interval.0,
            MINUTE,
            31 * DAY,
        );
        self.range(
            "spec.data.canaryInterval",
            data.canary_interval.0,
            PROBE_INTERVAL_MIN,
            HOUR,
        );
        self.range(
            "spec.data.verification.interval",
            data.verification.interval.0,
            MINUTE,
            31 * DAY,
        );
        if let Some(retention) = &data.retention {
            let path = "spec.data.retention";
            let times = [
                ("keepFor", Some(&retention.keep_for)),
                ("immutableFor", retention.immutable_for.as_ref()),
            ];
            for (name, time) in times {
                if let Some(time) = time {
                    self.range(&format!("{path}.{name}"), time.0, HOUR, RETENTION_MAX);
                }
            }
        }
        self.users(spec);
        let (flush, spool) = (data.flush.size.0, data.spool.size.0);
        self.size(
            "spec.data.flush.size",
            flush,
            FLUSH_BYTES_MIN,
            FLUSH_BYTES_MAX,
        );
        self.size(
            "spec.data.spool.size",
            spool,
            SPOOL_BYTES_MIN,
            SPOOL_BYTES_MAX,
        );
        for name in data.vault.secret_options.keys() {
            if data.vault.options.contains_key(name) {
                self.add(
                    "PB-PLAN-CONFLICT",
                    &format!("spec.data.vault.options.{name}"),
                    Text::new(
                        format!("`{name}` is in `options` and in `secretOptions`"),
                        format!("`{name}` 항목이 `options`와 `secretOptions`에 모두 있습니다"),
                    ),
                    Text::new("keep one of the two", "둘 중 하나만 남기세요"),
                );
            }
        }
    }

    fn traffic(&mut self, spec: &RawSpec) {
        let edge = &spec.traffic.edge;
        let path = "spec.traffic.edge";
        let remote = edge.admin.is_some() || edge.public.is_some() || edge.token.is_some();
        if edge.listen.is_some() == remote {
            self.add(
                "PB-PLAN-CONFLICT",
                path,
                Text::new(
                    "either `listen` or `admin` with `public` is needed",
                    "`listen` 또는 `admin`과 `public` 중 한 가지 방식이 필요합니다",
                ),
                Text::new(
                    "give `listen: 127.0.0.1:8080` for an edge inside `planb up`, or `admin` and `public` for one that runs by itself",
                    "`planb up`에 내장된 엣지는 `listen: 127.0.0.1:8080`을, 별도로 실행하는 엣지는 `admin`과 `public`을 적으세요",
                ),
            );
        } else if remote && (edge.admin.is_none() || edge.public.is_none()) {
            let name = if edge.admin.is_none() {
                "admin"
            } else {
                "public"
            };
            self.add(
                "PB-PLAN-MISSING-FIELD",
                &format!("{path}.{name}"),
                Text::new(
                    format!("the field `{name}` is missing"),
                    format!("필수 항목 `{name}` 없음"),
                ),
                Text::new(
                    "an edge that runs by itself needs both `admin` and `public`",
                    "별도로 실행하는 엣지에는 `admin`과 `public`이 모두 필요합니다",
                ),
            );
        }
        self.range(
            "spec.traffic.retryAfter",
            spec.traffic.retry_after.0,
            SECOND,
            DAY,
        );
        if spec.traffic.retry_after.0.subsec_millis() != 0 {
            self.add(
                "PB-PLAN-VALUE",
                "spec.traffic.retryAfter",
                Text::new(
                    "`Retry-After` has whole seconds",
                    "`Retry-After` 값은 초 단위여야 합니다",
                ),
                Text::new(
                    "give whole seconds, such as `10s`",
                    "초 단위로 적으세요. 예: `10s`",
                ),
            );
        }
    }

    /// Checks a command; secrets in arguments are seen by every user of the machine.
    fn command(&mut self, path: &str, command: &RawCommand) {
        self.range(&format!("{path}.timeout"), command.timeout.0, SECOND, DAY);
        if command
            .command
            .first()
            .is_none_or(|program| program.trim().is_empty())
        {
            self.add(
                "PB-PLAN-VALUE",
                &format!("{path}.command"),
                Text::new(
                    "a command without a program",
                    "실행할 프로그램이 없는 명령입니다",
                ),
                Text::new(
                    "give the program first, for example `[./orders, --listen, 127.0.0.1:8081]`",
                    "프로그램을 먼저 적으세요. 예: `[./orders, --listen, 127.0.0.1:8081]`",
                ),
            );
        }
        for (index, argument) in command.command.iter().enumerate() {
            let flag = argument.split_once('=').map_or("", |(flag, _)| flag);
            if flag.starts_with('-') && is_secret_name(flag) {
                let field = format!("{path}.command[{index}]");
                let spot = self.node.locate(&field);
                self.problems.hide(spot);
                self.problems.add(
                    "PB-PLAN-INLINE-SECRET",
                    spot,
                    &field,
                    Text::new(
                        "a secret in the arguments of a command",
                        "명령 인수에 비밀 값이 들어 있습니다",
                    ),
                    Text::new(
                        "let the program read it from its environment or from a file: everyone on the machine can see arguments",
                        "인수는 같은 서버의 다른 사용자도 볼 수 있습니다. 환경 변수나 파일에서 읽게 하세요",
                    ),
                );
            }
        }
    }
}
