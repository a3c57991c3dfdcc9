//! The data directory that is restored into.

use crate::client::Client;
use crate::restore::notes::data_dir;
use crate::restore::owner::Owner;
use planb_model::Text;
use planb_model::finding::Severity;
use planb_ports::Findings;

/// Looks at programs, folder and room.
pub(super) fn check(client: &Client, report: &mut Findings) {
    let data = match data_dir(&client.config) {
        Ok(data) => data,
        Err(error) => return report.unlooked(&error, Severity::Error),
    };
    for name in ["pg_ctl", "pg_controldata"] {
        match client.program(name) {
            Ok(path) => report.ok(
                "PB-POSTGRES-PROGRAM",
                Text::same(format!("{}", path.display())),
            ),
            Err(error) => report.unlooked(&error, Severity::Error),
        }
    }
    match Owner::of(&data) {
        Ok(_) => report.ok(
            "PB-POSTGRES-DATA-DIR",
            Text::new(
                format!("{} can be restored into", data.display()),
                format!("{} 폴더에 복원할 수 있습니다", data.display()),
            ),
        ),
        Err(error) => report.unlooked(&error, Severity::Error),
    }
    space(&data, report);
}

/// Nobody knows yet how large the data is: the free room is told.
fn space(data: &std::path::Path, report: &mut Findings) {
    let there = data.ancestors().find(|p| p.exists());
    let Some(facts) = there.and_then(|p| nix::sys::statvfs::statvfs(p).ok()) else {
        return;
    };
    let free = facts.blocks_available() * facts.fragment_size();
    let gib = free as f64 / f64::from(1 << 30);
    report.ok(
        "PB-POSTGRES-SPACE",
        Text::new(
            format!("{gib:.1} GiB are free there"),
            format!("여유 공간이 {gib:.1}GiB 있습니다"),
        ),
    );
}
