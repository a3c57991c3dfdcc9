//! How long an assessment takes: a large inventory, and a long simulation.

use super::{Table, median, release_binary};
use crate::sh;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Enough for a steady median of something that takes a fraction of a second.
const RUNS: usize = 5;
/// Workloads of the inventory.
const WORKLOADS: usize = 10_000;

/// Times `planb assess` from process start to process end.
pub fn measure() -> Result<Table> {
    let binary = release_binary()?;
    let folder = sh::root().join("target/tmp/bench-assess");
    std::fs::create_dir_all(&folder).context("make the folder of the benchmark")?;
    std::fs::write(folder.join("inventory.csv"), inventory(false))?;
    std::fs::write(folder.join("inventory.yaml"), inventory(true))?;
    std::fs::write(folder.join("recovery.yaml"), RECOVERY)?;
    let mut markdown = String::from("| assessment | median, ms | highest, ms |\n|---|---:|---:|\n");
    for (what, arguments) in [
        (
            "`triage`, 10,000 workloads, CSV to text",
            ["triage", "-f", "inventory.csv"],
        ),
        (
            "`triage`, 10,000 workloads, YAML to text",
            ["triage", "-f", "inventory.yaml"],
        ),
        (
            "`recovery-path`, 100,000 runs",
            ["recovery-path", "-f", "recovery.yaml"],
        ),
    ] {
        let times = (0..RUNS)
            .map(|_| time(&binary, &folder, &arguments))
            .collect::<Result<Vec<_>>>()?;
        let highest = times.iter().copied().fold(0.0, f64::max);
        writeln!(markdown, "| {what} | {:.0} | {highest:.0} |", median(times))?;
    }
    Ok(Table {
        name: "assess".to_owned(),
        markdown: format!("Process start to process end, {RUNS} runs.\n\n{markdown}"),
    })
}

/// Milliseconds of one run.
fn time(binary: &Path, folder: &Path, arguments: &[&str]) -> Result<f64> {
    let began = Instant::now();
    let status = Command::new(binary)
        .current_dir(folder)
        .arg("assess")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        bail!("`planb assess {}` failed ({status})", arguments.join(" "));
    }
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

/// An inventory of which every class has its share.
fn inventory(yaml: bool) -> String {
    const FIELDS: [&str; 9] = [
        "name",
        "extremeLatency",
        "isolation",
        "overheadTolerable",
        "kernelModule",
        "driver",
        "realTimeOs",
        "windowsBound",
        "osBound",
    ];
    let mut text = if yaml {
        "assess: triage\nanswers:\n  exitRatio: 80%\n  exitBy: 2028-12\n  workloads:\n".to_owned()
    } else {
        format!("{}\n", FIELDS.join(","))
    };
    for number in 0..WORKLOADS {
        let every = |nth: usize| if number % nth == 0 { "yes" } else { "no" };
        let name = format!("workload-{number}");
        let isolation = if number % 11 == 0 {
            "hypervisor"
        } else {
            "none"
        };
        let cells = [
            name.as_str(),
            every(50),
            isolation,
            every(2),
            every(31),
            every(37),
            every(97),
            every(17),
            every(41),
        ];
        let line = if yaml {
            let pairs: Vec<String> = FIELDS
                .iter()
                .zip(cells)
                .map(|(f, c)| format!("{f}: {c}"))
                .collect();
            format!("    - {{ {} }}\n", pairs.join(", "))
        } else {
            format!("{}\n", cells.join(","))
        };
        text.push_str(&line);
    }
    text
}

/// The document's own times.
const RECOVERY: &str = "assess: recovery-path
answers:
  imagesAtOther: yes
  dataAtOther: yes
  timesMeasured: yes
  callOutInRoi: yes
  drillRunsWhole: yes
  runs: 100000
";
