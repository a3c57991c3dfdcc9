//! Checks of the two sites.

use super::{Check, HOUR};
use crate::Text;
use crate::plan::raw::{RawDatabase, RawRole, RawSite, RawSpec, RawWorkload};
use crate::plan::scalar::{DatabaseUrl, same_endpoint};
use std::time::Duration;

impl Check<'_> {
    pub(super) fn sites(&mut self, spec: &RawSpec) {
        for (index, site) in spec.sites.iter().enumerate() {
            let path = format!("spec.sites[{index}]");
            self.database(&format!("{path}.database"), &site.database);
            self.workload(&format!("{path}.workload"), &site.workload);
        }
        // The shape has made sure that there are two.
        let [first, second] = spec.sites.as_slice() else {
            return;
        };
        if first.role == second.role {
            self.roles(first.role);
        }
        self.apart(first, second);
    }

    fn roles(&mut self, role: RawRole) {
        let (have, need) = match role {
            RawRole::Primary => ("primary", "standby"),
            RawRole::Standby => ("standby", "primary"),
        };
        self.add(
            "PB-PLAN-SITES",
            "spec.sites[1].role",
            Text::new(
                format!("both sites are `{have}`; one has to be `{need}`"),
                format!("두 사이트가 모두 `{have}`입니다. 하나는 `{need}`이어야 합니다"),
            ),
            Text::new(
                "the site that takes writes in peace time is `primary`, the other `standby`",
                "평상시에 쓰기를 받는 사이트는 `primary`, 다른 사이트는 `standby`로 적으세요",
            ),
        );
    }

    /// The two sites must not be one: restoring into the standby would
    /// overwrite the primary.
    fn apart(&mut self, first: &RawSite, second: &RawSite) {
        let mut same = |path: &str, what_en: &str, what_ko: &str| {
            self.add(
                "PB-PLAN-SAME-PLACE",
                path,
                Text::new(
                    format!("both sites have the same {what_en}"),
                    format!("두 사이트의 {what_ko} 값이 같습니다"),
                ),
                Text::new(
                    "the second home has to stand apart from the first",
                    "대기 사이트는 주 사이트와 분리되어 있어야 합니다",
                ),
            );
        };
        if first.name == second.name {
            same("spec.sites[1].name", "name", "이름");
        }
        if same_database(&first.database.url.0, &second.database.url.0) {
            same("spec.sites[1].database.url", "database", "데이터베이스");
        }
        if first.health == second.health {
            same("spec.sites[1].health", "health URL", "상태 확인 URL");
        }
        if same_endpoint(&first.origin.0, &second.origin.0) {
            same("spec.sites[1].origin", "origin", "오리진");
        }
        let (one, other) = (engine(&first.database), engine(&second.database));
        if one != other {
            self.add(
                "PB-PLAN-ENGINE",
                "spec.sites[1].database.url",
                Text::new(
                    format!("the sites have different database engines: {one} and {other}"),
                    format!("두 사이트의 데이터베이스 종류가 다릅니다: {one}, {other}"),
                ),
                Text::new(
                    "a log can only be applied by the engine that wrote it: use the same one at both sites",
                    "로그는 같은 종류의 데이터베이스에만 적용할 수 있습니다. 두 사이트에 같은 종류를 쓰세요",
                ),
            );
        } else if databases(&first.database) != databases(&second.database) {
            self.add(
                "PB-PLAN-SITES",
                "spec.sites[1].database.databases",
                Text::new(
                    "the sites protect different databases",
                    "두 사이트의 보호 대상 데이터베이스 목록이 다릅니다",
                ),
                Text::new(
                    "name the same databases at both sites, in the URL or in `databases`",
                    "URL이나 `databases`에 두 사이트 모두 같은 데이터베이스를 적으세요",
                ),
            );
        }
    }

    fn database(&mut self, path: &str, database: &RawDatabase) {
        match &database.url.0 {
            DatabaseUrl::Sqlite(_) => {
                for (name, given) in [
                    ("password", database.password.is_some()),
                    ("databases", database.databases.is_some()),
                    ("tls", database.tls.is_some()),
                ] {
                    if given {
                        self.add(
                            "PB-PLAN-CONFLICT",
                            &format!("{path}.{name}"),
                            Text::new(
                                format!("`{name}` means nothing for SQLite"),
                                format!("SQLite에는 `{name}` 항목을 쓸 수 없습니다"),
                            ),
                            Text::new("take it out", "항목을 지우세요"),
                        );
                    }
                }
            }
            DatabaseUrl::Server {
                database: named, ..
            } => {
                if named.is_none() && database.databases.is_none() {
                    self.add(
                        "PB-PLAN-MISSING-FIELD",
                        &format!("{path}.databases"),
                        Text::new(
                            "no database is named",
                            "보호할 데이터베이스가 지정되지 않았습니다",
                        ),
                        Text::new(
                            "name it in the URL (`…:3306/orders`) or in `databases: [orders]`",
                            "URL(`…:3306/orders`)이나 `databases: [orders]`에 적으세요",
                        ),
                    );
                }
            }
        }
    }

    fn workload(&mut self, path: &str, workload: &RawWorkload) {
        if workload.start.is_some() == workload.observe.is_some() {
            self.add(
                "PB-PLAN-CONFLICT",
                path,
                Text::new(
                    "exactly one of `start` and `observe` is needed",
                    "`start`와 `observe` 중 정확히 하나가 필요합니다",
                ),
                Text::new(
                    "give `start` when PlanB runs the service, `observe: {}` when others do",
                    "PlanB가 서비스를 실행하면 `start`, 다른 시스템이 실행하면 `observe: {}`를 적으세요",
                ),
            );
        } else if workload.observe.is_some() {
            for (name, given) in [
                ("stop", workload.stop.is_some()),
                ("stopGrace", workload.stop_grace.is_some()),
            ] {
                if given {
                    self.add(
                        "PB-PLAN-CONFLICT",
                        &format!("{path}.{name}"),
                        Text::new(
                            format!("`{name}` belongs to `start`, not to `observe`"),
                            format!("`{name}` 항목은 `observe`가 아니라 `start`와 함께 씁니다"),
                        ),
                        Text::new(
                            "put the command into `observe.hooks.stop`",
                            "명령은 `observe.hooks.stop`에 적으세요",
                        ),
                    );
                }
            }
        }
        if let Some(grace) = &workload.stop_grace {
            self.range(&format!("{path}.stopGrace"), grace.0, Duration::ZERO, HOUR);
        }
        let hooks = workload.observe.as_ref().map(|o| &o.hooks);
        for (name, command) in [
            ("start", workload.start.as_ref()),
            ("stop", workload.stop.as_ref()),
            ("observe.hooks.start", hooks.and_then(|h| h.start.as_ref())),
            ("observe.hooks.stop", hooks.and_then(|h| h.stop.as_ref())),
            ("observe.hooks.fence", hooks.and_then(|h| h.fence.as_ref())),
        ] {
            if let Some(command) = command {
                self.command(&format!("{path}.{name}"), command);
            }
        }
    }
}

/// Whether two URLs lead to one database. A server counts as one place: the
/// standby's restore uses the same names there.
fn same_database(a: &DatabaseUrl, b: &DatabaseUrl) -> bool {
    match (a, b) {
        (DatabaseUrl::Sqlite(a), DatabaseUrl::Sqlite(b)) => a.components().eq(b.components()),
        (
            DatabaseUrl::Server { host, port, .. },
            DatabaseUrl::Server {
                host: other_host,
                port: other_port,
                ..
            },
        ) => host == other_host && port == other_port,
        _ => false,
    }
}

fn engine(database: &RawDatabase) -> crate::recovery::Engine {
    match &database.url.0 {
        DatabaseUrl::Sqlite(_) => crate::recovery::Engine::Sqlite,
        DatabaseUrl::Server { engine, .. } => *engine,
    }
}

/// The protected databases, in order; none for SQLite.
fn databases(database: &RawDatabase) -> Vec<&str> {
    let mut names: Vec<&str> = match (&database.databases, &database.url.0) {
        (Some(names), _) => names.iter().map(|n| n.0.as_str()).collect(),
        (None, DatabaseUrl::Server { database, .. }) => database.as_deref().into_iter().collect(),
        (None, DatabaseUrl::Sqlite(_)) => Vec::new(),
    };
    names.sort_unstable();
    names.dedup();
    names
}
