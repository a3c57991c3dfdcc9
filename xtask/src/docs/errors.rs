//! The page of all error codes, from the files in docs/errors/codes.

use crate::suite;
use anyhow::{Result, bail};
use std::path::Path;

const HEAD: &str = "\
<!-- Made by `cargo xtask docs` from docs/errors/codes; change those files, not this one. -->

# Error codes · 오류 코드

Every error PlanB shows to a person ends with a code. This page says what each one means and what
to do. Codes never change their meaning; a code that is no longer used is not used again.

PlanB가 사용자에게 보여 주는 모든 오류에는 코드가 붙습니다. 이 문서는 각 코드의 뜻과 조치 방법을
설명합니다. 코드의 뜻은 바뀌지 않으며, 더 이상 쓰지 않는 코드는 다시 쓰지 않습니다.
";

/// The whole page.
pub fn page(root: &Path) -> Result<String> {
    let listed = suite::listed(root)?;
    if let Some(first) = listed.wrong.first() {
        bail!("docs/errors/codes: {first}");
    }
    let mut page = HEAD.to_owned();
    for (file, mut codes) in listed.files {
        codes.sort_by(|a, b| a.code.cmp(&b.code));
        page.push_str(&format!("\n## {file}\n"));
        for code in codes {
            page.push_str(&format!(
                "\n### {}\n\n{}\n\n{}\n",
                code.code, code.en, code.ko
            ));
        }
    }
    Ok(page)
}
