//! `planb report board`.

use super::facts;
use crate::cli::BoardArgs;
use crate::error::{CliResult, Exit};
use crate::verb::{assess, document};
use planb_assess::Inputs;
use planb_assess::documents::board::{self, Facts};
use planb_model::Lang;
use planb_model::plan::review;

pub async fn run(args: BoardArgs, lang: Lang) -> CliResult<Exit> {
    let (format, output) = (args.out.format, args.out.output.as_deref());
    document::check_output(format, output)?;
    let plan = facts::plan(&args.plan, args.service.as_deref(), lang)?;
    let inputs = Inputs::default();
    let assessed = args
        .answers
        .iter()
        .map(|path| assess::answered(path, &inputs, lang))
        .collect::<CliResult<_>>()?;
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
