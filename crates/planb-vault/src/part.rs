//! One object of a snapshot: raw bytes through zstd and age into an upload, and
//! back. Memory is bounded on both ways by a few chunks.

mod read;
mod write;

pub(crate) use read::open;
pub(crate) use write::PartWriter;
