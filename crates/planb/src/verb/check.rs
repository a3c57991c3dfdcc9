//! `planb check`: the plan file, then everything it names.

use super::read_plan;
use crate::cli::CheckArgs;
use crate::error::{CliResult, Exit};
use crate::output;
use planb_model::finding::{Finding, Severity};
use planb_model::{Lang, Text};
use planb_server::check;

pub async fn run(args: CheckArgs, lang: Lang) -> CliResult<Exit> {
    let plans = read_plan(&args.plan, lang)?;
    let mut findings = vec![Finding::ok(
        "PB-PLAN-VALID",
        args.plan.file.display().to_string(),
        Text::new(
            format!("{} service(s), no errors", plans.len()),
            format!("서비스 {}개, 오류 없음", plans.len()),
        ),
    )];
    if !args.static_only {
        for plan in &plans {
            findings.extend(check::live(plan, &args.plan.state).await);
        }
    }
    let bad = findings
        .iter()
        .any(|f| matches!(f.severity, Severity::Error | Severity::Unknown));
    if args.json {
        output::json(&serde_json::json!({ "ok": !bad, "findings": findings }))?;
    } else {
        output::findings(&findings, lang);
    }
    Ok(if bad { Exit::CheckFailed } else { Exit::Done })
}
