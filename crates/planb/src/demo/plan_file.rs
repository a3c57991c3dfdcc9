//! The plan file of the demo: written to disk and read back by the same parser
//! as everybody's, so that `planb status`, `history` and the rest work on it.

use super::{CONTAINER, SERVICE, Stage};
use crate::error::{CliError, CliResult, Exit};
use planb_launch::azurite::ACCOUNT_KEY;
use planb_model::Lang;
use planb_model::plan::{self, ServicePlan};
use std::fmt::Write;
use std::path::Path;

/// Writes planb.yaml for the stage and reads it back.
pub fn write(stage: &Stage, edge_port: u16) -> CliResult<ServicePlan> {
    let text = text(stage, edge_port)?;
    let path = stage.plan_path();
    std::fs::write(&path, &text)
        .map_err(|e| CliError::io("write the plan", "계획 파일을 쓰기를", e))?;
    let file = path.display().to_string();
    let mut plans = plan::parse(&text, &file).map_err(|errors| {
        CliError::new(
            Exit::PlanInvalid,
            "PB-PLAN-INVALID",
            errors.render(Lang::En),
            errors.render(Lang::Ko),
        )
    })?;
    plans
        .pop()
        .ok_or_else(|| CliError::io("read the plan", "계획 파일을 읽기를", "it has no document"))
}

fn text(stage: &Stage, edge_port: u16) -> CliResult<String> {
    // A server takes its time to load what a file copy has at once.
    let rto = if stage.primary.has_server() {
        "30s"
    } else {
        "10s"
    };
    let mut text = format!(
        "# The plan of `planb demo`.\n\
         apiVersion: planb.dev/v1\n\
         kind: Service\n\
         metadata:\n  name: {SERVICE}\n\
         spec:\n  grade: 1\n  objectives: {{ rto: {rto}, rpo: 1s }}\n  strategy: pilot-light\n  sites:\n"
    );
    for (site, role) in [(&stage.primary, "primary"), (&stage.standby, "standby")] {
        site.write_plan(&mut text, role);
    }
    text.push_str("  data:\n");
    write_vault(&mut text, stage)?;
    let rest = format!(
        "    flush: {{ interval: 250ms, size: 1MiB }}\n    canaryInterval: 250ms\n  \
         health: {{ interval: 1s, timeout: 800ms, failures: 5, recoveries: 3, shedQuorum: 3, promoteQuorum: 4 }}\n  \
         traffic:\n    edge: {{ listen: \"127.0.0.1:{edge_port}\" }}\n    retryAfter: 5s\n  \
         failover: {{ mode: automatic }}\n"
    );
    text.push_str(&rest);
    Ok(text)
}

fn write_vault(text: &mut String, stage: &Stage) -> CliResult<()> {
    let Some(azurite) = &stage.azurite else {
        let path = stage.dir.join("vault");
        append(
            text,
            format_args!("    vault: {{ url: {} }}\n", file_url(&path)),
        );
        return Ok(());
    };
    // Secrets only by reference, even one that is public.
    let key = stage.dir.join("azurite.key");
    std::fs::write(&key, ACCOUNT_KEY)
        .map_err(|e| CliError::io("write the vault's key", "볼트 키를 쓰기를", e))?;
    append(
        text,
        format_args!("    vault:\n      url: az://{CONTAINER}/\n      options:\n"),
    );
    for (name, value) in azurite.options() {
        append(text, format_args!("        {name}: \"{value}\"\n"));
    }
    append(
        text,
        format_args!(
            "      secretOptions:\n        azure_storage_account_key: {{ file: {} }}\n",
            quoted(&key)
        ),
    );
    Ok(())
}

fn file_url(path: &Path) -> String {
    format!("\"file://{}\"", path.display())
}

/// A path as a YAML string.
pub fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// Appends formatted text; writing to a string cannot fail.
pub fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).unwrap_or_default();
}
