//! What the command says and returns when something goes wrong.

use planb_engine::EngineError;
use planb_model::Text;
use planb_model::plan::AddressError;
use planb_ports::PortError;
use std::process::ExitCode;

/// Exit codes; documented in docs/reference/exit-codes.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Something failed; the error says what.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The plan file has errors.
    PlanInvalid,
    /// A check found errors.
    CheckFailed,
    /// An execution waits for an operator.
    NeedsOperator,
    /// Another process owns the state.
    StateLocked,
    /// Ctrl-C or SIGTERM; everything durable is kept.
    Interrupted,
}

impl Exit {
    /// The number the shell sees.
    pub fn number(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::PlanInvalid => 3,
            Exit::CheckFailed => 4,
            Exit::NeedsOperator => 5,
            Exit::StateLocked => 6,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.number())
    }
}

/// An error as the command shows it.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    /// Code with a page in docs/errors; empty when the text says everything.
    pub code: String,
    /// What happened.
    pub message: Text,
    /// What to do. Boxed: this error is in every result of the command.
    pub hint: Option<Box<Text>>,
}

/// Result of a verb.
pub type CliResult<T> = Result<T, CliError>;

impl CliError {
    /// An error in both languages.
    pub fn new(exit: Exit, code: &str, en: impl Into<String>, ko: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            message: Text::new(en, ko),
            hint: None,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, en: impl Into<String>, ko: impl Into<String>) -> Self {
        self.hint = Some(Box::new(Text::new(en, ko)));
        self
    }

    /// An error of the local system while doing `en` / `ko`.
    pub fn io(en: &str, ko: &str, error: impl std::fmt::Display) -> Self {
        Self::new(
            Exit::Failed,
            "PB-CLI-IO",
            format!("cannot {en}: {error}"),
            format!("{ko} 할 수 없습니다: {error}"),
        )
    }

    /// The same error with another exit code.
    #[must_use]
    pub fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl From<AddressError> for CliError {
    fn from(error: AddressError) -> Self {
        let code = if error.secret {
            "PB-CLI-SECRET"
        } else {
            "PB-CLI-ADDRESS"
        };
        let mut shown = Self::new(Exit::Usage, code, error.message.en, error.message.ko);
        shown.hint = Some(Box::new(if error.secret {
            Text::new(
                "take it out and refer to it: PLANB_DATABASE_PASSWORD or --password-file for a database, --vault-secret NAME=env:VARIABLE for a vault; change it, too, because command lines are seen by others",
                "URL에서 빼고 참조로 지정하세요: 데이터베이스는 PLANB_DATABASE_PASSWORD 또는 --password-file, 볼트는 --vault-secret NAME=env:변수. 명령줄은 다른 사용자에게 보이므로 해당 비밀 값도 변경하세요",
            )
        } else {
            error.hint
        }));
        shown
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        if let EngineError::Port(port) = error {
            return port.into();
        }
        let text = error.to_string();
        let mut shown = Self::new(Exit::Failed, error.code(), text.clone(), text);
        shown.hint = error.hint().map(Box::new);
        shown
    }
}

impl From<PortError> for CliError {
    fn from(error: PortError) -> Self {
        let exit = match error.code() {
            "PB-STATE-LOCKED" => Exit::StateLocked,
            _ => Exit::Failed,
        };
        let text = error.chain();
        let mut shown = Self::new(exit, error.code(), text.clone(), text);
        shown.hint = error.hint_text().cloned().map(Box::new);
        shown
    }
}
