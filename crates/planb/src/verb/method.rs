//! What a snapshot was made of, and why, as `backup` and `stream` tell it.

use planb_model::Text;

/// What was taken.
pub struct Taken {
    files: bool,
    /// Why, where there was a choice.
    pub why: Option<Text>,
}

impl Taken {
    pub fn new(files: bool, why: Option<Text>) -> Self {
        Self { files, why }
    }

    /// As the options are called.
    pub fn name(&self) -> &'static str {
        if self.files { "physical" } else { "logical" }
    }

    /// In words; `None` where there was no choice.
    pub fn text(&self) -> Option<Text> {
        let why = self.why.as_ref()?;
        let (en, ko) = match self.files {
            true => ("files were copied", "파일을 복사했습니다"),
            false => ("rows were copied", "행을 복사했습니다"),
        };
        Some(Text::new(
            format!("{en}: {}", why.en),
            format!("{ko}: {}", why.ko),
        ))
    }
}
