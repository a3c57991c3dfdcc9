//! Writes a report where it was asked for, in the form that was asked for.

use super::assess::files;
use crate::cli::FormatArg;
use crate::error::{CliError, CliResult, Exit};
use crate::{output, pdf};
use planb_assess::Assessed;
use planb_assess::render::{self, Format, Options};
use planb_model::{Lang, Text};
use std::path::Path;

/// Columns of text that does not go to a terminal.
const COLUMNS_DEFAULT: usize = 100;

/// Columns of the terminal.
pub fn columns() -> usize {
    terminal_size::terminal_size().map_or(COLUMNS_DEFAULT, |(width, _)| width.0.into())
}

/// Refuses a form that has no place to go to, before any work is done.
pub fn check_output(format: FormatArg, output: Option<&Path>) -> CliResult<()> {
    if format != FormatArg::Pdf {
        return Ok(());
    }
    if output.is_none() {
        return Err(CliError::new(
            Exit::Usage,
            "PB-PDF-OUTPUT",
            "a PDF goes to a file",
            "PDF는 파일로만 저장합니다",
        )
        .hint("name it with -o FILE", "-o로 파일을 지정하세요"));
    }
    pdf::browser().map(drop)
}

/// Writes `assessed` to `output`, or to stdout.
pub async fn write(
    assessed: &Assessed,
    format: FormatArg,
    output: Option<&Path>,
    lang: Lang,
) -> CliResult<Exit> {
    let form = match format {
        FormatArg::Text => Format::Text,
        FormatArg::Json => Format::Json,
        FormatArg::Md => Format::Markdown,
        FormatArg::Html | FormatArg::Pdf => Format::Html,
        FormatArg::Csv => Format::Csv,
    };
    let options = Options {
        lang,
        columns: columns(),
        date: jiff::Zoned::now().strftime("%Y-%m-%d").to_string(),
    };
    let text = render::render(assessed, form, &options);
    keep(&text, format, output, lang).await
}

/// Writes a text that is in its form already; HTML is printed for PDF.
pub async fn keep(
    text: &str,
    format: FormatArg,
    output: Option<&Path>,
    lang: Lang,
) -> CliResult<Exit> {
    let Some(path) = output else {
        output::data(text.trim_end());
        return Ok(Exit::Done);
    };
    if format == FormatArg::Pdf {
        files::replace(path, &pdf::print(text).await?)?;
    } else {
        files::replace(path, text.as_bytes())?;
    }
    let path = path.display();
    let wrote = Text::new(
        format!("wrote {path}"),
        format!("{path} 파일을 만들었습니다"),
    );
    output::note(wrote.get(lang));
    Ok(Exit::Done)
}
