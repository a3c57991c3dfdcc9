//! The demo, several times over.

use super::{Table, median};
use crate::{services, sh};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use std::process::Command;

/// What the demo is run with.
#[derive(Debug, Args)]
pub struct Options {
    /// sqlite or mariadb
    #[arg(long, default_value = "sqlite")]
    database: String,
    /// local or azurite
    #[arg(long, default_value = "local")]
    vault: String,
    /// Megabytes of data before it starts; the demo's own default without it
    #[arg(long, value_name = "MB")]
    size_mb: Option<u32>,
    /// How often
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

impl Options {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            "--database".to_owned(),
            self.database.clone(),
            "--vault".to_owned(),
            self.vault.clone(),
        ];
        if let Some(size) = self.size_mb {
            arguments.extend(["--size-mb".to_owned(), size.to_string()]);
        }
        arguments
    }

    fn marker(&self) -> String {
        let size = self.size_mb.map_or(String::new(), |mb| format!("-{mb}mb"));
        format!("demo-{}-{}{size}", self.database, self.vault)
    }
}

/// Figures of the table: title, JSON pointer, digits after the point.
const FIGURES: &[(&str, &str, usize)] = &[
    ("RTO, s", "/rto_seconds", 2),
    ("detect, s", "/phases/detect_seconds", 2),
    ("decide, s", "/phases/decide_seconds", 2),
    ("execute, s", "/phases/execute_seconds", 2),
    ("traffic, s", "/phases/traffic_seconds", 2),
    ("RPO, s", "/rpo_seconds", 3),
    ("orders acknowledged", "/acknowledged", 0),
    ("orders lost", "/lost", 0),
    ("failback: no answer, s", "/failback/rto_seconds", 2),
    ("failback: orders lost", "/failback/lost", 0),
];

/// Runs the demo `runs` times. A run that is not verified is an error: its
/// figures prove nothing.
pub fn measure(options: &Options) -> Result<Table> {
    let arguments = options.arguments();
    let mut results = Vec::new();
    for number in 1..=options.runs {
        eprintln!("demo {number} of {}", options.runs);
        let result = once(&arguments)?;
        if result["verified"] != true {
            bail!("run {number} was not verified: {result}");
        }
        results.push(result);
    }
    Ok(Table {
        name: options.marker(),
        markdown: format!(
            "`planb demo {}`, {} runs, all verified.\n\n{}",
            arguments.join(" "),
            results.len(),
            table(&results)?
        ),
    })
}

/// One run; its JSON.
pub fn once(arguments: &[String]) -> Result<Value> {
    let binary = super::release_binary()?;
    let output = sh::capture(
        Command::new(binary)
            .current_dir(sh::root())
            .env("PLANB_AZURITE", services::azurite())
            .args(["demo", "--json"])
            .args(arguments),
    )?;
    serde_json::from_str(&output).context("`planb demo --json` printed no JSON")
}

fn table(results: &[Value]) -> Result<String> {
    let mut text = String::from("| figure | median | lowest | highest |\n|---|---:|---:|---:|\n");
    for (title, pointer, digits) in FIGURES {
        let values: Vec<f64> = results
            .iter()
            .map(|r| {
                r.pointer(pointer)
                    .and_then(Value::as_f64)
                    .with_context(|| format!("the demo's JSON has no number at {pointer}"))
            })
            .collect::<Result<_>>()?;
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        text.push_str(&format!(
            "| {title} | {:.digits$} | {low:.digits$} | {high:.digits$} |\n",
            median(values),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(rto: f64) -> Value {
        serde_json::json!({
            "rto_seconds": rto, "rpo_seconds": 0.25, "acknowledged": 100, "lost": 1,
            "phases": {"detect_seconds": 5.0, "decide_seconds": 0.0,
                       "execute_seconds": 1.5, "traffic_seconds": 0.1},
            "failback": {"rto_seconds": 0.4, "lost": 0}, "verified": true
        })
    }

    #[test]
    fn the_table_has_median_and_spread() {
        let table = table(&[result(7.0), result(6.0), result(9.0)]).unwrap();
        assert!(table.contains("| RTO, s | 7.00 | 6.00 | 9.00 |"), "{table}");
        assert!(table.contains("| orders lost | 1 | 1 | 1 |"), "{table}");
    }

    #[test]
    fn a_missing_figure_is_an_error() {
        let error = table(&[serde_json::json!({"rto_seconds": "7"})]).unwrap_err();
        assert!(error.to_string().contains("/rto_seconds"));
    }
}
