//! `planb report board`.

use super::facts;
use crate::cli::{BoardArgs, SourceArgs};
use crate::error::{CliResult, Exit};
use crate::verb::assess::compliance::{self, Asked};
use crate::verb::assess::{self, COMPLIANCE, files, method};
use crate::verb::document;
use planb_assess::documents::board::{self, Facts};
use planb_assess::{Assessed, answers};
use planb_model::Lang;
use planb_model::plan::{ServicePlan, review};
use std::path::Path;

pub async fn run(args: BoardArgs, lang: Lang) -> CliResult<Exit> {
    let (format, output) = (args.out.format, args.out.output.as_deref());
    document::check_output(format, output)?;
    let plan = facts::plan(&args.plan, args.service.as_deref(), lang)?;
    let mut assessed = Vec::with_capacity(args.answers.len());
    for path in &args.answers {
        assessed.push(given(path, &args, &plan, lang).await?);
    }
    let report = board::report(Facts {
        status: facts::status(&args.plan.state, &plan).await,
        runs: facts::runs(&args.plan, &plan, &args.drill, lang).await?,
        verifications: facts::verifications(&plan).await,
        review: review(&plan),
        assessed,
        now: jiff::Timestamp::now(),
        plan: &plan,
    });
    document::write(&report, format, output, lang).await
}

/// An assessment of the answers in `path`, with what is known of the service:
/// its measured drills, and for compliance all evidence that is there.
async fn given(
    path: &Path,
    args: &BoardArgs,
    plan: &ServicePlan,
    lang: Lang,
) -> CliResult<Assessed> {
    let text = files::answers(path, "NAME", lang)?;
    if answers::method_of(&text).as_deref() != Some(COMPLIANCE) {
        return assess::answered(path, &files::inputs(&args.drill)?, lang);
    }
    let sources = SourceArgs {
        plan: Some(args.plan.file.clone()),
        state: args.plan.state.clone(),
        service: Some(plan.name.to_string()),
        audit_key: None,
        trusted_signers: Vec::new(),
        no_vault: false,
    };
    let asked = Asked {
        sources: &sources,
        answers: Some(path),
        policy: None,
        drills: &args.drill,
    };
    let judged = Box::pin(compliance::judge(method(COMPLIANCE)?, &asked, lang)).await?;
    Ok(judged.assessed)
}
