//! `planb report`: what is measured and given, put together for people who
//! decide. How it looks is in `planb-assess`; here it is read.

mod board;
mod cost;
mod drill;
mod evidence;
mod facts;

use crate::cli::{ReportArgs, ReportVerb};
use crate::error::{CliResult, Exit};
use planb_model::Lang;

pub async fn run(args: ReportArgs, lang: Lang) -> CliResult<Exit> {
    match args.verb {
        ReportVerb::Board(args) => Box::pin(board::run(args, lang)).await,
        ReportVerb::Drill(args) => Box::pin(drill::run(args, lang)).await,
        ReportVerb::Cost(args) => cost::run(args, lang).await,
        ReportVerb::Evidence(args) => Box::pin(evidence::run(args, lang)).await,
    }
}
