//! Files of `--drill` for reports about one service: measured failovers, each
//! refused with its reason when it is none, or is about something else.

use crate::error::{CliError, CliResult, Exit};
use crate::verb::assess::files;
use planb_assess::measured::Runs;
use planb_model::drill::DrillResult;
use planb_model::plan::ServicePlan;
use std::path::{Path, PathBuf};

/// Reads the files; with a plan, each must be about its service and its sites.
pub fn of_service(paths: &[PathBuf], plan: Option<&ServicePlan>) -> CliResult<Vec<DrillResult>> {
    let mut all = Vec::with_capacity(paths.len());
    for path in paths {
        let drill = read(path)?;
        if let Some(plan) = plan.filter(|plan| !is_about(&drill, plan)) {
            return Err(of_other(path, &drill, plan));
        }
        all.push(drill);
    }
    Ok(all)
}

/// Reads one file.
pub fn read(path: &Path) -> CliResult<DrillResult> {
    let text = files::rules(path)?;
    DrillResult::from_json(text.as_bytes()).map_err(|error| {
        let history = Runs::read(&text).is_ok();
        let why = if history {
            "it is a history".to_owned()
        } else {
            error.to_string()
        };
        none(path, &why, history)
    })
}

fn is_about(drill: &DrillResult, plan: &ServicePlan) -> bool {
    let setup = &drill.setup;
    let is_site = |name: &str| plan.sites().iter().any(|site| site.name.as_str() == name);
    setup.service == plan.name.as_str() && is_site(&setup.from) && is_site(&setup.to)
}

fn none(path: &Path, why: &str, history: bool) -> CliError {
    let file = path.display();
    let error = CliError::new(
        Exit::PlanInvalid,
        "PB-REPORT-RUN",
        format!("{file} is no measured run: {why}"),
        format!("{file}은(는) 실측한 실행이 아닙니다: {why}"),
    );
    if history {
        return error.hint(
            "leave it out: the history is read from the state itself; name that with --state",
            "이 파일은 빼세요. 실행 기록은 상태 디렉터리에서 직접 읽습니다. --state로 지정하세요",
        );
    }
    error.hint(
        "`planb demo --json` prints one",
        "`planb demo --json`의 출력을 지정하세요",
    )
}

fn of_other(path: &Path, drill: &DrillResult, plan: &ServicePlan) -> CliError {
    let (file, setup) = (path.display(), &drill.setup);
    let (service, from, to) = (&setup.service, &setup.from, &setup.to);
    let (one, other) = (&plan.primary.name, &plan.standby.name);
    CliError::new(
        Exit::PlanInvalid,
        "PB-REPORT-RUN",
        format!("{file} is a run of service {service} from {from} to {to}"),
        format!("{file}은(는) 서비스 {service}의 {from} → {to} 실행입니다"),
    )
    .hint(
        format!("this report is about {} between {one} and {other}; leave the file out, or name its plan", plan.name),
        format!("이 보고서는 {one}, {other} 사이트의 {} 서비스에 대한 것입니다. 파일을 빼거나 해당 계획 파일을 지정하세요", plan.name),
    )
}
