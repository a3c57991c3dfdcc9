//! Folding: many changes of rows become the few that lead to the same rows.
//!
//! The rows of a table are a bag. A change takes a row out of the bag, puts one
//! in, or both. Changes of one row join to a chain, of which only the first
//! image before and the last one after matter. What is left is applied table by
//! table in three strides: rows that go, rows that change without changing
//! their place in any unique key, rows that come. Between the strides the table
//! holds nothing that it does not hold before or after all of them, so no
//! unique key is violated on the way. A row whose unique key changes goes and
//! comes.
//!
//! Keys are compared by their bytes as stored, never by a collation: two keys
//! with the same bytes are the same key in every collation, and the image
//! before a change has the very bytes of the image after the change before it.
//! Keys that differ in bytes but not by collation are of chains of their own,
//! and the strides keep them apart.
//!
//! Where the primary key is of whole numbers and no other key is unique, the
//! rows of a table may be divided by it: whatever happens to one key is in one
//! share, so shares may be applied side by side. Keys of other types may be
//! equal with different bytes, and would meet from two shares.

mod chains;
mod folder;

pub(crate) use folder::{Folded, FoldedTable, Folder, Keys};
