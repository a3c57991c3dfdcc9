//! Row events taken apart: which columns a table has in the log, where each
//! row image and each value in it begins and ends, and row events put together
//! again. Values themselves are never read: their bytes go on as they are.
//!
//! Everything answers `None` for what it does not know, and is then applied as
//! it was logged.

pub(crate) mod cursor;
pub(crate) mod event;
pub(crate) mod statement;
pub(crate) mod table;
mod value;
pub(crate) mod write;
