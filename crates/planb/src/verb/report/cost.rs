//! `planb report cost`.

use crate::cli::CostArgs;
use crate::error::{CliError, CliResult, Exit};
use crate::verb::{assess, document};
use planb_assess::Inputs;
use planb_assess::documents::cost;
use planb_model::Lang;

const METHOD: &str = "cost";

pub async fn run(args: CostArgs, lang: Lang) -> CliResult<Exit> {
    document::check_output(args.out.format, args.out.output.as_deref())?;
    let assessed = if args.example {
        assess::illustrated(METHOD, lang)?
    } else {
        assess::answered(&args.answers, &Inputs::default(), lang)?
    };
    if assessed.report.method != METHOD {
        let (path, other) = (args.answers.display(), assessed.report.method);
        return Err(CliError::new(
            Exit::PlanInvalid,
            "PB-ANSWERS-UNNAMED",
            format!("{path} answers '{other}', not '{METHOD}'"),
            format!("{path}은(는) '{METHOD}'이(가) 아니라 '{other}'의 답변입니다"),
        )
        .hint(
            "write one with `planb assess init cost > cost.yaml`",
            "`planb assess init cost > cost.yaml`로 만드세요",
        ));
    }
    let report = cost::report(assessed, args.example);
    document::write(&report, args.out.format, args.out.output.as_deref(), lang).await
}
