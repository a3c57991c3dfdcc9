//! Settings of the server.

use crate::client::{Client, literal};
use crate::config::Method;
use crate::own;
use crate::wire::Wire;
use planb_model::Text;
use planb_model::finding::Severity;
use planb_ports::database::DatabaseRole;
use planb_ports::{Findings, PortResult};

/// A walsender for the log and one for a snapshot beside it.
const SENDERS_MIN: i64 = 2;

/// Looks at what the role needs.
pub(super) async fn check(
    client: &Client,
    wire: &mut Wire,
    role: DatabaseRole,
    report: &mut Findings,
) -> PortResult<()> {
    if role == DatabaseRole::Target {
        return Ok(());
    }
    if own::in_recovery(wire).await? {
        report.add(
            "PB-POSTGRES-STANDBY",
            Severity::Warning,
            Text::new(
                "the server is in recovery and takes no writes",
                "서버가 복구 모드라 쓰기를 받지 않습니다",
            ),
            Text::new(
                "name the server that takes writes as the primary site's",
                "주 사이트에는 쓰기를 받는 서버를 지정하세요",
            ),
        );
    }
    if client.config.method == Method::Physical {
        wal_level(wire, report).await?;
        senders(wire, report).await?;
        slots(client, wire, report).await?;
        retention(wire, report).await?;
        unlogged(wire, report).await?;
    }
    durability(wire, report).await
}

async fn setting(wire: &mut Wire, name: &str) -> PortResult<String> {
    let sql = format!("SELECT setting FROM pg_settings WHERE name = '{name}'");
    let value = wire.first("read the settings", &sql).await?;
    Ok(value.unwrap_or_default())
}

async fn wal_level(wire: &mut Wire, report: &mut Findings) -> PortResult<()> {
    let value = setting(wire, "wal_level").await?;
    let good = matches!(value.as_str(), "replica" | "logical");
    report.add(
        "PB-POSTGRES-WAL-LEVEL",
        if good { Severity::Ok } else { Severity::Error },
        Text::same(format!("wal_level = {value}")),
        Text::new(
            "set wal_level = replica and restart the server: without it the log cannot be applied elsewhere",
            "wal_level = replica로 설정하고 서버를 다시 시작하세요. 그렇지 않으면 로그를 다른 곳에 적용할 수 없습니다",
        ),
    );
    Ok(())
}

async fn senders(wire: &mut Wire, report: &mut Findings) -> PortResult<()> {
    let value = setting(wire, "max_wal_senders").await?;
    let good = value.parse::<i64>().is_ok_and(|n| n >= SENDERS_MIN);
    report.add(
        "PB-POSTGRES-WAL-SENDERS",
        if good { Severity::Ok } else { Severity::Error },
        Text::same(format!("max_wal_senders = {value}")),
        Text::new(
            "PlanB needs two: one for the log, one for a snapshot beside it",
            "PlanB는 로그용과 스냅샷용으로 두 개가 필요합니다",
        ),
    );
    Ok(())
}

async fn slots(client: &Client, wire: &mut Wire, report: &mut Findings) -> PortResult<()> {
    let sql = format!(
        "SELECT current_setting('max_replication_slots')::int > count(*) \
         FROM pg_replication_slots WHERE slot_name <> {}",
        literal(&client.config.slot)
    );
    let free = wire.first("count replication slots", &sql).await?;
    let good = free.as_deref() == Some("t");
    report.add(
        "PB-POSTGRES-SLOTS",
        if good { Severity::Ok } else { Severity::Error },
        match good {
            true => Text::new(
                "a replication slot is free",
                "복제 슬롯을 사용할 수 있습니다",
            ),
            false => Text::new("no replication slot is free", "남은 복제 슬롯이 없습니다"),
        },
        Text::new(
            "raise max_replication_slots, or drop slots nobody uses",
            "max_replication_slots를 늘리거나 사용하지 않는 슬롯을 삭제하세요",
        ),
    );
    Ok(())
}

/// Log that is kept for PlanB must not fill the source's disk.
async fn retention(wire: &mut Wire, report: &mut Findings) -> PortResult<()> {
    let value = setting(wire, "max_slot_wal_keep_size").await?;
    let bounded = value.parse::<i64>().is_ok_and(|megabytes| megabytes >= 0);
    report.add(
        "PB-POSTGRES-RETENTION",
        if bounded { Severity::Ok } else { Severity::Warning },
        match bounded {
            true => Text::same(format!("max_slot_wal_keep_size = {value} MB")),
            false => Text::new(
                "log is kept for PlanB without a bound: when the vault cannot be reached for long, the source's disk fills up",
                "PlanB용 로그 보존에 상한이 없어, 볼트에 오래 접근하지 못하면 원본 서버의 디스크가 가득 찰 수 있습니다",
            ),
        },
        Text::new(
            "set max_slot_wal_keep_size to what the disk can spare, such as 20GB; beyond it PlanB takes a new snapshot",
            "max_slot_wal_keep_size를 디스크 여유에 맞게(예: 20GB) 설정하세요. 넘으면 PlanB가 새 스냅샷을 만듭니다",
        ),
    );
    Ok(())
}

async fn unlogged(wire: &mut Wire, report: &mut Findings) -> PortResult<()> {
    let sql = "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class \
               WHERE relkind = 'r' AND relpersistence = 'u'";
    if let Some(names) = wire.first("look for unlogged tables", sql).await? {
        report.add(
            "PB-POSTGRES-UNLOGGED",
            Severity::Warning,
            Text::new(
                format!("unlogged tables are empty after a restore: {names}"),
                format!("UNLOGGED 테이블은 복원 후 비어 있습니다: {names}"),
            ),
            Text::new(
                "ALTER TABLE … SET LOGGED, unless their rows may be lost",
                "행이 사라지면 안 되는 테이블에는 ALTER TABLE … SET LOGGED를 실행하세요",
            ),
        );
    }
    Ok(())
}

async fn durability(wire: &mut Wire, report: &mut Findings) -> PortResult<()> {
    for name in ["fsync", "full_page_writes"] {
        let value = setting(wire, name).await?;
        report.add(
            "PB-POSTGRES-DURABILITY",
            if value == "on" {
                Severity::Ok
            } else {
                Severity::Error
            },
            Text::same(format!("{name} = {value}")),
            Text::new(
                format!("set {name} = on: a crash may damage the data"),
                format!("{name} = on으로 설정하세요. 장애 시 데이터가 손상될 수 있습니다"),
            ),
        );
    }
    Ok(())
}
