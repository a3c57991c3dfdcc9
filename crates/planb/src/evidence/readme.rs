//! The page an auditor reads first.

/// README.txt, in Korean and English.
pub const TEXT: &str = include_str!("readme.txt");
