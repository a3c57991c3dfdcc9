//! The plan `planb init` writes: complete, commented, and valid.

use crate::Lang;

/// A commented planb.yaml with comments in `lang`. It parses without errors;
/// its addresses and paths are for the user to replace.
pub fn template(lang: Lang) -> &'static str {
    match lang {
        Lang::En => include_str!("template.en.yaml"),
        Lang::Ko => include_str!("template.ko.yaml"),
    }
}
