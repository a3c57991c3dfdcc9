//! Arguments of `assess`.

use super::SourceArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Arguments of `assess`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct AssessArgs {
    /// List the methods, print an answers file to fill in, or the rules of a method
    #[command(subcommand)]
    pub verb: Option<AssessVerb>,
    /// The method; `planb assess list` shows them
    pub name: Option<String>,
    /// The answers, YAML or CSV; `-` for stdin; by default NAME.yaml
    #[arg(short = 'f', long = "file")]
    pub answers: Option<PathBuf>,
    /// Ask the open questions at the keyboard and keep the answers in the file
    #[arg(long)]
    pub interactive: bool,
    /// How the report is written
    #[arg(long, value_enum, default_value_t = FormatArg::Text)]
    pub format: FormatArg,
    /// Where the report goes; by default stdout
    #[arg(short = 'o', long)]
    pub output: Option<PathBuf>,
    /// Rules to use in place of the built-in ones; begin with `planb assess rules NAME`
    #[arg(long, visible_alias = "policy", value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Measured failovers (JSON of `planb demo` or `planb history`); may be given again
    #[arg(long, value_name = "FILE")]
    pub drill: Vec<PathBuf>,
    /// Where `compliance` looks for evidence
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Folder with Kubernetes manifests, read as evidence by `authenticity`; links are not followed
    #[arg(long, value_name = "DIR")]
    pub manifests: Option<PathBuf>,
}

/// What else `assess` does.
#[derive(Debug, Clone, Subcommand)]
pub enum AssessVerb {
    /// List the methods
    List {
        /// Print JSON on stdout
        #[arg(long)]
        json: bool,
    },
    /// Print a commented answers file with the document's example values
    Init {
        /// The method
        name: String,
    },
    /// Print the rules of a method, to change them
    Rules {
        /// The method
        name: String,
    },
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// For the terminal
    Text,
    /// For machines
    Json,
    /// Markdown
    Md,
    /// One HTML file
    Html,
    /// The tables, for a spreadsheet
    Csv,
    /// PDF, printed by Chromium; needs -o
    Pdf,
}
