//! `planb report drill`.

use super::facts;
use crate::cli::{DrillArgs, FormatArg};
use crate::drills;
use crate::error::{CliError, CliResult, Exit};
use crate::verb::document;
use planb_assess::documents::drill::{self, Facts};
use planb_model::Lang;
use std::path::Path;

pub async fn run(args: DrillArgs, lang: Lang) -> CliResult<Exit> {
    let (format, output) = (args.out.format, args.out.output.as_deref());
    document::check_output(format, output)?;
    if let Some(run) = &args.run {
        return one_run(run, format, output, lang).await;
    }
    let plan = facts::plan(&args.plan, args.service.as_deref(), lang)?;
    let runs = facts::runs(&args.plan, &plan, &args.drill, lang).await?;
    let report = drill::report(Facts {
        service: plan.name.as_str(),
        objectives: &plan.objectives,
        runs,
        verifications: facts::verifications(&plan).await,
        now: jiff::Timestamp::now(),
    });
    document::write(&report, format, output, lang).await
}

/// The report of one measured run, which has its own look.
async fn one_run(
    path: &Path,
    format: FormatArg,
    output: Option<&Path>,
    lang: Lang,
) -> CliResult<Exit> {
    if !matches!(format, FormatArg::Html | FormatArg::Pdf) {
        return Err(CliError::new(
            Exit::Usage,
            "PB-REPORT-RUN",
            "the report of one run is written as html or pdf",
            "실행 하나의 보고서는 html 또는 pdf로만 만듭니다",
        )
        .hint("add --format html", "--format html을 추가하세요"));
    }
    let html = planb_server::report::render(&drills::read(path)?);
    // Both languages are in the file; this one is shown first.
    let html = match lang {
        Lang::En => html,
        Lang::Ko => facts::korean_first(&html),
    };
    document::keep(&html, format, output, lang).await
}
